"""What a merchant does with an order's payments: captures, voids, refunds, or notes what was paid by other means."""

from dataclasses import dataclass

from contracts.money import MoneyError, parse_amount, to_decimal_text
from contracts.tenant import StoreId
from origin.db import Tx
from origin.errors import Invalid
from origin.orders import ledger, refunds
from origin.orders.ledger import OrderMoney, Payment
from origin.orders.moves import Move, intend, reckon
from origin.orders.refunds import WantedPayment, WantedRefund

KINDS = ("capture", "void", "refund", "sale")


@dataclass(frozen=True, slots=True)
class WantedMove:
    """`amount` is a text in the order's currency; None or empty: all there is."""

    kind: str
    amount: str | None = None
    parent_id: int | None = None
    currency: str | None = None


async def begin(tx: Tx, store_id: StoreId, order_id: int, wanted: WantedMove) -> int:
    """The payment that `Moves.finish` has to ask the provider for. Raises NotFound, or Invalid field by field."""
    if wanted.kind not in KINDS:
        raise Invalid({"kind": [f"must be one of {', '.join(KINDS)}"]})
    order = await ledger.lock(tx, store_id, order_id)
    ledger.check_currency(wanted.currency, order.currency)
    if wanted.parent_id is not None and order.payment(wanted.parent_id) is None:
        raise Invalid({"parent_id": [f"{wanted.parent_id} is not a transaction of this order"]})
    if wanted.kind == "refund":
        return await _refund(tx, store_id, order, wanted)
    parent = order.authorization
    if parent is not None and wanted.parent_id not in (None, parent.id):
        raise Invalid({"parent_id": [f"{wanted.parent_id} cannot be captured or voided; {parent.id} can"]})
    move = _by_hand(order, wanted) if parent is None or wanted.kind == "sale" else _of(order, parent, wanted)
    payment_id = await intend(tx, store_id, order, move)
    await reckon(tx, store_id, order.id)
    return payment_id


def _of(order: OrderMoney, parent: Payment, wanted: WantedMove) -> Move:
    most = parent.amount_minor
    minor = most if wanted.kind == "void" else _minor(order, wanted.amount, most)
    if not 0 < minor <= most:
        raise Invalid({"amount": [f"can be {to_decimal_text(most, order.currency)} at most, and not nothing"]})
    return Move(wanted.kind, minor, parent)


def _by_hand(order: OrderMoney, wanted: WantedMove) -> Move:
    """What the provider has no part in: the merchant says that it was paid."""
    owed = order.total_minor - order.captured_minor
    if wanted.kind == "void":
        raise Invalid({"kind": ["void needs an authorization that was neither captured nor voided; there is none"]})
    if order.authorization is not None:
        raise Invalid({"kind": ["sale is for what was paid by other means; capture or void the authorization first"]})
    if owed <= 0 or order.is_cancelled or order.financial_status not in ("pending", "partially_paid"):
        raise Invalid({"kind": [f"{wanted.kind}: nothing is left to pay; the order is {order.financial_status}"]})
    minor = _minor(order, wanted.amount, owed)
    if not 0 < minor <= owed:
        raise Invalid({"amount": [f"can be {to_decimal_text(owed, order.currency)} at most, and not nothing"]})
    return Move(wanted.kind, minor)


async def _refund(tx: Tx, store_id: StoreId, order: OrderMoney, wanted: WantedMove) -> int:
    """A refund of money alone: no line is taken out of the order."""
    left = order.refundable
    there = left.get(wanted.parent_id, 0) if wanted.parent_id is not None else max(left.values(), default=0)
    parent_id = wanted.parent_id or next((each for each, minor in left.items() if minor == there), None)
    amount = wanted.amount or to_decimal_text(there, order.currency)
    if not there:
        raise Invalid({"amount": ["nothing is left to refund"]})
    if not 0 < _minor(order, amount, 0) <= there:
        raise Invalid({"amount": [f"can be {to_decimal_text(there, order.currency)} at most, and not nothing"]})
    plan = await refunds.plan(tx, store_id, order, WantedRefund(payments=[WantedPayment(parent_id, amount)]))
    made = await refunds.write(tx, store_id, order, plan, None)
    return made.payment_ids[0]


def _minor(order: OrderMoney, amount: str | None, otherwise: int) -> int:
    if amount in (None, ""):
        return otherwise
    try:
        return parse_amount(amount, order.currency)
    except MoneyError as error:
        raise Invalid({"amount": [str(error)]}) from error
