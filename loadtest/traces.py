"""Requests as a fleet's edge meets them: two million shops by Zipf, their pages by Zipf, sizes as pages have them.

With the exponent 0.8 the busiest 1 % of the shops take 40 % of the traffic: the first k of N ranks have about
(k / N) ** (1 - exponent) of it, and 0.01 ** 0.2 = 0.398.
Within a shop the n-th page is asked for in proportion to 1/n: its home and what it advertises, then the long rest.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

SHOPS = 2_000_000
BUSY_SHOPS = SHOPS // 100
EXPONENT = 0.8
MOST_PAGES = 8192
LEAST_PAGES = 40
_POWER = 1 / (1 - EXPONENT)
_LEAST_BYTES, _MEDIAN_BYTES, _MOST_BYTES = 4_000, 30_000, 200_000
_SPREAD = 0.7


@dataclass(frozen=True, slots=True)
class Trace:
    """`pages[n]` is asked for by request n; `bytes_of[page]` is what it weighs in memory."""

    pages: "array[int]"
    bytes_of: dict[int, int]

    def __len__(self) -> int:
        return len(self.pages)

    @property
    def busy_share(self) -> float:
        return sum(not is_small(page) for page in self.pages) / len(self.pages)


def zipf_trace(requests: int, seed: int) -> Trace:
    """The same trace for the same seed."""
    chance = Random(seed)  # noqa: S311  a mix, not a secret
    pages = array("q", _pages(requests, chance))
    sizes = {page: _size(chance) for page in sorted(set(pages))}
    return Trace(pages, sizes)


def _pages(requests: int, chance: Random) -> Iterator[int]:
    draw = chance.random
    for _ in range(requests):
        shop = int(SHOPS * draw() ** _POWER)
        yield shop * MOST_PAGES + int(_pages_of(shop) ** draw()) - 1


def _pages_of(shop: int) -> int:
    """Home, collections, searches and products: thousands in the busiest shops, dozens in most."""
    return max(LEAST_PAGES, min(MOST_PAGES, int(MOST_PAGES * (200 / (shop + 1)) ** 0.6)))


def _size(chance: Random) -> int:
    """Log-normal, as web pages are: body, gzip and br together with their objects."""
    size = int(_MEDIAN_BYTES * chance.lognormvariate(0, _SPREAD))
    return max(_LEAST_BYTES, min(_MOST_BYTES, size))


def shop_of(page: int) -> int:
    return page // MOST_PAGES


def is_small(page: int) -> bool:
    """Of one of the 99 % that share the other 60 % of the traffic."""
    return shop_of(page) >= BUSY_SHOPS
