"""Orders as the JSON that existing clients expect."""

from collections.abc import Mapping
from typing import Any

from contracts.money import to_decimal_text
from origin.api.admin.fulfillment_shapes import shown_fulfillment
from origin.api.admin.refund_shapes import shown_refund
from origin.api.admin.shapes import Shapes, Shown
from origin.api.admin.transaction_shapes import money_set
from origin.orders.listing import Order
from origin.orders.progress import Progress
from origin.orders.standing import standing

_ADDRESS = (
    *("first_name", "last_name", "company", "address1", "address2", "city", "province", "province_code"),
    *("country", "country_code", "zip", "phone"),
)
# What this release has nothing to say of, in the places where clients look for it.
_EMPTY_LISTS = ("tax_lines", "discount_codes", "discount_applications")
_NULLS = (
    *("browser_ip", "landing_site", "referring_site", "location_id", "user_id", "app_id", "checkout_id"),
    *("checkout_token", "customer_locale", "payment_terms", "device_id", "source_identifier", "source_url"),
)


def shown_order(order: Order, shapes: Shapes) -> Shown:
    row = order.row
    lines = [_line(line, order.progress[line["id"]], row["currency"]) for line in order.lines]
    return {
        **dict.fromkeys(_NULLS),
        **{name: [] for name in _EMPTY_LISTS},
        **{name: row[name] for name in ("id", "phone", "token", "currency", "cancel_reason", "note", "cart_token")},
        **{name: row[name] for name in ("financial_status", "fulfillment_status")},
        **{name: shapes.time(row[name]) for name in ("created_at", "updated_at", "closed_at", "cancelled_at")},
        "processed_at": shapes.time(row["processed_at"] or row["created_at"]),
        "name": f"#{row['number']}",
        "number": row["number"] - 1000,
        "order_number": row["number"],
        "email": row["email"] or None,
        "contact_email": row["email"] or None,
        "presentment_currency": row["currency"],
        **_totals(order),
        "total_weight": row["total_grams"],
        "taxes_included": True,
        "tags": ", ".join(row["tags"]),
        "note_attributes": _pairs(row["note_attributes"]),
        "billing_address": _address(row["billing_address"] or row["shipping_address"]),
        "shipping_address": _address(row["shipping_address"]),
        "customer": _customer(order.customer, shapes),
        "line_items": lines,
        "fulfillments": [shown_fulfillment(each, order, lines, shapes) for each in order.fulfillments],
        "refunds": [shown_refund(refund, lines, shapes, row["currency"]) for refund in order.refunds],
        "shipping_lines": _shipping_lines(row),
        "payment_gateway_names": row["gateways"],
        "gateway": next(iter(row["gateways"]), ""),
        "order_status_url": f"{shapes.storefront_url}/orders/{row['token']}",
        "source_name": "web" if row["cart_token"] else "api",
        "client_details": {},
        "buyer_accepts_marketing": bool(order.customer and order.customer["accepts_marketing"]),
        "confirmed": True,
        "test": False,
    }


def _totals(order: Order) -> Shown:
    """As they were ordered, and (`current_`) as they are after refunds."""
    row, now = order.row, standing(order)
    lines_minor = sum(line["price_minor"] * line["quantity"] for line in order.lines)
    discounts = lines_minor - row["subtotal_minor"]
    amounts = {
        "total_line_items_price": lines_minor,
        "subtotal_price": row["subtotal_minor"],
        "total_discounts": discounts,
        "total_tax": row["tax_minor"],
        "total_price": row["total_minor"],
        "current_subtotal_price": now.subtotal_minor,
        "current_total_discounts": discounts,
        "current_total_tax": now.tax_minor,
        "current_total_price": now.total_minor,
    }
    totals: Shown = {name: to_decimal_text(minor, row["currency"]) for name, minor in amounts.items()}
    return {
        **totals,
        **{f"{name}_set": money_set(minor, row["currency"]) for name, minor in amounts.items()},
        "total_outstanding": to_decimal_text(now.outstanding_minor, row["currency"]),
        "total_shipping_price_set": money_set(row["shipping_minor"], row["currency"]),
    }


def _line(line: Mapping[str, Any], progress: Progress, currency: str) -> Shown:
    name = f"{line['title']} - {line['variant_title']}" if line["variant_title"] else line["title"]
    copied = ("id", "variant_id", "product_id", "title", "variant_title", "sku", "vendor", "quantity", "grams")
    return {
        **{name: line[name] for name in copied},
        "name": name,
        "price": to_decimal_text(line["price_minor"], currency),
        "price_set": money_set(line["price_minor"], currency),
        "total_discount": to_decimal_text(0, currency),
        "taxable": line["is_taxable"],
        "requires_shipping": line["requires_shipping"],
        "gift_card": False,
        "fulfillment_service": "manual",
        "fulfillment_status": progress.status,
        "fulfillable_quantity": progress.fulfillable,
        "current_quantity": progress.current,
        "properties": _pairs(line["properties"]),
        "tax_lines": [],
        "discount_allocations": [],
        "duties": [],
        "product_exists": line["is_product_there"],
        "variant_inventory_management": line["inventory_management"],
    }


def _shipping_lines(row: Mapping[str, Any]) -> list[Shown]:
    if not row["shipping_title"] and not row["shipping_minor"]:
        return []
    title = row["shipping_title"] or "Shipping"
    price = to_decimal_text(row["shipping_minor"], row["currency"])
    codes = {"code": title, "source": "stoa", "phone": None, "carrier_identifier": None}
    return [
        {
            "id": row["id"],
            "title": title,
            "price": price,
            "discounted_price": price,
            "price_set": money_set(row["shipping_minor"], row["currency"]),
            **codes,
            "tax_lines": [],
            "discount_allocations": [],
        }
    ]


def _pairs(values: Mapping[str, Any]) -> list[Shown]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _address(address: Mapping[str, Any] | None) -> Shown | None:
    if not address:
        return None
    names = [address.get("first_name"), address.get("last_name")]
    return {
        **{name: address.get(name) for name in _ADDRESS},
        "name": " ".join(name for name in names if name) or address.get("name"),
        "latitude": None,
        "longitude": None,
    }


def _customer(row: Mapping[str, Any] | None, shapes: Shapes) -> Shown | None:
    if row is None:
        return None
    address = _address(row["default_address"])
    copied = ("id", "email", "phone", "first_name", "last_name", "note", "accepts_marketing")
    return {
        **{name: row[name] for name in copied},
        "tags": ", ".join(row["tags"]),
        "state": "disabled",
        "verified_email": True,
        "tax_exempt": False,
        "orders_count": row["orders_count"],
        "total_spent": shapes.money(row["total_minor"] or 0),
        "last_order_id": row["last_order_id"],
        "last_order_name": f"#{row['last_number']}" if row["last_number"] else None,
        "currency": shapes.currency,
        "multipass_identifier": None,
        "default_address": address,
        **shapes.times(row),
    }
