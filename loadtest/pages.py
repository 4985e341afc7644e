"""Which pages a benchmark asks for: real ones of several shops, of every kind, and what each server answers."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx

from standalone.errors import StandaloneError

_SITEMAP_PATH = re.compile(r"<loc>https?://[^/<]+(/[^<]*)</loc>")
_SHARES = {"collections": 4, "pages": 2, "products": 8}
"""Most pages of each kind that one shop gives, before its remaining products."""


@dataclass(frozen=True, slots=True)
class ChosenPage:
    host: str
    target: str


@dataclass(frozen=True, slots=True)
class Answered:
    """`body` is as it was sent: still compressed."""

    status: int
    headers: httpx.Headers
    body: bytes


async def ask(client: httpx.AsyncClient, server_url: str, page: ChosenPage) -> Answered:
    headers = {"Host": page.host, "Accept-Encoding": "gzip"}
    async with client.stream("GET", server_url + page.target, headers=headers) as answer:
        body = b"".join([chunk async for chunk in answer.aiter_raw()])
        return Answered(answer.status_code, answer.headers, body)


async def choose_pages(client: httpx.AsyncClient, edge_url: str, hosts: Sequence[str], count: int) -> list[ChosenPage]:
    """`count` pages that answer 200 and compressed, the shops taking turns. Raises StandaloneError: too few pages."""
    by_shop = [[ChosenPage(host, target) for target in await _targets(client, edge_url, host)] for host in hosts]
    chosen: list[ChosenPage] = []
    for page in _in_turn(by_shop):
        answer = await ask(client, edge_url, page)
        if answer.status == 200 and answer.headers.get("content-encoding") == "gzip":
            chosen.append(page)
        if len(chosen) == count:
            return chosen
    raise StandaloneError(f"The shops here have {len(chosen)} pages and {count} are wanted; start with the demo shops.")


def _in_turn(by_shop: Sequence[Sequence[ChosenPage]]) -> Iterator[ChosenPage]:
    for row in itertools.zip_longest(*by_shop):
        yield from (page for page in row if page)


async def _targets(client: httpx.AsyncClient, edge_url: str, host: str) -> list[str]:
    """Home, collections, pages, products, and two twins for scripts; then what products remain."""
    sitemap = await client.get(f"{edge_url}/sitemap.xml", headers={"Host": host})
    listed = _SITEMAP_PATH.findall(sitemap.text) if sitemap.status_code == 200 else []
    kinds = {kind: [path for path in listed if path.startswith(f"/{kind}/")] for kind in _SHARES}
    first = [path for kind, share in _SHARES.items() for path in kinds[kind][:share]]
    products = kinds["products"]
    twins = [f"{path}.js" for path in products[:1]] + [f"{path}.json" for path in products[1:2]]
    return ["/", *first, *twins, *products[_SHARES["products"] :]]
