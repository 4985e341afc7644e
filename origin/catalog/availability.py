"""What a product's variants and stock say to a shopper, kept on its rows: availability and the range of prices.

Kept by whoever writes variants or moves stock, so that listings sort and filter without touching variants.
"""

from collections.abc import Iterable

from contracts.tenant import StoreId
from origin.db import Tx

LOW_STOCK = 5

# A variant's state, from what is left of it at all locations. Here and below each table is narrowed by itself and not
# only by the join: of a big shop among small ones PostgreSQL expects a row or two, and would read it all for each.
_STATES = """
    SELECT variant.id, variant.product_id, variant.price_minor, variant.availability AS old_state,
           CASE WHEN variant.inventory_management IS NULL OR variant.inventory_policy = 'continue' THEN 'in_stock'
                WHEN stock.left_over <= 0 THEN 'sold_out'
                WHEN stock.left_over <= %(low_stock)s THEN 'low'
                ELSE 'in_stock' END AS state
    FROM variant
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(available), 0) AS left_over FROM inventory_level AS level
        WHERE level.store_id = %(store_id)s AND level.inventory_item_id = variant.inventory_item_id
    ) AS stock
    WHERE variant.store_id = %(store_id)s AND {chosen}
"""

REFRESH = f"""
    WITH stock AS ({_STATES.format(chosen="variant.product_id = ANY(%(ids)s)")}),
    changed_variant AS (
        UPDATE variant SET availability = stock.state FROM stock
        WHERE variant.store_id = %(store_id)s AND variant.product_id = ANY(%(ids)s)
          AND variant.id = stock.id AND stock.state <> stock.old_state
        RETURNING variant.product_id
    ),
    summary AS (
        SELECT product_id, min(price_minor) AS low, max(price_minor) AS high,
               CASE WHEN bool_or(state = 'in_stock') THEN 'in_stock'
                    WHEN bool_or(state = 'low') THEN 'low' ELSE 'sold_out' END AS best
        FROM stock GROUP BY product_id
    ),
    changed_product AS (
        UPDATE product SET availability = best, price_min_minor = low, price_max_minor = high FROM summary
        WHERE product.store_id = %(store_id)s AND product.id = ANY(%(ids)s) AND product.id = summary.product_id
          AND (product.availability, price_min_minor, price_max_minor) IS DISTINCT FROM (best, low, high)
        RETURNING product.id
    )
    SELECT product_id FROM changed_variant UNION SELECT id FROM changed_product
"""

FLIPPED = f"""
    SELECT DISTINCT product_id
    FROM ({_STATES.format(chosen="variant.inventory_item_id = ANY(%(ids)s)")}) AS stock WHERE state <> old_state
"""


async def refresh(tx: Tx, store_id: StoreId, product_ids: Iterable[int]) -> set[int]:
    """Recomputes these products' state and prices; returns those that changed. Lock them first (`lock_products`)."""
    cursor = await tx.execute(
        REFRESH.encode(), {"store_id": store_id, "ids": sorted(product_ids), "low_stock": LOW_STOCK}
    )
    return {row["product_id"] for row in await cursor.fetchall()}


async def refresh_items(tx: Tx, store_id: StoreId, inventory_item_ids: Iterable[int]) -> set[int]:
    """After stock moved: recomputes, and returns the products whose state changed. Usually one read and no lock.

    The lock, when a state flips: 1. A sells the last of one variant; 2. B the last of the other; 3. each still sees the
    other's variant in stock, and the product would stay "in stock" with nothing left.
    """
    cursor = await tx.execute(
        FLIPPED.encode(), {"store_id": store_id, "ids": sorted(inventory_item_ids), "low_stock": LOW_STOCK}
    )
    flipped = {row["product_id"] for row in await cursor.fetchall()}
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
