"""Whether an entry made elsewhere or earlier is still true: its position against what changed since.

The follower's memory answers for recent positions; for older ones the state server's tag positions do.
"""

import asyncio

from contracts.events import Position, StreamId
from edge_renderer.cache.counters import CacheCounters
from edge_renderer.cache.entry import Entry
from invalidation.bus import Bus
from invalidation.errors import BusUnavailable
from invalidation.follower import Follower
from invalidation.lease import Clock


class Proof:
    """`longest_ms`: an older position proves nothing, for the state server forgets changes a margin later.
    `answer_seconds`: a state server that falls silent must not hold up pages for as long as the lease still lasts."""

    def __init__(
        self,
        follower: Follower,
        bus: Bus,
        counters: CacheCounters,
        clock: Clock,
        longest_ms: int,
        answer_seconds: float,
    ) -> None:
        self._follower = follower
        self._bus = bus
        self._counters = counters
        self._clock = clock
        self._longest_ms = longest_ms
        self._answer_seconds = answer_seconds

    def has_lease(self) -> bool:
        return self._follower.lease.is_valid(self._clock())

    async def holds(self, entry: Entry) -> bool:
        """Nothing it shows has changed since its position as far as has been heard, and enough has been heard."""
        made_at = entry.position
        if made_at is None or not self._is_of_our_time(made_at):
            return False
        if self._follower.remembers(made_at):
            changes = (self._follower.last_change(tag) for tag in entry.tags)
            is_true = all(change is None or change <= made_at.id for change in changes)
        else:
            is_true = await self._ask_state_server(entry, made_at)
        if not is_true:
            self._counters.shared_stale += 1
        return is_true and self._is_of_our_time(made_at)

    def least_position(self, entry: Entry) -> StreamId | None:
        """What was made of the same page before this proves nothing, as far as has been heard; None: nobody knows."""
        if entry.position is None or not self._follower.remembers(entry.position):
            return None
        return max(filter(None, map(self._follower.last_change, entry.tags)), default=None)

    def _is_of_our_time(self, made_at: Position) -> bool:
        here = self._follower.position
        return (
            here is not None
            and self.has_lease()
            and made_at.epoch == here.epoch
            and here.id.ms - made_at.id.ms <= self._longest_ms
        )

    async def _ask_state_server(self, entry: Entry, made_at: Position) -> bool:
        heard = self._follower.position
        try:
            async with asyncio.timeout(self._answer_seconds):
                end, changes = await self._bus.positions(entry.tags)
        except (BusUnavailable, TimeoutError):
            self._counters.position_errors += 1
            return False
        is_whole = end is not None and end.epoch == made_at.epoch and heard is not None and not heard.is_beyond(end)
        return is_whole and all(change <= made_at.id for change in changes.values())
