"""The one story that every cell of the fault matrix tells: shoppers read, a fault comes, a merchant writes, the fault
goes, the merchant writes again. What the shoppers saw of it is measured.
"""

import asyncio
import itertools
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from tests.faults.hall import Stall, until
from tests.faults.stopwatch import Stopwatch
from tests.fixtures.origin import Shop

PROMISED_SECONDS = 5.0
PAUSE_SECONDS = 0.3
AT_ONCE = 2
LAPSE_SECONDS = 4.5
"""After which the lease from before the fault is surely over."""
AFTERMATH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Read:
    """`seconds` are by the stopwatch, the moments by the clock on the wall."""

    began: float
    ended: float
    seconds: float
    status: int
    price: int | None
    cache_status: str

    @property
    def is_unverified(self) -> bool:
        return "detail=unverified" in self.cache_status


@dataclass(slots=True)
class Shopper:
    """Asks for a page again and again, several at once, and keeps what came."""

    browser: httpx.AsyncClient
    next_target: Callable[[], str]
    stopwatch: Stopwatch
    at_once: int = 1
    pause_seconds: float = PAUSE_SECONDS
    reads: list[Read] = field(default_factory=list)

    @property
    def is_served(self) -> bool:
        return len(self.reads) > 2 and self.reads[-1].status == 200

    async def run(self) -> None:
        while True:
            target = self.next_target()
            self.reads += await asyncio.gather(*(self._read(target) for _ in range(self.at_once)))
            await asyncio.sleep(self.pause_seconds)

    async def _read(self, target: str) -> Read:
        began, start = time.monotonic(), self.stopwatch()
        answer = await self.browser.get(target)
        ended, seconds = time.monotonic(), self.stopwatch() - start
        price = answer.json().get("price") if answer.status_code == 200 else None
        return Read(began, ended, seconds, answer.status_code, price, answer.headers.get("cache-status", ""))


@dataclass(slots=True)
class Product:
    """What the merchant reprices, and when each price was committed."""

    stall: Stall
    shop: Shop
    target: str
    variant_id: int
    prices: list[tuple[int, float]]
    _next_prices: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1001))

    async def reprice(self) -> int:
        """The new price in cents, once it is committed; 0 if it was refused."""
        price = next(self._next_prices)
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
    """How a fault comes and goes, and what holds meanwhile."""

    begin: Callable[[Stall], Awaitable[None]]
    end: Callable[[Stall], Awaitable[None]]
    can_ask: bool = True
    """The edge can reach an origin that answers in time."""
    is_cut_off: bool = False
    """No question is answered, so that pages must be marked."""
    slowest_seconds: float = 1.5
    """Of any read of a cached page; and of one once the trouble has lasted a second:"""
    settled_seconds: float = 0.5
    cold_seconds: float = 1.0
    """Of a page that is in no cache, once the trouble has lasted a second."""
    lasts_seconds: float = 6.5
    relays: int = 0
    """Processes; 0 is one in this process."""


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
    asked_after_at_most: int


async def tell(stall: Stall, trouble: Trouble, stopwatch: Stopwatch) -> Seen:
    backs = stall.backs
    acorn = await _product(stall, backs.acorn)
    birch = await _product(stall, backs.birch)
    numbers = itertools.count()
    shoppers = [
        Shopper(stall.at(acorn.shop), lambda: acorn.target, stopwatch, AT_ONCE),
        Shopper(stall.at(birch.shop), lambda: birch.target, stopwatch, pause_seconds=0.5),
        Shopper(stall.at(acorn.shop), lambda: f"/search/suggest.json?q=w{next(numbers)}", stopwatch, pause_seconds=0.5),
    ]
    cached, other, cold = shoppers
    async with shopping(shoppers):
        await until(lambda: all(each.is_served for each in shoppers), 30, "shoppers are served")
        began, asked = time.monotonic(), stall.asked
        await trouble.begin(stall)
        async with at_work(acorn) as merchant:
            merchant.set()
            await _pass_until(began + min(LAPSE_SECONDS, trouble.lasts_seconds / 2))
            merchant.set()
            await _pass_until(began + trouble.lasts_seconds)
            await trouble.end(stall)
        ended, asked_until_end = time.monotonic(), stall.asked
        recovered = await _recovered(stall, acorn, cached, stopwatch)
        await _pass_until(ended + AFTERMATH_SECONDS)
        asked_after = stall.asked - asked_until_end
    finished = time.monotonic()
    all_reads = [(acorn, read) for read in cached.reads] + [(birch, read) for read in other.reads]
    reads = [(product, read) for product, read in all_reads if read.ended >= began]
    settled = [read for _, read in reads if began + 1 <= read.began]
    colds = [read for read in cold.reads if began + 1 <= read.began]
    return Seen(
        statuses=frozenset(read.status for _, read in reads),
        cold_statuses=frozenset(read.status for read in colds),
        stale_seconds=max(product.staleness(read) for product, read in reads if not read.is_unverified),
        unverified_stale_seconds=max(
            (product.staleness(read) for product, read in reads if read.is_unverified), default=0.0
        ),
        unverified=sum(read.is_unverified for read in [*cached.reads, *other.reads, *cold.reads]),
        unverified_counted=stall.edge.counters.unverified_served,
        slowest_seconds=max(read.seconds for _, read in reads),
        settled_seconds=max((read.seconds for read in settled), default=0.0),
        cold_seconds=max((read.seconds for read in colds), default=0.0),
        recovery_seconds=recovered,
        asked=stall.asked - asked,
        asked_after=asked_after,
        asked_at_most=_without_a_herd(cold, began, finished),
        asked_after_at_most=_without_a_herd(cold, ended, finished),
    )


async def _product(stall: Stall, shop: Shop) -> Product:
    handle, variant_id = await stall.backs.add_product(shop, "10.00")
    return Product(stall, shop, f"/products/{handle}.js", variant_id, [(1000, time.monotonic())])


def _without_a_herd(cold: Shopper, began: float, ended: float) -> int:
    """Questions to the origin: those for pages in no cache, and for each kept page and host's record one a second."""
    kept_pages = 4
    return sum(began <= read.ended <= ended for read in cold.reads) + kept_pages * math.ceil(ended - began + 1)


@asynccontextmanager
async def at_work(product: Product) -> AsyncIterator[asyncio.Event]:
    """A merchant who sets a new price when the event is set, and at the end gives up what is still not answered."""
    event = asyncio.Event()

    async def work() -> None:
        while True:
            await event.wait()
            event.clear()
            await product.reprice()

    working = asyncio.create_task(work())
    try:
        yield event
        assert not working.done(), working.exception()
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def _pass_until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))


async def _recovered(stall: Stall, product: Product, shopper: Shopper, stopwatch: Stopwatch) -> float:
    """Seconds from the end of the trouble until the merchant can write, shoppers see it, and the edge has a lease."""
    ended, price = stopwatch(), 0
    while not price:
        price = await product.reprice()
        assert stopwatch() < ended + 3 * PROMISED_SECONDS, "the merchant still cannot write"
        await asyncio.sleep(0.01)  # a refusal waits for nothing, and the origin runs on this same loop
    await until(lambda: shopper.reads[-1].price == price and stall.is_well, 3 * PROMISED_SECONDS, "all is well again")
    return stopwatch() - ended


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
