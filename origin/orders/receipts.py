"""A placed order as its buyer sees it: on the confirmation page, in the e-mail, in the answer to a submission."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.money import to_decimal_text
from contracts.tenant import StoreId
from origin.asked import Asked
from origin.db import Tx
from origin.errors import NotFound
from origin.texts import is_storable

MAX_TOKEN = 64


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money is in minor units; `lines` carry an `image_url` if the product still has one. `host`: the shop's."""

    id: int
    number: int
    token: str
    email: str
    currency: str
    subtotal_minor: int
    shipping_minor: int
    tax_minor: int
    total_minor: int
    shipping_title: str | None
    shipping_address: dict[str, Any] | None
    financial_status: str
    is_cancelled: bool
    note: str | None
    created_at: str
    host: str
    card: dict[str, Any] | None
    lines: list[dict[str, Any]]

    @property
    def name(self) -> str:
        return f"#{self.number}"

    def data(self, shop_url: str) -> dict[str, Any]:
        """For scripts: money as decimal texts."""
        return {
            "id": self.id,
            "number": self.number,
            "name": self.name,
            "email": self.email,
            "currency": self.currency,
            "subtotal_price": to_decimal_text(self.subtotal_minor, self.currency),
            "total_shipping": to_decimal_text(self.shipping_minor, self.currency),
            "total_tax": to_decimal_text(self.tax_minor, self.currency),
            "total_price": to_decimal_text(self.total_minor, self.currency),
            "financial_status": self.financial_status,
            "created_at": self.created_at,
            "shipping_address": self.shipping_address,
            "line_items": [
                {
                    "variant_id": line["variant_id"],
                    "product_id": line["product_id"],
                    "title": line["title"],
                    "variant_title": line["variant_title"],
                    "sku": line["sku"],
                    "quantity": line["quantity"],
                    "price": to_decimal_text(line["price_minor"], self.currency),
                }
                for line in self.lines
            ],
            "status_url": f"{shop_url}/orders/{self.token}",
        }


# In one statement, so that it takes one round trip.
_RECEIPT = """
    SELECT sales_order.id, number, token, email, sales_order.currency, subtotal_minor, shipping_minor, tax_minor,
           total_minor, shipping_title, shipping_address, financial_status, note,
           cancelled_at IS NOT NULL AS is_cancelled, sales_order.created_at,
           (SELECT name FROM host WHERE host.store_id = sales_order.store_id AND is_primary) AS host,
           (SELECT card FROM payment WHERE payment.store_id = sales_order.store_id AND payment.order_id = sales_order.id
             AND kind = 'sale' AND payment.status = 'success' LIMIT 1) AS card,
           (SELECT json_agg(line) FROM (
               SELECT variant_id, product_id, title, variant_title, sku, quantity, price_minor,
                      quantity * price_minor AS line_minor, properties,
                      (SELECT src FROM product_image WHERE product_image.store_id = order_line.store_id
                         AND product_image.product_id = order_line.product_id
                       ORDER BY id IS DISTINCT FROM (
                           SELECT image_id FROM variant
                           WHERE variant.store_id = order_line.store_id AND variant.id = order_line.variant_id),
                           position, id
                       LIMIT 1) AS image_url
               FROM order_line
               WHERE order_line.store_id = sales_order.store_id AND order_line.order_id = sales_order.id
               ORDER BY order_line.position) AS line) AS lines
    FROM sales_order WHERE store_id = %s AND {by} = ANY(%s) AND state = 'placed' AND deleted_at IS NULL
"""


async def receipt_of_order(tx: Tx, store_id: StoreId, order_id: int) -> Receipt:
    """Raises NotFound for what is no placed order of this store."""
    return await (await ask_receipt_of_order(tx, store_id, order_id)).read()


async def ask_receipt_of_order(tx: Tx, store_id: StoreId, order_id: int) -> Asked[Receipt]:
    """The same; it is the answer that raises."""
    return (await receipts_of_orders(tx, store_id, [order_id])).then(_only)


async def receipt_of_token(tx: Tx, store_id: StoreId, token: str) -> Receipt:
    """By the address only its buyer knows. Raises NotFound."""
    if not is_storable(token) or len(token) > MAX_TOKEN:
        raise NotFound("order")
    return _only(await (await _receipts(tx, store_id, "token", [token])).read())


async def receipts_of_orders(tx: Tx, store_id: StoreId, order_ids: Sequence[int]) -> Asked[dict[int, Receipt]]:
    """By order; what is no placed order of this store is not among them."""
    return await _receipts(tx, store_id, "id", order_ids)


def _only(found: Mapping[int, Receipt]) -> Receipt:
    for receipt in found.values():
        return receipt
    raise NotFound("order")


async def _receipts(
    tx: Tx, store_id: StoreId, by: str, values: Sequence[int] | Sequence[str]
) -> Asked[dict[int, Receipt]]:
    cursor = await tx.execute(_RECEIPT.format(by=by).encode(), [store_id, list(values)])
    return Asked(cursor, lambda rows: {row["id"]: _receipt(row) for row in rows})


def _receipt(row: Mapping[str, Any]) -> Receipt:
    made = {"created_at": row["created_at"].isoformat(timespec="seconds"), "lines": row["lines"] or []}
    return Receipt(**{**row, **made})
