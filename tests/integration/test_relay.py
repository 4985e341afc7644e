"""From a merchant's commit to two followers, with real PostgreSQL and state servers, and what happens when one dies."""

import asyncio
import json
import signal
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis
import redis.asyncio
from psycopg.conninfo import make_conninfo
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq import Retry as RetryJob
from rq.job import Job
from rq.serializers import JSONSerializer

from contracts.events import BUS_KEY, EVENT_JOB, EVENT_QUEUE, QUEUES, BusMessage, Position, Topic
from contracts.tenant import StoreId
from invalidation import outbox
from invalidation.bus import Bus
from invalidation.coalesce import Row
from invalidation.errors import BusUnavailable, MisconfiguredError
from invalidation.event_queue import EventQueue
from invalidation.follower import Follower
from invalidation.lease import Clock, lease_clock
from invalidation.relay import Relay, RelayState, outbox_connection
from invalidation.settings import RelaySettings
from standalone.command import free_port
from standalone.servers import EmbeddedValkey, ValkeyProfile
from tests.fixtures.bus import ACORN, ACORN_PRODUCT, ACORN_SHOP, BIRCH, BIRCH_PRODUCT, HandClock, bus_at
from tests.fixtures.servers import DatabaseUrls, running


@dataclass
class Ear:
    heard: list[tuple[str, float]] = field(default_factory=list)

    def apply(self, tags: tuple[str, ...], position: Position, heard_at: float) -> None:
        self.heard += [(tag, time.monotonic()) for tag in tags]

    def distrust(self) -> None:
        self.heard.append(("distrust", time.monotonic()))

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.heard}


async def until(is_so: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - what is waited for happens on a server
            await asyncio.sleep(0.005)


@pytest.fixture
def settings(database: DatabaseUrls, state_url: str) -> RelaySettings:
    return settings_for(database, state_url)


def settings_for(database: DatabaseUrls, state_url: str, **changes: Any) -> RelaySettings:
    values = {"relay_database_url": database.relay, "state_url": state_url, "relay_stand_by_ms": 50}
    return RelaySettings(**(values | changes))


@asynccontextmanager
async def a_relay(settings: RelaySettings, clock: Clock = lease_clock) -> AsyncIterator[Relay]:
    jobs = redis.Redis.from_url(settings.state_url)
    async with bus_at(settings.state_url) as bus:
        yield Relay(settings, bus, EventQueue.on(jobs, job_seconds=60, import_job_seconds=600), clock)
    jobs.close()


@asynccontextmanager
async def running_relay(settings: RelaySettings) -> AsyncIterator[Relay]:
    async with a_relay(settings) as relay, background(relay.run()):
        yield relay


@asynccontextmanager
async def background(work: Any) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def follower_at(state_url: str) -> AsyncIterator[tuple[Follower, Ear]]:
    async with bus_at(state_url) as bus:
        follower, ear = Follower(bus), Ear()
        follower.subscribe(ear)
        async with background(follower.run()):
            await until(lambda: follower.position is not None)
            yield follower, ear


@asynccontextmanager
async def shop_transaction(database: DatabaseUrls, store_id: StoreId) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(database.app) as connection:
        await connection.execute(f"SET LOCAL app.store_id = '{store_id}'".encode())
        yield connection


async def change(database: DatabaseUrls, store_id: StoreId, *tags: str) -> None:
    async with shop_transaction(database, store_id) as tx:
        await outbox.add(tx, store_id, tags)


async def rows_left(database: DatabaseUrls) -> int:
    async with await psycopg.AsyncConnection.connect(database.admin) as connection:
        row = await (await connection.execute("SELECT count(*) FROM outbox")).fetchone()
        assert row is not None
        return int(row[0])


async def test_a_commit_is_heard_by_every_follower_within_a_second(
    settings: RelaySettings, database: DatabaseUrls
) -> None:
    async with (
        running_relay(settings) as relay,
        follower_at(settings.state_url) as (first, first_ear),
        follower_at(settings.state_url) as (second, second_ear),
    ):
        seconds = []
        for number in range(5):
            tag, committed = f"t/{ACORN}/product/{number}", time.monotonic()
            await change(database, ACORN, tag)
            await until(lambda tag=tag: tag in first_ear.tags & second_ear.tags)
            seconds += [ear.heard[-1][1] - committed for ear in (first_ear, second_ear)]
        assert [len(ear.heard) for ear in (first_ear, second_ear)] == [5, 5]
        assert statistics.median(seconds) < 1.0  # as a rule: a machine may stop at any one of them
        await until(lambda: relay.counters.rows == 5)
        assert first.lease.is_valid(time.clock_gettime(time.CLOCK_BOOTTIME))
        assert second.position == first.position or second.counters.messages >= 1
    assert await rows_left(database) == 0


async def test_a_transaction_that_rolls_back_publishes_nothing(settings: RelaySettings, database: DatabaseUrls) -> None:
    async with running_relay(settings) as relay, follower_at(settings.state_url) as (_, ear):
        async with shop_transaction(database, ACORN) as tx:
            await outbox.add(tx, ACORN, [ACORN_PRODUCT])
            await tx.rollback()
        await change(database, BIRCH, BIRCH_PRODUCT)
        await until(lambda: bool(ear.heard) and relay.counters.rows == 1)
        assert ear.tags == {BIRCH_PRODUCT}


async def test_nothing_is_published_before_the_commit(settings: RelaySettings, database: DatabaseUrls) -> None:
    async with running_relay(settings) as relay, follower_at(settings.state_url) as (_, ear):
        async with shop_transaction(database, ACORN) as tx:
            await outbox.add(tx, ACORN, [ACORN_PRODUCT])
            await change(database, BIRCH, BIRCH_PRODUCT)
            await until(lambda: BIRCH_PRODUCT in ear.tags)
            beats = relay.counters.heartbeats
            await until(lambda: relay.counters.heartbeats > beats)
            assert ear.tags == {BIRCH_PRODUCT}, "a later row must not wait for an earlier one, nor carry it along"
        await until(lambda: ACORN_PRODUCT in ear.tags)


async def test_heartbeats_keep_the_lease_while_nobody_changes_anything(settings: RelaySettings) -> None:
    async with running_relay(settings) as relay, follower_at(settings.state_url) as (follower, _):
        await until(lambda: relay.counters.heartbeats >= 3)
        until_before = follower.lease.until
        await until(lambda: follower.lease.until > until_before)
        assert relay.counters.messages == 0


async def test_many_changes_of_one_shop_are_one_message(settings: RelaySettings, database: DatabaseUrls) -> None:
    for _ in range(5):
        await change(database, ACORN, ACORN_PRODUCT, ACORN_SHOP)
    await change(database, BIRCH, BIRCH_PRODUCT)
    async with a_relay(settings) as relay, outbox_connection(settings) as connection:
        assert await relay.drain(connection)
        async with bus_at(settings.state_url) as bus:
            messages = await on_the_bus(bus)
    assert {message.tags for message in messages} == {(ACORN_PRODUCT, ACORN_SHOP), (BIRCH_PRODUCT,)}
    assert [message.drain_age_ms is None for message in messages] == [True, False]


async def on_the_bus(bus: Bus) -> list[BusMessage]:
    async with redis.asyncio.Redis.from_url(bus_url(bus)) as client:
        return [BusMessage.decode(fields[b"m"]) for _, fields in await client.xrange(BUS_KEY)]


def bus_url(bus: Bus) -> str:
    options = bus._redis.connection_pool.connection_kwargs
    return f"redis://:{options['password']}@{options['host']}:{options['port']}/0"


async def test_only_the_batch_that_emptied_the_outbox_ends_the_drain(database: DatabaseUrls, state_url: str) -> None:
    settings = settings_for(database, state_url, relay_batch_rows=2)
    for number in range(5):
        await change(database, ACORN, f"t/41/product/{number}")
    async with a_relay(settings) as relay, outbox_connection(settings) as connection:
        assert [await relay.drain(connection) for _ in range(3)] == [False, False, True]
        async with bus_at(settings.state_url) as bus:
            ages = [message.drain_age_ms for message in await on_the_bus(bus)]
    assert ages[:2] == [None, None]
    assert ages[2] is not None
    assert await rows_left(database) == 0


async def test_the_outbox_is_looked_at_more_often_for_a_second_after_a_page_changed(
    settings: RelaySettings, database: DatabaseUrls
) -> None:
    clock = HandClock()
    async with a_relay(settings, clock) as relay, outbox_connection(settings) as connection:
        pauses_ms = []
        for change_it, later_seconds in ((False, 0.0), (True, 0.0), (False, 0.99), (False, 0.01)):
            if change_it:
                await change(database, ACORN, ACORN_PRODUCT)
            clock.now += later_seconds
            assert await relay.drain(connection)
            pauses_ms.append(relay.pause_ms())
    assert pauses_ms == [25, 5, 5, 25]


async def test_jobs_alone_do_not_make_it_look_more_often(settings: RelaySettings, database: DatabaseUrls) -> None:
    async with a_relay(settings, HandClock()) as relay, outbox_connection(settings) as connection:
        async with shop_transaction(database, ACORN) as tx:
            await outbox.add_event(tx, ACORN, Topic.ORDER_CREATED, {"order_id": 5})
        assert await relay.drain(connection)
        assert (relay.counters.rows, relay.counters.jobs, relay.pause_ms()) == (1, 1, 25)
        await change(database, ACORN, ACORN_PRODUCT)
        async with shop_transaction(database, ACORN) as tx:
            await outbox.add_event(tx, ACORN, Topic.ORDER_CREATED, {"order_id": 6})
        assert await relay.drain(connection)
        assert (relay.counters.rows, relay.counters.jobs, relay.pause_ms()) == (3, 2, 5)


async def test_a_relay_killed_between_publishing_and_deleting_publishes_again(
    settings: RelaySettings, database: DatabaseUrls
) -> None:
    await change(database, ACORN, ACORN_PRODUCT)
    async with a_relay(settings) as dead, outbox_connection(settings) as connection:
        connection.delete = _die  # type: ignore[method-assign]
        with pytest.raises(ConnectionAbortedError):
            await dead.drain(connection)
    assert await rows_left(database) == 1
    async with running_relay(settings) as relay, bus_at(settings.state_url) as bus:
        await until(lambda: relay.counters.rows == 1)
        tags = [message.tags for message in await on_the_bus(bus) if message.tags]
    assert tags == [(ACORN_PRODUCT,), (ACORN_PRODUCT,)]
    assert await rows_left(database) == 0


async def _die(rows: Any) -> None:
    raise ConnectionAbortedError


async def test_a_second_relay_stands_by_and_takes_over(settings: RelaySettings, database: DatabaseUrls) -> None:
    async with a_relay(settings) as first, background(first.run()), follower_at(settings.state_url) as (_, ear):
        assert first.counters.state is RelayState.ACTIVE
        async with running_relay(settings) as second:
            await until(lambda: second.counters.state is RelayState.STANDING_BY)
            await change(database, ACORN, ACORN_PRODUCT)
            await until(lambda: first.counters.rows == 1)
            await kill_connections(database)
            await change(database, BIRCH, BIRCH_PRODUCT)
            await until(lambda: first.counters.rows + second.counters.rows == 2)
            await until(lambda: {ACORN_PRODUCT, BIRCH_PRODUCT} <= ear.tags)
            both = {RelayState.ACTIVE, RelayState.STANDING_BY}
            await until(lambda: {first.counters.state, second.counters.state} == both)
    assert "distrust" not in ear.tags


async def kill_connections(database: DatabaseUrls) -> None:
    async with await psycopg.AsyncConnection.connect(database.admin, autocommit=True) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'stoa_relay' AND datname = %s",
            [database.name],
        )


async def test_rows_wait_while_the_state_server_is_down(database: DatabaseUrls, tmp_path: Path) -> None:
    valkey = EmbeddedValkey(ValkeyProfile.STATE, tmp_path / "state", free_port())
    valkey.prepare()
    settings = settings_for(database, valkey.url, relay_pause_seconds=0.2)
    async with running_relay(settings) as relay:
        await until(lambda: relay.counters.failures >= 2)
        await change(database, ACORN, ACORN_PRODUCT)
        assert relay.counters.state is RelayState.ACTIVE, "PostgreSQL is well, so the lock is kept"
        assert relay.counters.trouble
        assert await rows_left(database) == 1
        with running(valkey.command(), valkey.is_ready, tmp_path):
            await until(lambda: relay.counters.rows == 1)
            await until(lambda: not relay.counters.trouble)
    assert await rows_left(database) == 0


async def test_an_event_becomes_one_job_however_often_it_is_handed_over(
    settings: RelaySettings, database: DatabaseUrls
) -> None:
    async with shop_transaction(database, ACORN) as tx:
        await outbox.add_event(tx, ACORN, Topic.ORDER_CREATED, {"order_id": 5})
    async with a_relay(settings) as dead, outbox_connection(settings) as connection:
        connection.delete = _die  # type: ignore[method-assign]
        with pytest.raises(ConnectionAbortedError):
            await dead.drain(connection)
    async with running_relay(settings) as relay:
        await until(lambda: relay.counters.rows == 1)
        assert relay.counters.jobs == 0, "it was a job already"
    job = the_only_job(settings)
    assert job.func_name == EVENT_JOB
    (event,) = job.args
    assert json.loads(job.data) == [EVENT_JOB, None, [event], {}], "plain values, in JSON"
    assert (event["store_id"], event["topic"], event["payload"]) == (ACORN, "orders/create", {"order_id": 5})
    assert job.id == f"event-{ACORN}-{event['outbox_id']}"
    assert job.retries_left == 5
    assert await rows_left(database) == 0


def the_only_job(settings: RelaySettings) -> Job:
    with redis.Redis.from_url(settings.state_url) as client:
        (job,) = Queue(EVENT_QUEUE, connection=client, serializer=JSONSerializer).jobs
        assert isinstance(job.args, tuple | list)
        return job


async def test_the_same_row_number_in_two_shops_is_two_jobs(state_url: str) -> None:
    with redis.Redis.from_url(state_url) as client:
        queue = EventQueue.on(client, job_seconds=60, import_job_seconds=600)
        rows = [
            Row(ACORN, 1, topic=Topic.ORDER_CREATED, payload={}),
            Row(BIRCH, 1, topic=Topic.ORDER_CREATED, payload={}),
            Row(ACORN, 1, topic=Topic.ORDER_CREATED, payload={}),
            Row(ACORN, 2, topic=Topic.IMPORT_REQUESTED, payload={"import_id": 1}),
            Row(ACORN, 3, topic=Topic.ORDER_PAID, payload={}),  # to which nobody listens
        ]
        assert queue.enqueue(rows) == 3
        waiting = {name: Queue(name, connection=client, serializer=JSONSerializer).jobs for name in QUEUES}
    assert {name: {job.id: job.timeout for job in jobs} for name, jobs in waiting.items()} == {
        "events": {"event-41-1": 60, "event-42-1": 60},
        "imports": {"event-41-2": 600},
    }, "an import is in no order confirmation's way"


async def test_a_job_is_written_as_rq_itself_would(state_url: str) -> None:
    row = Row(ACORN, 7, topic=Topic.ORDER_CREATED, payload={"order_id": 5, "name": "Ärmel"})
    event = {"store_id": ACORN, "outbox_id": 7, "topic": "orders/create", "payload": dict(row.payload or {})}
    with redis.Redis.from_url(state_url) as client:
        assert EventQueue.on(client, job_seconds=60, import_job_seconds=600).enqueue([row]) == 1
        queue = Queue(EVENT_QUEUE, connection=client, serializer=JSONSerializer)
        queue.enqueue(
            EVENT_JOB,
            event,
            job_id="by-rq",
            unique=True,
            job_timeout=60,
            result_ttl=3600,
            failure_ttl=7 * 86_400,
            retry=RetryJob(max=5, interval=[1, 5, 30, 120, 600]),
            description=f"orders/create of store {ACORN}",
        )
        ours, theirs = (client.hgetall(Job.key_for(name)) for name in (f"event-{ACORN}-7", "by-rq"))
        assert queue.job_ids == [f"event-{ACORN}-7", "by-rq"], "the first to come is the first to go"
        assert Queue.all(client) == [queue]
        assert client.ttl(Job.key_for(f"event-{ACORN}-7")) == client.ttl(Job.key_for("by-rq")) == -1
    times = {b"created_at", b"enqueued_at"}
    assert {len(ours.pop(name)) == len(theirs.pop(name)) for name in times} == {True}
    assert ours == theirs


async def test_more_jobs_than_one_call_takes_keep_their_order(state_url: str) -> None:
    rows = [Row(ACORN, number, topic=Topic.ORDER_CREATED, payload={}) for number in range(1, 502)]
    with redis.Redis.from_url(state_url) as client:
        queue = EventQueue.on(client, job_seconds=60, import_job_seconds=600)
        assert [queue.enqueue(rows), queue.enqueue(rows), queue.enqueue([])] == [501, 0, 0]
        ids = Queue(EVENT_QUEUE, connection=client, serializer=JSONSerializer).job_ids
    assert ids == [f"event-{ACORN}-{row.id}" for row in rows]


async def test_a_purge_is_not_held_up_by_a_job_queue_that_fails(
    settings: RelaySettings, database: DatabaseUrls
) -> None:
    await change(database, ACORN, ACORN_PRODUCT)
    async with shop_transaction(database, ACORN) as tx:
        await outbox.add_event(tx, ACORN, Topic.ORDER_CREATED, {})
    nowhere = redis.Redis(port=free_port(), retry=Retry(NoBackoff(), 0))
    async with bus_at(settings.state_url) as bus, outbox_connection(settings) as connection:
        relay = Relay(settings, bus, EventQueue.on(nowhere, job_seconds=60, import_job_seconds=60))
        with pytest.raises(BusUnavailable, match="job queue"):
            await relay.drain(connection)
        assert [message.tags for message in await on_the_bus(bus)] == [(ACORN_PRODUCT,)]
    assert await rows_left(database) == 2


@pytest.mark.parametrize("options", [{}, {"options": "-c role=stoa_owner"}], ids=["superuser", "owner"])
async def test_a_role_that_could_read_tenants_rows_is_refused(
    options: dict[str, str], database: DatabaseUrls, state_url: str
) -> None:
    """The owner of the tables has no password; who may become it can connect as it."""
    settings = settings_for(database, state_url, relay_database_url=make_conninfo(database.admin, **options))
    async with a_relay(settings) as relay:
        with pytest.raises(MisconfiguredError, match="STOA_RELAY_DATABASE_URL"):
            await relay.run()


async def test_the_relay_sees_the_outbox_and_nothing_else(database: DatabaseUrls) -> None:
    async with await psycopg.AsyncConnection.connect(database.relay, autocommit=True) as connection:
        for table in ("product", "shop", "host", "access_token", "sales_order"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(f"SELECT * FROM {table}".encode())


async def test_the_program_answers_health_and_metrics_and_stops_when_told(
    settings: RelaySettings, database: DatabaseUrls
) -> None:
    port = free_port()
    environment = {
        "STOA_RELAY_DATABASE_URL": settings.relay_database_url,
        "STOA_STATE_URL": settings.state_url,
        "STOA_RELAY_OPS_PORT": str(port),
    }
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "invalidation", env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=False) as client:
            await answers_well(client)
            await change(database, ACORN, ACORN_PRODUCT)
            async with asyncio.timeout(10):
                while "stoa_relay_rows_total 1.0" not in (await client.get("/metrics")).text:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert "stoa_relay_active 1.0" in (await client.get("/metrics")).text
            assert (await client.get("/other")).status_code == 404
        program.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(program.wait(), 10) == 0
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()


async def answers_well(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                answer = await client.get("/health")
                if answer.status_code == 200:
                    assert answer.json() == {"state": "active", "trouble": None}
                    return
            except httpx.ConnectError:
                pass
            await asyncio.sleep(0.05)
