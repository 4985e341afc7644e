"""Fulfillments and fulfillment orders as the JSON that existing clients expect."""

from collections.abc import Mapping, Sequence
from typing import Any

from origin.api.admin.shapes import Shapes, Shown
from origin.orders.dispatch import FulfillmentOrder
from origin.orders.listing import Fulfillment, Order

_ADDRESS = ("first_name", "last_name", "company", "address1", "address2", "city", "province", "zip", "country", "phone")


def shown_fulfillment(fulfillment: Fulfillment, order: Order, order_lines: Sequence[Shown], shapes: Shapes) -> Shown:
    """`order_lines` are the order's, as they are shown themselves."""
    row = fulfillment.row
    lines = {line["id"]: line for line in order_lines}
    return {
        **{name: row[name] for name in ("id", "order_id", "status", "location_id", "tracking_company")},
        **shapes.times(row),
        "name": f"#{order.row['number']}.{row['number']}",
        "service": "manual",
        "shipment_status": None,
        "tracking_number": next(iter(row["tracking_numbers"]), None),
        "tracking_numbers": row["tracking_numbers"],
        "tracking_url": next(iter(row["tracking_urls"]), None),
        "tracking_urls": row["tracking_urls"],
        "origin_address": None,
        "receipt": {},
        "line_items": [lines[line["line_id"]] | {"quantity": line["quantity"]} for line in fulfillment.lines],
    }


def shown_fulfillment_order(
    wanted: FulfillmentOrder, order: Order, location: Mapping[str, Any], shapes: Shapes
) -> Shown:
    lines = {line["id"]: line for line in order.lines}
    address = order.row["shipping_address"]
    return {
        "id": wanted.id,
        "shop_id": order.row["store_id"],
        "order_id": wanted.order_id,
        "assigned_location_id": wanted.location_id,
        "assigned_location": {
            "location_id": wanted.location_id,
            "name": location["name"],
            **{name: location["address"].get(name) for name in ("address1", "address2", "city", "zip", "province")},
            **{name: location["address"].get(name) for name in ("country_code", "phone")},
        },
        "request_status": "unsubmitted",
        "status": wanted.status,
        "supported_actions": ["create_fulfillment"] if wanted.status in ("open", "in_progress") else [],
        "destination": {"email": order.row["email"] or None, **{name: address.get(name) for name in _ADDRESS}}
        if address
        else None,
        "line_items": [
            {
                "id": part.line_id,
                "shop_id": order.row["store_id"],
                "fulfillment_order_id": wanted.id,
                "line_item_id": part.line_id,
                "quantity": part.quantity,
                "fulfillable_quantity": part.fulfillable,
                **{name: lines[part.line_id][name] for name in ("inventory_item_id", "variant_id")},
            }
            for part in wanted.parts
        ],
        "fulfill_at": None,
        "fulfill_by": None,
        "fulfillment_holds": [],
        "international_duties": None,
        "delivery_method": None,
        "merchant_requests": [],
        **shapes.times(order.row),
    }
