"""One edge process's ear on the bus: applies every message in order, keeps the lease, and knows what changed lately.

What it cannot read or apply it does not go past; the lease then lapses, which is safe (design, section 5).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from contracts.events import BusMessage, Position, StreamId
from invalidation.bus import Bus, Raw, Reading
from invalidation.cancellation import end_if_cancelled
from invalidation.errors import BusUnavailable, InvalidationError, UnreadableMessage
from invalidation.lease import Clock, Lease, lease_clock

log = structlog.get_logger()

BATCH_MESSAGES = 500
WAIT_MS = 500
LONGEST_PAUSE_SECONDS = 0.5
RECENT_TAGS = 200_000


class Listener(Protocol):
    """What is told of changes: a cache. Both are called between awaits and must not fail."""

    def apply(self, tags: tuple[str, ...], position: Position, heard_at: float) -> None:
        """These changed. `heard_at`: since when, at the latest, the lease has been good for nothing about them."""

    def distrust(self) -> None:
        """Something may have been missed: nothing held is proven any more."""


@dataclass(slots=True)
class FollowerCounters:
    messages: int = 0
    tags: int = 0
    resets: int = 0
    unreadable: int = 0
    failures: int = 0


class Follower:
    """Start `run()` as a task. Everything else may be asked at any time, without waiting."""

    def __init__(self, bus: Bus, clock: Clock = lease_clock, *, recent_tags: int = RECENT_TAGS) -> None:
        self._bus = bus
        self._clock = clock
        self._recent_tags = recent_tags
        self._listeners: list[Listener] = []
        self._changes: OrderedDict[str, StreamId] = OrderedDict()
        self._is_failing = False
        self._position: Position | None = None
        self._knows_since: StreamId | None = None
        self._just_applied: list[int] = []
        """When what the last step applied was committed."""
        self._measure: Callable[[float], None] = lambda seconds: None
        self.lease = Lease()
        self.counters = FollowerCounters()

    @property
    def position(self) -> Position | None:
        """All messages up to here have been applied. None: it is not following anything now."""
        return self._position

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def measure(self, observe: Callable[[float], None]) -> None:
        """`observe` is given, for each purge, the seconds from its commit to its application here; never fewer."""
        self._measure = observe

    def remembers(self, position: Position) -> bool:
        """Whether `last_change` can tell of every change after `position`."""
        here, since = self._position, self._knows_since
        return here is not None and since is not None and position.epoch == here.epoch and position.id >= since

    def last_change(self, tag: str) -> StreamId | None:
        return self._changes.get(tag)

    async def run(self) -> None:
        """Follows until cancelled, through every failure of the state server."""
        pause_seconds = 0.02
        while True:
            end_if_cancelled()
            try:
                await self.step()
                pause_seconds = 0.02
            except Exception as error:  # also a listener that failed: the follower must not go past what is not applied
                self._note_failure(error)
                await asyncio.sleep(pause_seconds)
                pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)

    async def step(self, wait_ms: int = WAIT_MS) -> None:
        """One round trip and what follows from it. Raises BusUnavailable or UnreadableMessage."""
        if self._position is None:
            await self._start()
            return
        asked_at = self._clock()
        reading = await self._bus.read(self._position.id, BATCH_MESSAGES, wait_ms)
        if self._has_missed_something(reading, self._position):
            self._reset()
            return
        self._measure_applied(reading.asked_ms)
        for raw in reading.messages:
            self._apply(raw, asked_at, reading.server_ms)
        self._is_failing = False

    def _measure_applied(self, asked_ms: int | None) -> None:
        """The question that came at `asked_ms` left when all that the last one brought had been applied: so by the
        server's own clock, the wait for this process's attention included, it took no longer than until then."""
        if asked_ms is not None:
            for committed_ms in self._just_applied:
                self._measure(max(0, asked_ms - committed_ms) / 1000)
        self._just_applied.clear()

    async def _start(self) -> None:
        """From the bus's end: nothing is held that could have been changed by what came before."""
        self._position = await self._bus.tail()
        if self._position is None:
            raise BusUnavailable("no relay has ever published on this bus, or the state server has lost it")
        self._knows_since = self._position.id
        self._is_failing = False
        log.info("following", position=str(self._position.id), epoch=self._position.epoch)

    def _has_missed_something(self, reading: Reading, here: Position) -> bool:
        is_oldest_newer = reading.first is None or reading.first > here.id
        is_trimmed = reading.has_lost_messages and is_oldest_newer and reading.last != here.id
        is_ahead = here.id > reading.last
        if reading.epoch == here.epoch and not is_trimmed and not is_ahead:
            return False
        reason = "trimmed" if is_trimmed else "ahead" if is_ahead else "epoch"
        log.warning("missed part of the bus; nothing held is proven", reason=reason, position=str(here.id))
        return True

    def _reset(self) -> None:
        """Ends the lease before anything else, so that nobody serves by it; the next step starts anew."""
        self.lease.end()
        self._position = None
        self._knows_since = None
        self._changes.clear()
        self.counters.resets += 1
        for listener in self._listeners:
            listener.distrust()

    def _apply(self, raw: Raw, asked_at: float, server_ms: int) -> None:
        assert self._position is not None
        message = self._read(raw)
        position = Position(self._position.epoch, raw.id)
        if message.tags:
            # While the lease was good, what is heard only now was committed after `heard_until`. If it had lapsed,
            # that may be long ago, and no entry may be served stale on the strength of having heard it just now.
            heard_at = min(self._clock(), self.lease.until)
            for listener in self._listeners:
                listener.apply(message.tags, position, heard_at)
            self._remember(message.tags, raw.id)
            if raw.committed_ms is not None:
                self._just_applied.append(raw.committed_ms)
        self._position = position
        self.counters.messages += 1
        self.counters.tags += len(message.tags)
        if message.drain_age_ms is not None:
            self.lease.extend(asked_at, (server_ms - raw.id.ms) / 1000, message.drain_age_ms / 1000)

    def _read(self, raw: Raw) -> BusMessage:
        try:
            return BusMessage.decode(raw.encoded or b"")
        except ValueError as error:
            self.counters.unreadable += 1
            raise UnreadableMessage(f"message {raw.id} cannot be read: {error}") from error

    def _remember(self, tags: tuple[str, ...], change: StreamId) -> None:
        for tag in tags:
            self._changes[tag] = change
            self._changes.move_to_end(tag)
        while len(self._changes) > self._recent_tags:
            _, forgotten = self._changes.popitem(last=False)
            self._knows_since = max(self._knows_since or forgotten, forgotten)

    def _note_failure(self, error: Exception) -> None:
        self.counters.failures += 1
        self._just_applied.clear()
        if not self._is_failing:
            is_foreseen = isinstance(error, InvalidationError)
            log.warning("the bus cannot be followed; the lease will lapse", reason=str(error), exc_info=not is_foreseen)
        self._is_failing = True
