"""What must hold of orders and stock: every sentence can be broken, and is then said of that shop alone."""

import psycopg
import pytest

from contracts.tenant import StoreId
from origin.checkout.invariants import breaks
from tests.fixtures.buying import buy, fill, reserve, submission

BROKEN = {
    "what is reserved of an item is held by pending orders": "UPDATE inventory_level SET reserved = reserved + 1",
    "stock is held for pending orders, sold with placed ones, and released from all others": (
        "UPDATE reservation SET state = 'released' WHERE state = 'sold'"
    ),
    "of each item, an order's reservations are as many as its lines": "UPDATE order_line SET quantity = quantity + 1",
    "an order's payments and refunds are its total if it is placed, and nothing otherwise": (
        "UPDATE payment SET amount_minor = amount_minor - 1"
    ),
    "an attempt is paid for once": """
        INSERT INTO payment (store_id, order_id, attempt_id, kind, status, payment_intent, amount_minor, currency)
        SELECT store_id, order_id, attempt_id, kind, status, 'pi_2', 0, currency FROM payment""",
    "order numbers leave no gap, and the counter has the last one": "UPDATE counter SET value = value + 1",
    "an open attempt will be looked at": "DELETE FROM deadline",
    "a pending order has an attempt that is not finished": "UPDATE checkout_attempt SET recovery_point = 'finished'",
}


async def broken(db, shop):
    async with db.tenant(shop.id) as tx:
        return {found.rule for found in await breaks(tx, shop.id)}


async def a_sale_and_a_reservation(till, shop):
    await buy(till, shop, "paid", quantity=2)
    await reserve(till, shop, submission(await fill(till, shop)))


@pytest.mark.parametrize("rule", BROKEN)
async def test_what_is_broken_in_one_shop_is_said_of_that_shop(till, shops, rule):
    acorn, birch = shops
    for shop in shops:
        await a_sale_and_a_reservation(till, shop)
        assert await broken(till.db, shop) == set()
    with pytest.raises(Undone):
        async with till.db.tenant(acorn.id) as tx:
            await tx.execute(BROKEN[rule].encode())
            assert rule in {found.rule for found in await breaks(tx, acorn.id)}
            assert await broken(till.db, birch) == set()
            raise Undone


async def test_less_than_nothing_is_what_the_table_refuses_already(till, shops):
    acorn, _ = shops
    with pytest.raises(psycopg.errors.CheckViolation):
        async with till.db.tenant(acorn.id) as tx:
            await tx.execute("UPDATE inventory_level SET available = -1")


async def test_a_shop_without_anything_breaks_nothing(db):
    async with db.tenant(StoreId(999_999)) as tx:
        assert await breaks(tx, StoreId(999_999)) == []


class Undone(Exception):
    """Rolls back what a test broke."""
