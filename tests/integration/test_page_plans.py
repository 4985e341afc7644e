"""What PostgreSQL does for a page, of one shop among many: it goes to that shop's rows and reads no other's."""

import json

import psycopg
import pytest

from contracts.page import parse_target
from loadtest.shops import made_up_shops
from origin.reading import Statement
from origin.registry import TENANT_TABLES
from origin.snapshots import build
from origin.snapshots.shop import SHOP_COLUMNS, SHOP_TABLES
from tests.integration.test_plans import nodes

TARGETS = (
    "/",
    "/products/oak-bowl-1",
    "/collections",
    "/collections/gifts",
    "/collections/gifts?sort_by=price-ascending&filter.v.availability=1&filter.v.price.gte=5",
    "/collections/gifts/products.json",
    "/collections/all",
    "/products.json",
    "/search?q=oak",
    "/search/suggest.json?q=oak",
    "/pages/about",
    "/sitemap.xml",
    "/robots.txt",
)


@pytest.fixture
async def crowded(database):
    """An administrator's connection to a database of 300 shops, whose statistics are up to date."""
    async with made_up_shops(database.admin, "crowd", 300):
        connection = await psycopg.AsyncConnection.connect(database.admin, autocommit=True)
        async with connection:
            yield connection


async def indexes_of_shops(connection):
    """Those that begin with the store's number."""
    cursor = await connection.execute(
        """SELECT indexrelid::regclass::text FROM pg_index
           JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] WHERE attname = 'store_id'"""
    )
    return {name for (name,) in await cursor.fetchall()}


async def test_every_kind_of_page_reads_the_rows_of_its_own_shop_by_an_index_that_begins_with_it(crowded):
    by_shop = await indexes_of_shops(crowded)
    await crowded.execute("SET ROLE stoa_app")  # the policies are part of the plan
    for target in TARGETS:
        asked = build.question_of(parse_target(target)).sql(SHOP_COLUMNS, SHOP_TABLES)
        cursor = await crowded.execute(b"EXPLAIN (GENERIC_PLAN, FORMAT JSON) " + Statement.of(asked).sql)
        ((found,),) = await cursor.fetchall()
        plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
        reads = [node for node in nodes(plan) if node.get("Relation Name") in TENANT_TABLES or "Index Name" in node]
        assert reads, target
        for node in reads:
            if node.get("Relation Name") == "store" or node["Node Type"] == "Bitmap Heap Scan":
                continue  # the directory's own row of the shop; what a bitmap's index has found is looked at by itself
            assert node.get("Index Name") in by_shop, (target, node["Node Type"], node.get("Relation Name"))
            assert "store_id = " in node["Index Cond"], (target, node["Index Cond"])
