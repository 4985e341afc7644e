"""Orders that a merchant writes: of variants or of lines made up for them, placed at once, paid already or later."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.types.json import Jsonb

from contracts.events import Topic
from contracts.money import MoneyError, parse_amount, to_decimal_text
from contracts.tenant import StoreId
from invalidation import outbox
from origin.cart.offers import DEFAULT_TITLE
from origin.catalog.products import clean_tags
from origin.checkout import stock
from origin.checkout.reserving import MAX_SUM
from origin.db import Tx
from origin.errors import Invalid
from origin.orders import ledger, placing
from origin.orders.moves import Move, intend, reckon
from origin.orders.placing import CheckoutOrder

# What happens to stock: nothing; taken as far as there is; taken, or the order is refused.
BEHAVIOURS = ("bypass", "decrement_ignoring_policy", "decrement_obeying_policy")
FINANCIAL = ("paid", "pending")


@dataclass(frozen=True, slots=True)
class WantedLine:
    """Of a variant, or (without one) of something with a title and a price. What is None is the variant's."""

    quantity: int
    variant_id: int | None = None
    title: str | None = None
    price: str | None = None
    sku: str | None = None
    vendor: str | None = None
    grams: int | None = None
    requires_shipping: bool | None = None
    taxable: bool | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WantedOrder:
    """Amounts are texts in the shop's currency. `paid`: amounts of payments made by other means; None: see status."""

    lines: Sequence[WantedLine]
    email: str = ""
    phone: str | None = None
    note: str | None = None
    note_attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[str] = ()
    shipping_address: Mapping[str, Any] | None = None
    billing_address: Mapping[str, Any] | None = None
    shipping_title: str | None = None
    shipping_price: str | None = None
    financial_status: str = "paid"
    paid: Sequence[str] | None = None
    inventory_behaviour: str = "bypass"
    tells_buyer: bool = False
    currency: str | None = None


async def write(tx: Tx, store_id: StoreId, wanted: WantedOrder, currency: str) -> int:
    """The new order's id. Raises Invalid, field by field. The shop's counter of numbers comes last."""
    ledger.check_currency(wanted.currency, currency)
    problems: dict[str, list[str]] = {}
    lines = await _lines(tx, store_id, wanted.lines, currency, problems)
    shipping = _minor(wanted.shipping_price or "0", currency, "shipping_lines.price", problems)
    subtotal = sum(line["price_minor"] * line["quantity"] for line in lines)
    total, grams = subtotal + shipping, sum(line["grams"] * line["quantity"] for line in lines)
    if max(total, grams) > MAX_SUM:
        problems["line_items"] = ["are too much for one order"]
    paid = _paid(wanted, total, currency, problems)
    if wanted.inventory_behaviour not in BEHAVIOURS:
        problems["inventory_behaviour"] = [f"must be one of {', '.join(BEHAVIOURS)}"]
    if problems:
        raise Invalid(problems)
    row = await _insert(tx, store_id, wanted, currency, (subtotal, shipping, grams))
    places = [line | {"token": row["token"], "position": position} for position, line in enumerate(lines, 1)]
    await placing.insert_line_rows(tx, store_id, places)
    # Products, customers, the counter, levels: in the order in which a checkout locks them.
    await placing.count_sales(tx, store_id, [row["id"]])
    address = wanted.shipping_address or wanted.billing_address
    order = CheckoutOrder(row["id"], "pending", row["token"], wanted.email, total, currency, address, False)
    if wanted.email:
        await placing.upsert_customers(tx, store_id, [order])
    await _place(tx, store_id, order.id, wanted, paid)
    if wanted.inventory_behaviour != "bypass":
        await _take_stock(tx, store_id, order.id, wanted, lines)
    return order.id


async def _place(tx: Tx, store_id: StoreId, order_id: int, wanted: WantedOrder, paid: Sequence[int]) -> None:
    quiet = {"order_id": order_id, "is_quiet": not (wanted.tells_buyer and wanted.email)}
    await outbox.add_event(tx, store_id, Topic.ORDER_CREATED, quiet)
    number = await placing.take_number(tx, store_id)
    await tx.execute(
        """UPDATE sales_order SET state = 'placed', number = %(number)s, processed_at = now(), updated_at = now(),
               customer_id = (SELECT id FROM customer WHERE customer.store_id = %(store)s AND email = %(email)s)
           WHERE store_id = %(store)s AND id = %(order)s""",
        {"number": number, "email": wanted.email.lower() or None, "store": store_id, "order": order_id},
    )
    order = await ledger.lock(tx, store_id, order_id)
    for minor in paid:
        await intend(tx, store_id, order, Move("sale", minor))
    await reckon(tx, store_id, order_id)


def _paid(wanted: WantedOrder, total: int, currency: str, problems: dict[str, list[str]]) -> list[int]:
    if wanted.financial_status not in FINANCIAL:
        problems["financial_status"] = [f"must be {' or '.join(FINANCIAL)} when an order is written"]
    if wanted.paid is None:
        return [total] if wanted.financial_status == "paid" and total else []
    paid = [_minor(amount, currency, "transactions.amount", problems) for amount in wanted.paid]
    if sum(paid) > total:
        problems["transactions"] = [f"amounts can be {to_decimal_text(total, currency)} at most in all"]
    return [minor for minor in paid if minor]


async def _take_stock(
    tx: Tx, store_id: StoreId, order_id: int, wanted: WantedOrder, lines: Sequence[Mapping[str, Any]]
) -> None:
    sums: dict[int, int] = {}
    for line in lines:
        if line["is_tracked"]:
            sums[line["inventory_item_id"]] = sums.get(line["inventory_item_id"], 0) + line["quantity"]
    may_be_short = wanted.inventory_behaviour == "decrement_ignoring_policy"
    shortage = await stock.take(tx, store_id, order_id, sums, may_be_short=may_be_short)
    if shortage:
        told = [
            f"only {shortage.left[line['inventory_item_id']]} of “{line['title']}” left (number {number})"
            for number, line in enumerate(lines, 1)
            if line["inventory_item_id"] in shortage.left
        ]
        raise Invalid({"line_items": told})


async def _insert(
    tx: Tx, store_id: StoreId, wanted: WantedOrder, currency: str, sums: tuple[int, int, int]
) -> dict[str, Any]:
    subtotal, shipping, grams = sums
    cursor = await tx.execute(
        """INSERT INTO sales_order (store_id, token, email, phone, currency, subtotal_minor, shipping_minor,
               total_minor, total_grams, note, note_attributes, tags, shipping_address, billing_address, shipping_title)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id, token""",
        [
            *(store_id, secrets.token_urlsafe(24), wanted.email, wanted.phone, currency),
            *(subtotal, shipping, subtotal + shipping, grams, wanted.note),
            *(Jsonb(dict(wanted.note_attributes)), clean_tags(wanted.tags)),
            Jsonb(dict(wanted.shipping_address)) if wanted.shipping_address else None,
            Jsonb(dict(wanted.billing_address)) if wanted.billing_address else None,
            wanted.shipping_title,
        ],
    )
    row = await cursor.fetchone()
    assert row is not None
    return row


async def _lines(
    tx: Tx, store_id: StoreId, wanted: Sequence[WantedLine], currency: str, problems: dict[str, list[str]]
) -> list[dict[str, Any]]:
    if not wanted:
        problems["line_items"] = ["can't be blank"]
    variants = await _variants(tx, store_id, {line.variant_id for line in wanted} - {None})
    lines = []
    for number, line in enumerate(wanted, 1):
        variant = variants.get(line.variant_id or 0)
        if line.quantity < 1:
            problems.setdefault("line_items.quantity", []).append(f"must be 1 at least (number {number})")
        if line.variant_id is not None and variant is None:
            text = f"{line.variant_id} is not a variant of this shop (number {number})"
            problems.setdefault("line_items.variant_id", []).append(text)
        elif variant is None and not (line.title and line.price):
            problems.setdefault("line_items", []).append(f"need a variant_id, or a title and a price (number {number})")
        else:
            lines.append(_line(line, variant or _CUSTOM, currency, problems))
    return lines


_CUSTOM: Mapping[str, Any] = {
    **dict.fromkeys(("variant_id", "product_id", "inventory_item_id", "variant_title", "sku")),
    **{"vendor": "", "grams": 0, "is_taxable": True, "requires_shipping": False, "is_tracked": False},
}


def _line(
    wanted: WantedLine, variant: Mapping[str, Any], currency: str, problems: dict[str, list[str]]
) -> dict[str, Any]:
    said = {
        "title": wanted.title,
        "sku": wanted.sku,
        "vendor": wanted.vendor,
        "grams": wanted.grams,
        "requires_shipping": wanted.requires_shipping,
        "is_taxable": wanted.taxable,
        "price_minor": None if wanted.price is None else _minor(wanted.price, currency, "line_items.price", problems),
    }
    return {
        **variant,
        **{name: value for name, value in said.items() if value is not None},
        "quantity": wanted.quantity,
        "properties": dict(wanted.properties),
    }


async def _variants(tx: Tx, store_id: StoreId, variant_ids: set[int | None]) -> dict[int, dict[str, Any]]:
    """Also those that are not published: a merchant may sell them."""
    cursor = await tx.execute(
        """SELECT variant.id AS variant_id, variant.product_id, variant.inventory_item_id, product.title,
                  nullif(variant.title, %s) AS variant_title, variant.sku, product.vendor, variant.price_minor,
                  variant.grams, variant.taxable AS is_taxable, variant.requires_shipping,
                  variant.inventory_management IS NOT NULL AS is_tracked
           FROM variant
           JOIN product ON product.store_id = variant.store_id AND product.id = variant.product_id
           WHERE variant.store_id = %s AND variant.id = ANY(%s)""",
        [DEFAULT_TITLE, store_id, list(variant_ids)],
    )
    return {row["variant_id"]: row for row in await cursor.fetchall()}


def _minor(text: str, currency: str, name: str, problems: dict[str, list[str]]) -> int:
    try:
        minor = parse_amount(text, currency)
    except MoneyError as error:
        problems.setdefault(name, []).append(str(error))
        return 0
    if minor < 0:
        problems.setdefault(name, []).append("must be greater than or equal to 0")
    return max(minor, 0)
