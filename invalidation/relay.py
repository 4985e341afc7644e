"""The relay: outbox -> bus and job queue. Any number may run; the one that holds the lock works, the others stand by.

Rows are deleted after they are published: a crash in between publishes them again, which harms nobody. A drain's
claim "everything committed before I began is on the bus" holds even if two relays were active at once, for a row is
gone from the table only after it is on the bus.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import psycopg
import structlog
from redis.exceptions import RedisError

from contracts import crash_points
from contracts.events import BusMessage, StreamId
from contracts.tenant import StoreId
from invalidation.bounded_connection import BoundedConnection
from invalidation.bus import Bus, DrainTimes
from invalidation.cancellation import end_if_cancelled
from invalidation.coalesce import Row, chunks, coalesce
from invalidation.errors import BusUnavailable, InvalidationError, MisconfiguredError, OutboxUnavailable
from invalidation.event_queue import EventQueue
from invalidation.lease import Clock, lease_clock
from invalidation.settings import RelaySettings

log = structlog.get_logger()

_LOCK_ID = 0x53544F4152454C59  # "STOARELY"
_FIRST_PAUSE_SECONDS = 0.05
_MEASURE_SECONDS = 2.0
_BUSY_SECONDS = 1.0


class RelayState(StrEnum):
    CONNECTING = "connecting"
    STANDING_BY = "standing by"
    ACTIVE = "active"


@dataclass(slots=True)
class RelayCounters:
    state: RelayState = RelayState.CONNECTING
    trouble: str = ""
    drains: int = 0
    rows: int = 0
    messages: int = 0
    tags: int = 0
    heartbeats: int = 0
    jobs: int = 0
    epochs: int = 0
    failures: int = 0
    outbox_rows: int = 0
    outbox_age_seconds: float = 0.0


class OutboxReader:
    """The relay's one connection, for one question at a time: what it reads, what it deletes, and the session lock that
    makes it the active one."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._cursor = connection.cursor()

    async def refuse_unbound_role(self) -> None:
        [(name, is_unbound)] = await self._ask(
            """SELECT rolname, rolsuper OR rolbypassrls OR EXISTS (
                   SELECT FROM pg_class WHERE relowner = pg_roles.oid AND relkind IN ('r', 'p'))
               FROM pg_roles WHERE rolname = current_user"""
        )
        if is_unbound:
            raise MisconfiguredError(
                f"the database role {name} could read every tenant's rows; set STOA_RELAY_DATABASE_URL to stoa_relay's"
            )

    async def try_lock(self) -> bool:
        [(has_it,)] = await self._ask("SELECT pg_try_advisory_lock(%s)", [_LOCK_ID])
        return bool(has_it)

    async def read(self, limit: int) -> list[Row]:
        # Asked hundreds of times a second, so without a value: sending one would be a quarter of what a look costs.
        found = await self._ask(
            f"""SELECT store_id, id, tags, topic, payload, extract(epoch FROM clock_timestamp() - created_at) * 1000
                FROM outbox ORDER BY id LIMIT {int(limit)}""",
            is_prepared=True,
        )
        return [
            Row(StoreId(store_id), row_id, tags, topic, payload, math.ceil(age_ms))
            for store_id, row_id, tags, topic, payload, age_ms in found
        ]

    async def delete(self, rows: Sequence[Row]) -> None:
        await self._ask(
            """WITH gone AS (
                   DELETE FROM outbox USING unnest(%s::bigint[], %s::bigint[]) AS done (store_id, id)
                   WHERE outbox.store_id = done.store_id AND outbox.id = done.id RETURNING 1)
               SELECT count(*) FROM gone""",
            [[row.store_id for row in rows], [row.id for row in rows]],
            is_prepared=True,
        )

    async def depth(self) -> tuple[int, float]:
        [(rows, age)] = await self._ask(
            "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0) FROM outbox"
        )
        return int(rows), float(age)

    async def _ask(
        self, statement: str, values: Sequence[Any] = (), *, is_prepared: bool = False
    ) -> list[tuple[Any, ...]]:
        try:
            await self._cursor.execute(statement.encode(), values or None, prepare=is_prepared)
            return await self._cursor.fetchall()
        except psycopg.OperationalError as error:
            raise OutboxUnavailable(f"the database does not answer: {error}") from error


@asynccontextmanager
async def outbox_connection(settings: RelaySettings) -> AsyncIterator[OutboxReader]:
    """Raises OutboxUnavailable, or MisconfiguredError for a role that row-level security does not bind."""
    try:
        connection = await BoundedConnection.connect(
            settings.relay_database_url,
            autocommit=True,
            connect_timeout=2,
            # A frozen relay's session would keep the lock; when the server ends it, another relay takes over.
            options=f"-c idle_session_timeout={round(settings.relay_idle_seconds * 1000)}",
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
        )
    except psycopg.OperationalError as error:
        raise OutboxUnavailable(f"the database cannot be reached: {error}") from error
    connection.answer_seconds = settings.relay_query_seconds
    try:
        reader = OutboxReader(connection)
        await reader.refuse_unbound_role()
        yield reader
    finally:
        await connection.close()


class Relay:
    def __init__(self, settings: RelaySettings, bus: Bus, queue: EventQueue, clock: Clock = lease_clock) -> None:
        self._settings = settings
        self._bus = bus
        self._queue = queue
        self._clock = clock
        self._server_clock: tuple[int, float] | None = None
        """The state server's time in ms as last seen, and when that answer had come."""
        self._last: StreamId | None = None
        self._emptied_at = float("-inf")
        """When the last drain that left nothing in the outbox began: what is there now was committed after it."""
        self._epoch = ""
        self._published_at = float("-inf")
        self._changed_at = float("-inf")
        """When the last drain with something for shoppers' pages began."""
        self.counters = RelayCounters()

    async def run(self) -> None:
        """Relays until cancelled, whatever PostgreSQL and the state server do. Raises MisconfiguredError."""
        pause_seconds = _FIRST_PAUSE_SECONDS
        while True:
            end_if_cancelled()
            began = self._clock()
            try:
                async with outbox_connection(self._settings) as outbox:
                    await self._stand_by(outbox)
                    await self._work(outbox)
            except MisconfiguredError:
                raise
            except Exception as error:
                self._note_failure(error)
            self.counters.state = RelayState.CONNECTING
            has_worked_for_long = self._clock() - began > 10 * self._settings.relay_pause_seconds
            pause_seconds = _FIRST_PAUSE_SECONDS if has_worked_for_long else pause_seconds
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 2, self._settings.relay_pause_seconds)

    async def _stand_by(self, outbox: OutboxReader) -> None:
        while not await outbox.try_lock():
            end_if_cancelled()
            if self.counters.state is not RelayState.STANDING_BY:
                log.info("another relay is active; standing by")
            self.counters.state = RelayState.STANDING_BY
            self.counters.trouble = ""
            await asyncio.sleep(self._settings.relay_stand_by_ms / 1000)
        # Whoever was active meanwhile may have published more than we know of: what we knew proves nothing now.
        self._last = None
        self._emptied_at = float("-inf")
        self.counters.state = RelayState.ACTIVE
        log.info("this relay is active")

    async def _work(self, outbox: OutboxReader) -> None:
        pause_seconds = _FIRST_PAUSE_SECONDS
        measured_at = float("-inf")
        while True:
            end_if_cancelled()
            if self._clock() - measured_at >= _MEASURE_SECONDS:
                measured_at = self._clock()
                self.counters.outbox_rows, self.counters.outbox_age_seconds = await outbox.depth()
            try:
                is_complete = await self.drain(outbox)
            except BusUnavailable as error:
                self._note_failure(error)
                self._server_clock = None
                await asyncio.sleep(pause_seconds)
                pause_seconds = min(pause_seconds * 2, self._settings.relay_pause_seconds)
                continue
            pause_seconds = _FIRST_PAUSE_SECONDS
            self._note_well()
            if is_complete:
                await asyncio.sleep(self.pause_ms() / 1000)

    def pause_ms(self) -> int:
        """Until the next look at an outbox that was just found or made empty. Pages seldom change one alone;
        a job can wait, and a rush of buyers makes nothing else: fewer looks find more of them each."""
        is_busy = self._clock() - self._changed_at < _BUSY_SECONDS
        return self._settings.relay_busy_poll_ms if is_busy else self._settings.relay_poll_ms

    async def drain(self, outbox: OutboxReader) -> bool:
        """One batch from outbox to bus and queue. Whether it was all there was: only then does it end a drain, and only
        the end of a drain extends leases. (Rows of earlier batches are on the bus already, so the last batch's
        beginning is what the whole drain can vouch for.)"""
        server_ms, seen_at = self._server_clock or await self._look_at_server_clock()
        began = self._clock()
        # The server's clock showed at least this when the drain began: its answer was under way before it had come.
        began_server_ms = server_ms + math.floor((began - seen_at) * 1000)
        rows = await outbox.read(self._settings.relay_batch_rows)
        if rows:
            crash_points.reached("relay.drained")
        is_complete = len(rows) < self._settings.relay_batch_rows
        messages = coalesce(rows, partial(self._committed_ms, began, began_server_ms))
        is_silent = began - self._published_at >= self._settings.relay_heartbeat_ms / 1000
        if messages or (is_complete and is_silent):
            await self._publish(messages, began, began_server_ms if is_complete else None)
        if messages:
            self._changed_at = began
        if rows:
            crash_points.reached("relay.published")
            await self._enqueue([row for row in rows if row.topic is not None])
            crash_points.reached("relay.enqueued")
            await outbox.delete(rows)
            crash_points.reached("relay.deleted")
            self.counters.drains += 1
            self.counters.rows += len(rows)
        if is_complete:
            self._emptied_at = began
        return is_complete

    def _committed_ms(self, began: float, began_server_ms: int, row: Row) -> int:
        """When a row was committed at the earliest, on the state server's clock: not before it was inserted, and not
        before a drain that would have found it. The first is close for a short transaction; an import writes rows long
        before it commits, and only the second knows. Both are durations, each by one clock."""
        unseen_ms = (began - self._emptied_at) * 1000
        return began_server_ms - math.ceil(min(row.age_ms, unseen_ms))

    async def _publish(self, messages: Sequence[BusMessage], began: float, began_server_ms: int | None) -> None:
        portions = list(chunks(messages or [BusMessage()], self._settings.relay_publish_tags))
        for number, portion in enumerate(portions, 1):
            drain = None
            if number == len(portions) and began_server_ms is not None:
                drain = DrainTimes(began_server_ms, math.ceil((self._clock() - began) * 1000))
            published = await self._bus.publish(
                portion,
                self._last,
                drain,
                most_messages=self._settings.bus_messages,
                positions_ttl_ms=self._settings.positions_ttl_ms,
            )
            self._published_at = self._clock()
            self._server_clock = (published.server_ms, self._published_at)
            self._last = published.position.id
            self._note_epoch(published.position.epoch)
        self.counters.messages += len(messages)
        self.counters.tags += sum(len(message.tags) for message in messages)
        self.counters.heartbeats += not messages

    async def _look_at_server_clock(self) -> tuple[int, float]:
        server_ms = await self._bus.server_ms()
        self._server_clock = (server_ms, self._clock())
        return self._server_clock

    async def _enqueue(self, events: Sequence[Row]) -> None:
        if not events:
            return
        try:
            self.counters.jobs += await asyncio.to_thread(self._queue.enqueue, events)
        except (RedisError, OSError) as error:
            raise BusUnavailable(f"the job queue cannot be reached: {error}") from error

    def _note_epoch(self, epoch: str) -> None:
        if epoch != self._epoch and self._epoch:
            log.warning("the bus lost something; a new epoch makes every cached page prove itself", epoch=epoch)
        self.counters.epochs += epoch != self._epoch
        self._epoch = epoch

    def _note_failure(self, error: Exception) -> None:
        self.counters.failures += 1
        if not self.counters.trouble:
            is_foreseen = isinstance(error, InvalidationError)
            log.warning("relaying is held up; the outbox keeps everything", reason=str(error), exc_info=not is_foreseen)
        self.counters.trouble = str(error) or type(error).__name__

    def _note_well(self) -> None:
        if self.counters.trouble:
            log.info("relaying again")
        self.counters.trouble = ""
