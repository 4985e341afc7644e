"""Units of a placed order that can be sold again: back to `available`, once, never more than the order had taken."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.tenant import StoreId
from origin.catalog.changes import stock_moved
from origin.db import Tx


@dataclass(frozen=True, slots=True)
class Returned:
    """Units of one item that come back; to `location_id`, or (None) to where they were sold from."""

    item_id: int
    quantity: int
    location_id: int | None


@dataclass(frozen=True, slots=True)
class Restocked:
    """What of that became available again."""

    location_id: int
    quantity: int


# What an order took from stock and has not given back, by item and place. Units that went back to another place than
# they came from count against the item as a whole.
_TAKEN = """
    SELECT reservation.inventory_item_id AS item_id, reservation.location_id,
           sum(reservation.quantity)::bigint AS taken,
           coalesce((SELECT sum(refund_line.restocked) FROM refund_line
               JOIN order_line ON order_line.store_id = refund_line.store_id AND order_line.id = refund_line.line_id
               WHERE refund_line.store_id = %(store_id)s AND order_line.order_id = %(order_id)s
                 AND order_line.inventory_item_id = reservation.inventory_item_id
                 AND refund_line.location_id = reservation.location_id), 0)::bigint AS returned_here,
           coalesce((SELECT sum(refund_line.restocked) FROM refund_line
               JOIN order_line ON order_line.store_id = refund_line.store_id AND order_line.id = refund_line.line_id
               WHERE refund_line.store_id = %(store_id)s AND order_line.order_id = %(order_id)s
                 AND order_line.inventory_item_id = reservation.inventory_item_id), 0)::bigint AS returned
    FROM reservation
    JOIN variant ON variant.store_id = reservation.store_id
        AND variant.inventory_item_id = reservation.inventory_item_id
    WHERE reservation.store_id = %(store_id)s AND reservation.order_id = %(order_id)s AND reservation.state = 'sold'
      AND reservation.inventory_item_id = ANY(%(items)s)
    GROUP BY 1, 2 ORDER BY 1, 2
"""

# A place may have stopped stocking the item since.
_STOCK_AGAIN = """
    INSERT INTO inventory_level (store_id, inventory_item_id, location_id, may_oversell)
    SELECT variant.store_id, variant.inventory_item_id, piece.location_id, variant.inventory_policy = 'continue'
    FROM unnest(%(items)s::bigint[], %(locations)s::bigint[]) AS piece (item_id, location_id)
    JOIN variant ON variant.store_id = %(store_id)s AND variant.inventory_item_id = piece.item_id
    ORDER BY 2, 3 ON CONFLICT DO NOTHING
"""

_GIVE_BACK = """
    WITH piece AS (
        SELECT item_id, location_id, sum(quantity)::bigint AS quantity
        FROM unnest(%(items)s::bigint[], %(locations)s::bigint[], %(quantities)s::bigint[])
            AS piece (item_id, location_id, quantity) GROUP BY 1, 2
    ), locked AS (
        SELECT level.inventory_item_id, level.location_id, piece.quantity FROM inventory_level AS level
        JOIN piece ON piece.item_id = level.inventory_item_id AND piece.location_id = level.location_id
        WHERE level.store_id = %(store_id)s
        ORDER BY level.inventory_item_id, level.location_id FOR UPDATE OF level
    )
    UPDATE inventory_level AS level SET available = level.available + locked.quantity, updated_at = now()
    FROM locked
    WHERE level.store_id = %(store_id)s AND level.inventory_item_id = locked.inventory_item_id
      AND level.location_id = locked.location_id
"""


async def put_back(tx: Tx, store_id: StoreId, order_id: int, returned: Sequence[Returned]) -> list[list[Restocked]]:
    """For each of `returned`, where its units are available now. The order's row is locked by the caller, who writes
    this down in the same transaction."""
    items = sorted({each.item_id for each in returned})
    if not items:
        return [[] for _ in returned]
    # Products before levels, as everybody who writes the catalog locks them.
    await tx.execute(
        """SELECT product.id FROM product WHERE store_id = %(store_id)s AND id IN (
               SELECT product_id FROM variant WHERE store_id = %(store_id)s AND inventory_item_id = ANY(%(items)s))
           ORDER BY id FOR NO KEY UPDATE""",
        {"store_id": store_id, "items": items},
    )
    cursor = await tx.execute(_TAKEN.encode(), {"store_id": store_id, "order_id": order_id, "items": items})
    taken = _Taken(await cursor.fetchall())
    restocked = [taken.take(each) for each in returned]
    pieces = [(each.item_id, piece) for each, places in zip(returned, restocked, strict=True) for piece in places]
    values = {
        "store_id": store_id,
        "items": [item_id for item_id, _ in pieces],
        "locations": [piece.location_id for _, piece in pieces],
        "quantities": [piece.quantity for _, piece in pieces],
    }
    await tx.execute(_STOCK_AGAIN.encode(), values)
    await tx.execute(_GIVE_BACK.encode(), values)
    await stock_moved(tx, store_id, {item_id for item_id, _ in pieces})
    return restocked


class _Taken:
    """What is left of what an order took, while its returns are dealt out."""

    def __init__(self, rows: Sequence[dict[str, int]]) -> None:
        self._left: dict[int, int] = {}
        self._places: dict[int, dict[int, int]] = {}
        for row in rows:
            item_id = row["item_id"]
            self._left[item_id] = self._left.get(item_id, -row["returned"]) + row["taken"]
            here = max(row["taken"] - row["returned_here"], 0)
            self._places.setdefault(item_id, {})[row["location_id"]] = here

    def take(self, returned: Returned) -> list[Restocked]:
        left = min(returned.quantity, max(self._left.get(returned.item_id, 0), 0))
        if not left:
            return []
        self._left[returned.item_id] -= left
        if returned.location_id is not None:
            return [Restocked(returned.location_id, left)]
        pieces = []
        places = self._places[returned.item_id]
        for location_id, here in places.items():
            units = min(left, here)
            if units:
                pieces.append(Restocked(location_id, units))
                places[location_id] -= units
                left -= units
        return pieces
