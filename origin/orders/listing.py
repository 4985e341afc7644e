"""Orders as merchants read them: placed ones only, whole, in a constant number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.tenant import StoreId
from origin.catalog import listing
from origin.catalog.listing import Condition, Filters, Slice, Window, above_id, ids_in, one_of, state, times
from origin.db import Tx
from origin.errors import NotFound

FINANCIAL = ("pending", "authorized", "partially_paid", "paid", "partially_refunded", "refunded", "voided")
_PLACED = Condition("sales_order.state = 'placed'")
_COLUMNS = """sales_order.*, to_jsonb(ARRAY(
    SELECT DISTINCT gateway FROM payment
    WHERE payment.store_id = sales_order.store_id AND payment.order_id = sales_order.id)) AS gateways"""

FILTERS: Filters = {
    "ids": ids_in("sales_order.id"),
    "since_id": above_id("sales_order.id"),
    "name": lambda text: Condition("sales_order.number = ANY(%s)", (listing.parse_ids(text.strip().lstrip("#")),)),
    "status": state(
        {
            "open": "sales_order.closed_at IS NULL AND sales_order.cancelled_at IS NULL",
            "closed": "sales_order.closed_at IS NOT NULL AND sales_order.cancelled_at IS NULL",
            "cancelled": "sales_order.cancelled_at IS NOT NULL",
            "any": None,
        }
    ),
    "financial_status": lambda text: (
        Condition("sales_order.financial_status IN ('authorized', 'partially_paid', 'pending')")
        if text == "unpaid"
        else one_of("sales_order.financial_status", FINANCIAL)(text)
    ),
    "fulfillment_status": state(
        {
            "shipped": "sales_order.fulfillment_status = 'fulfilled'",
            "fulfilled": "sales_order.fulfillment_status = 'fulfilled'",
            "partial": "sales_order.fulfillment_status = 'partial'",
            "unshipped": "sales_order.fulfillment_status IS NULL",
            "unfulfilled": "(sales_order.fulfillment_status IS NULL OR sales_order.fulfillment_status = 'partial')",
            "any": None,
        }
    ),
    **times("sales_order.created_at"),
    **times("sales_order.updated_at"),
    **times("sales_order.processed_at"),
}


@dataclass(frozen=True, slots=True)
class Order:
    row: dict[str, Any]
    customer: dict[str, Any] | None
    lines: list[dict[str, Any]] = field(default_factory=list)


async def page(tx: Tx, store_id: StoreId, conditions: Sequence[Condition], window: Window) -> tuple[Slice, list[Order]]:
    found = await listing.select(tx, store_id, "sales_order", _COLUMNS, [_PLACED, *conditions], window)
    return found, await _with_parts(tx, store_id, found.rows)


async def count(tx: Tx, store_id: StoreId, conditions: Sequence[Condition]) -> int:
    return await listing.count(tx, store_id, "sales_order", [_PLACED, *conditions])


async def find(tx: Tx, store_id: StoreId, order_id: int) -> Order:
    """Raises NotFound, also while a checkout is not finished."""
    row = await listing.find(tx, store_id, "sales_order", _COLUMNS, order_id, _PLACED)
    if row is None:
        raise NotFound("order")
    return (await _with_parts(tx, store_id, [row]))[0]


async def transactions(tx: Tx, store_id: StoreId, order_id: int) -> list[dict[str, Any]]:
    """An order's payments, oldest first. Raises NotFound."""
    if await listing.find(tx, store_id, "sales_order", "id", order_id, _PLACED) is None:
        raise NotFound("order")
    cursor = await tx.execute(
        "SELECT * FROM payment WHERE store_id = %s AND order_id = %s ORDER BY id", [store_id, order_id]
    )
    return await cursor.fetchall()


async def _with_parts(tx: Tx, store_id: StoreId, rows: Sequence[dict[str, Any]]) -> list[Order]:
    if not rows:
        return []
    cursor = await tx.execute(
        """SELECT order_line.*, variant.id IS NOT NULL AS is_variant_there, product.id IS NOT NULL AS is_product_there,
                  variant.inventory_management
           FROM order_line
           LEFT JOIN variant ON variant.store_id = order_line.store_id AND variant.id = order_line.variant_id
           LEFT JOIN product ON product.store_id = order_line.store_id AND product.id = order_line.product_id
           WHERE order_line.store_id = %s AND order_line.order_id = ANY(%s)
           ORDER BY order_line.order_id, order_line.position, order_line.id""",
        [store_id, [row["id"] for row in rows]],
    )
    lines: dict[int, list[dict[str, Any]]] = {row["id"]: [] for row in rows}
    for line in await cursor.fetchall():
        lines[line["order_id"]].append(line)
    customers = await _customers(tx, store_id, {row["customer_id"] for row in rows} - {None})
    return [Order(row, customers.get(row["customer_id"]), lines[row["id"]]) for row in rows]


async def _customers(tx: Tx, store_id: StoreId, customer_ids: set[int]) -> dict[int, dict[str, Any]]:
    if not customer_ids:
        return {}
    cursor = await tx.execute(
        """SELECT customer.*, placed.orders_count, placed.total_minor, placed.last_order_id, placed.last_number
           FROM customer LEFT JOIN LATERAL (
               SELECT count(*) AS orders_count, sum(total_minor)::bigint AS total_minor, max(id) AS last_order_id,
                      max(number) AS last_number
               FROM sales_order WHERE sales_order.store_id = customer.store_id
                 AND sales_order.customer_id = customer.id AND state = 'placed'
           ) AS placed ON true
           WHERE customer.store_id = %s AND customer.id = ANY(%s)""",
        [store_id, sorted(customer_ids)],
    )
    return {row["id"]: row for row in await cursor.fetchall()}
