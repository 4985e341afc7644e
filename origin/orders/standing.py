"""What an order comes to now, after its refunds: pure arithmetic on what listing has read."""

from dataclasses import dataclass

from origin.orders.listing import Order


@dataclass(frozen=True, slots=True)
class Standing:
    """In minor units. `outstanding_minor`: what the buyer still owes."""

    subtotal_minor: int
    tax_minor: int
    total_minor: int
    outstanding_minor: int


def standing(order: Order) -> Standing:
    row = order.row
    lines = [line for refund in order.refunds for line in refund.lines]
    # Where money was given back, that is what the refund came to; else what its lines and shipping had cost.
    given = sum(refund.goods_minor if refund.money_minor is None else refund.money_minor for refund in order.refunds)
    total = max(row["total_minor"] - given, 0)
    return Standing(
        row["subtotal_minor"] - sum(line["subtotal_minor"] for line in lines),
        row["tax_minor"] - sum(line["tax_minor"] for line in lines),
        total,
        0 if row["cancelled_at"] or row["financial_status"] in _OWES_NOTHING else max(total - _kept_minor(order), 0),
    )


_OWES_NOTHING = frozenset({"paid", "partially_refunded", "refunded", "voided"})


def _kept_minor(order: Order) -> int:
    """What was taken and not given back."""
    signs = {"sale": 1, "capture": 1, "refund": -1}
    paid = (payment for payment in order.payments if payment["status"] == "success")
    return sum(signs.get(payment["kind"], 0) * payment["amount_minor"] for payment in paid)
