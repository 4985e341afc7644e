"""The one story that every cell of the fault matrix tells: shoppers read, a fault comes, a merchant writes, the fault
goes, the merchant writes again. What the shoppers saw of it is measured.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from tests.faults.hall import Stall, until
from tests.fixtures.origin import Shop

PROMISED_SECONDS = 5.0
PAUSE_SECONDS = 0.2
AT_ONCE = 4
LAPSE_SECONDS = 4.5
"""After which the lease from before the fault is surely over."""
AFTERMATH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Read:
    began: float
    ended: float
    status: int
    price: int | None
    cache_status: str

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def is_unverified(self) -> bool:
        return "detail=unverified" in self.cache_status


@dataclass(slots=True)
class Shopper:
    """Asks for a page again and again, several at once, and keeps what came."""

    browser: httpx.AsyncClient
    next_target: Callable[[], str]
    at_once: int = 1
    pause_seconds: float = PAUSE_SECONDS
    reads: list[Read] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            target = self.next_target()
            self.reads += await asyncio.gather(*(self._read(target) for _ in range(self.at_once)))
            await asyncio.sleep(self.pause_seconds)

    async def _read(self, target: str) -> Read:
        began = time.monotonic()
        answer = await self.browser.get(target)
        price = answer.json().get("price") if answer.status_code == 200 else None
        return Read(began, time.monotonic(), answer.status_code, price, answer.headers.get("cache-status", ""))


@dataclass(slots=True)
class Product:
    """What the merchant reprices, and when each price was committed."""

    stall: Stall
    shop: Shop
    target: str
    variant_id: int
    prices: list[tuple[int, float]] = field(default_factory=list)

    async def reprice(self) -> int:
        """The new price in cents, once it is committed; 0 if it was refused."""
        price = 1000 + len(self.prices)
        status = await self.stall.backs.set_price(self.shop, self.variant_id, f"{price / 100:.2f}")
        if status == 200:
            self.prices.append((price, time.monotonic()))
        return price if status == 200 else 0

    def staleness(self, read: Read) -> float:
        """For how long, when it was read, the price shown had been replaced."""
        later = [committed for price, committed in self.prices if read.price is not None and price > read.price]
        return max(0.0, read.ended - later[0]) if later else 0.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """How a fault comes and goes, and what holds meanwhile. `can_ask`: the edge can reach an origin that answers."""

    begin: Callable[[Stall], Awaitable[None]]
    end: Callable[[Stall], Awaitable[None]]
    can_ask: bool = True
    can_write: bool = True
    slowest_seconds: float = 1.5
    """Of any read of a cached page; and of one once the trouble has lasted a second:"""
    settled_seconds: float = 0.5
    cold_seconds: float = 1.0
    """Of a page that is in no cache, once the trouble has lasted a second."""
    lasts_seconds: float = 6.5


@dataclass(frozen=True, slots=True)
class Seen:
    """What the shoppers saw. Staleness is that of pages not marked unverified."""

    statuses: frozenset[int]
    cold_statuses: frozenset[int]
    stale_seconds: float
    unverified_stale_seconds: float
    unverified: int
    unverified_counted: int
    """By the edge itself, hosts' records among them."""
    slowest_seconds: float
    settled_seconds: float
    cold_seconds: float
    recovery_seconds: float
    asked: int
    asked_after: int
    asked_at_most: int


async def tell(stall: Stall, trouble: Trouble) -> Seen:
    backs = stall.backs
    acorn = await _product(stall, backs.acorn)
    birch = await _product(stall, backs.birch)
    numbers = itertools.count()
    shoppers = [
        Shopper(stall.at(acorn.shop), lambda: acorn.target, AT_ONCE),
        Shopper(stall.at(birch.shop), lambda: birch.target),
        Shopper(stall.at(acorn.shop), lambda: f"/search/suggest.json?q=w{next(numbers)}", pause_seconds=0.5),
    ]
    cached, other, cold = shoppers
    async with shopping(shoppers):
        await until(lambda: min(len(each.reads) for each in shoppers) > 2, 30, "shoppers are served")
        began, asked = time.monotonic(), stall.asked
        await trouble.begin(stall)
        await acorn.reprice()
        await _pass_until(began + min(LAPSE_SECONDS, trouble.lasts_seconds / 2))
        await acorn.reprice()
        await _pass_until(began + trouble.lasts_seconds)
        await trouble.end(stall)
        ended, asked_until_end = time.monotonic(), stall.asked
        recovered = await _recovered(stall, acorn, cached, ended)
        await _pass_until(ended + AFTERMATH_SECONDS)
        asked_after = stall.asked - asked_until_end
    duration = time.monotonic() - began
    reads = [(acorn, read) for read in cached.reads] + [(birch, read) for read in other.reads]
    settled = [read for _, read in reads if began + 1 <= read.began]
    colds = [read for read in cold.reads if began + 1 <= read.began]
    return Seen(
        statuses=frozenset(read.status for _, read in reads),
        cold_statuses=frozenset(read.status for read in cold.reads),
        stale_seconds=max(product.staleness(read) for product, read in reads if not read.is_unverified),
        unverified_stale_seconds=max(
            (product.staleness(read) for product, read in reads if read.is_unverified), default=0.0
        ),
        unverified=sum(read.is_unverified for _, read in [*reads, *((acorn, read) for read in cold.reads)]),
        unverified_counted=stall.edge.counters.unverified_served,
        slowest_seconds=max(read.seconds for _, read in reads),
        settled_seconds=max((read.seconds for read in settled), default=0.0),
        cold_seconds=max((read.seconds for read in colds), default=0.0),
        recovery_seconds=recovered,
        asked=stall.asked - asked,
        asked_after=asked_after,
        asked_at_most=round(duration * 4) + len(colds) + 10,
    )


async def _product(stall: Stall, shop: Shop) -> Product:
    handle, variant_id = await stall.backs.add_product(shop, "10.00")
    return Product(stall, shop, f"/products/{handle}.js", variant_id, [(1000, time.monotonic())])


async def _pass_until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))


async def _recovered(stall: Stall, product: Product, shopper: Shopper, ended: float) -> float:
    """Seconds from the end of the trouble until the merchant can write, shoppers see it, and the edge has a lease."""
    price = 0
    while not price:
        price = await product.reprice()
        assert time.monotonic() < ended + 3 * PROMISED_SECONDS, "the merchant still cannot write"
    await until(lambda: shopper.reads[-1].price == price and stall.is_well, 3 * PROMISED_SECONDS, "all is well again")
    return time.monotonic() - ended


@asynccontextmanager
async def shopping(shoppers: list[Shopper]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(shopper.run()) for shopper in shoppers]
    try:
        yield
        assert not any(task.done() for task in tasks), [task.exception() for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
