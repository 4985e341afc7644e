"""The one line that every change of products ends with: what follows from it is brought up to date and made known."""

from collections.abc import Collection, Iterable

from contracts.keys import product_change_tags
from contracts.tenant import StoreId
from invalidation import outbox
from origin.catalog import availability, membership
from origin.db import Tx


async def products_changed(
    tx: Tx, store_id: StoreId, product_ids: Collection[int], *, collections_before: Iterable[int] = ()
) -> None:
    """After these products, their variants, images or stock were written, in the same transaction.

    `collections_before` is only needed for products that are gone by now: nothing else tells where they were.
    """
    if not product_ids:
        return
    await _touch(tx, store_id, product_ids)
    await availability.refresh(tx, store_id, product_ids)
    collection_ids = await membership.refresh(tx, store_id, product_ids)
    await outbox.add(tx, store_id, _tags(store_id, product_ids, collection_ids.union(collections_before)))


async def stock_moved(tx: Tx, store_id: StoreId, inventory_item_ids: Collection[int]) -> None:
    """After a sale, or its undoing, changed what is available: purges only what a shopper would see change."""
    changed = await availability.refresh_items(tx, store_id, inventory_item_ids)
    if changed:
        collection_ids = await membership.refresh(tx, store_id, changed)
        await outbox.add(tx, store_id, _tags(store_id, changed, collection_ids))


def _tags(store_id: StoreId, product_ids: Iterable[int], collection_ids: Collection[int]) -> set[str]:
    return {tag for product_id in product_ids for tag in product_change_tags(store_id, product_id, collection_ids)}


async def _touch(tx: Tx, store_id: StoreId, product_ids: Iterable[int]) -> None:
    """Locks in id order, so that two bulk changes cannot deadlock, and says when."""
    await tx.execute(
        """WITH locked AS (
               SELECT id FROM product WHERE store_id = %(store_id)s AND id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE
           )
           UPDATE product SET updated_at = now() FROM locked
           WHERE product.store_id = %(store_id)s AND product.id = locked.id""",
        {"store_id": store_id, "ids": sorted(product_ids)},
    )
