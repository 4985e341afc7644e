"""Reading and filling through the tiers: memory (L1), cache server (L2), origin. The rules of design, section 5.

read    fresh under a lease            -> serve it
        the origin said so just now    -> serve it
        stale for less than a second   -> serve it while one refill runs
        else                           -> wait for the one fill under way, or start it

purge   somebody has read it since it was made -> make it anew at once, if that may be

fill    note the position, then read anything
        L2 has it, and nothing in it has changed since its position -> keep it with that older position
        another edge is making it      -> wait for L2 a little
        ask the origin                 -> keep it here and in L2
        the origin cannot be asked     -> serve what there is, and say so
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog

from contracts.events import Position, StreamId
from contracts.tenant import StoreId
from edge_renderer.cache.counters import CacheCounters
from edge_renderer.cache.entry import LARGE_BODY_BYTES, Entry, EntryError, build_entry, refined
from edge_renderer.cache.local import Held, LocalCache, OpenFill
from edge_renderer.cache.made import Answer, Built, Fill, NotModified, Source, Standing, Why
from edge_renderer.cache.proof import Proof
from edge_renderer.cache.shared import SharedCache
from edge_renderer.cache.single_flight import SingleFlight
from edge_renderer.costs import Costs
from edge_renderer.errors import OriginUnavailable, PageFailed
from invalidation.bus import Bus
from invalidation.follower import Follower
from invalidation.lease import Clock, lease_clock

log = structlog.get_logger()

WORD_SECONDS = 1.0
"""How long the origin's word that an entry is true is good, and how long its silence is not disturbed again."""
MOST_ROUNDS = 3
LOCK_POLLS = 100
LOCK_POLL_SECONDS = 0.005
MOST_WRITES_UNDER_WAY = 256
MOST_RENEWALS = 8
"""Pages made anew at once for nobody who waits. What is over that is made for the next who asks."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a flight brought, and when it began: data read after a request came is good enough for that request."""

    answer: Answer
    started_at: float


@dataclass(frozen=True, slots=True)
class _Search:
    """What came of looking on the cache server: the answer, or who is to make the page, and from what before it."""

    why: Why
    token: str = ""
    previous: Entry | None = None
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class _Making:
    """One fill while it runs."""

    key: str
    store_id: StoreId | None
    fill: Fill
    guard: OpenFill
    started_at: float
    position: Position | None
    held: Held | None
    is_at_hand: bool
    renew: Fill | None


class Tiers:
    def __init__(
        self,
        local: LocalCache,
        shared: SharedCache,
        follower: Follower,
        bus: Bus,
        counters: CacheCounters,
        *,
        page_ms: int = 86_400_000,
        missing_ms: int = 1_000,
        proof_seconds: float = 0.1,
        costs: Costs | None = None,
        may_renew: Callable[[StoreId | None], bool] = lambda store_id: True,
        clock: Clock = lease_clock,
    ) -> None:
        """`may_renew`: whether the shop's budget allows to make a page anew that may still be served stale.
        `proof_seconds`: the state server's time to say what has changed."""
        self.local = local
        self.counters = counters
        self._shared = shared
        self._follower = follower
        self._page_ms = page_ms
        self._missing_ms = missing_ms
        self._costs = costs or Costs()
        self._may_renew = may_renew
        self._clock = clock
        self._proof = Proof(follower, bus, counters, clock, page_ms, proof_seconds)
        self._flights: SingleFlight[_Outcome] = SingleFlight()
        self._writes: set[asyncio.Task[None]] = set()
        self._renewals = 0
        follower.subscribe(local)

    async def close(self) -> None:
        """Ends fills and writes under way."""
        await self._flights.close()
        writes = list(self._writes)
        for write in writes:
            write.cancel()
        await asyncio.gather(*writes, return_exceptions=True)

    async def settle(self) -> None:
        """Waits for the writes to the cache server that answers did not wait for."""
        await asyncio.gather(*self._writes, return_exceptions=True)

    def knows(self, key: str) -> bool:
        """It holds the page, in whatever standing, or is making it."""
        return self.held(key) is not None or self._flights.is_flying(key)

    def held(self, key: str) -> Held | None:
        return self.local.get(key, self._clock())

    async def get(
        self, key: str, store_id: StoreId | None, fill: Fill, *, is_at_hand: bool = False, renew: Fill | None = None
    ) -> Answer:
        """Raises what `fill` raises, when there is nothing to serve instead. `is_at_hand`: all that `fill` needs is
        here already; to ask the cache server first, and who else is making it, would cost more than it could save.
        `renew`: the fill for when the page is purged, kept with it; without one that waits for the next who asks."""
        arrived_at = self._clock()
        make = partial(self._costs.work, store_id, partial(self._make, key, store_id, fill, is_at_hand, renew))
        for _ in range(MOST_ROUNDS):
            held = self.local.get(key, self._clock())
            answer = self._from_memory(held) if held is not None else None
            if answer is not None:
                if answer.state is Standing.STALE and not self._flights.is_flying(key) and self._may_renew(store_id):
                    self._flights.start(key, make)
                return answer
            is_coalesced = self._flights.is_flying(key)
            self.counters.coalesced += is_coalesced
            outcome = await self._flights.run(key, make)
            if self._is_good(outcome, arrived_at):
                break
        self.counters.unverified_served += outcome.answer.state is Standing.UNVERIFIED
        return replace(outcome.answer, is_coalesced=True) if is_coalesced else outcome.answer

    def _from_memory(self, held: Held) -> Answer | None:
        now = self._clock()
        self.counters.lapsed_reads += not self._follower.lease.is_valid(now)
        state = self._standing(held, now)
        if state is None:
            return None
        self.counters.hits_local += 1
        self.counters.stale_served += state is Standing.STALE
        self.counters.unverified_served += state is Standing.UNVERIFIED
        return Answer(held.entry, Source.LOCAL, state, held)

    def _standing(self, held: Held, now: float) -> Standing | None:
        """As what it may be served now; None: not at all before somebody was asked."""
        if held.is_fresh and self._follower.lease.is_valid(now):
            return Standing.FRESH
        if now < held.checked_until:
            return Standing.REVALIDATED
        if now < held.excused_until:
            return Standing.UNVERIFIED
        if held.stale_until is not None and now < held.stale_until:
            return Standing.STALE
        return None

    def _is_good(self, outcome: _Outcome, arrived_at: float) -> bool:
        """1. a fill reads the old row; 2. the merchant commits and the purge is applied; 3. a request comes and joins
        the fill; 4. it would get the old page for as long as the fill takes. So what began before the request came
        counts only if it may be served by the rules."""
        answer = outcome.answer
        if outcome.started_at >= arrived_at or answer.state is Standing.UNVERIFIED:
            return True
        if answer.held is None:
            return self._clock() < outcome.started_at + WORD_SECONDS
        return self._standing(answer.held, self._clock()) is not None

    def _renew(self, key: str, store_id: StoreId | None, renew: Fill) -> None:
        """Makes a page anew as soon as a purge has made it stale. Each of these has been paid for: a page that nobody
        has read since it was made is not made for nobody again, so there are never more of them than reads."""
        if self._renewals < MOST_RENEWALS and not self._flights.is_flying(key) and self._may_renew(store_id):
            make = partial(self._make, key, store_id, renew, False, renew)
            flight = self._flights.start(key, partial(self._costs.work, store_id, make))
            flight.add_done_callback(self._note_renewed)
            self._renewals += 1
            self.counters.renewals += 1

    def _note_renewed(self, _: object) -> None:
        self._renewals -= 1

    async def _make(
        self, key: str, store_id: StoreId | None, fill: Fill, is_at_hand: bool, renew: Fill | None
    ) -> _Outcome:
        with self.local.open_fill() as guard:
            # The position is noted before anything is read, here and in `fill`.
            started_at, position = self._clock(), self._follower.position
            held = self.local.get(key, started_at)
            making = _Making(key, store_id, fill, guard, started_at, position, held, is_at_hand, renew)
            try:
                answer = await self._obtain(making)
                if renew is not None and answer.held is not None:
                    answer.held.renew = partial(self._renew, key, store_id, renew)
                return _Outcome(replace(answer, local_why=Why.STALE) if held else answer, started_at)
            except Exception as error:
                self.counters.failed_fills += 1
                named = key.partition("?")[0]  # what somebody searched for is nobody else's business
                log.warning("a page could not be made", key=named, error=repr(error))
                raise

    async def _obtain(self, making: _Making) -> Answer:
        search = await self._look_in_shared(making)
        if search.answer is not None:
            return search.answer
        previous = _newest(making.held.entry if making.held else None, search.previous)
        answer = await self._from_origin(making, previous, search.token)
        return answer if search.why is Why.MISS else replace(answer, shared_why=search.why)

    async def _look_in_shared(self, making: _Making) -> _Search:
        """Without a lease no lock is asked for: what others make could not be proven."""
        if making.is_at_hand:
            return _Search(Why.BYPASS)
        if self._proof.has_lease():
            return await self._take_turn(making)
        if making.held is not None:
            return _Search(Why.BYPASS)
        shared = await self._shared.get(making.key, making.store_id)
        return _Search(Why.MISS if shared is None else Why.STALE, previous=shared)

    async def _from_shared(self, making: _Making, entry: Entry) -> Answer | None:
        if not await self._proof.holds(entry):
            return None
        held = self.local.put(entry, making.guard, self._clock())
        if not held.is_fresh:  # overtaken while the state server was asked
            return None
        self.counters.hits_shared += 1
        return Answer(entry, Source.SHARED, Standing.FRESH, held)

    async def _take_turn(self, making: _Making) -> _Search:
        """What another edge has made, or makes while this one waits; or the lock between edges. The lock is a courtesy:
        who has waited long enough makes the page without it."""
        least = self._proof.least_position(making.held.entry) if making.held else None
        previous, why, has_waited = None, Why.MISS, False
        for _ in range(LOCK_POLLS):
            found = await self._shared.get_or_lock(making.key, making.store_id, least)
            if found.has_older and why is Why.MISS:
                self.counters.shared_stale += 1
                why = Why.STALE
            if found.token is not None:
                return _Search(why, found.token, previous)
            if found.entry is None:
                self.counters.lock_waits += not has_waited
                has_waited = True
                await asyncio.sleep(LOCK_POLL_SECONDS)
                continue
            answer = await self._from_shared(making, found.entry)
            if answer is not None:
                return _Search(why, answer=answer)
            why, previous, least = Why.STALE, found.entry, _after(found.entry)
        return _Search(why, previous=previous)

    async def _from_origin(self, making: _Making, previous: Entry | None, token: str) -> Answer:
        entry: Entry | None = None
        try:
            made = await making.fill(previous)
            if isinstance(made, NotModified):
                entry = self._confirmed(making, previous)
                return self._keep(making, entry, Standing.REVALIDATED)
            entry = await self._built(making, made)
            if not made.is_cacheable:
                self.counters.fills += 1
                self.local.drop(making.key)
                answer, entry = Answer(entry, Source.FILL, Standing.FRESH), None
                return answer
            self.counters.fills += 1
            return self._keep(making, entry, Standing.FRESH)
        except OriginUnavailable:  # not Overloaded: then the origin could be asked, and the old page may be untrue
            self.counters.origin_failures += 1
            if previous is None:
                raise
            return self._excuse(making, previous)
        finally:
            if entry is not None or token:
                self._later(self._share(making.key, entry, token))

    def _confirmed(self, making: _Making, previous: Entry | None) -> Entry:
        if previous is None:
            raise OriginUnavailable("the origin says that nothing has changed, but nothing was known")
        self.counters.revalidated += 1
        return previous.at(making.position)

    async def _built(self, making: _Making, made: Built) -> Entry:
        lifetime_ms = self._missing_ms if made.status == 404 else self._page_ms
        build = partial(
            build_entry,
            key=making.key,
            store_id=making.store_id,
            status=made.status,
            headers=made.headers,
            body=made.body,
            tags=made.tags,
            position=_older(making.position, made.made_from) if made.made_from else making.position,
            snapshot_etag=made.snapshot_etag,
            lifetime_ms=lifetime_ms if made.lifetime_ms is None else min(lifetime_ms, made.lifetime_ms),
        )
        began = time.perf_counter()
        try:
            if len(made.body) < LARGE_BODY_BYTES:
                return build()
            return await asyncio.to_thread(lambda: refined(build()))
        except EntryError as error:
            raise PageFailed(f"what was made cannot be an answer: {error}") from error
        finally:
            self.counters.compress_seconds += time.perf_counter() - began

    def _keep(self, making: _Making, entry: Entry, state: Standing) -> Answer:
        now = self._clock()
        held = self.local.put(entry, making.guard, now, checked_until=making.started_at + WORD_SECONDS)
        return Answer(entry, Source.FILL, state, held)

    def _excuse(self, making: _Making, previous: Entry) -> Answer:
        """While the origin is away nobody can change anything, so the old page is true but across a partition."""
        now, held = self._clock(), making.held
        if held is None or held.entry is not previous:
            held = self.local.put(previous, making.guard, now, is_proven=False)
        held.excused_until = now + WORD_SECONDS
        return Answer(previous, Source.LOCAL if held is making.held else Source.SHARED, Standing.UNVERIFIED, held)

    async def _share(self, key: str, entry: Entry | None, token: str) -> None:
        if entry is not None and entry.position is not None:
            await self._shared.set(entry, token)
        else:
            await self._shared.unlock(key, token)

    def _later(self, write: Coroutine[Any, Any, None]) -> None:
        """Work on the cache server that no shopper waits for."""
        if len(self._writes) >= MOST_WRITES_UNDER_WAY:
            write.close()
            self.counters.shared_writes_skipped += 1
            return
        task = asyncio.create_task(write)
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)


def _after(entry: Entry) -> StreamId | None:
    """The first position that it was not made at."""
    return None if entry.position is None else StreamId(entry.position.id.ms, entry.position.id.number + 1)


def _newest(held: Entry | None, shared: Entry | None) -> Entry | None:
    if held is None or shared is None:
        return held or shared
    is_ahead = shared.position and (held.position is None or shared.position.is_beyond(held.position))
    return shared if is_ahead else held


def _older(left: Position | None, right: Position) -> Position | None:
    if left is None or left.epoch != right.epoch:
        return None
    return min(left, right, key=lambda position: position.id)
