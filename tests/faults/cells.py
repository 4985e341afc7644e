"""All cells of the fault matrix at once: each is mostly waiting. What each has seen, or how it went wrong."""

import asyncio
import secrets
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from origin.migrate import PROGRAM_ROLES
from tests.faults import troubles
from tests.faults.hall import Backs, running_backs, running_stall, until
from tests.faults.story import Seen, Trouble, tell
from tests.fixtures.edges import theming
from tests.fixtures.servers import DatabaseUrls, PostgresServer

CELLS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Databases:
    """Where every set of backs gets a database of its own."""

    postgres: PostgresServer
    template: str
    passwords: dict[str, str]

    @asynccontextmanager
    async def new(self) -> AsyncIterator[DatabaseUrls]:
        name = f"faults_{secrets.token_hex(6)}"
        await asyncio.to_thread(self.postgres.execute, f"CREATE DATABASE {name} TEMPLATE {self.template}")
        app, router, relay = (self.postgres.url_of(role, self.passwords[role], name) for role in PROGRAM_ROLES)
        yield DatabaseUrls(name, self.postgres.admin_url_of(name), app, router, relay)
        await asyncio.to_thread(self.postgres.execute, f"DROP DATABASE {name} WITH (FORCE)")


class Matrix:
    """`results`: by the cell's name, what was seen, or the traceback."""

    def __init__(self, databases: Databases, folder: Path, only: str = "") -> None:
        self._databases = databases
        self._folder = folder
        self._only = only
        self._turns = asyncio.Semaphore(CELLS_AT_ONCE)
        self.results: dict[str, Seen | str] = {}

    async def run(self) -> dict[str, Seen | str]:
        theming()  # compiled before anything is measured
        alone = troubles.of_the_state_server() | troubles.of_the_database()
        relayed = troubles.of_the_relay()
        await asyncio.gather(
            self._before_shared_backs(troubles.of_one_edge()),
            *(self._before_own_backs(name, trouble, 0) for name, trouble in alone.items()),
            *(self._before_own_backs(name, trouble, relays) for name, (relays, trouble) in relayed.items()),
        )
        return self.results

    async def _before_shared_backs(self, cells: dict[str, Trouble]) -> None:
        wanted = {name: trouble for name, trouble in cells.items() if self._only in name}
        if not wanted:
            return
        async with self._databases.new() as database, running_backs(database, self._folder) as backs:

            async def in_turn(name: str, trouble: Trouble) -> None:
                async with self._turns:
                    await self._tell(name, trouble, backs)

            await asyncio.gather(*(in_turn(name, trouble) for name, trouble in wanted.items()))

    async def _before_own_backs(self, name: str, trouble: Trouble, relays: int) -> None:
        if self._only not in name:
            return
        try:
            async with (
                self._turns,
                self._databases.new() as database,
                running_backs(database, self._folder, relays) as backs,
            ):
                await self._tell(name, trouble, backs)
                await _refuse_leaks(database)
        except Exception:
            self.results[name] = traceback.format_exc()

    async def _tell(self, name: str, trouble: Trouble, backs: Backs) -> None:
        try:
            async with running_stall(backs) as stall:
                self.results[name] = await tell(stall, trouble)
        except Exception:
            self.results[name] = traceback.format_exc()


async def _refuse_leaks(database: DatabaseUrls) -> None:
    """A transaction whose other end vanished is ended by the server soon."""
    async with await psycopg.AsyncConnection.connect(database.admin, autocommit=True) as connection:

        async def has_none() -> bool:
            cursor = await connection.execute(
                """SELECT FROM pg_stat_activity WHERE datname = %s AND state LIKE 'idle in transaction%%'
                   AND xact_start < now() - interval '1 second'""",
                [database.name],
            )
            return not await cursor.fetchall()

        await until(has_none, 15, "no transaction is left open")
