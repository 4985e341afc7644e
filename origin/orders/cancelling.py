"""An order is cancelled: what is left in it is taken out, its units go back if the merchant says so, its money too."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from contracts.events import Topic
from contracts.tenant import StoreId
from invalidation import outbox
from origin.db import Tx
from origin.errors import Conflict, Invalid
from origin.orders import ledger, refunds
from origin.orders.ledger import OrderMoney
from origin.orders.moves import Move, intend, reckon
from origin.orders.notices import NoticeKind, tell_buyer
from origin.orders.progress import progress
from origin.orders.refunds import WantedLine, WantedPayment, WantedRefund

REASONS = ("customer", "fraud", "inventory", "declined", "other")


@dataclass(frozen=True, slots=True)
class Cancellation:
    """`amount` None: all that was paid; "0": nothing. `refund` says more exactly what is given back and restocked."""

    reason: str = "other"
    is_restocking: bool = False
    amount: str | None = None
    currency: str | None = None
    refund: WantedRefund | None = None
    tells_buyer: bool = False


async def cancel(tx: Tx, store_id: StoreId, order_id: int, wanted: Cancellation) -> list[int]:
    """The payments that `Moves.finish` has to ask the provider for. Raises NotFound, Invalid or Conflict."""
    if wanted.reason not in REASONS:
        raise Invalid({"reason": [f"must be one of {', '.join(REASONS)}"]})
    order = await ledger.lock(tx, store_id, order_id)
    ledger.check_currency(wanted.currency, order.currency)
    if order.is_cancelled:
        raise Invalid({"base": ["the order is cancelled already"]})
    if any(each.status == "pending" and each.payment_intent for each in order.payments):
        raise Conflict("A payment of this order is on its way; please try again in a moment")
    if any(line.fulfilled for line in (await progress(tx, store_id, [order_id])).values()):
        raise Invalid({"base": ["what was sent cannot be cancelled: cancel its fulfillments first, or refund it"]})
    await tx.execute(
        """UPDATE sales_order SET cancelled_at = now(), cancel_reason = %s, updated_at = now()
           WHERE store_id = %s AND id = %s""",
        [wanted.reason, store_id, order_id],
    )
    await outbox.add_event(tx, store_id, Topic.ORDER_CANCELLED, {"order_id": order_id})
    made = await refunds.plan(tx, store_id, order, await _everything(tx, store_id, order, wanted))
    note = wanted.refund.note if wanted.refund else None
    payment_ids = (await refunds.write(tx, store_id, order, made, note)).payment_ids if made.is_something else []
    authorization = order.authorization
    if authorization:
        payment_ids.append(await intend(tx, store_id, order, Move("void", authorization.amount_minor, authorization)))
    await reckon(tx, store_id, order_id)
    if wanted.tells_buyer:
        await tell_buyer(tx, store_id, order_id, NoticeKind.CANCELLED)
    return payment_ids


async def _everything(tx: Tx, store_id: StoreId, order: OrderMoney, wanted: Cancellation) -> WantedRefund:
    """A refund of all that is left in the order."""
    left = await refunds.refundable_lines(tx, store_id, order.id)
    asked = wanted.refund or WantedRefund(is_shipping_full=True, payments=_money(order, wanted.amount))
    named: dict[int, int] = {}
    for line in asked.lines:
        named[line.line_id] = named.get(line.line_id, 0) + line.quantity
    rest = [
        WantedLine(
            line_id,
            line["progress"].current - named.get(line_id, 0),
            "cancel" if wanted.is_restocking else "no_restock",
        )
        for line_id, line in left.items()
        if line["progress"].current > named.get(line_id, 0)
    ]
    return replace(asked, lines=[*asked.lines, *rest])


def _money(order: OrderMoney, amount: str | None) -> Sequence[WantedPayment]:
    if amount not in (None, ""):
        return [WantedPayment(amount=amount)]
    return [WantedPayment(parent_id, refunds.text(order, minor)) for parent_id, minor in order.refundable.items()]
