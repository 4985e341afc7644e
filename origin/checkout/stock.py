"""Stock promised to a checkout: all lines or nothing, rows always in id order, never more than there is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.tenant import StoreId
from origin.catalog.changes import stock_moved
from origin.db import Tx


@dataclass(frozen=True, slots=True)
class Piece:
    """A quantity of one item at one location."""

    item_id: int
    location_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Shortage:
    """What there is not enough of: by item, how many are left."""

    left: Mapping[int, int]


_LEVELS = """
    SELECT level.inventory_item_id AS item_id, level.location_id, level.available, level.may_oversell
    FROM inventory_level AS level
    WHERE level.store_id = %s AND level.inventory_item_id = ANY(%s)
    ORDER BY level.inventory_item_id, level.location_id FOR UPDATE
"""

# Rows are locked in id order first: two orders with the same goods in another order must not wait for each other.
_MOVE = """
    WITH moved AS (
        SELECT * FROM unnest(%(items)s::bigint[], %(locations)s::bigint[], %(quantities)s::bigint[])
            AS moved (item_id, location_id, quantity)
    ), locked AS (
        SELECT level.inventory_item_id, level.location_id, moved.quantity
        FROM inventory_level AS level
        JOIN moved ON moved.item_id = level.inventory_item_id AND moved.location_id = level.location_id
        WHERE level.store_id = %(store_id)s
        ORDER BY level.inventory_item_id, level.location_id FOR UPDATE OF level
    )
    UPDATE inventory_level AS level
    SET available = level.available + %(to_available)s * locked.quantity,
        reserved = level.reserved + %(to_reserved)s * locked.quantity, updated_at = now()
    FROM locked
    WHERE level.store_id = %(store_id)s AND level.inventory_item_id = locked.inventory_item_id
      AND level.location_id = locked.location_id
      AND (level.may_oversell OR level.available + %(to_available)s * locked.quantity >= 0)
"""


async def reserve(
    tx: Tx, store_id: StoreId, order_id: int, wanted: Mapping[int, int], seconds: float
) -> Shortage | None:
    """Holds `wanted` (tracked item -> quantity) for an order. On a shortage the caller rolls back."""
    pieces = await _take(tx, store_id, wanted)
    if isinstance(pieces, Shortage):
        return pieces
    await _move(tx, store_id, pieces, to_available=-1, to_reserved=1)
    await tx.execute(
        """INSERT INTO reservation (store_id, order_id, inventory_item_id, location_id, quantity, expires_at)
           SELECT %s, %s, item_id, location_id, quantity, now() + make_interval(secs => %s)
           FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS piece (item_id, location_id, quantity)""",
        [store_id, order_id, seconds, *_columns(pieces)],
    )
    return None


async def sell(tx: Tx, store_id: StoreId, order_id: int) -> None:
    """What was held has been paid. Does nothing the second time."""
    await _lock_products(tx, store_id, order_id)
    pieces = await _turn(tx, store_id, order_id, "held", "sold")
    await _move(tx, store_id, pieces, to_available=0, to_reserved=-1)
    await stock_moved(tx, store_id, {piece.item_id for piece in pieces})


async def release(tx: Tx, store_id: StoreId, order_id: int) -> None:
    """What was held can be bought by others. Does nothing the second time."""
    await _lock_products(tx, store_id, order_id)
    pieces = await _turn(tx, store_id, order_id, "held", "released")
    await _move(tx, store_id, pieces, to_available=1, to_reserved=-1)
    await stock_moved(tx, store_id, {piece.item_id for piece in pieces})


async def sell_late(tx: Tx, store_id: StoreId, order_id: int) -> Shortage | None:
    """The money came after the stock had been released: sold if it is still there, all or nothing."""
    await _lock_products(tx, store_id, order_id)
    cursor = await tx.execute(
        """SELECT inventory_item_id AS item_id, sum(quantity)::bigint AS quantity FROM reservation
           WHERE store_id = %s AND order_id = %s AND state = 'released' GROUP BY 1""",
        [store_id, order_id],
    )
    wanted = {row["item_id"]: row["quantity"] for row in await cursor.fetchall()}
    pieces = await _take(tx, store_id, wanted)
    if isinstance(pieces, Shortage):
        return pieces
    await _move(tx, store_id, pieces, to_available=-1, to_reserved=0)
    await tx.execute(
        "DELETE FROM reservation WHERE store_id = %s AND order_id = %s AND state = 'released'", [store_id, order_id]
    )
    await tx.execute(
        """INSERT INTO reservation (store_id, order_id, inventory_item_id, location_id, quantity, state, expires_at)
           SELECT %s, %s, item_id, location_id, quantity, 'sold', now()
           FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS piece (item_id, location_id, quantity)""",
        [store_id, order_id, *_columns(pieces)],
    )
    await stock_moved(tx, store_id, set(wanted))
    return None


async def hold_longer(tx: Tx, store_id: StoreId, order_id: int, seconds: float) -> None:
    await tx.execute(
        """UPDATE reservation SET expires_at = greatest(expires_at, created_at + make_interval(secs => %s))
           WHERE store_id = %s AND order_id = %s AND state = 'held'""",
        [seconds, store_id, order_id],
    )


async def _lock_products(tx: Tx, store_id: StoreId, order_id: int) -> None:
    """Products before levels, as everybody who writes the catalog locks them.

    1. A merchant's change holds the product and wants its level; 2. a sale holds the level and wants the product, to
    count what was sold: one of them would have to fail.
    """
    await tx.execute(
        """SELECT id FROM product WHERE store_id = %(store_id)s AND id IN (
               SELECT product_id FROM order_line WHERE store_id = %(store_id)s AND order_id = %(order_id)s)
           ORDER BY id FOR NO KEY UPDATE""",
        {"store_id": store_id, "order_id": order_id},
    )


async def _take(tx: Tx, store_id: StoreId, wanted: Mapping[int, int]) -> list[Piece] | Shortage:
    """Locks the levels of these items and says from where each can be taken."""
    if not wanted:
        return []
    cursor = await tx.execute(_LEVELS, [store_id, sorted(wanted)])
    rows = await cursor.fetchall()
    pieces: list[Piece] = []
    short: dict[int, int] = {}
    for item_id, quantity in wanted.items():
        levels = [row for row in rows if row["item_id"] == item_id]
        left = quantity
        for row in levels:
            taken = min(left, max(row["available"], 0))
            if taken:
                pieces.append(Piece(item_id, row["location_id"], taken))
                left -= taken
        if left and levels and levels[0]["may_oversell"]:
            pieces.append(Piece(item_id, levels[0]["location_id"], left))
        elif left:
            short[item_id] = quantity - left
    return Shortage(short) if short else _merged(pieces)


def _merged(pieces: Sequence[Piece]) -> list[Piece]:
    sums: dict[tuple[int, int], int] = {}
    for piece in pieces:
        place = (piece.item_id, piece.location_id)
        sums[place] = sums.get(place, 0) + piece.quantity
    return [Piece(item_id, location_id, quantity) for (item_id, location_id), quantity in sums.items()]


async def _turn(tx: Tx, store_id: StoreId, order_id: int, old: str, new: str) -> list[Piece]:
    cursor = await tx.execute(
        """UPDATE reservation SET state = %s WHERE store_id = %s AND order_id = %s AND state = %s
           RETURNING inventory_item_id, location_id, quantity""",
        [new, store_id, order_id, old],
    )
    rows = await cursor.fetchall()
    return [Piece(row["inventory_item_id"], row["location_id"], row["quantity"]) for row in rows]


async def _move(tx: Tx, store_id: StoreId, pieces: Sequence[Piece], *, to_available: int, to_reserved: int) -> None:
    if not pieces:
        return
    items, locations, quantities = _columns(pieces)
    await tx.execute(
        _MOVE,
        {
            "store_id": store_id,
            "items": items,
            "locations": locations,
            "quantities": quantities,
            "to_available": to_available,
            "to_reserved": to_reserved,
        },
    )


def _columns(pieces: Sequence[Piece]) -> tuple[list[int], list[int], list[int]]:
    return (
        [piece.item_id for piece in pieces],
        [piece.location_id for piece in pieces],
        [piece.quantity for piece in pieces],
    )
