"""Which product a merchant put into which custom collection, and in what order."""

from collections.abc import Iterable, Sequence
from typing import Any

from contracts.keys import collection_change_tags, product_tag
from contracts.tenant import StoreId
from invalidation import outbox
from origin.catalog import listing
from origin.catalog.listing import Condition, Filters, Slice, Window, above_id, equals_id, ids_in
from origin.db import Tx
from origin.errors import Invalid, NotFound

MAX_COLLECTS = 5000
FILTERS: Filters = {
    "ids": ids_in("collect.id"),
    "since_id": above_id("collect.id"),
    "collection_id": equals_id("collect.collection_id"),
    "product_id": equals_id("collect.product_id"),
}
# What rules made is no merchant's doing, and is not theirs to undo.
_BY_HAND = Condition("NOT collect.is_rule_made")


async def page(tx: Tx, store_id: StoreId, conditions: Sequence[Condition], window: Window) -> Slice:
    return await listing.select(tx, store_id, "collect", "*", [_BY_HAND, *conditions], window)


async def count(tx: Tx, store_id: StoreId, conditions: Sequence[Condition]) -> int:
    return await listing.count(tx, store_id, "collect", [_BY_HAND, *conditions])


async def find(tx: Tx, store_id: StoreId, collect_id: int) -> dict[str, Any]:
    row = await listing.find(tx, store_id, "collect", "*", collect_id, _BY_HAND)
    if row is None:
        raise NotFound("collect")
    return row


async def create(tx: Tx, store_id: StoreId, collection_id: int, product_id: int, position: int | None) -> int:
    """At the end unless a position is given. Raises Invalid, field by field."""
    collection = await listing.find(tx, store_id, "collection", "kind", collection_id)
    problems: dict[str, list[str]] = {}
    if collection is None:
        problems["collection_id"] = ["does not exist"]
    elif collection["kind"] != "custom":
        problems["collection_id"] = ["is a smart collection: its rules decide which products it has"]
    if await listing.find(tx, store_id, "product", "id", product_id) is None:
        problems["product_id"] = ["does not exist"]
    if problems:
        raise Invalid(problems)
    cursor = await tx.execute(
        """INSERT INTO collect (store_id, collection_id, product_id, position)
           VALUES (%(store_id)s, %(collection_id)s, %(product_id)s, coalesce(%(position)s,
                   (SELECT max(position) + 1 FROM collect
                    WHERE store_id = %(store_id)s AND collection_id = %(collection_id)s), 1))
           ON CONFLICT (store_id, collection_id, product_id) DO NOTHING RETURNING id""",
        {"store_id": store_id, "collection_id": collection_id, "product_id": product_id, "position": position},
    )
    row = await cursor.fetchone()
    if row is None:
        raise Invalid({"product_id": ["already exists in this collection"]})
    await outbox.add(tx, store_id, _tags(store_id, collection_id, [product_id]))
    return int(row["id"])


async def delete(tx: Tx, store_id: StoreId, collect_id: int) -> None:
    row = await find(tx, store_id, collect_id)
    await tx.execute("DELETE FROM collect WHERE store_id = %s AND id = %s", [store_id, collect_id])
    await outbox.add(tx, store_id, _tags(store_id, row["collection_id"], [row["product_id"]]))


async def replace_all(tx: Tx, store_id: StoreId, collection_id: int, product_ids: Sequence[int]) -> None:
    """A custom collection's products become these, in this order. Raises Invalid for a product this shop lacks."""
    wanted = list(dict.fromkeys(product_ids))
    if len(wanted) > MAX_COLLECTS:
        raise Invalid({"collects": [f"can't be more than {MAX_COLLECTS} at once"]})
    known = await tx.execute("SELECT id FROM product WHERE store_id = %s AND id = ANY(%s)", [store_id, wanted])
    if len(await known.fetchall()) < len(wanted):
        raise Invalid({"collects": ["name a product that does not exist"]})
    await tx.execute(
        "DELETE FROM collect WHERE store_id = %s AND collection_id = %s AND NOT product_id = ANY(%s)",
        [store_id, collection_id, wanted],
    )
    await tx.execute(
        """INSERT INTO collect (store_id, collection_id, product_id, position)
           SELECT %s, %s, wanted.id, wanted.n FROM unnest(%s::bigint[]) WITH ORDINALITY AS wanted (id, n)
           ON CONFLICT (store_id, collection_id, product_id)
           DO UPDATE SET position = excluded.position, updated_at = now()""",
        [store_id, collection_id, wanted],
    )
    await outbox.add(tx, store_id, _tags(store_id, collection_id, wanted))


async def arrange(tx: Tx, store_id: StoreId, collection_id: int, product_ids: Sequence[int]) -> None:
    """These first, in this order; the others keep theirs after them."""
    await tx.execute(
        """UPDATE collect SET position = arranged.position, updated_at = now()
           FROM (SELECT collect.id, row_number() OVER (ORDER BY wanted.n NULLS LAST, position, collect.id) AS position
                 FROM collect
                 LEFT JOIN unnest(%(ids)s::bigint[]) WITH ORDINALITY AS wanted (id, n) ON wanted.id = product_id
                 WHERE store_id = %(store_id)s AND collection_id = %(collection_id)s) AS arranged
           WHERE collect.store_id = %(store_id)s AND collect.id = arranged.id""",
        {"store_id": store_id, "collection_id": collection_id, "ids": list(product_ids)},
    )


def _tags(store_id: StoreId, collection_id: int, product_ids: Iterable[int]) -> set[str]:
    """The pages of those that were members already carry the collection's own tags; those of new ones do not yet."""
    joined = {product_tag(store_id, product_id) for product_id in product_ids}
    return joined | collection_change_tags(store_id, collection_id)
