"""One request of a cart at work at a time, in this process: a second one waits for it, more are told to come back.

Who is inside needs no free slot, so nothing else would keep one buyer's requests from working side by side.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from contracts.tenant import StoreId

_Key = tuple[StoreId, str]
End = Callable[[], None]
"""Ends a turn; does nothing the second time."""


class CartTurns:
    def __init__(self, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds
        self._at_work: dict[_Key, asyncio.Event] = {}
        self._waiting: set[_Key] = set()

    def take(self, store_id: StoreId, cart: str) -> End | None:
        """None: another request of this cart is at work."""
        key = (store_id, cart)
        if key in self._at_work:
            return None
        over = self._at_work[key] = asyncio.Event()
        return partial(self._end, key, over)

    async def wait(self, store_id: StoreId, cart: str) -> End | None:
        """None: a third one, or the turn did not come in time."""
        key = (store_id, cart)
        if key in self._waiting:
            return None
        self._waiting.add(key)
        try:
            async with asyncio.timeout(self._wait_seconds):
                # 1. A ends, which wakes B; 2. C comes and takes the turn; 3. B runs, and has to wait for C.
                while (end := self.take(store_id, cart)) is None:
                    await self._at_work[key].wait()
            return end
        except TimeoutError:
            return None
        finally:
            self._waiting.discard(key)

    def _end(self, key: _Key, over: asyncio.Event) -> None:
        if self._at_work.get(key) is over:
            del self._at_work[key]
            over.set()
