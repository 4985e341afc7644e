"""A connection to PostgreSQL on which nothing waits for ever."""

from typing import TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import Row

_Result = TypeVar("_Result")


class BoundedConnection(psycopg.AsyncConnection[Row]):
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
