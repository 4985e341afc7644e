"""Stock promised to a checkout: all lines or nothing, rows always in id order, never more than there is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.tenant import StoreId
from origin.asked import Asked
from origin.catalog.availability import ask_flipped_by
from origin.catalog.changes import states_flipped, stock_moved
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
"""


class Levels:
    """The locked levels of some items, as they are after what has been taken from them here."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._of_item: dict[int, list[dict[str, Any]]] = {}
        for row in rows:
            self._of_item.setdefault(row["item_id"], []).append(dict(row))

    def take(self, wanted: Mapping[int, int]) -> list[Piece] | Shortage:
        """From where each item is taken: all of it, or nothing at all."""
        found = {item_id: self._pieces(item_id, quantity) for item_id, quantity in wanted.items()}
        short = {item_id: self._left(item_id) for item_id, pieces in found.items() if pieces is None}
        if short:
            return Shortage(short)
        taken = [piece for pieces in found.values() for piece in pieces or ()]
        for piece in taken:
            for level in self._of_item[piece.item_id]:
                if level["location_id"] == piece.location_id:
                    level["available"] -= piece.quantity
        return taken

    def _pieces(self, item_id: int, quantity: int) -> list[Piece] | None:
        """From the locations in their order, whatever they have; what may be oversold, from the first beyond that."""
        levels, left, sums = self._of_item.get(item_id, []), quantity, dict[int, int]()
        for level in levels:
            taken = min(left, max(level["available"], 0))
            sums[level["location_id"]] = taken
            left -= taken
        if left and not (levels and levels[0]["may_oversell"]):
            return None
        if left:
            sums[levels[0]["location_id"]] += left
        return [Piece(item_id, location_id, taken) for location_id, taken in sums.items() if taken]

    def _left(self, item_id: int) -> int:
        return sum(max(level["available"], 0) for level in self._of_item.get(item_id, []))


async def reserve(
    tx: Tx, store_id: StoreId, levels: Levels, orders: Mapping[int, Mapping[int, int]], seconds: float
) -> dict[int, Shortage]:
    """Holds for each order what it wants (tracked item -> quantity): first come, first served, each all or nothing.
    Returns what was short of the orders that got nothing. `levels`: of all these items, locked."""
    held: list[tuple[int, Piece]] = []
    short: dict[int, Shortage] = {}
    for order_id, wanted in orders.items():
        pieces = levels.take(wanted)
        if isinstance(pieces, Shortage):
            short[order_id] = pieces
        else:
            held += [(order_id, piece) for piece in pieces]
    if held:
        await _move(tx, store_id, _merged([piece for _, piece in held]), to_available=-1, to_reserved=1)
        await tx.execute(
            """INSERT INTO reservation (store_id, order_id, inventory_item_id, location_id, quantity, expires_at)
               SELECT %s, order_id, item_id, location_id, quantity, now() + make_interval(secs => %s)
               FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
                   AS piece (order_id, item_id, location_id, quantity)""",
            [store_id, seconds, [order_id for order_id, _ in held], *_columns([piece for _, piece in held])],
        )
    return short


@dataclass(frozen=True, slots=True)
class Selling:
    """What was held for some orders, and the products whose state their sale changes."""

    pieces: Asked[list[Piece]]
    flipped: Asked[set[int]]


async def sell(tx: Tx, store_id: StoreId, order_ids: Sequence[int]) -> Selling:
    """What was held for these orders has been paid; that is nothing the second time. `carry_off` is to follow before
    the transaction ends.

    The products are locked from here on, so that their state can be asked for before the levels are locked: what is
    available does not change by the sale, and whoever reserves meanwhile asks again when they sell or give back.
    """
    await _lock_products(tx, store_id, order_ids)
    pieces = await _turn(tx, store_id, order_ids, "held", "sold")
    return Selling(pieces, await ask_flipped_by(tx, store_id, order_ids))


async def carry_off(tx: Tx, store_id: StoreId, selling: Selling) -> None:
    """What was sold is not reserved any more. Last of all: until the commit, nobody can reserve of these levels."""
    await states_flipped(tx, store_id, await selling.flipped.read())
    await _move(tx, store_id, await selling.pieces.read(), to_available=0, to_reserved=-1)


async def release(tx: Tx, store_id: StoreId, order_id: int) -> None:
    """What was held can be bought by others. Does nothing the second time."""
    await _lock_products(tx, store_id, [order_id])
    pieces = await (await _turn(tx, store_id, [order_id], "held", "released")).read()
    await _move(tx, store_id, pieces, to_available=1, to_reserved=-1)
    await stock_moved(tx, store_id, {piece.item_id for piece in pieces})


async def sell_late(tx: Tx, store_id: StoreId, order_id: int) -> Shortage | None:
    """The money came after the stock had been released: sold if it is still there, all or nothing. After `sell`, which
    has locked the products, and last of all, as `carry_off`."""
    cursor = await tx.execute(
        """SELECT inventory_item_id AS item_id, sum(quantity)::bigint AS quantity FROM reservation
           WHERE store_id = %s AND order_id = %s AND state = 'released' GROUP BY 1""",
        [store_id, order_id],
    )
    wanted = {row["item_id"]: row["quantity"] for row in await cursor.fetchall()}
    pieces = (await (await lock_levels(tx, store_id, wanted)).read()).take(wanted)
    if isinstance(pieces, Shortage):
        return pieces
    await tx.execute(
        "DELETE FROM reservation WHERE store_id = %s AND order_id = %s AND state = 'released'", [store_id, order_id]
    )
    await _take_sold(tx, store_id, order_id, pieces)
    return None


async def take(
    tx: Tx, store_id: StoreId, order_id: int, wanted: Mapping[int, int], *, may_be_short: bool
) -> Shortage | None:
    """For an order that is placed at once, by its merchant: all of it, or (`may_be_short`) what there is of it."""
    await _lock_products(tx, store_id, [order_id])
    levels = await (await lock_levels(tx, store_id, wanted)).read()
    pieces = levels.take(wanted)
    if isinstance(pieces, Shortage) and may_be_short:
        there = {**wanted, **pieces.left}
        pieces = levels.take({item_id: quantity for item_id, quantity in there.items() if quantity})
    if isinstance(pieces, Shortage):
        return pieces
    await _take_sold(tx, store_id, order_id, pieces)
    return None


async def _take_sold(tx: Tx, store_id: StoreId, order_id: int, pieces: Sequence[Piece]) -> None:
    """From what is available to what is sold, without having been held."""
    await _move(tx, store_id, pieces, to_available=-1, to_reserved=0)
    await tx.execute(
        """INSERT INTO reservation (store_id, order_id, inventory_item_id, location_id, quantity, state, expires_at)
           SELECT %s, %s, item_id, location_id, quantity, 'sold', now()
           FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS piece (item_id, location_id, quantity)""",
        [store_id, order_id, *_columns(pieces)],
    )
    await stock_moved(tx, store_id, {piece.item_id for piece in pieces})


async def hold_longer(tx: Tx, store_id: StoreId, order_id: int, seconds: float) -> None:
    await tx.execute(
        """UPDATE reservation SET expires_at = greatest(expires_at, created_at + make_interval(secs => %s))
           WHERE store_id = %s AND order_id = %s AND state = 'held'""",
        [seconds, store_id, order_id],
    )


async def _lock_products(tx: Tx, store_id: StoreId, order_ids: Sequence[int]) -> None:
    """Products before levels, as everybody who writes the catalog locks them.

    1. A merchant's change holds the product and wants its level; 2. a sale holds the level and wants the product, to
    count what was sold: one of them would have to fail.
    """
    await tx.execute(
        """SELECT id FROM product WHERE store_id = %(store_id)s AND id IN (
               SELECT product_id FROM order_line WHERE store_id = %(store_id)s AND order_id = ANY(%(order_ids)s))
           ORDER BY id FOR NO KEY UPDATE""",
        {"store_id": store_id, "order_ids": list(order_ids)},
    )


async def lock_levels(tx: Tx, store_id: StoreId, item_ids: Collection[int]) -> Asked[Levels]:
    """Of these items, for as long as the transaction lasts: last of all, as they are what everybody wants."""
    return Asked(await tx.execute(_LEVELS, [store_id, sorted(item_ids)]), Levels)


def _merged(pieces: Sequence[Piece]) -> list[Piece]:
    sums: dict[tuple[int, int], int] = {}
    for piece in pieces:
        place = (piece.item_id, piece.location_id)
        sums[place] = sums.get(place, 0) + piece.quantity
    return [Piece(item_id, location_id, quantity) for (item_id, location_id), quantity in sums.items()]


async def _turn(tx: Tx, store_id: StoreId, order_ids: Sequence[int], old: str, new: str) -> Asked[list[Piece]]:
    cursor = await tx.execute(
        """UPDATE reservation SET state = %s WHERE store_id = %s AND order_id = ANY(%s) AND state = %s
           RETURNING inventory_item_id AS item_id, location_id, quantity""",
        [new, store_id, list(order_ids), old],
    )
    return Asked(cursor, lambda rows: _merged([Piece(**row) for row in rows]))


async def _move(tx: Tx, store_id: StoreId, pieces: Sequence[Piece], *, to_available: int, to_reserved: int) -> None:
    """Who takes has locked the levels and counted what there is; the table itself refuses to hold less than nothing.
    What is given back may be of a level that was deleted meanwhile."""
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
