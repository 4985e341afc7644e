"""A file that removes or restocks a variant which a checkout has reserved: the order and the stock books stay right."""

import pytest

from tests.fixtures.buying import fill, make_due, reserve, submission
from tests.fixtures.checkout import levels, rows
from tests.fixtures.product_csv import counts, csv_text, imported

COLUMNS = ("Handle", "Title", "Option1 Name", "Option1 Value", "Variant Price", "Variant Inventory Tracker")
COLUMNS += ("Variant Inventory Qty", "Variant Inventory Policy")
TWO_SIZES = csv_text(
    COLUMNS,
    ["cup", "Cup", "Size", "S", "19.99", "shopify", "7", "deny"],
    ["cup", "", "", "L", "29", "shopify", "3", ""],
)
RESTOCKED = csv_text(COLUMNS, ["cup", "Cup", "Title", "Default Title", "25.00", "shopify", "9", "deny"])
ORDERS = "SELECT state, total_minor FROM sales_order WHERE store_id = %s"
RESERVED = "SELECT state, quantity FROM reservation WHERE store_id = %s"
STOCK = """SELECT option1, available::int, reserved::int FROM inventory_level
           JOIN variant USING (store_id, inventory_item_id) WHERE store_id = %s ORDER BY variant.position"""


@pytest.fixture
async def reserved(till, shops):
    """Two of acorn's cups, as a checkout holds them whose process died; and one of birch's."""
    acorn, birch = shops
    await reserve(till, birch, submission(await fill(till, birch)))
    wanted = submission(await fill(till, acorn, quantity=2))
    return wanted, await reserve(till, acorn, wanted)


async def overwrite(till, shop, body):
    assert counts(await imported(till.db, shop.id, body, overwrites=True)) == ("done", 0, 1, 0, 0)


async def stock(till, shop):
    return [tuple(row.values()) for row in await rows(till.db, shop.id, STOCK)]


async def test_an_order_whose_variant_the_file_removes_is_placed_as_it_was_reserved(till, shops, reserved):
    acorn, birch = shops
    wanted, _ = reserved
    await overwrite(till, acorn, TWO_SIZES)
    await make_due(till, acorn)
    answer = await till.checkouts.submit(acorn.id, "key", wanted)
    assert answer.status == 201, answer
    assert [row["state"] for row in await rows(till.db, acorn.id, ORDERS)] == ["placed"]
    assert await rows(till.db, acorn.id, RESERVED) == [{"state": "sold", "quantity": 2}]
    [line] = await rows(till.db, acorn.id, "SELECT title, quantity, price_minor FROM order_line WHERE store_id = %s")
    assert line == {"title": "Cup", "quantity": 2, "price_minor": 1999}
    assert await stock(till, acorn) == [("S", 7, 0), ("L", 3, 0)], "nothing of the new variants was sold"
    assert await levels(till.db, birch.id, birch.cup) == (4, 1, 0)


async def test_a_checkout_that_is_given_up_returns_nothing_to_the_variants_of_the_file(till, shops, reserved):
    acorn, birch = shops
    _, attempt = reserved
    await overwrite(till, acorn, TWO_SIZES)
    await till.checkouts.give_up(acorn.id, attempt)
    assert await rows(till.db, acorn.id, RESERVED) == [{"state": "released", "quantity": 2}]
    assert await stock(till, acorn) == [("S", 7, 0), ("L", 3, 0)]
    assert await levels(till.db, birch.id, birch.cup) == (4, 1, 0)


async def test_restocking_by_file_leaves_what_is_reserved_to_whom_it_was_promised(till, shops, reserved):
    acorn, _ = shops
    wanted, _ = reserved
    await overwrite(till, acorn, RESTOCKED)
    assert await levels(till.db, acorn.id, acorn.cup) == (9, 2, 0)
    await make_due(till, acorn)
    assert (await till.checkouts.submit(acorn.id, "key", wanted)).status == 201
    assert await levels(till.db, acorn.id, acorn.cup) == (9, 0, 2)
