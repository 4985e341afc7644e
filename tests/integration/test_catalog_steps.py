"""What follows from a change of products: availability, price range, collections, handles, and the tags made known."""

import asyncio

import pytest
from psycopg.types.json import Jsonb

from contracts.tenant import StoreId
from origin.catalog import availability, changes, handles, membership
from origin.catalog.handles import Handled
from origin.catalog.rules import checked_rules
from tests.fixtures.origin import DatabaseOfTests

ACORN, BIRCH = StoreId(1), StoreId(2)


@pytest.fixture
async def db(database):
    opened = DatabaseOfTests(database.app, database.router, connections=4)
    await opened.open()
    for store_id in (ACORN, BIRCH):
        async with opened.tenant(store_id) as tx:
            await tx.execute("INSERT INTO shop (store_id, currency) VALUES (%s, 'EUR')", [store_id])
            await tx.execute(
                "INSERT INTO location (store_id, id, name, is_primary) VALUES (%s, 1, 'Home', true)", [store_id]
            )
    yield opened
    await opened.close()


async def add_product(tx, store_id, product_id, *, stocks=(10,), price_minor=1000, tags=(), policy="deny"):
    await tx.execute(
        "INSERT INTO product (store_id, id, title, handle, tags) VALUES (%s, %s, 'Cup', %s, %s)",
        [store_id, product_id, f"cup-{product_id}", list(tags)],
    )
    for number, stock in enumerate(stocks):
        item_id = product_id * 10 + number
        await tx.execute("INSERT INTO inventory_item (store_id, id) VALUES (%s, %s)", [store_id, item_id])
        await tx.execute(
            """INSERT INTO inventory_level (store_id, inventory_item_id, location_id, available, may_oversell)
               VALUES (%s, %s, 1, %s, %s)""",
            [store_id, item_id, stock, policy == "continue"],
        )
        await tx.execute(
            """INSERT INTO variant (store_id, id, product_id, inventory_item_id, title, position, option1, price_minor,
                                    inventory_management, inventory_policy)
               VALUES (%s, %s, %s, %s, 'x', 1, %s, %s, 'shopify', %s)""",
            [store_id, item_id, product_id, item_id, str(number), price_minor + number, policy],
        )


async def add_smart(tx, store_id, collection_id, *rules, is_disjunctive=False):
    checked = checked_rules(
        [dict(zip(("column", "relation", "condition"), rule, strict=True)) for rule in rules], "EUR", "kg"
    )
    await tx.execute(
        """INSERT INTO collection (store_id, id, kind, title, handle, rules, is_disjunctive)
           VALUES (%s, %s, 'smart', 'S', %s, %s, %s)""",
        [store_id, collection_id, f"s{collection_id}", Jsonb(checked), is_disjunctive],
    )


async def set_stock(tx, store_id, item_id, available):
    await tx.execute(
        "UPDATE inventory_level SET available = %s WHERE store_id = %s AND inventory_item_id = %s",
        [available, store_id, item_id],
    )


async def product_row(tx, store_id, product_id):
    cursor = await tx.execute(
        "SELECT availability, price_min_minor, price_max_minor FROM product WHERE store_id = %s AND id = %s",
        [store_id, product_id],
    )
    return tuple((await cursor.fetchone()).values())


async def tags_added(tx):
    cursor = await tx.execute("SELECT tags FROM outbox ORDER BY id")
    return [set(row["tags"]) for row in await cursor.fetchall()]


@pytest.mark.parametrize(
    ("stocks", "policy", "expected"),
    [
        ((0, 0), "deny", "sold_out"),
        ((0, 5), "deny", "low"),
        ((3, 6), "deny", "in_stock"),
        ((0, 0), "continue", "in_stock"),
    ],
)
async def test_a_product_is_as_available_as_its_best_variant(db, stocks, policy, expected):
    for store_id in (ACORN, BIRCH):
        async with db.tenant(store_id) as tx:
            await add_product(tx, store_id, 1, stocks=stocks, policy=policy)
    async with db.tenant(ACORN) as tx:
        assert await availability.refresh(tx, ACORN, [1]) == {1}
        assert await availability.refresh(tx, ACORN, [1]) == set()
        assert await product_row(tx, ACORN, 1) == (expected, 1000, 1001)
    async with db.tenant(BIRCH) as tx:
        assert await product_row(tx, BIRCH, 1) == ("sold_out", 0, 0)


async def test_a_sale_emits_tags_only_when_the_state_changes(db):
    async with db.tenant(ACORN) as tx:
        await add_product(tx, ACORN, 1)
        await changes.products_changed(tx, ACORN, [1])
        await set_stock(tx, ACORN, 10, 9)
        await changes.stock_moved(tx, ACORN, [10])
        assert len(await tags_added(tx)) == 1
        await set_stock(tx, ACORN, 10, 2)
        await changes.stock_moved(tx, ACORN, [10])
        assert (await tags_added(tx))[1] == {"t/1/product/1", "t/1/listing"}
        assert (await product_row(tx, ACORN, 1))[0] == "low"


async def test_two_sales_of_the_last_of_two_variants_leave_the_product_sold_out(db):
    async with db.tenant(ACORN) as tx:
        await add_product(tx, ACORN, 1, stocks=(1, 1))
        await changes.products_changed(tx, ACORN, [1])
    first_has_written, second_is_waiting = asyncio.Event(), asyncio.Event()

    async def sell_first():
        async with db.tenant(ACORN) as tx:
            await set_stock(tx, ACORN, 10, 0)
            await changes.stock_moved(tx, ACORN, [10])
            first_has_written.set()
            await second_is_waiting.wait()

    async def sell_second():
        await first_has_written.wait()
        async with db.tenant(ACORN) as tx:
            await set_stock(tx, ACORN, 11, 0)
            second_is_waiting.set()
            await changes.stock_moved(tx, ACORN, [11])

    await asyncio.gather(sell_first(), sell_second())
    async with db.tenant(ACORN) as tx:
        assert (await product_row(tx, ACORN, 1))[0] == "sold_out"


@pytest.mark.parametrize(
    ("rules", "is_disjunctive", "members"),
    [
        ([("tag", "equals", "Blue")], False, {1}),
        ([("tag", "not_equals", "blue")], False, {2}),
        ([("variant_price", "greater_than", "15")], False, {2}),
        ([("variant_price", "less_than", "15.00")], False, {1}),
        ([("title", "starts_with", "cU")], False, {1, 2}),
        ([("title", "contains", "'; DROP TABLE product; --")], False, set()),
        ([("tag", "equals", "blue"), ("variant_price", "greater_than", "15")], False, set()),
        ([("tag", "equals", "blue"), ("variant_price", "greater_than", "15")], True, {1, 2}),
        ([("variant_inventory", "equals", "3")], False, {2}),
        ([("tag", "not_contains", "lu"), ("title", "ends_with", "p")], False, {2}),
    ],
)
async def test_a_smart_collection_has_what_its_rules_say(db, rules, is_disjunctive, members):
    async with db.tenant(BIRCH) as tx:
        await add_product(tx, BIRCH, 1, tags=["blue"])
    async with db.tenant(ACORN) as tx:
        await add_product(tx, ACORN, 1, tags=["blue", "green"])
        await add_product(tx, ACORN, 2, price_minor=2000, stocks=(3,))
        await add_smart(tx, ACORN, 7, *rules, is_disjunctive=is_disjunctive)
        await membership.refresh_collection(tx, ACORN, 7)
        cursor = await tx.execute("SELECT product_id FROM collect WHERE collection_id = 7")
        assert {row["product_id"] for row in await cursor.fetchall()} == members


async def test_a_retagged_product_moves_and_both_collections_are_made_known(db):
    async with db.tenant(ACORN) as tx:
        await add_smart(tx, ACORN, 7, ("tag", "equals", "blue"))
        await add_smart(tx, ACORN, 8, ("tag", "equals", "red"))
        await add_product(tx, ACORN, 1, tags=["blue"])
        await changes.products_changed(tx, ACORN, [1])
        await tx.execute("UPDATE product SET tags = '{red}' WHERE store_id = %s", [ACORN])
        await changes.products_changed(tx, ACORN, [1])
        before, after = await tags_added(tx)
        assert before == {"t/1/product/1", "t/1/listing", "t/1/collection/7", "t/1/collection/7/members"}
        assert after == before | {"t/1/collection/8", "t/1/collection/8/members"}
        assert await membership.collections_of(tx, ACORN, [1]) == {8}


async def test_handles_are_counted_up_within_their_shop_only(db):
    for store_id in (ACORN, BIRCH):
        async with db.tenant(store_id) as tx:
            first = await handles.unique(tx, store_id, Handled.PRODUCT, ["Crème Brûlée", "Crème brulee", "茶", "!!"])
            assert first == ["creme-brulee", "creme-brulee-1", "茶", "product"]


async def test_two_writers_of_one_title_get_two_handles(db):
    async def create(title):
        async with db.tenant(ACORN) as tx:
            [handle] = await handles.unique(tx, ACORN, Handled.PRODUCT, [title])
            await tx.execute(
                "INSERT INTO product (store_id, title, handle) VALUES (%s, %s, %s)", [ACORN, title, handle]
            )
            return handle

    chosen = await asyncio.gather(*(create(title) for title in ("Cup", "cup", "Cup 1", "CUP", "cup-2")))
    assert len(set(chosen)) == 5
