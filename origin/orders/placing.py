"""Writing orders: pending with a checkout's reservation, placed with a number once it is paid."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from contracts.events import Topic
from contracts.tenant import StoreId
from invalidation import outbox
from origin.cart.pricing import PricedCart
from origin.db import Tx
from origin.errors import NotFound
from origin.payments import Declined, Succeeded

FIRST_NUMBER = 1001


@dataclass(frozen=True, slots=True)
class NewOrder:
    email: str
    address: Mapping[str, Any] | None
    shipping_title: str | None
    shipping_minor: int
    note: str | None
    cart: PricedCart


@dataclass(frozen=True, slots=True)
class CheckoutOrder:
    """An order as its checkout sees it. `is_late`: its stock need not be held any longer."""

    id: int
    state: str
    token: str
    email: str
    total_minor: int
    currency: str
    shipping_address: Mapping[str, Any] | None
    is_late: bool


async def insert_pending(tx: Tx, store_id: StoreId, new: NewOrder) -> int | None:
    """None when this filling of the cart is an order already, pending or placed: nothing was written.

    1. A and B submit one cart; 2. A inserts its order; 3. B's insert waits for A's transaction, and then finds A's row.
    """
    cart = new.cart
    cursor = await tx.execute(
        """INSERT INTO sales_order (store_id, token, email, phone, currency, subtotal_minor, shipping_minor,
               total_minor, total_grams, note, note_attributes, shipping_address, billing_address,
               shipping_title, cart_token, cart_generation)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
           ON CONFLICT (store_id, cart_token, cart_generation) WHERE state IN ('pending', 'placed') DO NOTHING
           RETURNING id""",
        [
            store_id,
            secrets.token_urlsafe(24),
            new.email,
            (new.address or {}).get("phone") or None,
            cart.currency,
            cart.total_minor,
            new.shipping_minor,
            cart.total_minor + new.shipping_minor,
            cart.total_grams,
            new.note or cart.cart.note,
            Jsonb(dict(cart.cart.attributes)),
            Jsonb(new.address) if new.address else None,
            Jsonb(new.address) if new.address else None,
            new.shipping_title,
            cart.cart.token,
            cart.cart.generation or None,
        ],
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    await _insert_lines(tx, store_id, row["id"], cart)
    return int(row["id"])


async def _insert_lines(tx: Tx, store_id: StoreId, order_id: int, cart: PricedCart) -> None:
    rows = [
        [
            store_id,
            order_id,
            position,
            priced.offer.variant_id,
            priced.offer.product_id,
            priced.offer.inventory_item_id,
            priced.offer.title,
            priced.offer.variant_title,
            priced.offer.sku,
            priced.offer.vendor,
            priced.line.quantity,
            priced.offer.price_minor,
            priced.offer.grams,
            priced.offer.taxable,
            priced.offer.requires_shipping,
            Jsonb(dict(priced.line.properties)),
        ]
        for position, priced in enumerate(cart.lines, 1)
    ]
    await tx.cursor().executemany(
        """INSERT INTO order_line (store_id, order_id, position, variant_id, product_id, inventory_item_id, title,
               variant_title, sku, vendor, quantity, price_minor, grams, is_taxable, requires_shipping, properties)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        rows,
    )


async def checkout_order(tx: Tx, store_id: StoreId, order_id: int, held_seconds: float) -> CheckoutOrder:
    """Raises NotFound."""
    cursor = await tx.execute(
        """SELECT id, state, token, email, total_minor, currency, shipping_address,
                  created_at + make_interval(secs => %s) < now() AS is_late
           FROM sales_order WHERE store_id = %s AND id = %s""",
        [held_seconds, store_id, order_id],
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("order")
    return CheckoutOrder(**row)


async def set_state(tx: Tx, store_id: StoreId, order_id: int, state: str) -> None:
    await tx.execute(
        "UPDATE sales_order SET state = %s, updated_at = now() WHERE store_id = %s AND id = %s",
        [state, store_id, order_id],
    )


async def reopen(tx: Tx, store_id: StoreId, order_id: int) -> bool:
    """Pending again, after it had expired. False when its cart has become another order since."""
    try:
        async with tx.transaction():
            await set_state(tx, store_id, order_id, "pending")
    except UniqueViolation:
        return False
    return True


async def record_payment(
    tx: Tx, store_id: StoreId, order: CheckoutOrder, attempt_id: int, outcome: Succeeded | Declined
) -> None:
    """A sale or its failure. The same intent pays once, whoever reports it."""
    is_paid = isinstance(outcome, Succeeded)
    await tx.execute(
        """INSERT INTO payment (store_id, order_id, attempt_id, kind, status, payment_intent, provider_id, amount_minor,
               currency, message, error_code, card)
           VALUES (%s, %s, %s, 'sale', %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING""",
        [
            store_id,
            order.id,
            attempt_id,
            "success" if is_paid else "failure",
            outcome.intent_id,
            outcome.charge_id if isinstance(outcome, Succeeded) else None,
            order.total_minor,
            order.currency,
            None if isinstance(outcome, Succeeded) else outcome.message,
            None if isinstance(outcome, Succeeded) else outcome.code,
            Jsonb(dict(outcome.card)) if isinstance(outcome, Succeeded) and outcome.card else None,
        ],
    )


async def record_refund(tx: Tx, store_id: StoreId, order: CheckoutOrder, attempt_id: int, intent_id: str) -> None:
    await tx.execute(
        """INSERT INTO payment (store_id, order_id, attempt_id, kind, status, payment_intent, amount_minor, currency)
           VALUES (%s, %s, %s, 'refund', 'success', %s, %s, %s)""",
        [store_id, order.id, attempt_id, intent_id, order.total_minor, order.currency],
    )


async def upsert_customer(tx: Tx, store_id: StoreId, order: CheckoutOrder) -> int:
    """The buyer by e-mail address; a newer address replaces the older one."""
    address = dict(order.shipping_address) if order.shipping_address else None
    cursor = await tx.execute(
        """INSERT INTO customer AS known (store_id, email, first_name, last_name, default_address)
           VALUES (%s, %s, %s, %s, %s)
           ON CONFLICT (store_id, email) DO UPDATE
           SET first_name = coalesce(nullif(excluded.first_name, ''), known.first_name),
               last_name = coalesce(nullif(excluded.last_name, ''), known.last_name),
               default_address = coalesce(excluded.default_address, known.default_address), updated_at = now()
           RETURNING id""",
        [
            store_id,
            order.email.lower(),
            (address or {}).get("first_name", ""),
            (address or {}).get("last_name", ""),
            Jsonb(address) if address else None,
        ],
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row["id"])


async def count_sales(tx: Tx, store_id: StoreId, order_id: int) -> None:
    """For "best-selling"; products in id order, as everybody locks them."""
    await tx.execute(
        """WITH sold AS (
               SELECT product_id, sum(quantity)::bigint AS units FROM order_line
               WHERE store_id = %(store_id)s AND order_id = %(order_id)s AND product_id IS NOT NULL GROUP BY 1
           ), locked AS (
               SELECT product.id, sold.units FROM product JOIN sold ON sold.product_id = product.id
               WHERE product.store_id = %(store_id)s ORDER BY product.id FOR NO KEY UPDATE OF product
           )
           UPDATE product SET units_sold = units_sold + locked.units FROM locked
           WHERE product.store_id = %(store_id)s AND product.id = locked.id""",
        {"store_id": store_id, "order_id": order_id},
    )


async def place(tx: Tx, store_id: StoreId, order: CheckoutOrder, customer_id: int) -> int:
    """Gives the order its number. The counter is the shop's hottest row: commit soon after this."""
    await outbox.add_event(tx, store_id, Topic.ORDER_CREATED, {"order_id": order.id})
    await outbox.add_event(tx, store_id, Topic.ORDER_PAID, {"order_id": order.id})
    cursor = await tx.execute(
        """INSERT INTO counter (store_id, name, value) VALUES (%s, 'order_number', %s)
           ON CONFLICT (store_id, name) DO UPDATE SET value = counter.value + 1 RETURNING value""",
        [store_id, FIRST_NUMBER],
    )
    row = await cursor.fetchone()
    assert row is not None
    await tx.execute(
        """UPDATE sales_order SET state = 'placed', number = %s, customer_id = %s, financial_status = 'paid',
               processed_at = now(), updated_at = now()
           WHERE store_id = %s AND id = %s""",
        [row["value"], customer_id, store_id, order.id],
    )
    return int(row["value"])
