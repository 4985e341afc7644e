"""Writing orders: pending with a checkout's reservation, placed with a number once it is paid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from contracts.events import Topic
from contracts.tenant import StoreId
from invalidation import outbox
from origin.asked import Asked
from origin.cart.pricing import PricedCart, PricedLine
from origin.db import Tx
from origin.errors import NotFound
from origin.payments import Declined, Succeeded

FIRST_NUMBER = 1001
_PLACED = (Topic.ORDER_CREATED, Topic.ORDER_PAID)


@dataclass(frozen=True, slots=True)
class NewOrder:
    """`token`: nobody can guess it, and the order is known by it before it has an id."""

    token: str
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


async def insert_pending(tx: Tx, store_id: StoreId, news: Sequence[NewOrder]) -> Asked[list[int | None]]:
    """The orders' ids. None when this filling of the cart is an order already, pending or placed: that was not written.

    1. A and B submit one cart; 2. A inserts its order; 3. B's insert waits for A's transaction, and then finds A's row.
    In the order of carts, so that two who insert the same ones cannot wait for each other.
    """
    cursor = await tx.execute(
        """INSERT INTO sales_order (store_id, token, email, phone, currency, subtotal_minor, shipping_minor,
               total_minor, total_grams, note, note_attributes, shipping_address, billing_address,
               shipping_title, cart_token, cart_generation)
           SELECT %s, token, email, phone, currency, subtotal_minor, shipping_minor, subtotal_minor + shipping_minor,
               total_grams, note, note_attributes, address, address, shipping_title, cart_token, cart_generation
           FROM jsonb_to_recordset(%s) AS new (token text, email text, phone text, currency text, subtotal_minor bigint,
               shipping_minor bigint, total_grams bigint, note text, note_attributes jsonb, address jsonb,
               shipping_title text, cart_token text, cart_generation text)
           ORDER BY cart_token, cart_generation
           ON CONFLICT (store_id, cart_token, cart_generation) WHERE state IN ('pending', 'placed') DO NOTHING
           RETURNING id, token""",
        [store_id, Jsonb([_order_row(new) for new in news])],
    )

    def inserted(rows: Sequence[Mapping[str, Any]]) -> list[int | None]:
        found = {row["token"]: int(row["id"]) for row in rows}
        return [found.get(new.token) for new in news]

    return Asked(cursor, inserted)


def _order_row(new: NewOrder) -> dict[str, Any]:
    cart = new.cart
    return {
        "token": new.token,
        "email": new.email,
        "phone": (new.address or {}).get("phone") or None,
        "currency": cart.currency,
        "subtotal_minor": cart.total_minor,
        "shipping_minor": new.shipping_minor,
        "total_grams": cart.total_grams,
        "note": new.note or cart.cart.note,
        "note_attributes": dict(cart.cart.attributes),
        "address": dict(new.address) if new.address else None,
        "shipping_title": new.shipping_title,
        "cart_token": cart.cart.token,
        "cart_generation": cart.cart.generation or None,
    }


async def insert_lines(tx: Tx, store_id: StoreId, news: Sequence[NewOrder]) -> None:
    """Of each order that was written, what its cart has."""
    lines = [
        _line_row(new.token, position, priced) for new in news for position, priced in enumerate(new.cart.lines, 1)
    ]
    await insert_line_rows(tx, store_id, lines)


async def insert_line_rows(tx: Tx, store_id: StoreId, lines: Sequence[Mapping[str, Any]]) -> None:
    """Each with the `token` of its order, its `position` and the columns of an order line. Those of an order that is
    not there are left out."""
    # The orders are looked up one by one: joined with all of a big shop's orders, those might be read.
    await tx.execute(
        """INSERT INTO order_line (store_id, order_id, position, variant_id, product_id, inventory_item_id, title,
               variant_title, sku, vendor, quantity, price_minor, grams, is_taxable, requires_shipping, properties)
           SELECT %(store)s, its_order.id, position, variant_id, product_id, inventory_item_id, title, variant_title,
               sku, vendor, quantity, price_minor, grams, is_taxable, requires_shipping, properties
           FROM jsonb_to_recordset(%(lines)s) AS line (token text, position integer, variant_id bigint,
               product_id bigint, inventory_item_id bigint, title text, variant_title text, sku text, vendor text,
               quantity bigint, price_minor bigint, grams bigint, is_taxable boolean, requires_shipping boolean,
               properties jsonb)
           CROSS JOIN LATERAL (
               SELECT id FROM sales_order WHERE store_id = %(store)s AND token = line.token OFFSET 0) AS its_order""",
        {"store": store_id, "lines": Jsonb(list(lines))},
    )


def _line_row(token: str, position: int, priced: PricedLine) -> dict[str, Any]:
    offer, line = priced.offer, priced.line
    return {
        "token": token,
        "position": position,
        "variant_id": offer.variant_id,
        "product_id": offer.product_id,
        "inventory_item_id": offer.inventory_item_id,
        "title": offer.title,
        "variant_title": offer.variant_title,
        "sku": offer.sku,
        "vendor": offer.vendor,
        "quantity": line.quantity,
        "price_minor": offer.price_minor,
        "grams": offer.grams,
        "is_taxable": offer.taxable,
        "requires_shipping": offer.requires_shipping,
        "properties": dict(line.properties),
    }


async def withdraw(tx: Tx, store_id: StoreId, order_ids: Sequence[int]) -> None:
    """Orders of this very transaction, with their lines: there was not enough for them."""
    await tx.execute("DELETE FROM sales_order WHERE store_id = %s AND id = ANY(%s)", [store_id, list(order_ids)])


_CHECKOUT_ORDER = """
    SELECT id, state, token, email, total_minor, currency, shipping_address,
           created_at + make_interval(secs => %(held_seconds)s) < now() AS is_late
    FROM sales_order WHERE store_id = %(store)s AND id {which}
"""
# An array is looked up by the index; joined with a big shop's orders, all of those might be read.
_OF_ATTEMPTS = """= ANY(ARRAY(
    SELECT order_id FROM checkout_attempt WHERE store_id = %(store)s AND id = ANY(%(attempts)s)))"""


async def checkout_order(tx: Tx, store_id: StoreId, order_id: int, held_seconds: float) -> CheckoutOrder:
    """Raises NotFound."""
    cursor = await tx.execute(
        _CHECKOUT_ORDER.format(which="= %(order)s").encode(),
        {"store": store_id, "held_seconds": held_seconds, "order": order_id},
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("order")
    return CheckoutOrder(**row)


async def orders_of_attempts(
    tx: Tx, store_id: StoreId, attempt_ids: Sequence[int], held_seconds: float
) -> Asked[dict[int, CheckoutOrder]]:
    """Those there are, by order. Lock the attempts in a statement before: this one sees what came of them till then."""
    cursor = await tx.execute(
        _CHECKOUT_ORDER.format(which=_OF_ATTEMPTS).encode(),
        {"store": store_id, "held_seconds": held_seconds, "attempts": list(attempt_ids)},
    )
    return Asked(cursor, lambda rows: {row["id"]: CheckoutOrder(**row) for row in rows})


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
    await record_payments(tx, store_id, [(order, attempt_id, outcome)])


async def record_payments(
    tx: Tx, store_id: StoreId, payments: Sequence[tuple[CheckoutOrder, int, Succeeded | Declined]]
) -> None:
    """The same of several: order, attempt, outcome."""
    await tx.execute(
        """INSERT INTO payment (store_id, order_id, attempt_id, kind, status, payment_intent, provider_id, amount_minor,
               currency, message, error_code, card)
           SELECT %s, order_id, attempt_id, 'sale', status, payment_intent, provider_id, amount_minor, currency,
               message, error_code, card
           FROM jsonb_to_recordset(%s) AS paid (order_id bigint, attempt_id bigint, status text, payment_intent text,
               provider_id text, amount_minor bigint, currency text, message text, error_code text, card jsonb)
           ON CONFLICT DO NOTHING""",
        [store_id, Jsonb([_payment_row(*payment) for payment in payments])],
    )


def _payment_row(order: CheckoutOrder, attempt_id: int, outcome: Succeeded | Declined) -> dict[str, Any]:
    row = {
        "order_id": order.id,
        "attempt_id": attempt_id,
        "payment_intent": outcome.intent_id,
        "amount_minor": order.total_minor,
        "currency": order.currency,
    }
    if isinstance(outcome, Declined):
        return row | {"status": "failure", "message": outcome.message, "error_code": outcome.code}
    card = dict(outcome.card) if outcome.card else None
    return row | {"status": "success", "provider_id": outcome.charge_id, "card": card}


async def record_refund(tx: Tx, store_id: StoreId, order: CheckoutOrder, attempt_id: int, intent_id: str) -> None:
    await tx.execute(
        """INSERT INTO payment (store_id, order_id, attempt_id, kind, status, payment_intent, amount_minor, currency)
           VALUES (%s, %s, %s, 'refund', 'success', %s, %s, %s)""",
        [store_id, order.id, attempt_id, intent_id, order.total_minor, order.currency],
    )


async def upsert_customers(tx: Tx, store_id: StoreId, orders: Sequence[CheckoutOrder]) -> None:
    """The buyer of each order, by e-mail address; a newer address replaces the older one."""
    buyers = {order.email.lower(): order.shipping_address or {} for order in orders}
    rows = [
        {
            "email": email,
            "first_name": address.get("first_name") or "",
            "last_name": address.get("last_name") or "",
            "address": dict(address) or None,
        }
        for email, address in buyers.items()
    ]
    await tx.execute(
        """INSERT INTO customer AS known (store_id, email, first_name, last_name, default_address)
           SELECT %s, email, first_name, last_name, address
           FROM jsonb_to_recordset(%s) AS buyer (email text, first_name text, last_name text, address jsonb)
           ORDER BY email
           ON CONFLICT (store_id, email) DO UPDATE
           SET first_name = coalesce(nullif(excluded.first_name, ''), known.first_name),
               last_name = coalesce(nullif(excluded.last_name, ''), known.last_name),
               default_address = coalesce(excluded.default_address, known.default_address), updated_at = now()""",
        [store_id, Jsonb(rows)],
    )


async def count_sales(tx: Tx, store_id: StoreId, order_ids: Sequence[int]) -> None:
    """For "best-selling". Whoever sells has locked the products (stock.sell)."""
    await tx.execute(
        """WITH sold AS (
               SELECT product_id, sum(quantity)::bigint AS units FROM order_line
               WHERE store_id = %(store_id)s AND order_id = ANY(%(order_ids)s) AND product_id IS NOT NULL GROUP BY 1
           ), locked AS (
               SELECT product.id, sold.units FROM product JOIN sold ON sold.product_id = product.id
               WHERE product.store_id = %(store_id)s ORDER BY product.id FOR NO KEY UPDATE OF product
           )
           UPDATE product SET units_sold = units_sold + locked.units FROM locked
           WHERE product.store_id = %(store_id)s AND product.id = locked.id""",
        {"store_id": store_id, "order_ids": list(order_ids)},
    )


# The last one of so many.
_TAKE_NUMBERS = """
    INSERT INTO counter (store_id, name, value) VALUES (%(store_id)s, 'order_number', %(first)s + %(count)s - 1)
    ON CONFLICT (store_id, name) DO UPDATE SET value = counter.value + %(count)s RETURNING value
"""


async def place(tx: Tx, store_id: StoreId, orders: Sequence[CheckoutOrder]) -> None:
    """Gives the orders their numbers and customers. The counter is the shop's hottest row: commit soon after."""
    events = [(topic, {"order_id": order.id}) for order in orders for topic in _PLACED]
    await outbox.add_events(tx, store_id, events)
    await tx.execute(
        f"""WITH numbers AS ({_TAKE_NUMBERS})
           UPDATE sales_order SET state = 'placed', number = numbers.value - %(count)s + placed.position,
               customer_id = (
                   SELECT id FROM customer WHERE customer.store_id = %(store_id)s AND customer.email = placed.email),
               financial_status = 'paid', processed_at = now(), updated_at = now()
           FROM numbers, unnest(%(orders)s::bigint[], %(emails)s::text[])
               WITH ORDINALITY AS placed (order_id, email, position)
           WHERE sales_order.store_id = %(store_id)s AND sales_order.id = placed.order_id""".encode(),
        {
            "store_id": store_id,
            "first": FIRST_NUMBER,
            "count": len(orders),
            "orders": [order.id for order in orders],
            "emails": [order.email.lower() for order in orders],
        },
    )


async def take_number(tx: Tx, store_id: StoreId) -> int:
    """The next order number of the shop. Others wait for this transaction to end."""
    cursor = await tx.execute(_TAKE_NUMBERS.encode(), {"store_id": store_id, "first": FIRST_NUMBER, "count": 1})
    row = await cursor.fetchone()
    assert row is not None
    return int(row["value"])
