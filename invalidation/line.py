"""One connection to a cache or state server, on which many ask at once and are answered in order.

A client that takes a connection out of a pool for each question, and puts a time-out around each of its steps, costs
several times what the question does. So only the library's connection is used (it knows addresses, passwords, TLS and
the protocol), and there is one clock for all: when the oldest question has waited too long, the line is given up, and
all who wait on it hear of it.
"""

import asyncio
import math
from collections import deque
from contextlib import suppress
from typing import Any

import redis.asyncio
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

_GRACE_LOOKS = 3
_GRACE_SECONDS = 0.001
"""When the event loop itself was late, an answer may be here that nobody has read: an overdue one is looked for again a
few times, with the loop's other work between, before the line is given up."""


class Line:
    """Raises RedisError, OSError or TimeoutError; the next question makes a new connection."""

    def __init__(self, url: str, answer_seconds: float) -> None:
        self._maker = redis.asyncio.ConnectionPool.from_url(
            url, socket_timeout=None, socket_connect_timeout=answer_seconds, retry=Retry(NoBackoff(), 0)
        )
        self._answer_seconds = answer_seconds
        self._connection: AbstractConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._asked: deque[tuple[asyncio.Future[Any], float]] = deque()
        """Who waits for an answer, the first to get one first, and until when."""
        self._clock: asyncio.TimerHandle | None = None
        self._overdue: tuple[asyncio.Future[Any] | None, int] = None, 0
        """The oldest, and how often it was found overdue."""

    async def ask(self, *command: str | bytes | int) -> Any:
        if self._connection is None:
            await self._connected()
        connection = self._connection
        if connection is None:
            raise ConnectionError("the line broke as soon as it was there")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._asked.append((answer, loop.time() + self._answer_seconds))
        if self._clock is None:
            self._clock = loop.call_later(self._answer_seconds, self._look)
        try:
            # Written before anything is waited for, so questions leave in the order in which answers are given out.
            await connection.send_packed_command(connection.pack_command(*command), check_health=False)
        except BaseException as error:  # half a question may have left, so nothing can follow it
            answer.cancel()
            self._give_up(ConnectionError(f"a question could not be asked: {error!r}"))
            raise
        return await answer

    async def close(self) -> None:
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
        reading = self._reading
        self._give_up(ConnectionError("the line was closed"))
        if reading is not None:
            await asyncio.gather(reading, return_exceptions=True)

    async def _connected(self) -> None:
        """All who come meanwhile wait for the same connection; who hangs up does not take it from the others."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(lambda done: done.cancelled() or done.exception())  # if all hung up
        await asyncio.shield(self._connecting)

    async def _connect(self) -> None:
        connection: AbstractConnection = self._maker.make_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(self._answer_seconds):
                await connection.connect()  # type: ignore[no-untyped-call]
            self._connection = connection
            self._reading = asyncio.create_task(self._read(connection))
        except BaseException as error:
            await connection.disconnect(nowait=True)
            if isinstance(error, ValueError):
                raise ConnectionError(f"that is no such server: {error}") from error
            raise
        finally:
            self._connecting = None

    async def _read(self, connection: AbstractConnection) -> None:
        try:
            while True:
                try:
                    found = await connection.read_response(timeout=math.inf, disconnect_on_error=False)
                except ResponseError as refused:
                    found = refused
                answer, _ = self._asked.popleft()
                if answer.done():
                    continue  # whoever asked has gone
                if isinstance(found, ResponseError):
                    answer.set_exception(found)
                else:
                    answer.set_result(found)
        except (RedisError, OSError, ValueError, IndexError) as error:  # the last two: what came is not its protocol
            self._give_up(ConnectionError(f"the line broke: {error}"))
        finally:
            with suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)

    def _look(self) -> None:
        self._clock = None
        if not self._asked:
            return
        loop = asyncio.get_running_loop()
        oldest, due_at = self._asked[0]
        if due_at > loop.time():
            self._clock = loop.call_at(due_at, self._look)
            return
        known, looks = self._overdue
        self._overdue = (oldest, looks + 1 if known is oldest else 1)
        if self._overdue[1] > _GRACE_LOOKS:
            self._give_up(TimeoutError("no answer in time"))
        else:
            self._clock = loop.call_later(_GRACE_SECONDS, self._look)

    def _give_up(self, error: Exception) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        self._overdue = None, 0
        reading, self._reading, self._connection = self._reading, None, None
        if reading is not None and reading is not asyncio.current_task():
            reading.cancel()
        waiting, self._asked = self._asked, deque()
        for answer, _ in waiting:
            if not answer.done():
                answer.set_exception(error)
