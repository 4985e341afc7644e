"""Reading and filling through the tiers, with a real bus and cache server, a clock that is moved by hand and an origin
that answers when it is told to."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
import redis.asyncio

from contracts.events import BUS_KEY
from contracts.keys import positions_key, product_tag
from contracts.tenant import StoreId
from edge_renderer.cache.counters import CacheCounters
from edge_renderer.cache.entry import Entry
from edge_renderer.cache.local import LocalCache
from edge_renderer.cache.made import Answer, Built, NotModified, Source, Standing, Why
from edge_renderer.cache.shared import SharedCache
from edge_renderer.cache.tiers import Tiers
from edge_renderer.errors import OriginUnavailable, Overloaded, PageFailed
from invalidation.bus import Bus
from invalidation.follower import Follower
from loadtest.fault_proxy import Fault
from standalone.command import free_port
from tests.faults.hall import proxy_of, through
from tests.fixtures.bus import ACORN, ACORN_PRODUCT, BIRCH, BIRCH_PRODUCT, HandClock, HandRelay, bus_at

SECRET = "a secret of the edges"


@dataclass
class Origin:
    """One product a shop, named 7. A gate that is shut holds answers back after the row was read."""

    rows: dict[StoreId, str] = field(default_factory=lambda: {ACORN: "acorn 1", BIRCH: "birch 1"})
    is_down: bool = False
    has_turns: bool = True
    asked: int = 0
    has_read: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def page(self, store_id: StoreId, previous: Entry | None) -> Built | NotModified:
        self.asked += 1
        if not self.has_turns:
            raise Overloaded("scripted")
        if self.is_down:
            raise OriginUnavailable("scripted")
        row = self.rows[store_id]
        self.has_read.set()
        await self.gate.wait()
        if previous is not None and previous.snapshot_etag == row:
            return NotModified()
        headers = ((b"content-type", b"text/html"),)
        return Built(200, headers, row.encode(), frozenset((product_tag(store_id, 7),)), snapshot_etag=row)


@dataclass
class Edge:
    tiers: Tiers
    follower: Follower
    counters: CacheCounters
    shared: SharedCache
    origin: Origin
    renews: bool = False

    async def get(self, store_id: StoreId = ACORN) -> Answer:
        async def fill(previous: Entry | None) -> Built | NotModified:
            return await self.origin.page(store_id, previous)

        renew = fill if self.renews else None
        return await self.tiers.get(f"p/{store_id}/product/7", store_id, fill, renew=renew)

    async def hear(self) -> None:
        await self.follower.step(1)


@dataclass
class World:
    clock: HandClock
    origin: Origin
    relay: HandRelay
    bus: Bus
    state_url: str
    cache_url: str
    stack: AsyncExitStack
    edges: list[Edge] = field(default_factory=list)

    async def edge(
        self,
        cache_url: str = "",
        secret: str = SECRET,
        state_url: str = "",
        cache_seconds: float = 5.0,
        proof_seconds: float = 5.0,
    ) -> Edge:
        """A new edge process's cache, that follows and has a lease. It waits for servers that are there, however late a
        machine full of tests makes them, and so do locks."""
        bus = await self.stack.enter_async_context(bus_at(state_url or self.state_url))
        counters = CacheCounters()
        follower = Follower(bus, self.clock)
        waits = {"answer_seconds": cache_seconds, "lock_seconds": 60.0}
        shared = SharedCache(cache_url or self.cache_url, secret, counters, **waits, clock=self.clock)
        self.stack.push_async_callback(shared.close)
        local = LocalCache(10_000_000, 5_000_000, counters)
        tiers = Tiers(local, shared, follower, bus, counters, proof_seconds=proof_seconds, clock=self.clock)
        self.stack.push_async_callback(tiers.close)
        edge = Edge(tiers, follower, counters, shared, self.origin)
        await edge.hear()
        self.edges.append(edge)
        await self.heartbeat()
        return edge

    async def heartbeat(self) -> None:
        await self.relay.drain()
        await self.all_hear()

    async def change(self, store_id: StoreId, text: str) -> None:
        """Committed and published; heard by no edge yet."""
        self.origin.rows[store_id] = text
        await self.relay.drain((product_tag(store_id, 7),))

    async def all_hear(self) -> None:
        for edge in self.edges:
            await edge.hear()


@pytest.fixture
async def world(state_url: str, cache_url: str) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(bus_at(state_url))
        relay = HandRelay(bus)
        await relay.drain()
        yield World(HandClock(), Origin(), relay, bus, state_url, cache_url, stack)


def told(answer: Answer) -> tuple[str, Source, Standing]:
    return answer.entry.body.decode(), answer.source, answer.state


async def test_the_first_asks_the_origin_and_the_next_is_served_from_memory(world: World) -> None:
    edge = await world.edge()
    assert told(await edge.get()) == ("acorn 1", Source.FILL, Standing.FRESH)
    assert told(await edge.get()) == ("acorn 1", Source.LOCAL, Standing.FRESH)
    assert (world.origin.asked, edge.counters.fills, edge.counters.hits_local) == (1, 1, 1)


async def test_a_second_edge_takes_the_page_from_the_cache_server(world: World) -> None:
    first, second = await world.edge(), await world.edge()
    await first.get()
    await first.tiers.settle()
    assert told(await second.get()) == ("acorn 1", Source.SHARED, Standing.FRESH)
    assert told(await second.get()) == ("acorn 1", Source.LOCAL, Standing.FRESH)
    assert world.origin.asked == 1


async def test_fifty_shoppers_at_once_are_one_fill(world: World) -> None:
    edge = await world.edge()
    world.origin.gate.clear()
    waiting = [asyncio.create_task(edge.get()) for _ in range(50)]
    await world.origin.has_read.wait()
    world.origin.gate.set()
    answers = await asyncio.gather(*waiting)
    assert {answer.entry.body for answer in answers} == {b"acorn 1"}
    assert world.origin.asked == 1
    assert edge.counters.coalesced == 49


async def test_a_change_shows_at_every_edge_and_leaves_the_other_shop_alone(world: World) -> None:
    edges = [await world.edge(), await world.edge()]
    for edge in edges:
        await edge.get(ACORN)
        await edge.get(BIRCH)
    asked = world.origin.asked
    await world.change(ACORN, "acorn 2")
    await world.all_hear()
    world.clock.now += 1.0
    await world.heartbeat()
    for edge in edges:
        assert (await edge.get(ACORN)).entry.body == b"acorn 2"
        assert told(await edge.get(BIRCH)) == ("birch 1", Source.LOCAL, Standing.FRESH)
        await edge.tiers.settle()
    assert world.origin.asked == asked + 1, "the second edge takes the new page from the first"


async def test_a_stale_page_is_served_for_a_second_while_one_refill_runs(world: World) -> None:
    edge = await world.edge()
    await edge.get()
    await world.change(ACORN, "acorn 2")
    await edge.hear()
    world.origin.has_read.clear()
    world.origin.gate.clear()
    assert told(await edge.get()) == ("acorn 1", Source.LOCAL, Standing.STALE)
    await world.origin.has_read.wait()
    assert told(await edge.get()) == ("acorn 1", Source.LOCAL, Standing.STALE)
    assert world.origin.asked == 2
    world.clock.now += 1.0
    late = asyncio.create_task(edge.get())
    await asyncio.sleep(0)
    assert not late.done()
    world.origin.gate.set()
    assert (await late).entry.body == b"acorn 2"
    assert told(await edge.get()) == ("acorn 2", Source.LOCAL, Standing.FRESH)
    assert (world.origin.asked, edge.counters.stale_served) == (2, 2)


async def test_a_page_that_a_purge_overtook_while_it_was_made_is_not_kept_as_fresh(world: World) -> None:
    """The stale-set race, step by step, with the other shop's fill beside it."""
    edge = await world.edge()
    world.origin.gate.clear()
    acorn, birch = asyncio.create_task(edge.get(ACORN)), asyncio.create_task(edge.get(BIRCH))
    while world.origin.asked < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    await world.change(ACORN, "acorn 2")
    await edge.hear()
    world.origin.gate.set()
    assert (await acorn).entry.body == b"acorn 1", "asked before the change, answered from before it"
    assert (await birch).entry.body == b"birch 1"
    await edge.tiers.settle()
    world.clock.now += 1.0
    await world.heartbeat()
    assert told(await edge.get(ACORN)) == ("acorn 2", Source.FILL, Standing.FRESH)
    assert told(await edge.get(BIRCH)) == ("birch 1", Source.LOCAL, Standing.FRESH)
    assert edge.counters.stale_fills == 1
    assert edge.counters.shared_stale >= 1, "the overtaken page is in L2 too, and its position rules it out"


async def test_who_comes_after_the_purge_does_not_get_the_fill_that_began_before_it(world: World) -> None:
    edge = await world.edge()
    world.origin.gate.clear()
    early = asyncio.create_task(edge.get())
    await world.origin.has_read.wait()
    await world.change(ACORN, "acorn 2")
    await edge.hear()
    world.clock.now += 2.0
    late = asyncio.create_task(edge.get())
    await asyncio.sleep(0)
    world.origin.gate.set()
    assert (await early).entry.body == b"acorn 1"
    assert (await late).entry.body == b"acorn 2"


async def test_after_a_lapse_every_page_is_asked_for_and_the_word_is_good_for_a_second(world: World) -> None:
    edge = await world.edge()
    await edge.get()
    world.clock.now += 10
    assert told(await edge.get()) == ("acorn 1", Source.FILL, Standing.REVALIDATED)
    assert told(await edge.get()) == ("acorn 1", Source.LOCAL, Standing.REVALIDATED)
    assert (world.origin.asked, edge.counters.revalidated) == (2, 1)
    world.clock.now += 1.0
    world.origin.rows[ACORN] = "acorn 2"
    assert told(await edge.get()) == ("acorn 2", Source.FILL, Standing.FRESH)
    await world.heartbeat()
    assert told(await edge.get()) == ("acorn 2", Source.LOCAL, Standing.FRESH)


async def test_after_a_lapse_the_cache_server_alone_is_not_believed(world: World) -> None:
    first, second = await world.edge(), await world.edge()
    await first.get()
    await first.tiers.settle()
    world.origin.rows[ACORN] = "acorn 2"
    world.clock.now += 10
    assert told(await second.get()) == ("acorn 2", Source.FILL, Standing.FRESH)


async def test_a_new_lease_makes_what_was_held_through_the_lapse_fresh_again(world: World) -> None:
    edge = await world.edge()
    await edge.get()
    world.clock.now += 10
    await world.heartbeat()
    assert told(await edge.get()) == ("acorn 1", Source.LOCAL, Standing.FRESH)


async def test_a_change_heard_only_after_a_lapse_is_not_served_stale(world: World) -> None:
    edge = await world.edge()
    await edge.get()
    world.clock.now += 60
    await world.change(ACORN, "acorn 2")
    await edge.hear()
    assert (await edge.get()).entry.body == b"acorn 2"


async def test_without_origin_what_there_is_is_served_and_said_to_be_unverified(world: World) -> None:
    first, second = await world.edge(), await world.edge()
    await first.get()
    await first.tiers.settle()
    world.clock.now += 10
    world.origin.is_down = True
    assert told(await first.get()) == ("acorn 1", Source.LOCAL, Standing.UNVERIFIED)
    assert told(await first.get()) == ("acorn 1", Source.LOCAL, Standing.UNVERIFIED)
    assert world.origin.asked == 2, "the silent origin is left alone for a second"
    assert told(await second.get()) == ("acorn 1", Source.SHARED, Standing.UNVERIFIED)
    assert first.counters.unverified_served == 2
    with pytest.raises(OriginUnavailable):
        await first.get(BIRCH)
    world.origin.is_down = False
    world.clock.now += 1.0
    assert told(await first.get()) == ("acorn 1", Source.FILL, Standing.REVALIDATED)


async def test_everybody_who_is_served_an_unverified_page_is_counted(world: World) -> None:
    """Also those who waited for one question together."""
    edge = await world.edge()
    await edge.get()
    world.clock.now += 10
    world.origin.is_down = True
    answers = await asyncio.gather(*(edge.get() for _ in range(20)))
    assert {answer.state for answer in answers} == {Standing.UNVERIFIED}
    assert (world.origin.asked, edge.counters.unverified_served) == (2, 20)


async def test_a_silent_state_server_holds_no_page_up_while_the_lease_lasts(world: World) -> None:
    """Only it can prove a page that the cache server has from before this edge began to listen."""
    maker = await world.edge()
    await maker.get()
    await maker.tiers.settle()
    await world.change(BIRCH, "birch 2")
    async with proxy_of(world.state_url) as proxy:
        edge = await world.edge(state_url=through(world.state_url, proxy), proof_seconds=0.1)
        await proxy.inject(Fault(is_frozen=True))
        async with asyncio.timeout(10):  # this bus would wait twice as long
            assert told(await edge.get()) == ("acorn 1", Source.FILL, Standing.REVALIDATED)
    assert edge.counters.position_errors == 1


async def test_without_origin_a_page_under_a_lease_needs_nobody(world: World) -> None:
    edge = await world.edge()
    await edge.get()
    world.origin.is_down = True
    assert told(await edge.get()) == ("acorn 1", Source.LOCAL, Standing.FRESH)


async def test_an_edge_without_a_turn_refuses_rather_than_serve_what_may_be_untrue(world: World) -> None:
    edge = await world.edge()
    await edge.get()
    await edge.get(BIRCH)
    await world.change(ACORN, "acorn 2")
    await edge.hear()
    world.clock.now += 1.0
    await edge.hear()
    world.origin.has_turns = False
    with pytest.raises(Overloaded):
        await edge.get()
    assert told(await edge.get(BIRCH)) == ("birch 1", Source.LOCAL, Standing.FRESH)


async def test_a_stale_page_without_origin_is_served_unverified(world: World) -> None:
    edge = await world.edge()
    await edge.get()
    await world.change(ACORN, "acorn 2")
    await edge.hear()
    world.origin.is_down = True
    world.clock.now += 1.5
    assert told(await edge.get()) == ("acorn 1", Source.LOCAL, Standing.UNVERIFIED)


@pytest.mark.parametrize("loss", ["gap", "epoch"])
async def test_after_a_gap_or_in_another_epoch_nothing_held_is_believed(world: World, loss: str) -> None:
    edge = await world.edge()
    await edge.get()
    world.origin.rows[ACORN] = "acorn 2"
    async with redis.asyncio.Redis.from_url(world.state_url) as state:
        if loss == "epoch":
            await state.flushall()
        await world.relay.drain((ACORN_PRODUCT,))
        await world.relay.drain((BIRCH_PRODUCT,))
        if loss == "gap":
            await state.xtrim(BUS_KEY, maxlen=1, approximate=False)
    await edge.hear()
    world.clock.now += 1.0
    await edge.hear()
    await world.heartbeat()
    assert (await edge.get()).entry.body == b"acorn 2"


async def test_a_page_from_before_the_followers_memory_is_judged_by_the_state_server(world: World) -> None:
    first = await world.edge()
    await first.get(ACORN)
    await first.get(BIRCH)
    await first.tiers.settle()
    await world.change(ACORN, "acorn 2")
    late = await world.edge()
    assert told(await late.get(ACORN)) == ("acorn 2", Source.FILL, Standing.FRESH)
    assert told(await late.get(BIRCH)) == ("birch 1", Source.SHARED, Standing.FRESH)
    assert late.counters.shared_stale == 1


async def test_a_state_server_restored_from_an_older_file_proves_nothing_before_a_relay_notices(world: World) -> None:
    """1. a page is stored; 2. it changes; 3. an edge starts; 4. the state server comes back as it was before 2."""
    first = await world.edge()
    await first.get()
    await first.tiers.settle()
    async with redis.asyncio.Redis.from_url(world.state_url) as state:
        old = await state.dump(BUS_KEY)
        await world.change(ACORN, "acorn 2")
        late = await world.edge()
        await state.restore(BUS_KEY, 0, old, replace=True)
        await state.delete(positions_key(ACORN))
    assert (await late.get()).entry.body == b"acorn 2"


async def test_an_answer_says_why_each_tier_had_to_ask_further(world: World) -> None:
    edge, other = await world.edge(), await world.edge()
    first = await edge.get()
    assert (first.local_why, first.shared_why, first.is_kept) == (Why.MISS, Why.MISS, True)
    await edge.tiers.settle()
    await world.change(ACORN, "acorn 2")
    await world.all_hear()
    world.clock.now += 1.0
    await world.heartbeat()
    after_a_purge = await edge.get()
    assert (after_a_purge.local_why, after_a_purge.shared_why) == (Why.STALE, Why.STALE)
    assert (await edge.get(BIRCH)).local_why is Why.MISS
    await edge.tiers.settle()
    assert ((await other.get()).source, (await other.get(BIRCH)).source) == (Source.SHARED, Source.SHARED)
    world.clock.now += 10
    after_a_lapse = await edge.get()
    assert (after_a_lapse.local_why, after_a_lapse.shared_why) == (Why.STALE, Why.BYPASS)


async def test_what_comes_from_the_cache_server_keeps_its_older_position(world: World) -> None:
    first = await world.edge()
    made_at = (await first.get()).entry.position
    await first.tiers.settle()
    late = await world.edge()
    await world.heartbeat()
    assert (await late.get()).entry.position == made_at
    assert late.follower.position != made_at


@pytest.mark.parametrize("rubbish", [b"", b"rubbish", bytes(300)])
async def test_rubbish_on_the_cache_server_is_a_counted_miss(world: World, rubbish: bytes) -> None:
    edge = await world.edge()
    async with redis.asyncio.Redis.from_url(world.cache_url) as cache:
        await cache.set("e1:p/41/product/7", rubbish)
    assert told(await edge.get()) == ("acorn 1", Source.FILL, Standing.FRESH)
    assert edge.counters.shared_garbage == 1


@pytest.mark.parametrize("rubbish", [b":x\r\n", b"$x\r\n", b"*-7\r\n", b"\xff\xff\r\n"])
async def test_a_cache_server_that_speaks_rubbish_costs_time_and_no_page(world: World, rubbish: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            writer.write(rubbish)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        edge = await world.edge(cache_url=f"redis://127.0.0.1:{port}/0", cache_seconds=0.5)
        assert told(await edge.get()) == ("acorn 1", Source.FILL, Standing.FRESH)
        assert edge.counters.shared_errors + edge.counters.shared_garbage >= 1
        await edge.tiers.settle()
        await edge.shared.close()


async def test_what_was_made_but_cannot_be_an_answer_is_a_failed_page(world: World) -> None:
    edge = await world.edge()

    async def fill(previous: Entry | None) -> Built:
        return Built(200, ((b"location", b"/\r\nset-cookie: a=b"),), b"", frozenset())

    with pytest.raises(PageFailed):
        await edge.tiers.get("p/41/x", ACORN, fill)


async def test_one_shops_page_under_another_shops_key_is_a_counted_miss(world: World) -> None:
    edge, other = await world.edge(), await world.edge()
    await edge.get(BIRCH)
    await edge.tiers.settle()
    async with redis.asyncio.Redis.from_url(world.cache_url) as cache:
        await cache.copy("e1:p/42/product/7", "e1:p/41/product/7", replace=True)
    assert told(await other.get(ACORN)) == ("acorn 1", Source.FILL, Standing.FRESH)
    assert other.counters.shared_garbage == 1


async def test_what_somebody_without_the_secret_stored_is_a_counted_miss(world: World) -> None:
    stranger = await world.edge(secret="another secret")
    world.origin.rows[ACORN] = "forged"
    await stranger.get()
    await stranger.tiers.settle()
    world.origin.rows[ACORN] = "acorn 1"
    assert (await (await world.edge()).get()).entry.body == b"acorn 1"


async def test_without_the_cache_server_pages_are_served_and_it_is_left_alone_after_some_tries(world: World) -> None:
    edge = await world.edge(cache_url=f"redis://127.0.0.1:{free_port()}")
    for number in range(4):
        edge.tiers.local.drop("p/41/product/7")
        assert told(await edge.get()) == ("acorn 1", Source.FILL, Standing.FRESH)
        await edge.tiers.settle()
        if number == 0:
            assert edge.counters.shared_errors == 2
    assert edge.shared.is_resting
    assert edge.counters.shared_errors == 5
    world.clock.now += 1.0
    assert not edge.shared.is_resting


async def test_two_edges_that_want_the_same_at_once_ask_once(world: World) -> None:
    first, second = await world.edge(), await world.edge()
    world.origin.gate.clear()
    one = asyncio.create_task(first.get())
    await world.origin.has_read.wait()
    two = asyncio.create_task(second.get())
    while not second.counters.lock_waits:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    world.origin.gate.set()
    assert told(await one) == ("acorn 1", Source.FILL, Standing.FRESH)
    assert told(await two) == ("acorn 1", Source.SHARED, Standing.FRESH)
    assert world.origin.asked == 1


async def test_what_a_heard_change_rules_out_is_not_fetched_from_the_cache_server(world: World) -> None:
    """And who comes second gets what the first has made, before its lock is gone."""
    edge, other = await world.edge(), await world.edge()
    await edge.get()
    await other.get()
    await edge.tiers.settle()
    async with redis.asyncio.Redis.from_url(world.cache_url) as cache:
        before = await commands(cache)
        await world.change(ACORN, "acorn 2")
        await world.all_hear()
        world.clock.now += 1.0
        assert told(await edge.get()) == ("acorn 2", Source.FILL, Standing.FRESH)
        await edge.tiers.settle()
        after_fill = await commands(cache)
        await cache.set("l1:p/41/product/7", "somebody's")
        assert told(await other.get()) == ("acorn 2", Source.SHARED, Standing.FRESH)
        after_both = await commands(cache)
    assert (after_fill - before)["evalsha"] == 2, "look and lock; store and let go"
    assert (after_fill - before)["get"] == 1, "of the lock, to see whose it is; not of the old page"
    assert (after_both - after_fill)["evalsha"] == 1
    assert other.counters.lock_waits == 0


async def commands(cache: redis.asyncio.Redis) -> Counter[str]:
    """How often each has run on the server, in scripts too."""
    stats = await cache.info("commandstats")
    return Counter({name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()})


async def test_without_a_bus_pages_are_made_and_asked_for_every_second(world: World, cache_url: str) -> None:
    counters = CacheCounters()
    async with bus_at(f"redis://127.0.0.1:{free_port()}") as bus:
        follower = Follower(bus, world.clock)
        shared = SharedCache(cache_url, SECRET, counters, clock=world.clock)
        tiers = Tiers(LocalCache(10**6, 10**6, counters), shared, follower, bus, counters, clock=world.clock)
        edge = Edge(tiers, follower, counters, shared, world.origin)
        assert told(await edge.get()) == ("acorn 1", Source.FILL, Standing.FRESH)
        assert told(await edge.get()) == ("acorn 1", Source.LOCAL, Standing.REVALIDATED)
        world.clock.now += 1.0
        assert told(await edge.get()) == ("acorn 1", Source.FILL, Standing.REVALIDATED)
        await tiers.close()
        await shared.close()
    assert counters.shared_writes == 0, "what has no position proves nothing to others"


async def test_a_shopper_who_leaves_does_not_end_the_fill(world: World) -> None:
    edge = await world.edge()
    world.origin.gate.clear()
    leaver = asyncio.create_task(edge.get())
    await world.origin.has_read.wait()
    leaver.cancel()
    await asyncio.gather(leaver, return_exceptions=True)
    stayer = asyncio.create_task(edge.get())
    await asyncio.sleep(0)
    world.origin.gate.set()
    assert (await stayer).entry.body == b"acorn 1"
    assert world.origin.asked == 1
