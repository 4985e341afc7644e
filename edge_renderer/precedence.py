"""Who asks little goes first. A shop whose work has lately cost much of this worker's time goes by a lane of its own
while smaller ones are about: one thing at a time, none of it begun while theirs is under way, and pauses in between.

So what a rushing shop takes of the worker, the origin and the database is bounded in time, not in requests; and with
nobody else about it may have all of them.
"""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from contracts.tenant import StoreId
from edge_renderer.costs import HALF_LIFE_SECONDS, Costs
from edge_renderer.errors import OverShare, Refusal

ABOUT_SECONDS = 3.0
"""For so long after its last work another shop is thought to come again."""
_SETTLED_SECONDS = HALF_LIFE_SECONDS / math.log(2)
"""What a cost that stays at one second a second fades to."""


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """`large_share`: of the worker's time, up to which no shop is a large one; beyond it, who costs more than twice its
    fair share is. `pause_times`: how many times as long as the work a pause is. `patience_seconds`: the longest pause,
    and the longest wait for smaller shops' work."""

    large_share: float
    pause_times: float
    patience_seconds: float
    most_waiting: int


class _Lane:
    __slots__ = ("turn", "waiting")

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.waiting = 0


class Precedence:
    def __init__(self, costs: Costs, limits: LaneLimits, clock: Callable[[], float]) -> None:
        self._costs = costs
        self._limits = limits
        self._clock = clock
        self._lanes: dict[StoreId, _Lane] = {}
        self._under_way: Counter[StoreId] = Counter()
        """What is done now for shops that do not step back."""
        self._shop_finished = asyncio.Event()
        self._last: tuple[StoreId | None, float] = (None, -math.inf)
        """The small shop that was seen last, and when; then the last one that was another."""
        self._last_other: tuple[StoreId | None, float] = self._last

    def __len__(self) -> int:
        """Shops that go by a lane."""
        return len(self._lanes)

    @contextmanager
    def answering(self, store_id: StoreId) -> Iterator[None]:
        """While a page that has to be made is looked for, made and encoded: if the shop is a small one, no large one's
        work begins. What takes as long as a client likes has no place in here."""
        if self._steps_back(store_id):
            yield
            return
        self._see(store_id)
        self._under_way[store_id] += 1
        try:
            yield
        finally:
            self._under_way[store_id] -= 1
            if not self._under_way[store_id]:
                del self._under_way[store_id]
                self._shop_finished.set()

    @asynccontextmanager
    async def way(self, store_id: StoreId | None, deadline: float) -> AsyncIterator[Callable[[], bool]]:
        """Gives whether it is still the shop's way: while one waits for a turn, one's shop may become a large one, or
        others may come. Raises OverShare if too many of the shop's own wait, or till `deadline` by the loop's clock."""
        if store_id is None:
            yield lambda: True
        elif self._steps_back(store_id):
            async with self._by_lane(store_id, deadline):
                yield lambda: True
        else:
            with self.answering(store_id):
                yield lambda: not self._steps_back(store_id)

    @asynccontextmanager
    async def _by_lane(self, store_id: StoreId, deadline: float) -> AsyncIterator[None]:
        lane = self._lanes.setdefault(store_id, _Lane())
        if lane.turn.locked() and lane.waiting >= self._limits.most_waiting:
            raise OverShare("too many wait behind smaller shops already", Refusal.SHOP_TURNS)
        await self._wait(store_id, lane, deadline)
        began = self._clock()
        try:
            await self._let_smaller_ones_finish(store_id)
            began = self._clock()
            yield
        finally:
            pause_seconds = min(self._limits.patience_seconds, self._limits.pause_times * (self._clock() - began))
            asyncio.get_running_loop().call_later(pause_seconds, self._leave, store_id, lane)

    async def _wait(self, store_id: StoreId, lane: _Lane, deadline: float) -> None:
        lane.waiting += 1
        try:
            async with asyncio.timeout_at(deadline):
                await lane.turn.acquire()
        except TimeoutError as error:
            raise OverShare("smaller shops were in the way", Refusal.SHOP_TURNS) from error
        finally:
            lane.waiting -= 1
            self._forget_if_idle(store_id, lane)

    async def _let_smaller_ones_finish(self, store_id: StoreId) -> None:
        """No longer than patience lasts: among many small shops there is always one. What the shop itself has under way
        from before it was large is no reason to wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.patience_seconds):
                while any(shop != store_id and not self._steps_back(shop) for shop in self._under_way):
                    self._shop_finished.clear()
                    await self._shop_finished.wait()

    def _leave(self, store_id: StoreId, lane: _Lane) -> None:
        lane.turn.release()
        self._forget_if_idle(store_id, lane)

    def _forget_if_idle(self, store_id: StoreId, lane: _Lane) -> None:
        if not lane.waiting and not lane.turn.locked():
            del self._lanes[store_id]

    def _steps_back(self, store_id: StoreId) -> bool:
        return self._is_large(store_id) and self._is_another_about(store_id)

    def _is_large(self, store_id: StoreId) -> bool:
        cost = self._costs.by_shop.get(store_id, 0.0)
        return cost > self._limits.large_share * _SETTLED_SECONDS and cost > 2 * self._costs.fair

    def _is_another_about(self, store_id: StoreId) -> bool:
        _, seen_at = self._last if self._last[0] != store_id else self._last_other
        return self._clock() - seen_at < ABOUT_SECONDS

    def _see(self, store_id: StoreId) -> None:
        if self._last[0] != store_id:
            self._last_other = self._last
        self._last = (store_id, self._clock())
