"""The checkout that comes to mind first, to be measured beside ours: one SERIALIZABLE transaction that locks the stock,
calls the payment provider, takes the order's number from the shop's settings row and inserts the order.

Its tables are its own, made for one measurement; its provider is the same sandbox.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
from psycopg import IsolationLevel, sql

from standalone.ready_file import Ready

PLENTY = 1_000_000


@dataclass(slots=True)
class Tally:
    """`retried`: transactions that PostgreSQL refused after the buyer had been charged."""

    sold: int = 0
    retried: int = 0
    seconds: float = 0.0

    @property
    def per_s(self) -> float:
        return self.sold / self.seconds if self.seconds else 0.0


async def sell(ready: Ready, seconds: float, buyers: int) -> Tally:
    """As many checkouts of one variant as `buyers` at once get done."""
    tally = Tally()
    async with _shop(ready.database_url) as schema, _provider(ready) as provider:
        began = time.perf_counter()
        await asyncio.gather(
            *(_buy_until(ready.database_url, schema, provider, began + seconds, tally) for _ in range(buyers))
        )
        tally.seconds = time.perf_counter() - began
    return tally


@asynccontextmanager
async def _provider(ready: Ready) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": "Bearer sk_test_obvious"}
    async with httpx.AsyncClient(base_url=ready.stripe_url, headers=headers, timeout=30) as client:
        yield client


@asynccontextmanager
async def _shop(database_url: str) -> AsyncIterator[str]:
    schema = f"obvious_{secrets.token_hex(4)}"
    name = sql.Identifier(schema)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        try:
            for table in (
                "CREATE TABLE {}.level (variant_id bigint PRIMARY KEY, available bigint CHECK (available >= 0))",
                "CREATE TABLE {}.settings (store_id bigint PRIMARY KEY, last_order_number bigint NOT NULL)",
                "CREATE TABLE {}.sales (number bigint PRIMARY KEY, variant_id bigint, intent_id text UNIQUE)",
                "INSERT INTO {}.settings VALUES (1, 1000)",
            ):
                await connection.execute(sql.SQL(table).format(name))
            await connection.execute(sql.SQL("INSERT INTO {}.level VALUES (1, %s)").format(name), [PLENTY])
            yield schema
        finally:
            await connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(name))


async def _buy_until(database_url: str, schema: str, provider: httpx.AsyncClient, until: float, tally: Tally) -> None:
    connection = await psycopg.AsyncConnection.connect(database_url, options=f"-c search_path={schema}")
    async with connection:
        await connection.set_isolation_level(IsolationLevel.SERIALIZABLE)
        while time.perf_counter() < until:
            await _buy(connection, provider, secrets.token_hex(12), tally)


async def _buy(connection: psycopg.AsyncConnection[Any], provider: httpx.AsyncClient, key: str, tally: Tally) -> None:
    while True:
        try:
            async with connection.transaction():
                await connection.execute("SELECT available FROM level WHERE variant_id = 1 FOR UPDATE")
                await connection.execute("UPDATE level SET available = available - 1 WHERE variant_id = 1")
                intent_id = await _pay(provider, key)
                cursor = await connection.execute(
                    "UPDATE settings SET last_order_number = last_order_number + 1 RETURNING last_order_number"
                )
                row = await cursor.fetchone()
                await connection.execute("INSERT INTO sales VALUES (%s, 1, %s)", [row[0] if row else None, intent_id])
        except psycopg.errors.SerializationFailure:
            tally.retried += 1
        else:
            tally.sold += 1
            return


async def _pay(provider: httpx.AsyncClient, key: str) -> str:
    wanted = {
        "amount": "1000",
        "currency": "eur",
        "payment_method": "pm_card_visa",
        "confirm": "true",
        "allowed_payment_method_types[]": "card",
    }
    answer = await provider.post("/v1/payment_intents", data=wanted, headers={"Idempotency-Key": key})
    return str(answer.raise_for_status().json()["id"])
