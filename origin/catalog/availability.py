"""What a product's variants and stock say to a shopper, kept on its rows: availability and the range of prices.

Kept by whoever writes variants or moves stock, so that listings sort and filter without touching variants.
"""

from collections.abc import Iterable

from contracts.tenant import StoreId
from origin.asked import Asked
from origin.db import Tx

LOW_STOCK = 5

# A variant's state, from what is left of it at all locations.
_STATE = """
    CASE WHEN variant.inventory_management IS NULL OR variant.inventory_policy = 'continue' THEN 'in_stock'
         ELSE (SELECT CASE WHEN coalesce(sum(level.available), 0) <= 0 THEN 'sold_out'
                           WHEN sum(level.available) <= %(low_stock)s THEN 'low' ELSE 'in_stock' END
               FROM inventory_level AS level
               WHERE level.store_id = %(store_id)s AND level.inventory_item_id = variant.inventory_item_id) END
"""

_SUMMARY = """
    SELECT CASE WHEN bool_or(variant.availability = 'in_stock') THEN 'in_stock'
                WHEN bool_or(variant.availability = 'low') THEN 'low' ELSE 'sold_out' END,
           coalesce(min(variant.price_minor), 0), coalesce(max(variant.price_minor), 0)
    FROM variant WHERE variant.store_id = %(store_id)s AND variant.product_id = product.id
"""

# Subqueries and no joins: of a big shop among small ones PostgreSQL expects a row or two, so that it may choose to read
# all of it for each row it joins (tests/integration/test_plans.py). A subquery is looked up by its index, row by row.
REFRESH_VARIANTS = f"""
    UPDATE variant SET availability = {_STATE}
    WHERE variant.store_id = %(store_id)s AND variant.product_id = ANY(%(ids)s) AND variant.availability <> {_STATE}
    RETURNING variant.product_id
"""

REFRESH_PRODUCTS = f"""
    UPDATE product SET (availability, price_min_minor, price_max_minor) = ({_SUMMARY})
    WHERE product.store_id = %(store_id)s AND product.id = ANY(%(ids)s)
      AND (product.availability, product.price_min_minor, product.price_max_minor) <> ({_SUMMARY})
    RETURNING product.id AS product_id
"""

FLIPPED = f"""
    SELECT DISTINCT variant.product_id FROM variant
    WHERE variant.store_id = %(store_id)s AND variant.inventory_item_id = ANY({{items}})
      AND variant.availability <> {_STATE}
"""

OF_ORDERS = """ARRAY(SELECT inventory_item_id FROM reservation
    WHERE reservation.store_id = %(store_id)s AND reservation.order_id = ANY(%(ids)s))"""


async def refresh(tx: Tx, store_id: StoreId, product_ids: Iterable[int]) -> set[int]:
    """Recomputes these products' state and prices; returns those that changed. Lock them first (`lock_products`)."""
    values = {"store_id": store_id, "ids": sorted(product_ids), "low_stock": LOW_STOCK}
    changed: set[int] = set()
    for statement in (REFRESH_VARIANTS, REFRESH_PRODUCTS):
        cursor = await tx.execute(statement.encode(), values)
        changed |= {row["product_id"] for row in await cursor.fetchall()}
    return changed


async def ask_flipped(tx: Tx, store_id: StoreId, inventory_item_ids: Iterable[int]) -> Asked[set[int]]:
    """The products of which a variant's state is not what its stock says."""
    return await _ask_flipped(tx, store_id, "%(ids)s", inventory_item_ids)


async def ask_flipped_by(tx: Tx, store_id: StoreId, order_ids: Iterable[int]) -> Asked[set[int]]:
    """The same of what was held for these orders."""
    return await _ask_flipped(tx, store_id, OF_ORDERS, order_ids)


async def _ask_flipped(tx: Tx, store_id: StoreId, items: str, ids: Iterable[int]) -> Asked[set[int]]:
    values = {"store_id": store_id, "ids": sorted(ids), "low_stock": LOW_STOCK}
    cursor = await tx.execute(FLIPPED.format(items=items).encode(), values)
    return Asked(cursor, lambda rows: {row["product_id"] for row in rows})


async def refresh_flipped(tx: Tx, store_id: StoreId, flipped: set[int]) -> set[int]:
    """After stock moved: recomputes, and returns the products whose state changed. Usually none, and no lock.

    The lock, when a state flips: 1. A sells the last of one variant; 2. B the last of the other; 3. each still sees the
    other's variant in stock, and the product would stay "in stock" with nothing left.
    """
    if not flipped:
        return set()
    await lock_products(tx, store_id, flipped)
    return flipped | await refresh(tx, store_id, flipped)


async def lock_products(tx: Tx, store_id: StoreId, product_ids: Iterable[int]) -> None:
    """Until the transaction ends, nobody else changes these products; in id order, so that two cannot deadlock."""
    await tx.execute(
        "SELECT id FROM product WHERE store_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [store_id, sorted(product_ids)],
    )
