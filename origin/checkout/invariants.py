"""What must hold of one shop's stock, orders and payments whenever no transaction is open, whatever died before.

Tests look at it after every checkout. Each statement finds the rows that break its sentence. Where stock began is
nowhere written down, so that nothing was oversold follows from three of them together: `available` never falls below
zero, what is reserved is held by somebody, and what was sold stands in an order.
"""

from dataclasses import dataclass

from contracts.tenant import StoreId
from origin.db import Tx


@dataclass(frozen=True, slots=True)
class Break:
    """A sentence that does not hold, and of what."""

    rule: str
    what: str


_RULES = {
    "an item that may not be oversold has no less than none left": """
        SELECT format('item %%s at %%s: %%s', inventory_item_id, location_id, available) AS what FROM inventory_level
        WHERE store_id = %(store_id)s AND available < 0 AND NOT may_oversell""",
    "what is reserved of an item is held by pending orders": """
        SELECT format('item %%s at %%s: %%s reserved, %%s held', level.inventory_item_id, level.location_id,
                      level.reserved, coalesce(held.quantity, 0)) AS what
        FROM inventory_level AS level LEFT JOIN (
            SELECT inventory_item_id, location_id, sum(quantity) AS quantity FROM reservation
            WHERE store_id = %(store_id)s AND state = 'held' GROUP BY 1, 2
        ) AS held USING (inventory_item_id, location_id)
        WHERE level.store_id = %(store_id)s AND level.reserved <> coalesce(held.quantity, 0)""",
    "stock is held for pending orders, sold with placed ones, and released from all others": """
        SELECT format('order %%s is %%s, item %%s is %%s', sales_order.id, sales_order.state, inventory_item_id,
                      reservation.state) AS what
        FROM reservation JOIN sales_order
            ON sales_order.store_id = reservation.store_id AND sales_order.id = reservation.order_id
        WHERE reservation.store_id = %(store_id)s AND CASE sales_order.state
            WHEN 'pending' THEN 'held' WHEN 'placed' THEN 'sold' ELSE 'released' END <> reservation.state""",
    "of each item, an order's reservations are as many as its lines, or fewer if a merchant wrote it": """
        SELECT format('order %%s, item %%s: %%s ordered, %%s reserved', reserved.order_id, reserved.inventory_item_id,
                      coalesce(ordered.quantity, 0), reserved.quantity) AS what
        FROM (SELECT order_id, inventory_item_id, sum(quantity) AS quantity FROM reservation
              WHERE store_id = %(store_id)s GROUP BY 1, 2) AS reserved
        LEFT JOIN (SELECT order_id, inventory_item_id, sum(quantity) AS quantity FROM order_line
                   WHERE store_id = %(store_id)s GROUP BY 1, 2) AS ordered USING (order_id, inventory_item_id)
        JOIN sales_order ON sales_order.store_id = %(store_id)s AND sales_order.id = reserved.order_id
        WHERE reserved.quantity > coalesce(ordered.quantity, 0)
           OR reserved.quantity < ordered.quantity AND sales_order.cart_token IS NOT NULL""",
    # A late payment's refund that the bank sent back is counted and told by who hears of it (orders/failed_refunds.py).
    "an order's payments and refunds are its total if it is placed, and nothing otherwise": """
        SELECT format('order %%s is %%s: %%s of %%s', sales_order.id, sales_order.state, coalesce(paid.minor, 0),
                      sales_order.total_minor) AS what
        FROM sales_order LEFT JOIN (
            SELECT order_id, sum(CASE kind WHEN 'refund' THEN -amount_minor ELSE amount_minor END) AS minor
            FROM payment WHERE store_id = %(store_id)s AND (status = 'success' OR kind = 'refund')
              AND attempt_id IS NOT NULL
            GROUP BY 1
        ) AS paid ON paid.order_id = sales_order.id
        WHERE sales_order.store_id = %(store_id)s AND sales_order.cart_token IS NOT NULL
          AND coalesce(paid.minor, 0) <> CASE state WHEN 'placed' THEN total_minor ELSE 0 END
          AND NOT EXISTS (SELECT FROM checkout_attempt AS attempt WHERE attempt.store_id = sales_order.store_id
                          AND attempt.order_id = sales_order.id AND attempt.recovery_point = 'authorised')""",
    "an attempt is paid for once": """
        SELECT format('attempt %%s: %%s payments', attempt_id, count(*)) AS what FROM payment
        WHERE store_id = %(store_id)s AND kind = 'sale' AND status = 'success' AND attempt_id IS NOT NULL
        GROUP BY attempt_id HAVING count(*) > 1""",
    "order numbers leave no gap, and the counter has the last one": """
        SELECT format('%%s orders from %%s to %%s, counter at %%s',
                      count(*), min(number), max(number), max(counter.value)) AS what
        FROM sales_order LEFT JOIN counter ON counter.store_id = sales_order.store_id AND counter.name = 'order_number'
        WHERE sales_order.store_id = %(store_id)s AND state = 'placed'
        HAVING count(*) > 0 AND (max(number) - min(number) + 1 <> count(*)
                                 OR max(number) IS DISTINCT FROM max(counter.value))""",
    "an open attempt will be looked at": """
        SELECT format('attempt %%s', attempt.id) AS what FROM checkout_attempt AS attempt
        WHERE attempt.store_id = %(store_id)s AND attempt.recovery_point <> 'finished' AND NOT EXISTS (
            SELECT FROM deadline WHERE deadline.store_id = attempt.store_id AND kind = 'checkout'
                AND subject_id = attempt.id)""",
    "a pending order has an attempt that is not finished": """
        SELECT format('order %%s', sales_order.id) AS what FROM sales_order
        WHERE store_id = %(store_id)s AND state = 'pending' AND NOT EXISTS (
            SELECT FROM checkout_attempt AS attempt WHERE attempt.store_id = sales_order.store_id
                AND attempt.order_id = sales_order.id AND attempt.recovery_point <> 'finished')""",
    "no more is given back of a payment than it took": """
        SELECT format('payment %%s: %%s of %%s', taking.id, sum(refund.amount_minor), taking.amount_minor) AS what
        FROM payment AS refund JOIN payment AS taking
            ON taking.store_id = refund.store_id AND taking.id = refund.parent_id
        WHERE refund.store_id = %(store_id)s AND refund.kind = 'refund' AND refund.status IN ('pending', 'success')
        GROUP BY taking.id, taking.status, taking.amount_minor
        HAVING taking.status <> 'success' OR sum(refund.amount_minor) > taking.amount_minor""",
    "an authorization is captured or voided once": """
        SELECT format('payment %%s: %%s times', parent_id, count(*)) AS what FROM payment
        WHERE store_id = %(store_id)s AND kind IN ('capture', 'void') AND status IN ('pending', 'success')
          AND parent_id IS NOT NULL GROUP BY parent_id HAVING count(*) > 1""",
    "a payment that is not decided will be looked at": """
        SELECT format('payment %%s', payment.id) AS what FROM payment
        WHERE payment.store_id = %(store_id)s AND status = 'pending' AND payment_intent IS NOT NULL AND NOT EXISTS (
            SELECT FROM deadline WHERE deadline.store_id = payment.store_id AND kind = 'payment'
                AND subject_id = payment.id)""",
    "no more of a line is refunded than was ordered": """
        SELECT format('line %%s: %%s of %%s', line_id, sum(refund_line.quantity), order_line.quantity) AS what
        FROM refund_line JOIN order_line ON order_line.store_id = refund_line.store_id AND order_line.id = line_id
        WHERE refund_line.store_id = %(store_id)s
        GROUP BY line_id, order_line.quantity HAVING sum(refund_line.quantity) > order_line.quantity""",
    "no more of an item becomes available again than its order had taken": """
        SELECT format('order %%s, item %%s: %%s of %%s', order_id, inventory_item_id, back.quantity,
                      coalesce(taken.quantity, 0)) AS what
        FROM (SELECT order_id, inventory_item_id, sum(restocked) AS quantity FROM refund_line
              JOIN order_line ON order_line.store_id = refund_line.store_id AND order_line.id = line_id
              WHERE refund_line.store_id = %(store_id)s AND restocked > 0 GROUP BY 1, 2) AS back
        LEFT JOIN (SELECT order_id, inventory_item_id, sum(quantity) AS quantity FROM reservation
                   WHERE store_id = %(store_id)s AND state = 'sold' GROUP BY 1, 2
        ) AS taken USING (order_id, inventory_item_id)
        WHERE back.quantity > coalesce(taken.quantity, 0)""",
    "no more of a line was sent than was ordered and not cancelled": """
        SELECT format('line %%s: %%s of %%s', line_id, sent.quantity, order_line.quantity) AS what
        FROM (SELECT line_id, sum(quantity) AS quantity FROM fulfillment_line
              JOIN fulfillment ON fulfillment.store_id = fulfillment_line.store_id
                  AND fulfillment.id = fulfillment_line.fulfillment_id
              WHERE fulfillment_line.store_id = %(store_id)s AND status = 'success' GROUP BY 1) AS sent
        JOIN order_line ON order_line.store_id = %(store_id)s AND order_line.id = line_id
        WHERE sent.quantity > order_line.quantity - coalesce((
            SELECT sum(refund_line.quantity) FROM refund_line WHERE refund_line.store_id = order_line.store_id
              AND refund_line.line_id = order_line.id AND restock_type = 'cancel'), 0)""",
}


async def breaks(tx: Tx, store_id: StoreId) -> list[Break]:
    """Of what the transaction sees. Read it when nobody else is at work on the shop, or at REPEATABLE READ."""
    found = []
    for rule, statement in _RULES.items():
        cursor = await tx.execute(statement.encode(), {"store_id": store_id})
        found += [Break(rule, row["what"]) for row in await cursor.fetchall()]
    return found
