"""Two shops, one database: what the database itself refuses, whatever the code above it asks for."""

import asyncio

import psycopg
import pytest

from contracts.tenant import StoreId
from origin.db import Database
from origin.errors import MisconfiguredError, Unavailable
from tests.fixtures.origin import DatabaseOfTests

ACORN, BIRCH = StoreId(1), StoreId(2)


@pytest.fixture
async def db(database):
    opened = DatabaseOfTests(database.app, database.router, connections=1)
    await opened.open()
    for store_id in (ACORN, BIRCH):
        async with opened.tenant(store_id) as tx:
            await tx.execute(
                "INSERT INTO product (store_id, title, handle, published_at) VALUES (%s, 'Cup', 'cup', now())",
                [store_id],
            )
    yield opened
    await opened.close()


async def products_seen(tx):
    return await (await tx.execute("SELECT store_id FROM product")).fetchall()


async def test_a_transaction_sees_its_own_shop_only_also_when_connections_are_shared(db):
    for store_id in (ACORN, BIRCH, ACORN):
        async with db.tenant(store_id) as tx:
            assert await products_seen(tx) == [{"store_id": store_id}]


async def test_without_a_tenant_there_are_no_rows(database, db):
    connection = await psycopg.AsyncConnection.connect(database.app)
    async with connection:
        assert await products_seen(connection) == []


async def test_the_owner_is_bound_too(database, db):
    connection = await psycopg.AsyncConnection.connect(database.admin)
    async with connection:
        await connection.execute("SET ROLE stoa_owner")
        assert await products_seen(connection) == []


async def test_writing_into_another_shop_is_refused(db):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.tenant(ACORN) as tx:
            await tx.execute("INSERT INTO product (store_id, title, handle) VALUES (%s, 'Mug', 'mug')", [BIRCH])
    async with db.tenant(ACORN) as tx:
        assert (await tx.execute("UPDATE product SET title = 'x' WHERE store_id = %s", [BIRCH])).rowcount == 0


async def test_another_shops_id_is_no_foreign_key(db):
    async with db.tenant(BIRCH) as tx:
        other = await (await tx.execute("SELECT id FROM product")).fetchone()
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        async with db.tenant(ACORN) as tx:
            await tx.execute(
                "INSERT INTO product_image (store_id, product_id, position, src) VALUES (%s, %s, 1, '/x')",
                [ACORN, other["id"]],
            )


async def test_search_sees_its_own_shop_only(db):
    for store_id in (ACORN, BIRCH):
        async with db.tenant(store_id) as tx:
            own = await (await tx.execute("SELECT id FROM product")).fetchone()
            found = await (await tx.execute("SELECT product_id FROM search_products('cu', 10)")).fetchall()
            assert found == [{"product_id": own["id"]}]


async def test_a_failed_block_leaves_nothing_behind(db):
    with pytest.raises(ZeroDivisionError):
        async with db.tenant(ACORN) as tx:
            await tx.execute("DELETE FROM product WHERE store_id = %s", [ACORN])
            raise ZeroDivisionError
    async with db.tenant(BIRCH) as tx:
        assert await products_seen(tx) == [{"store_id": BIRCH}]
    async with db.tenant(ACORN) as tx:
        assert await products_seen(tx) == [{"store_id": ACORN}]


async def test_a_cancelled_query_does_not_leak_its_tenant(db):
    started = asyncio.Event()

    async def stuck() -> None:
        async with db.tenant(ACORN) as tx:
            started.set()
            await tx.execute("SELECT pg_sleep(30)")

    task = asyncio.create_task(stuck())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with db.tenant(BIRCH) as tx:
        assert await products_seen(tx) == [{"store_id": BIRCH}]


async def test_a_role_that_could_bypass_isolation_is_refused(database):
    db = Database(database.admin, database.router)
    with pytest.raises(MisconfiguredError, match="stoa_app"):
        await db.open()
    await db.close()


async def test_the_relay_sees_the_outbox_and_nothing_else(database, db):
    connection = await psycopg.AsyncConnection.connect(database.relay, autocommit=True)
    async with connection:
        await connection.execute("SELECT count(*) FROM outbox")
        for table in ("product", "store", "access_token"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(f"SELECT count(*) FROM {table}".encode())


async def test_a_busy_pool_says_so(database):
    db = Database(database.app, database.router, connections=1, wait_seconds=0.05)
    await db.open()
    try:
        async with db.tenant(ACORN):
            with pytest.raises(Unavailable):
                async with db.tenant(BIRCH):
                    pass
    finally:
        await db.close()


async def test_what_could_not_be_opened_leaves_nothing_running(database):
    url = psycopg.conninfo.make_conninfo(database.app, password="not that")
    before = asyncio.all_tasks()
    with pytest.raises(Unavailable):
        await Database(database.app, url).open()
    assert asyncio.all_tasks() == before


async def test_connections_that_the_server_ended_are_replaced_at_once(database, db):
    async with db.tenant(ACORN) as tx:
        assert await products_seen(tx)
    admin = await psycopg.AsyncConnection.connect(database.admin, autocommit=True)
    async with admin:
        ended = await (await admin.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'stoa_app'"
        )).fetchone()  # fmt: skip
        assert ended[0] > 0
        while await (await admin.execute("SELECT FROM pg_stat_activity WHERE usename = 'stoa_app'")).fetchall():
            pass
    async with db.tenant(BIRCH) as tx:
        assert await products_seen(tx) == [{"store_id": BIRCH}]
