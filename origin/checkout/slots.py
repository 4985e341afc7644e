"""Checkouts at work at once in this process: of one shop, and in all. Who came first gets the next free slot.

One that waits for the payment provider costs nothing meanwhile, and leaves its slot to others. When it is back, it is
finished at once, beyond the limit if need be.
"""

import asyncio
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from contracts.tenant import StoreId

HELD_TIMES = 4
Elsewhere = Callable[[], AbstractContextManager[None]]
"""What surrounds the part of a checkout that somebody else works on."""


@dataclass(order=True, slots=True)
class _Held:
    """A buyer near the front of a line, whose request waits for a slot."""

    arrived_us: int
    number: int
    store_id: StoreId = field(compare=False)
    turn: asyncio.Future[None] = field(compare=False)


class Slots:
    def __init__(self, at_once_for_shop: int, at_once: int) -> None:
        self._at_once_for_shop = at_once_for_shop
        self._at_once = at_once
        self._running: Counter[StoreId] = Counter()
        self._held: list[_Held] = []
        self._numbers = 0

    def running(self, store_id: StoreId) -> int:
        return self._running[store_id]

    def take(self, store_id: StoreId) -> bool:
        if not self._has_room(store_id):
            return False
        self.force(store_id)
        return True

    def force(self, store_id: StoreId) -> None:
        """Also beyond the limit: for those who are inside already."""
        self._running[store_id] += 1

    def give_back(self, store_id: StoreId) -> None:
        self._running[store_id] -= 1
        if not self._running[store_id]:
            del self._running[store_id]
        self._pass_on()

    @contextmanager
    def elsewhere(self, store_id: StoreId) -> Iterator[None]:
        """While somebody else works on what has a slot."""
        self.give_back(store_id)
        try:
            yield
        finally:
            self.force(store_id)

    async def wait(self, store_id: StoreId, arrived_us: int, seconds: float) -> bool:
        """Whether a slot came in time; then it is taken. At most HELD_TIMES as many wait for a shop as it has slots."""
        if sum(held.store_id == store_id for held in self._held) >= self._at_once_for_shop * HELD_TIMES:
            return False
        self._numbers += 1
        held = _Held(arrived_us, self._numbers, store_id, asyncio.get_running_loop().create_future())
        insort(self._held, held)
        try:
            async with asyncio.timeout(seconds):
                await held.turn
        except BaseException as error:
            # 1. a slot is given; 2. before this task runs, its time is over or it is cancelled: the slot goes on.
            if held.turn.done() and not held.turn.cancelled():
                self.give_back(store_id)
            else:
                self._held.remove(held)
            if isinstance(error, TimeoutError):
                return False
            raise
        return True

    def _has_room(self, store_id: StoreId) -> bool:
        return self._running[store_id] < self._at_once_for_shop and self._running.total() < self._at_once

    def _pass_on(self) -> None:
        for held in list(self._held):
            if not held.turn.done() and self._has_room(held.store_id):
                self.force(held.store_id)
                self._held.remove(held)
                held.turn.set_result(None)
