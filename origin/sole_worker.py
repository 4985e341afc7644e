"""One process of all that could do the same work: whoever holds a lock of PostgreSQL, as long as its session lives."""

import psycopg

from invalidation.bounded_connection import BoundedConnection

_CONNECT_SECONDS = 2
_ANSWER_SECONDS = 5.0


class SoleWorker:
    """On a connection of its own. A process that dies, or is cut off, loses the lock with it: what is done under it
    must still be right when two do it for a moment. One that does not ask for `idle_seconds`, as it is frozen or its
    host has vanished, loses the lock too: nobody else could have the work until TCP noticed."""

    def __init__(self, url: str, lock_id: int, idle_seconds: float, answer_seconds: float = _ANSWER_SECONDS) -> None:
        self._url = url
        self._lock_id = lock_id
        self._idle_ms = round(idle_seconds * 1000)
        self._answer_seconds = answer_seconds
        self._connection: BoundedConnection[tuple[bool]] | None = None

    async def is_ours(self) -> bool:
        """Whether the work is for this process now. False also when PostgreSQL does not answer."""
        try:
            connection = self._connection or await self._connect()
            # Asked again by who has it, PostgreSQL says yes again.
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [self._lock_id])
            row = await cursor.fetchone()
        except psycopg.Error:
            await self.close()
            return False
        return bool(row and row[0])

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _connect(self) -> BoundedConnection[tuple[bool]]:
        self._connection = await BoundedConnection.connect(
            self._url,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
            options=f"-c idle_session_timeout={self._idle_ms}",
        )
        self._connection.answer_seconds = self._answer_seconds
        return self._connection
