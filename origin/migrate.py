"""Brings a database to the current schema: roles, migration files in order, then isolation from the registry.

Can be run again and by several programs at once (an advisory lock lets one work). Each file runs once, in its own
transaction; files named *_pre_* come before the new code is rolled out, *_post_* after the old code is gone.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from origin.errors import MisconfiguredError, Unavailable
from origin.registry import TENANT_TABLES, isolation_sql

MIGRATIONS = Path(__file__).parent / "migrations"
PROGRAM_ROLES = ("stoa_app", "stoa_router", "stoa_relay")
_LOCK_ID = 0x53544F41  # "STOA"
LOCK_WAIT_MS = 1000

Connection = psycopg.AsyncConnection[Any]


async def migrate(admin_url: str, role_passwords: dict[str, str]) -> list[str]:
    """Returns the names of the files that were applied now.

    `admin_url` must be allowed to create roles. `role_passwords` has one entry for each of PROGRAM_ROLES to be made or
    changed. Raises Unavailable when the server cannot be reached, MisconfiguredError when a file changed after it was
    applied.
    """
    try:
        async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True, connect_timeout=5) as connection:
            await connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK_ID])
            await _ensure_roles(connection, role_passwords)
            applied = await _apply_files(connection)
            await _isolate(connection)
            return applied
    except psycopg.errors.InsufficientPrivilege as error:
        raise MisconfiguredError(f"this database user may not do what a migration needs: {error}") from error
    except psycopg.OperationalError as error:
        raise Unavailable(f"cannot work with the database: {error}") from error


async def _ensure_roles(connection: Connection, role_passwords: dict[str, str]) -> None:
    # Roles belong to the whole server: two databases migrated at once may race to create them.
    await connection.execute("""
        DO $$ DECLARE name text; BEGIN
            FOREACH name IN ARRAY ARRAY['stoa_owner', 'stoa_app', 'stoa_router', 'stoa_relay', 'stoa_search'] LOOP
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
                    BEGIN EXECUTE format('CREATE ROLE %I NOLOGIN', name);
                    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
                END IF;
            END LOOP;
        END $$
    """)
    cursor = await connection.execute("SELECT rolbypassrls FROM pg_roles WHERE rolname = 'stoa_search'")
    if await cursor.fetchone() != (True,):
        await connection.execute("ALTER ROLE stoa_search BYPASSRLS")
    for role, password in role_passwords.items():
        if role not in PROGRAM_ROLES:
            raise MisconfiguredError(f"{role} is not one of {', '.join(PROGRAM_ROLES)}")
        statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
        await connection.execute(statement)
    for role in PROGRAM_ROLES:
        for setting in (
            "statement_timeout = '15s'",
            "lock_timeout = '5s'",
            "idle_in_transaction_session_timeout = '20s'",
        ):
            await connection.execute(f"ALTER ROLE {role} SET {setting}".encode())
    await connection.execute("GRANT stoa_owner, stoa_search TO CURRENT_USER")
    await connection.execute("GRANT USAGE ON SCHEMA public TO stoa_app, stoa_router, stoa_relay, stoa_search")
    await connection.execute("GRANT CREATE ON SCHEMA public TO stoa_owner")
    name = sql.Identifier(connection.info.dbname)
    await connection.execute(sql.SQL("GRANT CREATE, CONNECT ON DATABASE {} TO stoa_owner").format(name))


async def _apply_files(connection: Connection) -> list[str]:
    await connection.execute("""
        CREATE TABLE IF NOT EXISTS migration (
            name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
    """)
    cursor = await connection.execute("SELECT name, sha256 FROM migration")
    done: dict[str, str] = dict(await cursor.fetchall())
    applied = []
    for path in sorted(MIGRATIONS.glob("*.sql")):
        text = await asyncio.to_thread(path.read_text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if path.name not in done:
            await _apply(connection, path.name, text, digest)
            applied.append(path.name)
        elif done[path.name] != digest:
            raise MisconfiguredError(f"{path.name} was changed after it was applied; put the change in a new file")
    return applied


async def _apply(connection: Connection, name: str, text: str, digest: str) -> None:
    async with _as_owner(connection):
        await connection.execute(text.encode())
        await connection.execute("RESET ROLE")
        await connection.execute("INSERT INTO migration (name, sha256) VALUES (%s, %s)", [name, digest])


@asynccontextmanager
async def _as_owner(connection: Connection) -> AsyncIterator[None]:
    """A transaction as stoa_owner that gives up rather than let the shops queue behind its wait for a lock."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT_MS}ms'".encode())
        await connection.execute("SET LOCAL ROLE stoa_owner")
        yield


async def _isolate(connection: Connection) -> None:
    """Only what is not isolated yet is touched: ALTER TABLE waits for every reader, and readers wait behind it."""
    cursor = await connection.execute(
        """SELECT relname FROM pg_class
           LEFT JOIN pg_policy ON polrelid = pg_class.oid AND polname = 'tenant'
           WHERE relname = ANY(%s) AND relnamespace = 'public'::regnamespace
             AND NOT (relrowsecurity AND relforcerowsecurity AND polname IS NOT NULL)""",
        [list(TENANT_TABLES)],
    )
    for (table,) in await cursor.fetchall():
        async with _as_owner(connection):
            await connection.execute(isolation_sql(table).encode())
    async with _as_owner(connection):
        await connection.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO stoa_app")
        await connection.execute("GRANT SELECT ON product TO stoa_search")
    await _give_search_its_owner(connection)


async def _give_search_its_owner(connection: Connection) -> None:
    """Only this function may look past the policies, and it names the tenant itself."""
    cursor = await connection.execute(
        """SELECT FROM pg_proc WHERE proname = 'search_products' AND proowner = 'stoa_search'::regrole"""
    )
    if await cursor.fetchone() is None:
        async with connection.transaction():
            await connection.execute("GRANT CREATE ON SCHEMA public TO stoa_search")
            await connection.execute("ALTER FUNCTION search_products OWNER TO stoa_search")
            await connection.execute("REVOKE CREATE ON SCHEMA public FROM stoa_search")
