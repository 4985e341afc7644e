"""The follower on a real bus: the lease, the start, gaps, epochs, and messages it cannot read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis.asyncio

from contracts.events import BUS_KEY, BusMessage, Position, StreamId
from invalidation.bus import Bus
from invalidation.errors import BusUnavailable, UnreadableMessage
from invalidation.follower import Follower
from invalidation.lease import LEASE_SECONDS
from standalone.command import free_port
from standalone.servers import EmbeddedValkey, ValkeyProfile
from tests.fixtures.bus import ACORN_PRODUCT, ACORN_SHOP, BIRCH_PRODUCT, HandClock, HandRelay, bus_at
from tests.fixtures.servers import running

AT_ONCE_MS = 1


@dataclass
class Ear:
    """Writes down what it is told."""

    heard: list[tuple[tuple[str, ...], float]] = field(default_factory=list)
    distrusts: int = 0
    refuses: bool = False

    def apply(self, tags: tuple[str, ...], position: Position, heard_at: float) -> None:
        if self.refuses:
            raise RuntimeError("cannot apply")
        self.heard.append((tags, heard_at))

    def distrust(self) -> None:
        self.distrusts += 1

    @property
    def tags(self) -> list[tuple[str, ...]]:
        return [tags for tags, _ in self.heard]


@dataclass
class World:
    bus: Bus
    relay: HandRelay
    state: redis.asyncio.Redis
    clock: HandClock
    ear: Ear
    follower: Follower

    async def follow(self) -> None:
        await self.follower.step(AT_ONCE_MS)

    async def hear_a_drain(self, *tag_sets: tuple[str, ...], age_ms: int = 0) -> float:
        """Returns how many seconds older it may have become meanwhile by the server's clock."""
        began_ms = await self.bus.server_ms()
        await self.relay.drain(*tag_sets, age_ms=age_ms)
        await self.follow()
        return (await self.bus.server_ms() - began_ms + 1) / 1000

    @property
    def has_lease(self) -> bool:
        return self.follower.lease.is_valid(self.clock.now)


@pytest.fixture
async def world(state_url: str) -> AsyncIterator[World]:
    """A bus with one message on it, and a follower that has started after that."""
    async with bus_at(state_url) as bus, redis.asyncio.Redis.from_url(state_url) as state:
        clock, ear, relay = HandClock(), Ear(), HandRelay(bus)
        follower = Follower(bus, clock)
        follower.subscribe(ear)
        await relay.drain((ACORN_PRODUCT,))
        world = World(bus, relay, state, clock, ear, follower)
        await world.follow()
        yield world


async def test_a_follower_starts_at_the_end_of_the_bus_without_a_lease(world: World) -> None:
    assert world.follower.position is not None
    assert world.follower.position.id == world.relay.last
    assert world.ear.tags == []
    assert not world.has_lease


async def test_a_follower_waits_for_the_first_relay(state_url: str) -> None:
    async with bus_at(state_url) as bus:
        follower = Follower(bus, HandClock())
        with pytest.raises(BusUnavailable):
            await follower.step(AT_ONCE_MS)
        assert follower.position is None
        await HandRelay(bus).drain()
        await follower.step(AT_ONCE_MS)
        assert follower.position is not None


async def test_messages_are_applied_in_order_and_the_position_follows(world: World) -> None:
    await world.relay.drain((ACORN_PRODUCT,), (BIRCH_PRODUCT,))
    await world.relay.drain((ACORN_SHOP,))
    await world.follow()
    assert world.ear.tags == [(ACORN_PRODUCT,), (BIRCH_PRODUCT,), (ACORN_SHOP,)]
    assert world.follower.position is not None
    assert world.follower.position.id == world.relay.last


async def test_a_heartbeat_extends_the_lease_from_the_moment_the_question_left(world: World) -> None:
    grown_seconds = await world.hear_a_drain()
    assert world.has_lease
    until = world.follower.lease.until
    assert world.clock.now + LEASE_SECONDS - grown_seconds <= until <= world.clock.now + LEASE_SECONDS
    world.clock.now = until
    assert not world.has_lease


async def test_a_drain_that_began_long_ago_extends_the_lease_by_that_much_less(world: World) -> None:
    grown_seconds = await world.hear_a_drain((ACORN_PRODUCT,), age_ms=3000)
    until = world.clock.now + LEASE_SECONDS - 3.0
    assert until - grown_seconds <= world.follower.lease.until <= until
    await world.relay.drain(age_ms=4000)
    before = world.follower.lease.until
    await world.follow()
    assert world.follower.lease.until == before


async def test_half_a_drain_extends_nothing_and_its_end_does(world: World) -> None:
    await world.relay.part_of_a_drain((ACORN_PRODUCT,))
    await world.follow()
    assert world.ear.tags == [(ACORN_PRODUCT,)]
    assert not world.has_lease
    await world.relay.drain((BIRCH_PRODUCT,))
    await world.follow()
    assert world.has_lease


async def test_silence_lets_the_lease_lapse_though_the_server_answers(world: World) -> None:
    await world.relay.drain()
    await world.follow()
    for _ in range(5):
        world.clock.now += 1.0
        await world.follow()
    assert not world.has_lease


async def test_what_is_heard_while_the_lease_holds_was_heard_now(world: World) -> None:
    await world.relay.drain()
    await world.follow()
    world.clock.now = world.follower.lease.until - 0.1
    await world.relay.drain((ACORN_PRODUCT,))
    await world.follow()
    assert world.ear.heard == [((ACORN_PRODUCT,), world.clock.now)]


async def test_what_is_heard_after_a_lapse_may_be_as_old_as_the_lapse(world: World) -> None:
    """So that nobody serves a page a second longer on the strength of having heard of its change only now."""
    await world.relay.drain()
    await world.follow()
    lapsed_at = world.follower.lease.until
    world.clock.now += 60
    await world.relay.drain((ACORN_PRODUCT,))
    await world.follow()
    assert world.ear.heard == [((ACORN_PRODUCT,), lapsed_at)]
    assert world.has_lease


async def test_a_trimmed_position_makes_everything_unproven(world: World) -> None:
    await world.relay.drain()
    await world.follow()
    await world.relay.drain((ACORN_PRODUCT,))
    await world.relay.drain((BIRCH_PRODUCT,))
    await world.state.xtrim(BUS_KEY, maxlen=1, approximate=False)
    await world.follow()
    assert world.ear.distrusts == 1
    assert world.ear.tags == []
    assert not world.has_lease
    assert world.follower.position is None
    await world.follow()
    await world.relay.drain((BIRCH_PRODUCT,))
    await world.follow()
    assert world.ear.tags == [(BIRCH_PRODUCT,)]
    assert world.has_lease


async def test_trimming_what_was_heard_already_is_no_gap(world: World) -> None:
    await world.relay.drain((ACORN_PRODUCT,))
    await world.follow()
    await world.state.xtrim(BUS_KEY, maxlen=1, approximate=False)
    await world.follow()
    await world.relay.drain((BIRCH_PRODUCT,))
    await world.follow()
    assert world.ear.distrusts == 0
    assert world.ear.tags == [(ACORN_PRODUCT,), (BIRCH_PRODUCT,)]


async def test_a_server_that_lost_everything_makes_everything_unproven(world: World) -> None:
    await world.relay.drain()
    await world.follow()
    await world.state.flushall()
    await world.follow()
    assert world.ear.distrusts == 1
    assert not world.has_lease
    with pytest.raises(BusUnavailable):
        await world.follow()
    after = await world.relay.drain()
    await world.follow()
    assert world.follower.position == after.position


async def test_another_epoch_makes_everything_unproven_though_the_bus_goes_on(world: World) -> None:
    await world.relay.drain()
    await world.follow()
    before = world.follower.position
    world.relay.last = StreamId(2**45, 0)
    await world.relay.drain((ACORN_PRODUCT,))
    await world.follow()
    assert world.ear.distrusts == 1
    assert world.ear.tags == []
    await world.follow()
    assert before is not None
    assert world.follower.position is not None
    assert world.follower.position.epoch != before.epoch


async def test_a_server_behind_the_followers_position_makes_everything_unproven(world: World) -> None:
    """The last second of the server's file is lost, and no relay has published since."""
    old = await world.state.dump(BUS_KEY)
    await world.relay.drain((ACORN_PRODUCT,))
    await world.follow()
    await world.state.restore(BUS_KEY, 0, old, replace=True)
    await world.follow()
    assert world.ear.distrusts == 1
    assert not world.has_lease


@pytest.mark.parametrize(
    "fields",
    [{b"m": b"\xc1"}, {b"other": b"1"}, {b"m": BusMessage((ACORN_PRODUCT,)).encode().replace(b"\x01", b"\x02", 1)}],
    ids=["garbage", "no message", "a later version"],
)
async def test_a_message_it_cannot_read_stops_the_follower(world: World, fields: dict[bytes, bytes]) -> None:
    await world.relay.drain()
    await world.follow()
    here = world.follower.position
    await world.state.xadd(BUS_KEY, fields)
    await world.relay.drain((BIRCH_PRODUCT,))
    for _ in range(2):
        with pytest.raises(UnreadableMessage):
            await world.follow()
    assert world.follower.position == here
    assert world.follower.counters.unreadable == 2
    world.clock.now += LEASE_SECONDS
    assert not world.has_lease


async def test_a_change_that_cannot_be_applied_stops_the_follower(world: World) -> None:
    here = world.follower.position
    world.ear.refuses = True
    await world.relay.drain((ACORN_PRODUCT,))
    with pytest.raises(RuntimeError):
        await world.follow()
    assert world.follower.position == here
    assert not world.has_lease
    world.ear.refuses = False
    await world.follow()
    assert world.ear.tags == [(ACORN_PRODUCT,)]
    assert world.has_lease


async def test_the_follower_remembers_recent_changes_and_knows_how_far_back(world: World) -> None:
    start = world.follower.position
    assert start is not None
    published = await world.relay.drain((ACORN_PRODUCT,))
    await world.follow()
    assert world.follower.last_change(ACORN_PRODUCT) == published.position.id
    assert world.follower.last_change(BIRCH_PRODUCT) is None
    assert world.follower.remembers(start)
    assert not world.follower.remembers(Position(start.epoch, StreamId(start.id.ms - 1, 0)))
    assert not world.follower.remembers(Position("another", start.id))


async def test_the_memory_of_changes_is_bounded_and_admits_it(world: World) -> None:
    small = Follower(world.bus, world.clock, recent_tags=2)
    await small.step(AT_ONCE_MS)
    start = small.position
    published = await world.relay.drain((ACORN_PRODUCT,))
    await world.relay.drain((ACORN_SHOP,))
    await world.relay.drain((BIRCH_PRODUCT,))
    await small.step(AT_ONCE_MS)
    assert start is not None
    assert not small.remembers(start)
    assert small.remembers(published.position)
    assert small.last_change(ACORN_PRODUCT) is None


async def test_a_follower_that_runs_lives_through_the_servers_death(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(ValkeyProfile.STATE, tmp_path / "state", free_port())
    valkey.prepare()
    async with bus_at(valkey.url) as bus:
        relay, ear, follower = HandRelay(bus), Ear(), Follower(bus)
        follower.subscribe(ear)
        task = asyncio.create_task(follower.run())
        with running(valkey.command(), valkey.is_ready, tmp_path):
            await relay.drain()
            await _until(lambda: follower.position is not None)
        await _until(lambda: follower.counters.failures > 0)
        with running(valkey.command(), valkey.is_ready, tmp_path):
            await _until(lambda: follower.position is not None)
            async with bus_at(valkey.url) as fresh:
                relay.use(fresh)
                await relay.drain((ACORN_PRODUCT,))
            await _until(lambda: bool(ear.tags))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert ear.tags == [(ACORN_PRODUCT,)]
    assert ear.distrusts == 0


async def test_a_follower_ends_when_it_is_told_to_whatever_it_was_doing(world: World) -> None:
    """Some libraries lose a cancellation that comes just as they finish; the loop must not go on without it."""
    for turns in range(60):
        task = asyncio.create_task(world.follower.run())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        assert done, f"it goes on after {turns} turns"


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - what is waited for happens on a server
            await asyncio.sleep(0.005)
