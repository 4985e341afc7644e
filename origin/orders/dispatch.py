"""What is to be sent of an order, by location: its fulfillment orders. They are worked out, never written.

A location's is numbered by the first reservation that was made there for the order, an order's own by the order; so
that neither can be taken for the other, one is doubled and the other is doubled and one more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.tenant import StoreId
from origin.db import Tx
from origin.errors import NotFound
from origin.orders.progress import Progress, progress


@dataclass(frozen=True, slots=True)
class Part:
    """Of one line, what is sent from one place: in all, and what of that is still to be sent."""

    line_id: int
    quantity: int
    fulfillable: int


@dataclass(frozen=True, slots=True)
class FulfillmentOrder:
    id: int
    order_id: int
    location_id: int
    parts: tuple[Part, ...]
    is_cancelled: bool

    @property
    def status(self) -> str:
        if self.is_cancelled:
            return "cancelled"
        left = sum(part.fulfillable for part in self.parts)
        if not left:
            return "closed"
        return "open" if left == sum(part.quantity for part in self.parts) else "in_progress"


async def order_id_of(tx: Tx, store_id: StoreId, fulfillment_order_id: int) -> int:
    """Raises NotFound for what is no fulfillment order's id."""
    half = fulfillment_order_id // 2
    if fulfillment_order_id % 2:
        return half
    cursor = await tx.execute(
        "SELECT order_id FROM reservation WHERE store_id = %s AND id = %s AND state = 'sold'", [store_id, half]
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("fulfillment order")
    return int(row["order_id"])


async def fulfillment_orders(tx: Tx, store_id: StoreId, order_id: int) -> list[FulfillmentOrder]:
    """Of a placed order, one for each location that its lines were sold from. Raises NotFound."""
    cursor = await tx.execute(
        """SELECT cancelled_at IS NOT NULL AS is_cancelled,
                  (SELECT id FROM location WHERE location.store_id = sales_order.store_id AND is_primary) AS home
           FROM sales_order WHERE store_id = %s AND id = %s AND state = 'placed' AND deleted_at IS NULL""",
        [store_id, order_id],
    )
    order = await cursor.fetchone()
    if order is None:
        raise NotFound("order")
    cursor = await tx.execute(
        """SELECT id, inventory_item_id AS item_id, location_id, quantity FROM reservation
           WHERE store_id = %s AND order_id = %s AND state = 'sold' ORDER BY id""",
        [store_id, order_id],
    )
    taken = await cursor.fetchall()
    cursor = await tx.execute(
        """SELECT id, inventory_item_id AS item_id, quantity FROM order_line
           WHERE store_id = %s AND order_id = %s ORDER BY position, id""",
        [store_id, order_id],
    )
    places = _Places(order_id, taken, order["home"])
    for line in await cursor.fetchall():
        places.deal(line)
    sent = await _sent(tx, store_id, order_id)
    return places.orders(await progress(tx, store_id, [order_id]), sent, order["is_cancelled"])


async def _sent(tx: Tx, store_id: StoreId, order_id: int) -> dict[tuple[int, int], int]:
    """Units by fulfillment order and line."""
    cursor = await tx.execute(
        """SELECT fulfillment_order_id, line_id, sum(quantity)::bigint AS quantity FROM fulfillment_line
           JOIN fulfillment ON fulfillment.store_id = fulfillment_line.store_id
               AND fulfillment.id = fulfillment_line.fulfillment_id
           WHERE fulfillment_line.store_id = %s AND fulfillment.order_id = %s AND fulfillment.status = 'success'
           GROUP BY 1, 2""",
        [store_id, order_id],
    )
    return {(row["fulfillment_order_id"], row["line_id"]): row["quantity"] for row in await cursor.fetchall()}


class _Places:
    """An order's lines dealt out to the places that its units were taken from."""

    def __init__(self, order_id: int, taken: Sequence[Mapping[str, int]], home: int) -> None:
        self._order_id = order_id
        self._taken = [dict(row) for row in taken]
        self._ids: dict[int, int] = {}
        for row in taken:
            self._ids.setdefault(row["location_id"], row["id"] * 2)
        if not self._ids:
            self._ids[home] = order_id * 2 + 1
        self._lines: dict[int, dict[int, int]] = {location_id: {} for location_id in self._ids}

    def deal(self, line: Mapping[str, Any]) -> None:
        """What was not taken from stock is sent from the first place."""
        left = line["quantity"]
        for row in self._taken:
            units = min(left, row["quantity"]) if row["item_id"] == line["item_id"] else 0
            row["quantity"] -= units
            left -= units
            self._add(row["location_id"], line["id"], units)
        self._add(next(iter(self._ids)), line["id"], left)

    def orders(
        self, lines: Mapping[int, Progress], sent: Mapping[tuple[int, int], int], is_cancelled: bool
    ) -> list[FulfillmentOrder]:
        left = {line_id: line.fulfillable for line_id, line in lines.items()}
        found = []
        for location_id, identifier in self._ids.items():
            parts = []
            for line_id, quantity in self._lines[location_id].items():
                units = min(quantity - sent.get((identifier, line_id), 0), left[line_id])
                left[line_id] -= units
                parts.append(Part(line_id, quantity, units))
            found.append(FulfillmentOrder(identifier, self._order_id, location_id, tuple(parts), is_cancelled))
        return found

    def _add(self, location_id: int, line_id: int, units: int) -> None:
        if units:
            lines = self._lines[location_id]
            lines[line_id] = lines.get(line_id, 0) + units
