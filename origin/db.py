"""The pool, and `tenant(store_id)`, which is the only way to a connection that sees a tenant's rows.

The transaction and its tenant are opened in one round trip, with SET LOCAL and a literal: the setting dies with the
transaction, and Citus hands it on to its workers (it does not do that for set_config()).
"""

import asyncio
import select
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from contracts import crash_points
from contracts.crash_points import LineBroken, Step
from contracts.tenant import StoreId
from origin.errors import MisconfiguredError, Unavailable
from origin.outage import Outage
from origin.packets import in_packets
from origin.reading import ReadingConnection, Statement

Tx = psycopg.AsyncConnection[DictRow]

# PostgreSQL weighs a kept plan as if each array had ten elements; of one or two it would plan anew, every time.
_GENERIC_PLANS = b"SET LOCAL plan_cache_mode = force_generic_plan"
_OPEN_SECONDS = 5.0
"""For a pool's first connection; a request waits for less."""
_MOST_PREPARED = 300
"""Of a connection: psycopg sends numbers and arrays by their size, so that one statement is prepared two to four times
where shops are large and small; checkout alone has 39. Past its own 100 it would forget and prepare without end."""


class Pool(AsyncConnectionPool[ReadingConnection]):
    """That knows when the server is away, and gives out what came back last: behind that connection is a process that
    has its plans and its rows at hand. In turn, each of ten would be the coldest there is."""

    def __init__(self, url: str, connections: int, wait_seconds: float, answer_seconds: float) -> None:
        # A transaction whose other end has vanished would hold its locks until TCP noticed, in hours.
        idle_ms = round(2000 * answer_seconds)
        super().__init__(
            url,
            connection_class=ReadingConnection,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "connect_timeout": 2,
                "options": f"-c idle_in_transaction_session_timeout={idle_ms}",
            },
            configure=self._bound,
            min_size=1,
            max_size=connections,
            timeout=wait_seconds,
            max_waiting=1000,
            reconnect_timeout=2,  # then the next request tries again; a long backoff would outlast a short outage
            reconnect_failed=self._begin_outage,
            open=False,
            check=_refuse_dead_connection,
        )
        self._answer_seconds = answer_seconds
        self.outage = Outage(self._answers)

    async def _get_ready_connection(self, timeout: float | None) -> ReadingConnection | None:
        """psycopg_pool takes from the left what it puts to the right. What nobody uses it closes from the left, too."""
        self._pool.rotate(1)
        return await super()._get_ready_connection(timeout)

    async def close(self, timeout: float = 5.0) -> None:
        await self.outage.close()
        await super().close(timeout)

    async def _bound(self, connection: ReadingConnection) -> None:
        connection.answer_seconds = self._answer_seconds
        connection.prepared_max = _MOST_PREPARED

    async def _begin_outage(self, _: AsyncConnectionPool[ReadingConnection]) -> None:
        self.outage.begin()

    async def _answers(self) -> bool:
        try:
            async with self.connection() as connection:
                await connection.execute("SELECT 1")
        except (PoolTimeout, psycopg.OperationalError):
            return False
        return True


class Database:
    """Two pools, because two roles: `stoa_app` works for one tenant at a time, `stoa_router` reads the directory."""

    def __init__(
        self,
        app_url: str,
        router_url: str,
        *,
        connections: int = 10,
        wait_seconds: float = 3.0,
        answer_seconds: float = 30.0,
    ) -> None:
        self._app = Pool(app_url, connections, wait_seconds, answer_seconds)
        self._router = Pool(router_url, max(2, connections // 4), wait_seconds, answer_seconds)

    async def open(self) -> None:
        """Connects both pools. Raises Unavailable, or MisconfiguredError for a role that could bypass isolation; then
        nothing stays open: a pool that still connects would not let its event loop end."""
        try:
            for pool in (self._app, self._router):
                await pool.open()
                await pool.wait(_OPEN_SECONDS)
                async with _connection(pool) as connection:
                    await refuse_unbound_role(connection)
        except PoolTimeout as error:
            await self.close()
            raise Unavailable("the database cannot be reached") from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        await self._app.close()
        await self._router.close()

    @asynccontextmanager
    async def tenant(self, store_id: StoreId, *, step: Step | None = None) -> AsyncIterator[Tx]:
        """A transaction that sees one tenant. Commits at the end of the block, rolls back on any exception.

        Only a `step` may write: it has a name, so that a test can end the program before and after its commit.
        """
        async with _connection(self._app) as connection:
            if step is None:
                await connection.execute(b"BEGIN READ ONLY; " + _tenant_is(store_id))
                yield connection
                await connection.execute("COMMIT")
            else:
                await connection.execute(b"BEGIN; " + _tenant_is(store_id))
                yield connection
                crash_points.committing(step)
                await connection.execute("COMMIT")
                crash_points.committed(step)

    @asynccontextmanager
    async def moment(self, store_id: StoreId) -> AsyncIterator[Tx]:
        """To read only: all statements see the tenant as it was at one moment, whatever is written meanwhile."""
        async with _connection(self._app) as connection:
            await connection.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; " + _tenant_is(store_id))
            yield connection
            await connection.execute("COMMIT")

    @asynccontextmanager
    async def together(self, store_id: StoreId, *, step: Step | None = None) -> AsyncIterator[Tx]:
        """As `tenant`, but sent in packets: nothing is waited for until a result is read, or the transaction ends.

        What fails is raised there. `rowcount` is not known before. For statements that find their rows by key: each is
        planned once, whatever its values.
        """
        async with _connection(self._app) as connection:
            async with in_packets(connection):
                begin = b"BEGIN" if step else b"BEGIN READ ONLY"
                for statement in (begin, _tenant_is(store_id), _GENERIC_PLANS):
                    await connection.execute(statement, prepare=False)
                yield connection
                if step:
                    crash_points.committing(step)
                await connection.execute("COMMIT", prepare=False)
            if step:
                crash_points.committed(step)

    async def read_row(self, store_id: StoreId, statement: bytes, values: Mapping[str, Any]) -> DictRow | None:
        """The only row of one reading statement, in a transaction that sees one tenant: all in one round trip."""
        async with _connection(self._app) as connection:
            return await connection.one_row(b"BEGIN READ ONLY", _tenant_is(store_id), Statement.of(statement), values)

    async def write_row(
        self, store_id: StoreId, statement: bytes, values: Mapping[str, Any], *, step: Step
    ) -> DictRow | None:
        """The same of a statement that writes; None if it returns no row. Committed when this returns."""
        async with _connection(self._app) as connection:
            crash_points.committing(step)
            row = await connection.one_row(b"BEGIN", _tenant_is(store_id), Statement.of(statement), values)
            crash_points.committed(step)
            return row

    @asynccontextmanager
    async def directory(self) -> AsyncIterator[Tx]:
        """Reads of the directory across tenants: hosts, token hashes, stores, deadlines. Never writes."""
        async with _connection(self._router) as connection:
            yield connection


def _tenant_is(store_id: StoreId) -> bytes:
    return b"SET LOCAL app.store_id = '%d'" % store_id


async def _refuse_dead_connection(connection: Tx) -> None:
    """An idle server says nothing, so a readable socket means it has hung up. Costs a system call, not a round trip.

    It is closed here because libpq itself has noticed nothing: the pool would take it back and offer it again.
    """
    poll = select.poll()  # not select.select, which refuses descriptors from 1024 on
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        await connection.close()
        raise psycopg.OperationalError("the server closed the connection")


@asynccontextmanager
async def _connection(pool: Pool) -> AsyncIterator[ReadingConnection]:
    """A pooled connection that never goes back in a doubtful state, with connection failures in our own words."""
    pool.outage.refuse()
    try:
        connection = await pool.getconn()
        try:
            yield connection
        except (asyncio.CancelledError, LineBroken):
            # The query may still run on the server: a connection in that state must not serve another tenant.
            await connection.close()
            raise
        except BaseException:
            if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
                await connection.execute("ROLLBACK")
            raise
        finally:
            await pool.putconn(connection)
    except (PoolTimeout, PoolClosed, TooManyRequests) as error:
        raise Unavailable("no database connection is free") from error
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
        raise Unavailable("the database took too long") from error
    except (psycopg.OperationalError, LineBroken) as error:
        if isinstance(error, psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected):
            raise
        raise Unavailable("the database cannot be reached") from error


async def refuse_unbound_role(connection: Tx) -> None:
    """Raises MisconfiguredError when row-level security would not bind this connection's role."""
    cursor = await connection.execute(
        """SELECT rolname, rolsuper OR rolbypassrls AS is_unbound,
                  EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid AND relkind IN ('r', 'p')) AS owns_tables
           FROM pg_roles WHERE rolname = current_user"""
    )
    role = await cursor.fetchone()
    if role is None or role["is_unbound"] or role["owns_tables"]:
        name = role["rolname"] if role else "this role"
        raise MisconfiguredError(
            f"the database role {name} could read every tenant's rows; connect as stoa_app, stoa_router or stoa_relay"
        )
