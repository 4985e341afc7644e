"""Refunds: what is taken out of a placed order again, and what is given back for it.

One transaction writes the refund, gives its units back to stock and intends its payments; the provider is asked after.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.types.json import Jsonb

from contracts.events import Topic
from contracts.money import MoneyError, parse_amount, to_decimal_text
from contracts.tenant import StoreId
from invalidation import outbox
from origin.db import Tx
from origin.errors import Invalid
from origin.orders.ledger import OrderMoney, Payment, check_currency, lock
from origin.orders.moves import Move, intend, reckon
from origin.orders.notices import NoticeKind, tell_buyer
from origin.orders.progress import progress, restate
from origin.orders.restocking import Restocked, Returned, put_back

RESTOCK_TYPES = ("no_restock", "cancel", "return")


@dataclass(frozen=True, slots=True)
class WantedLine:
    line_id: int
    quantity: int
    restock_type: str | None = None
    location_id: int | None = None


@dataclass(frozen=True, slots=True)
class WantedPayment:
    """`parent_id` None: of whichever payment is left; `amount` None: what the lines and the shipping cost."""

    parent_id: int | None = None
    amount: str | None = None


@dataclass(frozen=True, slots=True)
class WantedRefund:
    """As a merchant asks for it; amounts are texts in the order's currency. `payments` empty: no money moves."""

    lines: Sequence[WantedLine] = ()
    shipping: str | None = None
    is_shipping_full: bool = False
    payments: Sequence[WantedPayment] = ()
    note: str | None = None
    is_restocking: bool | None = None  # for lines that do not say it themselves
    currency: str | None = None
    tells_buyer: bool = False


@dataclass(frozen=True, slots=True)
class PlannedLine:
    line: Mapping[str, Any]
    quantity: int
    restock_type: str
    location_id: int | None
    subtotal_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True)
class Plan:
    """`shipping_left_minor`: what could be given back of it, before this."""

    lines: list[PlannedLine]
    shipping_minor: int
    shipping_left_minor: int
    payments: list[tuple[Payment, int]] = field(default_factory=list)

    @property
    def is_something(self) -> bool:
        return bool(self.lines or self.shipping_minor or self.payments)

    @property
    def amount_minor(self) -> int:
        return sum(line.subtotal_minor for line in self.lines) + self.shipping_minor


async def plan(tx: Tx, store_id: StoreId, order: OrderMoney, wanted: WantedRefund) -> Plan:
    """Raises Invalid, field by field, when there is less to refund than is asked for. Writes nothing."""
    check_currency(wanted.currency, order.currency)
    problems: dict[str, list[str]] = {}
    lines = await _lines(tx, store_id, order, wanted, problems)
    left = order.shipping_minor - await _shipping_refunded(tx, store_id, order.id)
    shipping = left if wanted.is_shipping_full else _minor(wanted.shipping, order, "shipping", problems)
    if shipping > left:
        problems["shipping"] = [f"amount can be {to_decimal_text(left, order.currency)} at most"]
    made = Plan(lines, shipping, left)
    payments = _payments(order, made.amount_minor, wanted.payments, problems)
    if problems:
        raise Invalid(problems)
    return Plan(lines, shipping, left, payments)


@dataclass(frozen=True, slots=True)
class Made:
    """A refund, and the payments that `Moves.finish` has to ask the provider for."""

    id: int
    payment_ids: list[int]


@dataclass(frozen=True, slots=True)
class Asked:
    """The idempotency key that a request came with, and what tells its body from another."""

    key: str
    fingerprint: bytes


async def make(tx: Tx, store_id: StoreId, order_id: int, wanted: WantedRefund, asked: Asked | None = None) -> Made:
    """Raises NotFound or Invalid. The same request, asked again under its key, is answered with its first refund."""
    order = await lock(tx, store_id, order_id)
    if asked and (known := await _known(tx, store_id, order_id, asked)):
        return known
    made = await plan(tx, store_id, order, wanted)
    if not made.is_something:
        raise Invalid({"base": ["names nothing to refund: no refund_line_items, no shipping, no transactions"]})
    written = await write(tx, store_id, order, made, wanted.note, asked)
    if wanted.tells_buyer:
        await tell_buyer(tx, store_id, order_id, NoticeKind.REFUNDED, written.id)
    return written


async def _known(tx: Tx, store_id: StoreId, order_id: int, asked: Asked) -> Made | None:
    cursor = await tx.execute(
        """SELECT id, fingerprint, ARRAY(
               SELECT payment.id FROM payment WHERE payment.store_id = refund.store_id
                 AND payment.order_id = refund.order_id AND payment.refund_id = refund.id
                 AND payment.status = 'pending' ORDER BY payment.id) AS pending
           FROM refund WHERE store_id = %s AND order_id = %s AND idempotency_key = %s""",
        [store_id, order_id, asked.key],
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    if bytes(row["fingerprint"]) != asked.fingerprint:
        raise Invalid({"base": ["this Idempotency-Key came with another refund before"]})
    return Made(row["id"], row["pending"])


async def write(
    tx: Tx, store_id: StoreId, order: OrderMoney, made: Plan, note: str | None, asked: Asked | None = None
) -> Made:
    """The order is locked, and the plan was made since."""
    cursor = await tx.execute(
        """INSERT INTO refund (store_id, order_id, note, shipping_minor, idempotency_key, fingerprint)
           VALUES (%s, %s, %s, %s, %s, %s) RETURNING id""",
        [
            *(store_id, order.id, note, made.shipping_minor),
            *((asked.key, asked.fingerprint) if asked else (None, None)),
        ],
    )
    row = await cursor.fetchone()
    assert row is not None
    refund_id = int(row["id"])
    returned = [
        Returned(line.line["inventory_item_id"] or 0, line.quantity, line.location_id)
        for line in made.lines
        if line.restock_type != "no_restock"
    ]
    restocked = iter(await put_back(tx, store_id, order.id, returned))
    rows = [
        row
        for line in made.lines
        for row in _line_rows(line, [] if line.restock_type == "no_restock" else next(restocked))
    ]
    await _insert_lines(tx, store_id, refund_id, rows)
    payment_ids = [
        await intend(tx, store_id, order, Move("refund", minor, parent, refund_id)) for parent, minor in made.payments
    ]
    await restate(tx, store_id, order.id)
    await outbox.add_event(tx, store_id, Topic.REFUND_CREATED, {"order_id": order.id, "refund_id": refund_id})
    await reckon(tx, store_id, order.id)
    return Made(refund_id, payment_ids)


def _line_rows(line: PlannedLine, places: Sequence[Restocked]) -> Iterator[dict[str, Any]]:
    """A row for each place units went to, and one for those that went nowhere."""
    rest = line.quantity - sum(place.quantity for place in places)
    parts: list[tuple[int, int | None, int]] = [(each.quantity, each.location_id, each.quantity) for each in places]
    if rest:
        parts.append((rest, line.location_id if line.restock_type != "no_restock" else None, 0))
    subtotal, tax = line.subtotal_minor, line.tax_minor
    for number, (quantity, location_id, restocked) in enumerate(parts, 1):
        # Shares of whole minor units; the last row has what is left of them.
        is_last = number == len(parts)
        share = subtotal if is_last else line.subtotal_minor * quantity // line.quantity
        tax_share = tax if is_last else line.tax_minor * quantity // line.quantity
        subtotal, tax = subtotal - share, tax - tax_share
        yield {
            "line_id": line.line["id"],
            "quantity": quantity,
            "restock_type": line.restock_type,
            "location_id": location_id,
            "restocked": restocked,
            "subtotal_minor": share,
            "tax_minor": tax_share,
        }


async def _insert_lines(tx: Tx, store_id: StoreId, refund_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    await tx.execute(
        """INSERT INTO refund_line (store_id, refund_id, line_id, quantity, restock_type, location_id, restocked,
               subtotal_minor, tax_minor)
           SELECT %s, %s, line.* FROM jsonb_to_recordset(%s) AS line (line_id bigint, quantity bigint,
               restock_type text, location_id bigint, restocked bigint, subtotal_minor bigint, tax_minor bigint)""",
        [store_id, refund_id, Jsonb(list(rows))],
    )


async def refundable_lines(tx: Tx, store_id: StoreId, order_id: int) -> dict[int, dict[str, Any]]:
    """The order's lines by id, with their `progress`."""
    cursor = await tx.execute(
        "SELECT * FROM order_line WHERE store_id = %s AND order_id = %s ORDER BY position, id", [store_id, order_id]
    )
    lines = {row["id"]: row for row in await cursor.fetchall()}
    for line_id, made in (await progress(tx, store_id, [order_id])).items():
        lines[line_id]["progress"] = made
    return lines


async def _lines(
    tx: Tx, store_id: StoreId, order: OrderMoney, wanted: WantedRefund, problems: dict[str, list[str]]
) -> list[PlannedLine]:
    lines = await refundable_lines(tx, store_id, order.id)
    places = await _locations(tx, store_id, wanted.lines)
    left = {line_id: line["progress"].current for line_id, line in lines.items()}
    unsent = {line_id: line["progress"].fulfillable for line_id, line in lines.items()}
    sent = {line_id: line["progress"].returnable for line_id, line in lines.items()}
    planned, wrong = [], []
    for number, each in enumerate(wanted.lines, 1):
        line = lines.get(each.line_id)
        restock_type = each.restock_type or "no_restock"
        if each.restock_type is None and wanted.is_restocking:
            restock_type = "cancel" if each.quantity <= unsent.get(each.line_id, 0) else "return"
        if line is None:
            wrong.append(f"line_item_id {each.line_id} is not a line of this order (number {number})")
        elif each.quantity < 1:
            wrong.append(f"quantity must be 1 at least (number {number})")
        elif each.quantity > left[each.line_id]:
            wrong.append(f"quantity can be {left[each.line_id]} at most (number {number})")
        elif restock_type not in RESTOCK_TYPES:
            wrong.append(f"restock_type must be {', '.join(RESTOCK_TYPES[:-1])} or {RESTOCK_TYPES[-1]}")
        elif restock_type == "cancel" and each.quantity > unsent[each.line_id]:
            most = unsent[each.line_id]
            wrong.append(
                f"cancel is for what was not sent yet, {most} here; what was sent is a return (number {number})"
            )
        elif each.location_id is not None and each.location_id not in places:
            wrong.append(f"location_id {each.location_id} is not a location of this shop (number {number})")
        else:
            left[each.line_id] -= each.quantity
            returned = min(each.quantity, sent[each.line_id]) if restock_type == "return" else 0
            sent[each.line_id] -= returned
            unsent[each.line_id] -= each.quantity - returned
            # What was never sent cannot come back: it is not sent any more.
            rest = ("cancel" if restock_type == "return" else restock_type, each.quantity - returned)
            for how, quantity in (("return", returned), rest):
                if quantity:
                    planned.append(_planned(order, line, quantity, how, each.location_id))
    if wrong:
        problems["refund_line_items"] = wrong
    return planned


def _planned(
    order: OrderMoney, line: Mapping[str, Any], quantity: int, restock_type: str, location_id: int | None
) -> PlannedLine:
    subtotal = line["price_minor"] * quantity
    tax = order.tax_minor * subtotal // order.total_minor if order.total_minor else 0
    return PlannedLine(line, quantity, restock_type, location_id, subtotal, tax)


async def _locations(tx: Tx, store_id: StoreId, wanted: Sequence[WantedLine]) -> set[int]:
    """Those of the named ones that this shop has."""
    named = [each.location_id for each in wanted if each.location_id is not None]
    cursor = await tx.execute("SELECT id FROM location WHERE store_id = %s AND id = ANY(%s)", [store_id, named])
    return {row["id"] for row in await cursor.fetchall()}


async def _shipping_refunded(tx: Tx, store_id: StoreId, order_id: int) -> int:
    cursor = await tx.execute(
        "SELECT coalesce(sum(shipping_minor), 0)::bigint AS minor FROM refund WHERE store_id = %s AND order_id = %s",
        [store_id, order_id],
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row["minor"])


def _payments(
    order: OrderMoney, amount_minor: int, wanted: Sequence[WantedPayment], problems: dict[str, list[str]]
) -> list[tuple[Payment, int]]:
    """Each of them as payments that have that much left; one that names no parent takes the oldest first."""
    left = dict(order.refundable)
    dealt: list[tuple[Payment, int]] = []
    for each in wanted:
        minor = amount_minor if each.amount in (None, "") else _minor(each.amount, order, "transactions", problems)
        parents = [each.parent_id] if each.parent_id is not None else list(left)
        there = sum(left.get(parent_id, 0) for parent_id in parents)
        if minor > there:
            most = to_decimal_text(there, order.currency)
            problems["transactions"] = [f"amount can be {most} at most: that is what is left to refund"]
            return []
        for parent_id in parents:
            part = min(minor, left.get(parent_id, 0))
            parent = order.payment(parent_id)
            if part and parent:
                left[parent_id] -= part
                minor -= part
                dealt.append((parent, part))
    return dealt


def suggested(order: OrderMoney, amount_minor: int) -> list[tuple[Payment, int]]:
    """From which payments that much, or what is left of it, would be given back."""
    return _payments(order, min(amount_minor, sum(order.refundable.values())), [WantedPayment()], {})


def text(order: OrderMoney, minor: int) -> str:
    """An amount as `WantedPayment` and `WantedRefund` have it."""
    return to_decimal_text(minor, order.currency)


def _minor(text: str | None, order: OrderMoney, name: str, problems: dict[str, list[str]]) -> int:
    if text in (None, ""):
        return 0
    try:
        minor = parse_amount(text, order.currency)
    except MoneyError as error:
        problems[name] = [f"amount {error}"]
        return 0
    if minor < 0:
        problems[name] = ["amount must be greater than or equal to 0"]
        return 0
    return minor
