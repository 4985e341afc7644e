"""psycopg's pipeline, but sent in packets: nothing goes to the server before something is to be read from it.

psycopg's own sends each statement at once, so that it costs a system call here and a wake-up of the server there.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg.abc import PQGen
from psycopg.generators import send
from psycopg.rows import DictRow


class Packets(psycopg.AsyncPipeline):
    """Overrides what psycopg does after each statement (nothing), and before it reads (all that has queued up)."""

    def _communicate_gen(self) -> PQGen[None]:
        yield from ()

    def _fetch_gen(self, *, flush: bool) -> PQGen[None]:
        if self.command_queue:
            while self.command_queue:
                self.command_queue.popleft()()
            yield from send(self.pgconn)
        yield from super()._fetch_gen(flush=flush)


@asynccontextmanager
async def in_packets(connection: psycopg.AsyncConnection[DictRow]) -> AsyncIterator[None]:
    """Within it, the connection's statements are sent when a result is read, and at the end. They are prepared at once,
    where psycopg waits for the sixth time."""
    pipeline = connection._pipeline = Packets(connection)
    usual, connection.prepare_threshold = connection.prepare_threshold, 0
    try:
        async with pipeline:
            yield
    except BaseException:
        # psycopg takes for prepared what it had begun to prepare; behind the failure the server never did.
        connection._prepared.clear()
        raise
    finally:
        connection._pipeline, connection.prepare_threshold = None, usual
