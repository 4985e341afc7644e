"""A placed order's money as its payments tell it: what was authorised, taken and given back, and what still may be.

Everybody who changes it locks the order's row first. A payment that is still pending counts as if it had succeeded, so
that two merchants who press at once cannot give back, or take, the same money twice.
"""

from dataclasses import dataclass

from contracts.tenant import StoreId
from origin.db import Tx
from origin.errors import Invalid, NotFound

MANUAL = "manual"  # the gateway of what was paid by other means: cash, a bank transfer
_MAY_COUNT = ("success", "pending")


@dataclass(frozen=True, slots=True)
class Payment:
    """`payment_intent` is what the provider knows it by; None for what it has nothing to do with."""

    id: int
    kind: str
    status: str
    gateway: str
    parent_id: int | None
    amount_minor: int
    payment_intent: str | None

    @property
    def is_taking(self) -> bool:
        return self.kind in ("sale", "capture") and self.status == "success"


@dataclass(frozen=True, slots=True)
class OrderMoney:
    """One order, locked until its transaction ends."""

    id: int
    number: int
    currency: str
    total_minor: int
    shipping_minor: int
    tax_minor: int
    financial_status: str
    is_cancelled: bool
    payments: tuple[Payment, ...]

    @property
    def captured_minor(self) -> int:
        return sum(payment.amount_minor for payment in self.payments if payment.is_taking)

    @property
    def refunded_minor(self) -> int:
        """What has been given back, not what is on its way."""
        return sum(each.amount_minor for each in self.payments if each.kind == "refund" and each.status == "success")

    @property
    def refundable(self) -> dict[int, int]:
        """What may still be given back, by the payment it came with; only where something is left."""
        left = {payment.id: self._left_of(payment) for payment in self.payments if payment.is_taking}
        return {payment_id: minor for payment_id, minor in left.items() if minor > 0}

    @property
    def authorization(self) -> Payment | None:
        """One that can be captured or voided: nobody has begun to."""
        used = {each.parent_id for each in self.payments if each.kind in ("capture", "void") and _may_count(each)}
        for payment in self.payments:
            if payment.kind == "authorization" and payment.status == "success" and payment.id not in used:
                return payment
        return None

    def payment(self, payment_id: int) -> Payment | None:
        return next((payment for payment in self.payments if payment.id == payment_id), None)

    def status(self) -> str:
        """The financial status that follows from the payments."""
        if self.refunded_minor:
            return "refunded" if self.refunded_minor >= self.captured_minor else "partially_refunded"
        if self.captured_minor or not self.total_minor:
            return "paid" if self.captured_minor >= self.total_minor else "partially_paid"
        if any(each.kind == "void" and each.status == "success" for each in self.payments):
            return "voided"
        is_authorized = any(each.kind == "authorization" and each.status == "success" for each in self.payments)
        if is_authorized:
            return "authorized"
        return "voided" if self.is_cancelled else "pending"

    def _left_of(self, taking: Payment) -> int:
        refunds = (each for each in self.payments if each.kind == "refund" and each.parent_id == taking.id)
        return taking.amount_minor - sum(each.amount_minor for each in refunds if _may_count(each))


async def lock(tx: Tx, store_id: StoreId, order_id: int) -> OrderMoney:
    """Raises NotFound, also while a checkout is not finished."""
    cursor = await tx.execute(
        """SELECT id, number, currency, total_minor, shipping_minor, tax_minor, financial_status,
                  cancelled_at IS NOT NULL AS is_cancelled
           FROM sales_order WHERE store_id = %s AND id = %s AND state = 'placed' AND deleted_at IS NULL
           FOR NO KEY UPDATE""",
        [store_id, order_id],
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("order")
    cursor = await tx.execute(
        """SELECT id, kind, status, gateway, parent_id, amount_minor, payment_intent FROM payment
           WHERE store_id = %s AND order_id = %s ORDER BY id""",
        [store_id, order_id],
    )
    return OrderMoney(**row, payments=tuple(Payment(**payment) for payment in await cursor.fetchall()))


def check_currency(given: str | None, currency: str) -> None:
    """Clients may say what their amounts are in. Raises Invalid when that is not the order's currency."""
    if given and given.upper() != currency:
        raise Invalid({"currency": [f"must be {currency}"]})


def _may_count(payment: Payment) -> bool:
    return payment.status in _MAY_COUNT
