"""What becomes of handles in an import: made from titles, spelled as the file spells them, taken meanwhile."""

import asyncio

import pytest

from origin.catalog.handles import Handled, unique
from origin.imports.dialects import read_header
from origin.imports.grouping import group_rows
from origin.imports.parsing import Parser
from origin.imports.reading import read_rows
from origin.imports.writing import Writer
from tests.fixtures.product_csv import COLUMNS, counts, csv_text, imported, rows

BRANDS = csv_text(COLUMNS, ["", "Brand New™"], ["Acme-WIDGET™", "Acme"], ["", "İstanbul Ⓐ"])
HANDLES = ["acme-widgettm", "brand-newtm", "istanbul-a"]


@pytest.fixture
def shops(acorn, birch):
    return acorn.id, birch.id


async def handles(db, store_id):
    return [row["handle"] for row in await rows(db, store_id, "SELECT handle FROM product ORDER BY handle")]


async def test_signs_that_hide_capitals_make_handles_that_addresses_lead_to(db, shops):
    acorn, birch = shops
    assert counts(await imported(db, acorn, BRANDS)) == ("done", 3, 0, 0, 0)
    assert await handles(db, acorn) == HANDLES
    assert counts(await imported(db, acorn, BRANDS)) == ("done", 0, 0, 3, 0), "the same file again is the same products"
    assert await handles(db, birch) == []


async def test_a_handle_given_by_the_admin_api_is_spelled_the_same_way(acorn, origin):
    headers = {"X-Shopify-Access-Token": acorn.token}
    for given in ({"title": "Acme Widget™"}, {"title": "Other", "handle": "Other Widget™"}):
        made = (await origin.post("/admin/products.json", json={"product": given}, headers=headers)).json()["product"]
        assert made["handle"] == f"{given['title'].split()[0].lower()}-widgettm"
        path = f"/admin/products/{made['id']}.json"
        for sent in (made["handle"], made["handle"].upper(), f"{made['title'].split()[0]} widget™"):
            again = await origin.put(path, json={"product": {"id": made["id"], "handle": sent}}, headers=headers)
            assert again.json()["product"]["handle"] == made["handle"]


async def test_a_handle_that_somebody_takes_meanwhile_fails_alone(db, shops):
    acorn, _ = shops
    body = csv_text(COLUMNS, ["cup", "Cup"], ["mug", "Mug"], ["jug", "Jug"])
    lines = read_rows(body)
    header = read_header(next(lines).cells)
    products = [Parser(header, "EUR").parse(group)[0] for group in group_rows(header, lines)]
    writer = Writer(acorn, header, overwrites=False)

    async def write():
        async with db.tenant(acorn) as tx:
            return await writer.write_one_by_one(tx, products)

    async with db.tenant(acorn) as other:
        assert await unique(other, acorn, Handled.PRODUCT, ["mug"]) == ["mug"]
        await other.execute("INSERT INTO product (store_id, title, handle) VALUES (%s, 'Mug', 'mug')", [acorn])
        writing = asyncio.create_task(write())
        await somebody_waits(db, acorn)
    outcome = await writing
    assert (outcome.created, [product.handle for product in outcome.failed]) == (2, ["mug"])
    assert [finding.reason for finding in outcome.findings] == [
        "a product with this handle was made meanwhile; import the file again"
    ]
    assert await handles(db, acorn) == ["cup", "jug", "mug"]


async def somebody_waits(db, store_id):
    """For the advisory lock on a handle."""
    statement = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with asyncio.timeout(10):
        while not await rows(db, store_id, statement):  # noqa: ASYNC110 - a lock is all there is to see
            await asyncio.sleep(0.01)
