"""What must hold of orders and stock: every sentence can be broken, and is then said of that shop alone."""

import psycopg
import pytest

from contracts.tenant import StoreId
from origin.checkout.invariants import breaks
from tests.fixtures.buying import buy, fill, reserve, submission

_REFUND = """
    INSERT INTO payment (store_id, order_id, parent_id, currency, payment_intent, kind, status, amount_minor)
    SELECT store_id, order_id, id, currency, payment_intent,"""
_OF_SALE = "FROM payment WHERE kind = 'sale'"
_REFUND_LINE = """
    WITH made AS (INSERT INTO refund (store_id, order_id) SELECT store_id, order_id FROM payment RETURNING *)
    INSERT INTO refund_line (store_id, refund_id, line_id, restock_type, subtotal_minor, quantity, restocked)
    SELECT made.store_id, made.id, order_line.id, 'return', 0,"""
BROKEN = {
    "what is reserved of an item is held by pending orders": "UPDATE inventory_level SET reserved = reserved + 1",
    "stock is held for pending orders, sold with placed ones, and released from all others": (
        "UPDATE reservation SET state = 'released' WHERE state = 'sold'"
    ),
    "of each item, an order's reservations are as many as its lines, or fewer if a merchant wrote it": (
        "UPDATE order_line SET quantity = quantity + 1"
    ),
    "an order's payments and refunds are its total if it is placed, and nothing otherwise": (
        "UPDATE payment SET amount_minor = amount_minor - 1"
    ),
    "an attempt is paid for once": """
        INSERT INTO payment (store_id, order_id, attempt_id, kind, status, payment_intent, amount_minor, currency)
        SELECT store_id, order_id, attempt_id, kind, status, 'pi_2', 0, currency FROM payment""",
    "order numbers leave no gap, and the counter has the last one": "UPDATE counter SET value = value + 1",
    "an open attempt will be looked at": "DELETE FROM deadline",
    "no more is given back of a payment than it took": f"{_REFUND} 'refund', 'success', 1 + amount_minor {_OF_SALE}",
    "an authorization is captured or voided once": f"""
        {_REFUND} kind.kind, 'success', 0
        FROM payment, (VALUES ('capture'), ('void')) AS kind (kind) WHERE payment.kind = 'sale'""",
    "a payment that is not decided will be looked at": f"{_REFUND} 'void', 'pending', 0 {_OF_SALE}",
    "no more of a line is refunded than was ordered": f"{_REFUND_LINE} 1 + quantity, 0 FROM made, order_line",
    "no more of an item becomes available again than its order had taken": f"""
        {_REFUND_LINE} 2, 2 FROM made, order_line; DELETE FROM reservation WHERE state = 'sold'""",
    "no more of a line was sent than was ordered and not cancelled": """
        WITH made AS (INSERT INTO fulfillment (store_id, order_id, number, location_id)
            SELECT payment.store_id, order_id, 1, location.id FROM payment, location RETURNING *)
        INSERT INTO fulfillment_line (store_id, fulfillment_id, fulfillment_order_id, line_id, quantity)
        SELECT made.store_id, made.id, 1, order_line.id, 1 + quantity FROM made, order_line""",
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
