"""Limits on work at once, over all shops and for each: one shop's rush may fill its own share of turns, never all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.tenant import StoreId
from edge_renderer.errors import Overloaded


class _Share:
    """One shop's turns, kept only while somebody holds or awaits one."""

    __slots__ = ("turns", "users")

    def __init__(self, turns: int) -> None:
        self.turns = asyncio.Semaphore(turns)
        self.users = 0


class Turns:
    """`None` as the tenant: work that is for no shop yet (an unknown host); it shares one share."""

    def __init__(self, name: str, at_once: int, at_once_for_one: int, wait_seconds: float) -> None:
        self._name = name
        self._all = asyncio.Semaphore(at_once)
        self._at_once_for_one = at_once_for_one
        self._wait_seconds = wait_seconds
        self._shares: dict[StoreId | None, _Share] = {}

    @asynccontextmanager
    async def turn(self, store_id: StoreId | None) -> AsyncIterator[None]:
        """Raises Overloaded if no turn comes in time.

        The shop's own turn is taken first: those waiting for it must hold none of the turns that others need.
        """
        share = self._shares.setdefault(store_id, _Share(self._at_once_for_one))
        share.users += 1
        try:
            await self._acquire(share)
            try:
                yield
            finally:
                self._all.release()
                share.turns.release()
        finally:
            share.users -= 1
            if not share.users:
                del self._shares[store_id]

    async def _acquire(self, share: _Share) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await share.turns.acquire()
                try:
                    await self._all.acquire()
                except BaseException:
                    share.turns.release()
                    raise
        except TimeoutError as error:
            raise Overloaded(f"all turns for {self._name} are taken") from error
