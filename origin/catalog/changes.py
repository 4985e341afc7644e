"""The one line that every change of products ends with: what follows from it is brought up to date and made known."""

from collections.abc import Collection, Iterable

from contracts.keys import collection_members_tag, product_change_tags
from contracts.tenant import StoreId
from invalidation import outbox
from origin.catalog import availability, membership
from origin.catalog.membership import Memberships
from origin.db import Tx

# The locks are taken first because the update waits for their count; it does not join them, for the planner's sake
# (see availability.py).
TOUCH = """
    WITH locked AS MATERIALIZED (
        SELECT id FROM product WHERE store_id = %(store_id)s AND id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE product SET updated_at = now()
    WHERE product.store_id = %(store_id)s AND product.id = ANY(%(ids)s) AND (SELECT count(*) FROM locked) > 0
"""


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
    found = await membership.refresh(tx, store_id, product_ids)
    gone = frozenset(collections_before)
    everywhere = Memberships(found.collection_ids | gone, found.changed_ids | gone, found.moved_product_ids)
    await outbox.add(tx, store_id, _tags(store_id, product_ids, everywhere))


async def stock_moved(tx: Tx, store_id: StoreId, inventory_item_ids: Collection[int]) -> None:
    """After a sale, or its undoing, changed what is available: purges only what a shopper would see change."""
    asking = await availability.ask_flipped(tx, store_id, inventory_item_ids)
    await states_flipped(tx, store_id, await asking.read())


async def states_flipped(tx: Tx, store_id: StoreId, flipped: set[int]) -> None:
    """The same, for who has asked (`availability.ask_flipped`) of which products that is so."""
    changed = await availability.refresh_flipped(tx, store_id, flipped)
    if changed:
        await outbox.add(tx, store_id, _tags(store_id, changed, await membership.refresh(tx, store_id, changed)))


def _tags(store_id: StoreId, product_ids: Iterable[int], found: Memberships) -> set[str]:
    tags = {collection_members_tag(store_id, collection_id) for collection_id in found.changed_ids}
    return tags.union(*(product_change_tags(store_id, product_id, found.collection_ids) for product_id in product_ids))


async def _touch(tx: Tx, store_id: StoreId, product_ids: Iterable[int]) -> None:
    """Locks in id order, so that two bulk changes cannot deadlock, and says when."""
    await tx.execute(
        TOUCH.encode(),
        {"store_id": store_id, "ids": sorted(product_ids)},
    )
