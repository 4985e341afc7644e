"""Statements over one shop among millions: PostgreSQL expects the average shop, and must not fall over a big one."""

import json

import psycopg
import pytest

from origin.catalog import availability, changes, membership
from origin.imports import stored

PRODUCTS = 3000


@pytest.fixture
async def big_acorn(database, acorn):
    """Acorn has 3,000 products; what PostgreSQL believes is that a shop has one."""
    connection = await psycopg.AsyncConnection.connect(database.admin, autocommit=True)
    async with connection:
        await connection.execute(
            """INSERT INTO product (store_id, title, handle) SELECT %(store)s, 'P' || n, 'p' || n
               FROM generate_series(1, %(count)s) AS n""",
            {"store": acorn.id, "count": PRODUCTS},
        )
        await connection.execute("INSERT INTO inventory_item (store_id) SELECT store_id FROM product")
        await connection.execute(
            """INSERT INTO variant (store_id, product_id, inventory_item_id, title, position, price_minor)
               SELECT product.store_id, product.id, item.id, 'Default Title', 1, 100
               FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM product) AS product
               JOIN (SELECT *, row_number() OVER (ORDER BY id) AS n FROM inventory_item) AS item USING (n)"""
        )
        await connection.execute(
            """INSERT INTO inventory_level (store_id, inventory_item_id, location_id, available)
               SELECT item.store_id, item.id, location.id, 1 FROM inventory_item AS item, location
               WHERE location.store_id = item.store_id"""
        )
        await connection.execute(
            """INSERT INTO collection (store_id, kind, title, handle, rules) VALUES (%s, 'smart', 'All', 'all', %s)""",
            [acorn.id, json.dumps([{"column": "variant_price", "relation": "greater_than", "number": 1}])],
        )
        await connection.execute(
            """INSERT INTO collect (store_id, collection_id, product_id, is_rule_made)
               SELECT product.store_id, collection.id, product.id, true FROM product, collection"""
        )
        for table in ("product", "variant", "inventory_level", "collect"):
            await connection.execute(f"ANALYZE {table}".encode())
            await connection.execute("SELECT pg_clear_attribute_stats('public', %s, 'store_id', false)", [table])
            await connection.execute(
                """SELECT pg_restore_attribute_stats('schemaname', 'public', 'relname', %s::text, 'attname', 'store_id',
                       'inherited', false, 'null_frac', 0::real, 'avg_width', 8, 'n_distinct', (-1)::real)""",
                [table],
            )
    return acorn


async def plan_of(db, shop, statement):
    async with db.tenant(shop.id) as tx:
        ids = [row["id"] for row in await (await tx.execute("SELECT id FROM product ORDER BY id LIMIT 200")).fetchall()]
        items = [
            row["id"]
            for row in await (await tx.execute("SELECT id FROM inventory_item ORDER BY id LIMIT 200")).fetchall()
        ]
        values = {"store_id": shop.id, "ids": ids, "low_stock": availability.LOW_STOCK}
        values |= {"product_ids": ids, "collection_id": None, "items": items, "may_oversell": [True] * len(items)}
        cursor = await tx.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".encode(), values)
        row = await cursor.fetchone()
    found = row["QUERY PLAN"]
    return (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]


def nodes(plan):
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


@pytest.mark.parametrize(
    "statement",
    [
        availability.REFRESH_VARIANTS,
        availability.REFRESH_PRODUCTS,
        availability.FLIPPED.format(items="%(ids)s"),
        availability.FLIPPED.format(items=availability.OF_ORDERS),
        changes.TOUCH,
        membership.OF_PRODUCTS,
        stored.SET_POLICIES,
    ],
)
async def test_no_step_reads_the_whole_shop_again_and_again(db, big_acorn, statement):
    plan = await plan_of(db, big_acorn, statement)
    read = {
        f"{node['Node Type']} on {node.get('Relation Name', '')}": node["Actual Loops"]
        * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0))
        for node in nodes(plan)
    }
    assert max(read.values()) <= 200 * 200, read
