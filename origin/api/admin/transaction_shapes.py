"""Money of an order as the JSON that existing clients expect: amounts and transactions."""

from collections.abc import Mapping
from typing import Any

from contracts.money import to_decimal_text
from origin.api.admin.shapes import Shapes, Shown


def money_set(minor: int, currency: str) -> Shown:
    money = {"amount": to_decimal_text(minor, currency), "currency_code": currency}
    return {"shop_money": money, "presentment_money": money}


def shown_transaction(row: Mapping[str, Any], shapes: Shapes) -> Shown:
    copied = ("id", "order_id", "kind", "status", "gateway", "parent_id", "currency", "message", "error_code")
    card = row["card"] or {}
    return {
        **{name: row[name] for name in copied},
        "amount": to_decimal_text(row["amount_minor"], row["currency"]),
        "authorization": row["provider_id"] or row["payment_intent"],
        "created_at": shapes.time(row["created_at"]),
        "processed_at": shapes.time(row["created_at"]),
        "payment_id": row["payment_intent"],
        "payment_details": {
            "credit_card_number": f"•••• •••• •••• {card['last4']}" if card.get("last4") else None,
            "credit_card_company": card.get("brand"),
        },
        "receipt": {},
        "test": False,
        "source_name": "web",
        "location_id": None,
        "user_id": None,
        "device_id": None,
    }
