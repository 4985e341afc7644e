"""What keeps an outage of PostgreSQL short and cheap: no statement waits for ever, and while nobody can connect,
requests are refused at once instead of each waiting for its own time-out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow

from origin.errors import Unavailable

LOOK_SECONDS = 0.25
_Result = TypeVar("_Result")


class BoundedConnection(psycopg.AsyncConnection[DictRow]):
    """Gives up when the server says nothing for `answer_seconds`. A server that has vanished sends no reset, and
    neither a server-side limit nor a cancellation, which must reach the server, would end the wait."""

    answer_seconds: float = 30.0

    async def wait(self, gen: PQGen[_Result], interval: float = 0.1, timeout: float | None = None) -> _Result:
        try:
            return await super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()  # it still owes an answer: nobody may use it again
            raise


class Outage:
    """Begins when the pool has given up connecting, and ends with the first success of `try_it`, which is called
    again and again until then and returns whether the server answered, in bounded time."""

    def __init__(self, try_it: Callable[[], Awaitable[bool]]) -> None:
        self._try_it = try_it
        self._watching: asyncio.Task[None] | None = None

    def refuse(self) -> None:
        """Raises Unavailable while it lasts."""
        if self._watching is not None and not self._watching.done():
            raise Unavailable("the database cannot be reached")

    def begin(self) -> None:
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _watch(self) -> None:
        while not await self._try_it():  # noqa: ASYNC110 - what is waited for is a server
            await asyncio.sleep(LOOK_SECONDS)
