"""What keeps an outage of PostgreSQL cheap: while nobody can connect, requests are refused at once instead of each
waiting for its own time-out."""

import asyncio
from collections.abc import Awaitable, Callable

from origin.errors import Unavailable

LOOK_SECONDS = 0.25


class Outage:
    """Begins when the pool has given up connecting, and ends with the first success of `try_it`, which is called
    again and again until then and returns whether the server answered, in bounded time."""

    def __init__(self, try_it: Callable[[], Awaitable[bool]]) -> None:
        self._try_it = try_it
        self._watching: asyncio.Task[None] | None = None
        self._is_closed = False

    def refuse(self) -> None:
        """Raises Unavailable while it lasts."""
        if self._watching is not None and not self._watching.done():
            raise Unavailable("the database cannot be reached")

    def begin(self) -> None:
        """Not once it is closed: a pool may still give up while it closes, and nobody would end that watch."""
        if not self._is_closed and (self._watching is None or self._watching.done()):
            self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        self._is_closed = True
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _watch(self) -> None:
        while not await self._try_it():  # noqa: ASYNC110 - what is waited for is a server
            await asyncio.sleep(LOOK_SECONDS)
