"""Limits on work at once, over all shops and for each. Free turns go round the shops that wait, one each: a shop with a
hundred waiting gets its next turn when every other shop has had one."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from contracts.tenant import StoreId
from edge_renderer.errors import Overloaded, OverShare, Refusal


class _Share:
    """One shop's turns, kept only while somebody holds or awaits one."""

    __slots__ = ("running", "waiting")

    def __init__(self) -> None:
        self.running = 0
        self.waiting: deque[asyncio.Future[None]] = deque()


Way = Callable[[StoreId | None, float], AbstractAsyncContextManager[Callable[[], bool]]]
"""Of whose work, and until when by the loop's clock one may wait on it."""


@asynccontextmanager
async def _straight(_: StoreId | None, __: float) -> AsyncIterator[Callable[[], bool]]:
    yield lambda: True


class Turns:
    """`None` as the tenant: work that is for no shop yet (an unknown host); it has one share, and nobody is to blame if
    that is too small. `way`: what a shop's work goes through before it asks for a turn, unless it is urgent; it gives
    whether it still leads here once the turn has come."""

    def __init__(
        self,
        name: str,
        at_once: int,
        at_once_for_one: int,
        wait_seconds: float,
        most_waiting_for_one: int = 64,
        way: Way | None = None,
    ) -> None:
        self._name = name
        self._at_once = at_once
        self._at_once_for_one = at_once_for_one
        self._wait_seconds = wait_seconds
        self._most_waiting = most_waiting_for_one
        self._way = way or _straight
        self._shares: dict[StoreId | None, _Share] = {}
        self._round: OrderedDict[StoreId | None, _Share] = OrderedDict()
        """Shops that wait and are below their own limit, the next to be served first. Empty while turns are free."""
        self.running = 0
        self.waiting = 0

    def __len__(self) -> int:
        """Shops that hold or await a turn."""
        return len(self._shares)

    @asynccontextmanager
    async def turn(self, store_id: StoreId | None, *, is_urgent: bool = False) -> AsyncIterator[None]:
        """Raises OverShare if the shop's own work is in the way, Overloaded if other shops' is and no turn came. Who is
        looked at again when a turn has come waits no longer for it all than who is not."""
        deadline = asyncio.get_running_loop().time() + self._wait_seconds
        way = _straight if is_urgent else self._way
        while True:
            async with way(store_id, deadline) as still_leads_here:
                share = self._shares.setdefault(store_id, _Share())
                await self._take(store_id, share, deadline)
                try:
                    if still_leads_here():
                        yield
                        return
                finally:
                    self._release(store_id, share)

    async def _take(self, store_id: StoreId | None, share: _Share, deadline: float) -> None:
        if self.running < self._at_once and share.running < self._at_once_for_one:
            self._grant(share)
            return
        if len(share.waiting) >= self._most_waiting:
            self._forget_if_idle(store_id, share)
            raise _over(store_id, f"too many wait for {self._name} already")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        share.waiting.append(turn)
        self.waiting += 1
        self._join_round(store_id, share)
        try:
            async with asyncio.timeout_at(deadline):
                await turn
        except BaseException as error:
            self._leave(store_id, share, turn)
            if isinstance(error, TimeoutError):
                raise self._refusal(store_id, share) from error
            raise

    def _refusal(self, store_id: StoreId | None, share: _Share) -> Overloaded:
        text = f"no turn for {self._name} came in time"
        is_own_fault = share.running >= self._at_once_for_one
        return _over(store_id, text) if is_own_fault else Overloaded(text, Refusal.ALL_TURNS)

    def _grant(self, share: _Share) -> None:
        share.running += 1
        self.running += 1

    def _release(self, store_id: StoreId | None, share: _Share) -> None:
        share.running -= 1
        self.running -= 1
        self._join_round(store_id, share)
        self._pass_on()
        self._forget_if_idle(store_id, share)

    def _pass_on(self) -> None:
        """1. somebody who waits is cancelled; 2. before their task runs, a turn is free: it is not for them."""
        while self.running < self._at_once and self._round:
            store_id, share = self._round.popitem(last=False)
            turn = share.waiting.popleft()
            self.waiting -= 1
            if not turn.cancelled():
                self._grant(share)
                turn.set_result(None)
            self._join_round(store_id, share)

    def _join_round(self, store_id: StoreId | None, share: _Share) -> None:
        if share.waiting and share.running < self._at_once_for_one:
            self._round.setdefault(store_id, share)

    def _leave(self, store_id: StoreId | None, share: _Share, turn: asyncio.Future[None]) -> None:
        """1. a turn is granted; 2. before its task runs, it is cancelled: the turn is its own to give on."""
        if turn.done() and not turn.cancelled():
            self._release(store_id, share)
            return
        if turn in share.waiting:
            share.waiting.remove(turn)
            self.waiting -= 1
        if not share.waiting:
            self._round.pop(store_id, None)
        self._forget_if_idle(store_id, share)

    def _forget_if_idle(self, store_id: StoreId | None, share: _Share) -> None:
        if not share.running and not share.waiting and self._shares.get(store_id) is share:
            del self._shares[store_id]


def _over(store_id: StoreId | None, text: str) -> Overloaded:
    return Overloaded(text, Refusal.ALL_TURNS) if store_id is None else OverShare(text, Refusal.SHOP_TURNS)
