"""Refunds as the JSON that existing clients expect."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.money import to_decimal_text
from origin.api.admin.shapes import Shapes, Shown
from origin.api.admin.transaction_shapes import money_set, shown_transaction
from origin.orders.ledger import OrderMoney
from origin.orders.listing import Refund
from origin.orders.refunds import Plan, suggested


def shown_refund(refund: Refund, order_lines: Sequence[Shown], shapes: Shapes, currency: str) -> Shown:
    """`order_lines` are the order's, as they are shown themselves."""
    row = refund.row
    return {
        **{name: row[name] for name in ("id", "order_id", "note")},
        "created_at": shapes.time(row["created_at"]),
        "processed_at": shapes.time(row["created_at"]),
        "user_id": None,
        "restock": any(line["restock_type"] != "no_restock" for line in refund.lines),
        "refund_line_items": [_line(line, order_lines, currency) for line in refund.lines],
        "transactions": [shown_transaction(payment, shapes) for payment in refund.payments],
        "order_adjustments": _adjustments(refund, currency),
        "refund_duties": [],
        "duties": [],
        "additional_fees": [],
        "return": None,
        "total_duties_set": money_set(0, currency),
    }


def shown_plan(order: OrderMoney, plan: Plan) -> Shown:
    """What a refund would come to, before it is made."""
    currency = order.currency
    return {
        "currency": currency,
        "shipping": {
            "amount": to_decimal_text(plan.shipping_minor, currency),
            "tax": to_decimal_text(0, currency),
            "maximum_refundable": to_decimal_text(plan.shipping_left_minor, currency),
        },
        "refund_line_items": [
            {
                "line_item_id": line.line["id"],
                "quantity": line.quantity,
                "restock_type": line.restock_type,
                "location_id": line.location_id,
                "price": to_decimal_text(line.line["price_minor"], currency),
                "discounted_price": to_decimal_text(line.line["price_minor"], currency),
                "discounted_total_price": to_decimal_text(line.subtotal_minor, currency),
                "total_cart_discount_amount": to_decimal_text(0, currency),
                "subtotal": to_decimal_text(line.subtotal_minor, currency),
                "total_tax": to_decimal_text(line.tax_minor, currency),
            }
            for line in plan.lines
        ],
        "duties": [],
        "transactions": [
            {
                "order_id": order.id,
                "kind": "suggested_refund",
                "gateway": parent.gateway,
                "parent_id": parent.id,
                "amount": to_decimal_text(minor, currency),
                "currency": currency,
                "maximum_refundable": to_decimal_text(order.refundable[parent.id], currency),
            }
            for parent, minor in suggested(order, plan.amount_minor)
        ],
    }


def _line(line: Mapping[str, Any], order_lines: Sequence[Shown], currency: str) -> Shown:
    return {
        **{name: line[name] for name in ("id", "quantity", "restock_type", "location_id")},
        "line_item_id": line["line_id"],
        "subtotal": to_decimal_text(line["subtotal_minor"], currency),
        "subtotal_set": money_set(line["subtotal_minor"], currency),
        "total_tax": to_decimal_text(line["tax_minor"], currency),
        "total_tax_set": money_set(line["tax_minor"], currency),
        "line_item": next(each for each in order_lines if each["id"] == line["line_id"]),
    }


def _adjustments(refund: Refund, currency: str) -> list[Shown]:
    """The shipping that was given back, and what more or less was given than lines and shipping had cost."""
    found = [("shipping_refund", -int(refund.row["shipping_minor"]), "Shipping refund")]
    if refund.money_minor is not None:
        found.append(("refund_discrepancy", refund.goods_minor - refund.money_minor, "Refund discrepancy"))
    return [
        {
            "id": refund.row["id"] * 10 + number,
            "order_id": refund.row["order_id"],
            "refund_id": refund.row["id"],
            "amount": to_decimal_text(minor, currency),
            "amount_set": money_set(minor, currency),
            "tax_amount": to_decimal_text(0, currency),
            "kind": kind,
            "reason": reason,
        }
        for number, (kind, minor, reason) in enumerate(found)
        if minor
    ]
