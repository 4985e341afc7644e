"""Orders as merchants read them: placed ones only, whole, in a constant number of statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.tenant import StoreId
from origin.catalog import listing
from origin.catalog.listing import Condition, Filters, Slice, Window, above_id, ids_in, one_of, state, times
from origin.db import Tx
from origin.errors import NotFound
from origin.orders.progress import Progress, progress

FINANCIAL = ("pending", "authorized", "partially_paid", "paid", "partially_refunded", "refunded", "voided")
_PLACED = Condition("sales_order.state = 'placed' AND sales_order.deleted_at IS NULL")
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
class Refund:
    """Of one order; its lines have their order line's id as `line_id`."""

    row: dict[str, Any]
    lines: list[dict[str, Any]]
    payments: list[dict[str, Any]]

    @property
    def goods_minor(self) -> int:
        """What its lines and its shipping cost."""
        return int(sum(line["subtotal_minor"] for line in self.lines) + self.row["shipping_minor"])

    @property
    def money_minor(self) -> int | None:
        """What is given back, or on its way; None when no money was asked for."""
        if not self.payments:
            return None
        return int(sum(each["amount_minor"] for each in self.payments if each["status"] in ("success", "pending")))


@dataclass(frozen=True, slots=True)
class Fulfillment:
    """Its lines have their order line's id as `line_id`."""

    row: dict[str, Any]
    lines: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Order:
    row: dict[str, Any]
    customer: dict[str, Any] | None
    lines: list[dict[str, Any]] = field(default_factory=list)
    payments: list[dict[str, Any]] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    fulfillments: list[Fulfillment] = field(default_factory=list)
    progress: dict[int, Progress] = field(default_factory=dict)  # by line


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
    return (await _rows_of(tx, _PAYMENTS, store_id, [order_id]))[order_id]


async def refunds(tx: Tx, store_id: StoreId, order_id: int) -> list[Refund]:
    """Oldest first. Raises NotFound."""
    paid = await transactions(tx, store_id, order_id)
    return (await _refunds(tx, store_id, {order_id: paid}))[order_id]


async def _with_parts(tx: Tx, store_id: StoreId, rows: Sequence[dict[str, Any]]) -> list[Order]:
    if not rows:
        return []
    ids = [row["id"] for row in rows]
    lines = await _rows_of(tx, _LINES, store_id, ids)
    payments = await _rows_of(tx, _PAYMENTS, store_id, ids)
    refunds = await _refunds(tx, store_id, payments)
    sent = await _fulfillments(tx, store_id, ids)
    made = await progress(tx, store_id, ids)
    customers = await _customers(tx, store_id, {row["customer_id"] for row in rows} - {None})
    return [
        Order(
            row,
            customers.get(row["customer_id"]),
            lines[row["id"]],
            payments[row["id"]],
            refunds[row["id"]],
            sent[row["id"]],
            {line["id"]: made[line["id"]] for line in lines[row["id"]]},
        )
        for row in rows
    ]


_LINES = """
    SELECT order_line.*, variant.id IS NOT NULL AS is_variant_there, product.id IS NOT NULL AS is_product_there,
           variant.inventory_management
    FROM order_line
    LEFT JOIN variant ON variant.store_id = order_line.store_id AND variant.id = order_line.variant_id
    LEFT JOIN product ON product.store_id = order_line.store_id AND product.id = order_line.product_id
    WHERE order_line.store_id = %s AND order_line.order_id = ANY(%s)
    ORDER BY order_line.order_id, order_line.position, order_line.id"""
_PAYMENTS = "SELECT * FROM payment WHERE store_id = %s AND order_id = ANY(%s) ORDER BY id"
_REFUNDS = "SELECT * FROM refund WHERE store_id = %s AND order_id = ANY(%s) ORDER BY id"
_REFUND_LINES = """
    SELECT refund_line.*, refund.order_id FROM refund_line
    JOIN refund ON refund.store_id = refund_line.store_id AND refund.id = refund_line.refund_id
    WHERE refund_line.store_id = %s AND refund.order_id = ANY(%s) ORDER BY refund_line.id"""

_FULFILLMENTS = "SELECT * FROM fulfillment WHERE store_id = %s AND order_id = ANY(%s) ORDER BY id"
_FULFILLMENT_LINES = """
    SELECT fulfillment_line.*, fulfillment.order_id FROM fulfillment_line
    JOIN fulfillment ON fulfillment.store_id = fulfillment_line.store_id
        AND fulfillment.id = fulfillment_line.fulfillment_id
    WHERE fulfillment_line.store_id = %s AND fulfillment.order_id = ANY(%s) ORDER BY fulfillment_line.id"""


async def _rows_of(tx: Tx, statement: str, store_id: StoreId, order_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    """What a statement finds of these orders, by order."""
    cursor = await tx.execute(statement.encode(), [store_id, order_ids])
    found: dict[int, list[dict[str, Any]]] = {order_id: [] for order_id in order_ids}
    for row in await cursor.fetchall():
        found[row["order_id"]].append(row)
    return found


async def _refunds(tx: Tx, store_id: StoreId, payments: Mapping[int, list[dict[str, Any]]]) -> dict[int, list[Refund]]:
    """Of the orders that `payments` is of."""
    ids = list(payments)
    rows, lines = await _rows_of(tx, _REFUNDS, store_id, ids), await _rows_of(tx, _REFUND_LINES, store_id, ids)
    return {
        order_id: [
            Refund(
                row,
                [line for line in lines[order_id] if line["refund_id"] == row["id"]],
                [payment for payment in payments[order_id] if payment["refund_id"] == row["id"]],
            )
            for row in rows[order_id]
        ]
        for order_id in ids
    }


async def _fulfillments(tx: Tx, store_id: StoreId, ids: list[int]) -> dict[int, list[Fulfillment]]:
    rows = await _rows_of(tx, _FULFILLMENTS, store_id, ids)
    lines = await _rows_of(tx, _FULFILLMENT_LINES, store_id, ids)
    return {
        order_id: [
            Fulfillment(row, [line for line in lines[order_id] if line["fulfillment_id"] == row["id"]])
            for row in rows[order_id]
        ]
        for order_id in ids
    }


async def _customers(tx: Tx, store_id: StoreId, customer_ids: set[int]) -> dict[int, dict[str, Any]]:
    if not customer_ids:
        return {}
    cursor = await tx.execute(
        """SELECT customer.*, placed.orders_count, placed.total_minor, placed.last_order_id, placed.last_number
           FROM customer LEFT JOIN LATERAL (
               SELECT count(*) AS orders_count, sum(total_minor)::bigint AS total_minor, max(id) AS last_order_id,
                      max(number) AS last_number
               FROM sales_order WHERE sales_order.store_id = customer.store_id
                 AND sales_order.customer_id = customer.id AND state = 'placed' AND deleted_at IS NULL
           ) AS placed ON true
           WHERE customer.store_id = %s AND customer.id = ANY(%s)""",
        [store_id, sorted(customer_ids)],
    )
    return {row["id"]: row for row in await cursor.fetchall()}
