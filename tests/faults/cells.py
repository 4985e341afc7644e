"""Runs the cells of the fault matrix side by side: each is mostly waiting. What each has seen, or how it went wrong.

Cells that break the same backs take turns at them, and each finds them as the one before has left them: mended.
"""

import asyncio
import secrets
import traceback
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from origin.migrate import PROGRAM_ROLES
from tests.faults.hall import Backs, running_backs, running_stall, until
from tests.faults.stopwatch import Stopwatch, running_stopwatch
from tests.faults.story import Seen, Trouble, tell
from tests.fixtures.edges import theming
from tests.fixtures.servers import DatabaseUrls, PostgresServer


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


@dataclass(frozen=True, slots=True)
class Bench:
    """One set of backs and the cells told before it, so many `at_once`. `has_own_relays`: as processes."""

    cells: Mapping[str, Trouble]
    at_once: int = 1
    has_own_relays: bool = False


def taking_turns(cells: Mapping[str, Trouble], benches: int, *, has_own_relays: bool = False) -> list[Bench]:
    names = list(cells)
    return [
        Bench({name: cells[name] for name in names[first::benches]}, has_own_relays=has_own_relays)
        for first in range(benches)
    ]


@dataclass(slots=True)
class Matrix:
    """`results`: by the cell's name, what was seen, or the traceback."""

    databases: Databases
    folder: Path
    asked_for: set[str]
    results: dict[str, Seen | str] = field(default_factory=dict)
    stalled_seconds: float = 0.0

    async def run(self, benches: Iterable[Bench]) -> None:
        """The stories begin when all servers are up, for starting them is most of the work."""
        theming()  # compiled before anything is measured
        wanted = [bench for bench in benches if self.asked_for & bench.cells.keys()]
        async with AsyncExitStack() as stack:
            all_backs = [await stack.enter_async_context(self._backs(bench)) for bench in wanted]
            stopwatch = await stack.enter_async_context(running_stopwatch())
            await asyncio.gather(
                *(self._tell_all(bench, backs, stopwatch) for bench, backs in zip(wanted, all_backs, strict=True))
            )
            self.stalled_seconds = stopwatch.stalled_seconds

    @asynccontextmanager
    async def _backs(self, bench: Bench) -> AsyncIterator[Backs]:
        async with (
            self.databases.new() as database,
            running_backs(database, self.folder, has_own_relays=bench.has_own_relays) as backs,
        ):
            yield backs

    async def _tell_all(self, bench: Bench, backs: Backs, stopwatch: Stopwatch) -> None:
        turns = asyncio.Semaphore(bench.at_once)

        async def in_turn(name: str, trouble: Trouble) -> None:
            async with turns:
                try:
                    await backs.have_relays(trouble.relays)
                    async with running_stall(backs) as stall:
                        self.results[name] = await tell(stall, trouble, stopwatch)
                    await _refuse_leaks(backs.database)
                except Exception:
                    self.results[name] = traceback.format_exc()

        await asyncio.gather(*(in_turn(name, each) for name, each in bench.cells.items() if name in self.asked_for))


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
