"""When PostgreSQL is away: refusals are quick, nothing waits for ever, and it is used again within 5 seconds."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import psycopg
import pytest

from contracts.tenant import StoreId
from loadtest.fault_proxy import Direction, Fault, FaultProxy
from origin.db import Database
from origin.errors import Unavailable
from tests.faults.hall import proxy_of, through, until
from tests.faults.stopwatch import running_stopwatch
from tests.fixtures.servers import DatabaseUrls

ANSWER_SECONDS = 1.0
RECOVERY_SECONDS = 5.0
STORE = StoreId(1)


@dataclass(slots=True)
class Line:
    """A program's way to the database."""

    database: Database
    proxy: FaultProxy
    admin_url: str

    async def works(self) -> bool:
        try:
            async with self.database.tenant(STORE) as tx:
                cursor = await tx.execute("SELECT current_setting('app.store_id') AS store")
                return await cursor.fetchone() == {"store": str(STORE)}
        except Unavailable:
            return False

    async def seconds_to_refusal(self) -> float:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            async with self.database.tenant(STORE) as tx:
                await tx.execute("SELECT 1")
        return time.monotonic() - began

    async def seconds_to_recovery(self) -> float:
        began = time.monotonic()
        await self.proxy.heal()
        await until(self.works, RECOVERY_SECONDS, "the database is used again")
        return time.monotonic() - began

    async def leaks_nothing(self) -> None:
        """The server ends a transaction whose other end has vanished: its locks would be held for hours."""
        async with await psycopg.AsyncConnection.connect(self.admin_url, autocommit=True) as connection:

            async def has_none() -> bool:
                cursor = await connection.execute(
                    """SELECT FROM pg_stat_activity WHERE datname = current_database()
                       AND state LIKE 'idle in transaction%'"""
                )
                return not await cursor.fetchall()

            await until(has_none, 3 * ANSWER_SECONDS, "no transaction is left open")


@pytest.fixture
async def line(database: DatabaseUrls) -> AsyncIterator[Line]:
    async with proxy_of(database.app) as proxy:
        urls = (through(database.app, proxy), through(database.router, proxy))
        opened = Database(*urls, connections=2, wait_seconds=2, answer_seconds=ANSWER_SECONDS)
        await opened.open()
        yield Line(opened, proxy, database.admin)
        await proxy.heal()
        await opened.close()


@pytest.mark.parametrize("fault", [Fault(is_down=True), Fault(is_blackhole=True)], ids=["down", "blackhole"])
async def test_an_outage_is_known_soon_and_then_costs_nobody_a_wait(line: Line, fault: Fault) -> None:
    await until(line.works, RECOVERY_SECONDS, "the database is used")
    await line.proxy.inject(fault)
    while await line.seconds_to_refusal() > ANSWER_SECONDS / 10:
        pass  # those who find it out
    waits = [await line.seconds_to_refusal() for _ in range(10)]
    assert sorted(waits)[5] < 0.1
    assert await line.seconds_to_recovery() < RECOVERY_SECONDS
    await line.leaks_nothing()


async def test_a_server_that_falls_silent_in_a_transaction_is_given_up(line: Line) -> None:
    """It sends no reset, and a request to cancel does not reach it either."""
    async with running_stopwatch() as stopwatch:
        began, start = time.monotonic(), stopwatch()
        with pytest.raises(Unavailable):
            async with line.database.tenant(STORE) as tx:
                await line.proxy.inject(Fault(is_blackhole=True))
                await tx.execute("SELECT 1")
        assert time.monotonic() - began >= ANSWER_SECONDS
        assert stopwatch() - start < ANSWER_SECONDS + 1
    await line.seconds_to_recovery()
    await line.leaks_nothing()


async def test_a_slow_line_is_used_as_long_as_answers_come(line: Line) -> None:
    await line.proxy.inject(Fault(latency_seconds=0.05))
    before = line.proxy.passed_bytes[Direction.DOWN]
    await until(line.works, RECOVERY_SECONDS, "the slow line is used")
    assert line.proxy.passed_bytes[Direction.DOWN] > before
