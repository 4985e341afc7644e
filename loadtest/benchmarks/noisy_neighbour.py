"""What a shop notices of a neighbour's flash sale: its p99 alone, and beside a shop with a hundred times its traffic.

Both shops are asked at one edge worker, which has a core for itself; the generators, the origin and the servers share
the other. Each round has both, the other one first in every second round, and the medians of the rounds are compared.
Arrivals follow a schedule and latencies run from the intended arrival (loadtest/open_loop.py).
"""

import asyncio
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

import httpx
from rich.console import Console

from loadtest.open_loop import Address, Report, Request, get, open_loop_apart, post
from loadtest.own_core import OTHER_CORE, core_of_its_own
from standalone.errors import StandaloneError
from standalone.ready_file import EdgeWorker, StoreAccess, read_ready

ROUNDS = 5
ROUND_SECONDS = 18.0
STEADY_PER_S = 20.0
TIMES = 100
CONNECTIONS, SALE_CONNECTIONS = 16, 128
HEADERS = (
    "Accept: text/html,application/xhtml+xml",
    "Accept-Encoding: gzip, br",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
)


@dataclass(frozen=True, slots=True)
class Mix:
    """Endless requests to one shop; `pages` are asked again and again, searches and carts are new each time."""

    host: str
    pages: tuple[str, ...]
    variant_id: int
    cart_share: float
    miss_share: float
    seed: int
    words: str
    """In no other round's searches, so that nobody has their results."""

    def __iter__(self) -> Iterator[Request]:
        chance = Random(self.seed)  # noqa: S311  a mix, not a secret
        cart = post(
            self.host,
            "/cart/add.js",
            b'{"id":%d,"quantity":1}' % self.variant_id,
            *HEADERS,
            "Content-Type: application/json",
            name="cart",
        )
        pages = [get(self.host, page, *HEADERS, name="page") for page in self.pages]
        for number in count():
            drawn = chance.random()
            if drawn < self.cart_share:
                yield cart
            elif drawn < self.cart_share + self.miss_share:
                yield get(self.host, f"/search?q=bowl+{self.words}+{number}", *HEADERS, name="miss")
            else:
                yield chance.choice(pages)


@dataclass(frozen=True, slots=True)
class Shop:
    host: str
    pages: tuple[str, ...]
    variant_id: int

    def steady(self, seed: int) -> Mix:
        return Mix(
            self.host, self.pages, self.variant_id, cart_share=0.05, miss_share=0.05, seed=seed, words=token_hex(4)
        )

    def sale(self, seed: int) -> Mix:
        """Everybody wants the same few pages, and one in ten puts something into a cart."""
        return Mix(
            self.host, self.pages[:5], self.variant_id, cart_share=0.1, miss_share=0.05, seed=seed, words=token_hex(4)
        )


async def run(data_dir: Path, console: Console) -> dict[str, Any]:
    """Keys: p99_alone_ms, p99_beside_ms, ratio (medians of rounds), errors (of the steady shop), every round."""
    ready = read_ready(data_dir)
    if len(ready.stores) < 2:
        raise StandaloneError("It takes two shops; start with the demo shops.")
    worker = ready.edge_workers[0]
    async with httpx.AsyncClient(base_url=worker.url, timeout=30) as client:
        steady, rushing = [await _shop(client, store) for store in ready.stores[:2]]
    address = _address(worker)
    alone: list[Report] = []
    beside: list[Report] = []
    sales: list[Report] = []
    with core_of_its_own(ready, worker):
        await _round(address, steady, None, 0, 3.0)  # everything is warm from here on
        for number in range(1, ROUNDS + 1):
            for is_beside in (number % 2 == 0, number % 2 == 1):
                what = f"beside a sale of {STEADY_PER_S * TIMES:.0f} requests/s" if is_beside else "alone"
                console.print(f"round {number} of {ROUNDS}: {what}")
                neighbour = rushing if is_beside else None
                report, sale = await _round(address, steady, neighbour, number, ROUND_SECONDS)
                (beside if is_beside else alone).append(report)
                if sale is not None:
                    sales.append(sale)
    return summary(alone, beside, sales)


async def _round(
    address: Address, steady: Shop, rushing: Shop | None, number: int, seconds: float
) -> tuple[Report, Report | None]:
    """The steady shop's arrivals are the same alone and beside: same schedule, same mix, other searches."""
    cores = {OTHER_CORE}
    loads = [open_loop_apart(cores, address, steady.steady(number), STEADY_PER_S, seconds, CONNECTIONS)]
    if rushing is not None:
        rate = STEADY_PER_S * TIMES
        loads.append(
            open_loop_apart(cores, address, rushing.sale(number), rate, seconds, SALE_CONNECTIONS, is_crowd=True)
        )
    reports = await asyncio.gather(*loads)
    return reports[0], reports[1] if rushing is not None else None


def summary(alone: list[Report], beside: list[Report], sales: list[Report]) -> dict[str, Any]:
    p99_alone = statistics.median(report.times.at_ms(0.99) for report in alone)
    p99_beside = statistics.median(report.times.at_ms(0.99) for report in beside)
    failed = sum(_failed(report) for report in (*alone, *beside))
    return {
        "p99_alone_ms": p99_alone,
        "p99_beside_ms": p99_beside,
        "ratio": round(p99_beside / p99_alone, 3) if p99_alone else 0.0,
        "errors": failed,
        "steady_per_s": STEADY_PER_S,
        "sale_per_s": STEADY_PER_S * TIMES,
        "alone": [report.as_dict() for report in alone],
        "beside": [report.as_dict() for report in beside],
        "sale": [report.as_dict() for report in sales],
    }


def _failed(report: Report) -> int:
    return sum(report.errors.values()) + sum(number for status, number in report.statuses.items() if status >= 400)


async def _shop(client: httpx.AsyncClient, store: StoreAccess) -> Shop:
    """Its pages, each asked for once so that it is held."""
    host = {"Host": store.host}
    products = (await client.get("/products.json", headers=host)).raise_for_status().json()["products"]
    pages = ("/", "/collections", *(f"/products/{product['handle']}" for product in products[:20]))
    for page in pages:
        (await client.get(page, headers=host)).raise_for_status()
    variants = (variant for product in products for variant in product["variants"] if variant["available"])
    variant = next(variants, None)
    if variant is None:
        raise StandaloneError(f"{store.name} has nothing to put into a cart.")
    return Shop(store.host, pages, int(variant["id"]))


def _address(worker: EdgeWorker) -> Address:
    parts = urlsplit(worker.url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
