"""How many reservations a second of one variant, by three designs: a guarded update of the one row for each buyer, our
group commit, and one row for each unit that is taken with SKIP LOCKED.

Each is a transaction of one tenant as the origin makes it, with the same rows written for a reservation, and returns
when PostgreSQL has committed (synchronous_commit is on). Clients ask again as soon as they have their answer.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console

from contracts.crash_points import Step
from contracts.tenant import StoreId
from loadtest.shops import made_up_shops
from origin.checkout import stock
from origin.checkout.group_commit import GroupCommit, in_one_transaction
from origin.db import Database, Tx
from standalone.data_folder import DataFolder
from standalone.errors import StandaloneError
from standalone.platform import as_role
from standalone.ready_file import Ready, read_ready

PLENTY = 10_000_000
ORDERS_PER_S = 30_000
"""Made beforehand for each second of a round: a design that uses them up sooner has its rate by then."""
HELD_SECONDS = 900.0
STEP: Step = "checkout.reserve"
Reserve = Callable[[int], Awaitable[None]]
"""Of one order, a unit. Raises when there was none."""


@dataclass(frozen=True, slots=True)
class Goods:
    """One variant of one shop, and `orders` in a row that can be given a unit of it each."""

    store_id: StoreId
    item_id: int
    location_id: int
    first_order_id: int
    orders: int


_INSERT = b"""INSERT INTO reservation (store_id, order_id, inventory_item_id, location_id, quantity, expires_at)
              VALUES (%s, %s, %s, %s, 1, now() + make_interval(secs => %s))"""


async def run(data_dir: Path, console: Console, *, seconds: float = 5.0, rounds: int = 2) -> dict[str, Any]:
    """Keys: group_commit_per_s, single_row_per_s, unit_rows_per_s (64 clients), and clients_512 with the same of 512;
    the best of the rounds, which alternate."""
    ready, folder = read_ready(data_dir), DataFolder(data_dir)
    app, router = (
        as_role(ready.database_url, role, folder.secrets().get(role)) for role in ("stoa_app", "stoa_router")
    )
    found: dict[int, dict[str, float]] = {64: {}, 512: {}}
    db = Database(app, router, connections=20, wait_seconds=30.0)
    await db.open()
    try:
        async with made_up_shops(ready.database_url, secrets.token_hex(3), 1) as (shop,):
            for _ in range(rounds):
                for clients, best in found.items():
                    for name, design in DESIGNS.items():
                        per_s = await _measured(ready, db, shop.store_id, design, clients, seconds)
                        best[name] = max(best.get(name, 0.0), round(per_s, 1))
                        console.print(f"{name}, {clients} clients: {per_s:.0f}/s")
    finally:
        await db.close()
    return {**found[64], "clients_512": found[512]}


async def _measured(
    ready: Ready, db: Database, store_id: StoreId, design: "Design", clients: int, seconds: float
) -> float:
    async with await psycopg.AsyncConnection.connect(ready.database_url, autocommit=True) as admin:
        goods = await _goods(admin, store_id, int(seconds * ORDERS_PER_S))
        async with design(admin, db, goods) as reserve:
            orders, done = iter(range(goods.first_order_id, goods.first_order_id + goods.orders)), 0
            ends = time.perf_counter() + seconds

            async def buy() -> None:
                nonlocal done
                while time.perf_counter() < ends and (order_id := next(orders, None)) is not None:
                    await reserve(order_id)
                    done += 1

            began = time.perf_counter()
            await asyncio.gather(*(buy() for _ in range(clients)))
            per_s = done / (time.perf_counter() - began)
        await _check(admin, goods, done)
    return per_s


async def _goods(admin: psycopg.AsyncConnection[Any], store_id: StoreId, orders: int) -> Goods:
    """Nothing reserved yet, and as many orders without one as a run can use."""
    for table in ("reservation", "sales_order"):
        await admin.execute(f"DELETE FROM {table} WHERE store_id = %s".encode(), [store_id])
    await admin.execute(
        "UPDATE inventory_level SET available = %s, reserved = 0 WHERE store_id = %s", [PLENTY, store_id]
    )
    cursor = await admin.execute(
        "SELECT inventory_item_id, location_id FROM inventory_level WHERE store_id = %s ORDER BY 1 LIMIT 1", [store_id]
    )
    item_id, location_id = await cursor.fetchone() or (0, 0)
    cursor = await admin.execute(
        """WITH made AS (
               INSERT INTO sales_order (store_id, token, email, currency, subtotal_minor, total_minor)
               SELECT %s, gen_random_uuid()::text, 'b@example.com', 'EUR', 0, 0 FROM generate_series(1, %s) RETURNING id
           ) SELECT min(id) FROM made""",
        [store_id, orders],
    )
    (first,) = await cursor.fetchone() or (0,)
    for table in ("reservation", "sales_order", "inventory_level"):
        await admin.execute(f"VACUUM ANALYZE {table}".encode())
    return Goods(store_id, item_id, location_id, first, orders)


async def _check(admin: psycopg.AsyncConnection[Any], goods: Goods, done: int) -> None:
    """Raises StandaloneError when what was counted is not what the database has: the figure would be worth nothing."""
    cursor = await admin.execute("SELECT count(*) FROM reservation WHERE store_id = %s", [goods.store_id])
    (found,) = await cursor.fetchone() or (0,)
    if found != done:
        raise StandaloneError(f"{done} reservations were counted, and the database has {found}.")


@asynccontextmanager
async def _single_row(_admin: Any, db: Database, goods: Goods) -> AsyncIterator[Reserve]:
    async def reserve(order_id: int) -> None:
        async with db.tenant(goods.store_id, step=STEP) as tx:
            cursor = await tx.execute(
                """UPDATE inventory_level SET available = available - 1, reserved = reserved + 1, updated_at = now()
                   WHERE store_id = %s AND inventory_item_id = %s AND location_id = %s AND available >= 1""",
                [goods.store_id, goods.item_id, goods.location_id],
            )
            assert cursor.rowcount == 1
            await tx.execute(_INSERT, [goods.store_id, order_id, goods.item_id, goods.location_id, HELD_SECONDS])

    yield reserve


@asynccontextmanager
async def _group_commit(_admin: Any, db: Database, goods: Goods) -> AsyncIterator[Reserve]:
    async def work(tx: Tx, store_id: StoreId, orders: Sequence[int]) -> Sequence[Exception | None]:
        wanted = {order_id: {goods.item_id: 1} for order_id in orders}
        levels = await (await stock.lock_levels(tx, store_id, [goods.item_id])).read()
        short = await stock.reserve(tx, store_id, levels, wanted, HELD_SECONDS)
        assert not short
        return [None] * len(orders)

    together = GroupCommit[int, None](in_one_transaction(db, work, step=STEP))

    async def reserve(order_id: int) -> None:
        await together.do(goods.store_id, order_id)

    yield reserve


@asynccontextmanager
async def _unit_rows(admin: psycopg.AsyncConnection[Any], db: Database, goods: Goods) -> AsyncIterator[Reserve]:
    table = f"unit_{secrets.token_hex(4)}"
    await admin.execute(f"CREATE TABLE {table} (store_id bigint, item_id bigint, id bigint, order_id bigint)".encode())
    try:
        await admin.execute(
            f"INSERT INTO {table} SELECT %s, %s, n FROM generate_series(1, %s) AS n".encode(),
            [goods.store_id, goods.item_id, goods.orders],
        )
        await admin.execute(f"CREATE INDEX ON {table} (store_id, item_id, id) WHERE order_id IS NULL".encode())
        await admin.execute(f"GRANT SELECT, UPDATE ON {table} TO stoa_app".encode())
        await admin.execute(f"VACUUM ANALYZE {table}".encode())
        take = f"""UPDATE {table} SET order_id = %s WHERE ctid = (
                       SELECT ctid FROM {table} WHERE store_id = %s AND item_id = %s AND order_id IS NULL
                       ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)""".encode()

        async def reserve(order_id: int) -> None:
            async with db.tenant(goods.store_id, step=STEP) as tx:
                cursor = await tx.execute(take, [order_id, goods.store_id, goods.item_id])
                assert cursor.rowcount == 1
                await tx.execute(_INSERT, [goods.store_id, order_id, goods.item_id, goods.location_id, HELD_SECONDS])

        yield reserve
    finally:
        await admin.execute(f"DROP TABLE {table}".encode())


Design = Callable[[psycopg.AsyncConnection[Any], Database, Goods], Any]
DESIGNS: dict[str, Design] = {
    "single_row_per_s": _single_row,
    "group_commit_per_s": _group_commit,
    "unit_rows_per_s": _unit_rows,
}
