"""The freshness meter, from PostgreSQL's clock over the state server's to an edge: never less than the truth."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgpack
import psycopg
import pytest
import redis
import redis.asyncio

from contracts.events import BUS_KEY, BusMessage
from contracts.tenant import StoreId
from invalidation.event_queue import EventQueue
from invalidation.follower import Follower
from invalidation.relay import OutboxReader, Relay, outbox_connection
from invalidation.settings import RelaySettings
from tests.fixtures.bus import ACORN, ACORN_PRODUCT, BIRCH, BIRCH_PRODUCT, bus_at
from tests.fixtures.servers import DatabaseUrls

AT_ONCE_MS = 1
HOUR_SECONDS = 3600.0


@dataclass
class Chain:
    """Every part of the write's way, each moved by hand."""

    database: DatabaseUrls
    state_url: str
    state: redis.asyncio.Redis
    relay: Relay
    outbox: OutboxReader
    follower: Follower
    measured: list[float] = field(default_factory=list)

    async def commit(self, store_id: StoreId, tag: str, inserted_seconds_ago: float = 0) -> None:
        """As by a transaction that wrote its row this long before it commits."""
        async with await psycopg.AsyncConnection.connect(self.database.app) as connection:
            await connection.execute(f"SET LOCAL app.store_id = '{store_id}'".encode())
            await connection.execute(
                """INSERT INTO outbox (store_id, tags, created_at)
                   VALUES (%s, %s, clock_timestamp() - make_interval(secs => %s))""",
                [store_id, [tag], inserted_seconds_ago],
            )

    async def drain(self) -> None:
        assert await self.relay.drain(self.outbox)

    async def follow(self) -> None:
        await self.follower.step(AT_ONCE_MS)

    async def publish_as_is(self, fields: dict[bytes, bytes]) -> None:
        await self.state.xadd(BUS_KEY, fields)  # type: ignore[arg-type]


@pytest.fixture
async def chain(database: DatabaseUrls, state_url: str) -> AsyncIterator[Chain]:
    """An outbox that a relay has just emptied, and a follower that has heard of it."""
    async with _chain(database, state_url) as made:
        await made.drain()
        await made.follow()
        yield made


@asynccontextmanager
async def _chain(database: DatabaseUrls, state_url: str) -> AsyncIterator[Chain]:
    settings = RelaySettings(relay_database_url=database.relay, state_url=state_url)
    jobs = redis.Redis.from_url(state_url)
    queue = EventQueue.on(jobs, job_seconds=60, import_job_seconds=600)
    async with (
        bus_at(state_url) as bus,
        redis.asyncio.Redis.from_url(state_url) as state,
        outbox_connection(settings) as outbox,
    ):
        made = Chain(database, state_url, state, Relay(settings, bus, queue), outbox, Follower(bus))
        made.follower.measure(made.measured.append)
        yield made
    jobs.close()


async def _seconds(work: Callable[[], Awaitable[None]]) -> float:
    began = time.monotonic()
    await work()
    return time.monotonic() - began


async def test_a_commit_is_measured_once_it_is_applied_and_never_too_short(chain: Chain) -> None:
    await chain.commit(ACORN, ACORN_PRODUCT)
    since_commit = await _seconds(chain.drain) + await _seconds(chain.follow)
    assert chain.measured == []
    await chain.follow()
    [seconds] = chain.measured
    assert seconds >= since_commit - 0.001, "the clock that it is measured by has milliseconds"
    await chain.follow()
    assert len(chain.measured) == 1


async def test_a_row_of_a_long_transaction_is_as_old_as_the_last_look_that_did_not_see_it(chain: Chain) -> None:
    began = time.monotonic()
    chain.relay._server_clock = None  # looked at anew: how long its answer is under way counts, too
    await chain.drain()
    await chain.commit(ACORN, ACORN_PRODUCT, inserted_seconds_ago=HOUR_SECONDS)
    await chain.drain()
    await chain.follow()
    await chain.follow()
    assert chain.measured[0] <= time.monotonic() - began + 0.003, "three clocks are read in whole milliseconds"


async def test_a_row_that_waited_for_a_relay_is_as_old_as_it_is(database: DatabaseUrls, state_url: str) -> None:
    async with _chain(database, state_url) as chain, bus_at(state_url) as bus:
        await bus.publish([BusMessage()], None, None, most_messages=1000, positions_ttl_ms=90_000_000)
        await chain.follow()
        await chain.commit(ACORN, ACORN_PRODUCT, inserted_seconds_ago=HOUR_SECONDS)
        await chain.drain()
        await chain.follow()
        await chain.follow()
    assert chain.measured[0] >= HOUR_SECONDS


async def test_one_shops_old_change_does_not_make_another_shops_look_old(
    database: DatabaseUrls, state_url: str
) -> None:
    async with _chain(database, state_url) as chain, bus_at(state_url) as bus:
        await bus.publish([BusMessage()], None, None, most_messages=1000, positions_ttl_ms=90_000_000)
        await chain.follow()
        await chain.commit(ACORN, ACORN_PRODUCT, inserted_seconds_ago=HOUR_SECONDS)
        await chain.commit(ACORN, ACORN_PRODUCT)
        await chain.commit(BIRCH, BIRCH_PRODUCT)
        await chain.drain()
        await chain.follow()
        await chain.follow()
    acorn, birch = chain.measured
    assert acorn >= HOUR_SECONDS > birch


async def test_what_could_not_be_published_stays_as_old_as_it_is(chain: Chain) -> None:
    """The row was seen by a drain that failed: a later drain must not think that it has come since."""
    await chain.drain()
    await chain.commit(ACORN, ACORN_PRODUCT, inserted_seconds_ago=HOUR_SECONDS)
    committed = time.monotonic()
    await chain.state.set("bus:epoch:kept", await chain.state.get("bus:epoch") or b"")
    await chain.state.delete("bus:epoch")
    await chain.state.lpush("bus:epoch", "not a text")  # type: ignore[misc]
    with pytest.raises(Exception, match="WRONGTYPE"):
        await chain.relay.drain(chain.outbox)
    await chain.state.rename("bus:epoch:kept", "bus:epoch")
    await chain.drain()
    await chain.follow()
    since_commit = time.monotonic() - committed
    await chain.follow()
    assert since_commit - 0.001 <= chain.measured[0] < HOUR_SECONDS


async def test_heartbeats_are_not_measured(chain: Chain) -> None:
    async with bus_at(chain.state_url) as bus:
        for _ in range(2):
            await bus.publish([BusMessage()], None, None, most_messages=1000, positions_ttl_ms=90_000_000)
            await chain.follow()
    await chain.follow()
    assert chain.measured == []


@pytest.mark.parametrize(
    "beside",
    [{}, {b"committed": b"soon"}, {b"committed": b"-5"}, {b"what a later release adds": b"1"}],
    ids=["an earlier release's", "no number", "a negative number", "a later release's"],
)
async def test_a_message_without_a_time_or_with_more_is_applied_all_the_same(
    chain: Chain, beside: dict[bytes, bytes]
) -> None:
    await chain.publish_as_is({b"m": BusMessage((ACORN_PRODUCT,)).encode(), **beside})
    await chain.follow()
    assert chain.follower.last_change(ACORN_PRODUCT) is not None
    await chain.follow()
    assert chain.measured == []


async def test_an_earlier_release_reads_what_this_one_publishes(chain: Chain) -> None:
    """It takes the one field it knows, and knows no version but 1."""
    await chain.commit(ACORN, ACORN_PRODUCT)
    await chain.drain()
    [(_, fields)] = await chain.state.xrevrange(BUS_KEY, count=1)
    version, tags, drain_age_ms = msgpack.unpackb(fields[b"m"])
    assert (version, tags) == (1, [ACORN_PRODUCT])
    assert isinstance(drain_age_ms, int)
    assert fields.keys() == {b"m", b"committed"}


async def test_a_state_server_whose_clock_was_set_back_measures_nothing_less_than_nothing(chain: Chain) -> None:
    ahead_ms = str(int(time.time() * 1000) + 3_600_000).encode()
    await chain.publish_as_is({b"m": BusMessage((ACORN_PRODUCT,)).encode(), b"committed": ahead_ms})
    await chain.follow()
    await chain.follow()
    assert chain.measured == [0.0]
