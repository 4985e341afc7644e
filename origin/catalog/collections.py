"""Collections: custom ones have the products a merchant put in, smart ones those that satisfy their rules."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict

from psycopg import sql
from psycopg.types.json import Jsonb

from contracts.keys import collection_change_tags, product_tag
from contracts.tenant import StoreId
from invalidation import outbox
from origin.catalog import assets, collects, handles, listing, membership, shops
from origin.catalog.assets import Upload
from origin.catalog.handles import Handled
from origin.catalog.images import checked_url
from origin.catalog.listing import Condition, Filters, Slice, Window, above_id, equals, ids_in, parse_ids, state, times
from origin.catalog.rules import checked_rules
from origin.db import Tx
from origin.errors import Invalid, NotFound

SORT_ORDERS = (
    "manual",
    "best-selling",
    "alpha-asc",
    "alpha-desc",
    "price-asc",
    "price-desc",
    "created",
    "created-desc",
)
_COLUMNS = """collection.*, (SELECT count(*) FROM collect WHERE collect.store_id = collection.store_id
        AND collect.collection_id = collection.id) AS products_count,
    (SELECT ARRAY[width, height] FROM asset
     WHERE asset.store_id = collection.store_id AND asset.id = collection.image_asset_id) AS image_size"""


class Kind(StrEnum):
    CUSTOM = "custom"
    SMART = "smart"


class CollectionChange(TypedDict, total=False):
    """What a client may send. `collects` is for custom ones, `rules` and `disjunctive` for smart ones."""

    title: str | None
    handle: str | None
    body_html: str | None
    sort_order: str | None
    published: bool | None
    published_at: datetime | None
    published_scope: str | None
    template_suffix: str | None
    image: "CollectionImageChange | None"
    rules: list[dict[str, Any]] | None
    disjunctive: bool | None
    collects: list[dict[str, Any]] | None


class CollectionImageChange(TypedDict, total=False):
    src: str | None
    alt: str | None
    upload: Upload


def _with_product(text: str) -> Condition:
    return Condition(
        """EXISTS (SELECT FROM collect WHERE collect.store_id = collection.store_id
                   AND collect.collection_id = collection.id AND collect.product_id = ANY(%s))""",
        (parse_ids(text),),
    )


FILTERS: Filters = {
    "ids": ids_in("collection.id"),
    "since_id": above_id("collection.id"),
    "title": equals("collection.title"),
    "handle": equals("collection.handle"),
    "product_id": _with_product,
    "published_status": state(
        {
            "published": "collection.published_at <= now()",
            "unpublished": "(collection.published_at IS NULL OR collection.published_at > now())",
            "any": None,
        }
    ),
    **times("collection.updated_at"),
    **times("collection.published_at"),
}


def _of_kind(kind: Kind | None) -> list[Condition]:
    return [Condition("collection.kind = %s", (str(kind),))] if kind else []


async def page(tx: Tx, store_id: StoreId, kind: Kind, conditions: Sequence[Condition], window: Window) -> Slice:
    return await listing.select(tx, store_id, "collection", _COLUMNS, [*_of_kind(kind), *conditions], window)


async def count(tx: Tx, store_id: StoreId, kind: Kind, conditions: Sequence[Condition]) -> int:
    return await listing.count(tx, store_id, "collection", [*_of_kind(kind), *conditions])


async def find(tx: Tx, store_id: StoreId, kind: Kind | None, collection_id: int) -> dict[str, Any]:
    """Of that kind, or of any. Raises NotFound."""
    row = await listing.find(tx, store_id, "collection", _COLUMNS, collection_id, *_of_kind(kind))
    if row is None:
        raise NotFound("collection")
    return row


async def create(tx: Tx, store_id: StoreId, kind: Kind, change: CollectionChange) -> int:
    """Returns the id. Raises Invalid."""
    if kind == Kind.SMART:
        change = {"rules": [], **change}
    columns = await _columns(tx, store_id, kind, {"title": None, **change})
    wanted = change.get("handle") or columns["title"]
    [columns["handle"]] = await handles.unique(tx, store_id, Handled.COLLECTION, [wanted])
    if change.get("published") is None and "published_at" not in change:
        columns["published_at"] = sql.SQL("now()")
    columns["kind"] = str(kind)
    cursor = await tx.execute(
        sql.SQL("INSERT INTO collection (store_id, {}) VALUES ({}, {}) RETURNING id").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            store_id,
            sql.SQL(", ").join(map(_value, columns.values())),
        )
    )
    row = await cursor.fetchone()
    assert row is not None
    collection_id = int(row["id"])
    await _fill(tx, store_id, kind, collection_id, change)
    await outbox.add(tx, store_id, collection_change_tags(store_id, collection_id))
    return collection_id


async def update(tx: Tx, store_id: StoreId, kind: Kind, collection_id: int, change: CollectionChange) -> None:
    """Changes what is given. Raises NotFound, Invalid."""
    await _lock(tx, store_id, kind, collection_id)
    columns = await _columns(tx, store_id, kind, change)
    if change.get("handle"):
        columns["handle"] = await handles.claim(tx, store_id, Handled.COLLECTION, str(change["handle"]), collection_id)
    assignments = [sql.SQL("{} = {}").format(sql.Identifier(name), _value(value)) for name, value in columns.items()]
    await tx.execute(
        sql.SQL("UPDATE collection SET {} WHERE store_id = {} AND id = {}").format(
            sql.SQL(", ").join([*assignments, sql.SQL("updated_at = now()")]), store_id, collection_id
        )
    )
    await _fill(tx, store_id, kind, collection_id, change)
    await outbox.add(tx, store_id, collection_change_tags(store_id, collection_id))


async def reorder(
    tx: Tx, store_id: StoreId, collection_id: int, product_ids: Sequence[int], sort_order: str | None
) -> None:
    """A smart collection's own order: by a rule, or these products first. Raises NotFound, Invalid."""
    await _lock(tx, store_id, Kind.SMART, collection_id)
    if sort_order is not None:
        await update(tx, store_id, Kind.SMART, collection_id, {"sort_order": sort_order})
    await collects.arrange(tx, store_id, collection_id, product_ids)
    await outbox.add(tx, store_id, collection_change_tags(store_id, collection_id))


async def delete(tx: Tx, store_id: StoreId, kind: Kind, collection_id: int) -> None:
    await _lock(tx, store_id, kind, collection_id)
    await tx.execute("DELETE FROM collection WHERE store_id = %s AND id = %s", [store_id, collection_id])
    await outbox.add(tx, store_id, collection_change_tags(store_id, collection_id))


async def _lock(tx: Tx, store_id: StoreId, kind: Kind, collection_id: int) -> None:
    cursor = await tx.execute(
        "SELECT id FROM collection WHERE store_id = %s AND kind = %s AND id = %s FOR NO KEY UPDATE",
        [store_id, str(kind), collection_id],
    )
    if await cursor.fetchone() is None:
        raise NotFound("collection")


async def _fill(tx: Tx, store_id: StoreId, kind: Kind, collection_id: int, change: CollectionChange) -> None:
    if kind == Kind.SMART and change.keys() & {"rules", "disjunctive"}:
        found = await membership.refresh_collection(tx, store_id, collection_id)
        # The pages of products that just joined do not carry this collection's tags yet.
        await outbox.add(tx, store_id, [product_tag(store_id, each) for each in found.moved_product_ids])
    if kind == Kind.CUSTOM and change.get("collects") is not None:
        product_ids = [int(collect["product_id"]) for collect in change["collects"] or []]
        await collects.replace_all(tx, store_id, collection_id, product_ids)


async def _columns(tx: Tx, store_id: StoreId, kind: Kind, change: CollectionChange) -> dict[str, Any]:
    problems: dict[str, list[str]] = {}
    columns: dict[str, Any] = {
        name: change[name] or None for name in ("body_html", "template_suffix") if name in change
    }
    if "title" in change:
        columns["title"] = (change["title"] or "").strip()
        if not columns["title"]:
            problems["title"] = ["can't be blank"]
        elif len(columns["title"]) > 255:
            problems["title"] = ["is too long (maximum is 255 characters)"]
    for name, choices in (("sort_order", SORT_ORDERS), ("published_scope", ("web", "global"))):
        value = change.get(name)
        if value is not None and value not in choices:
            problems[name] = [f"must be one of {', '.join(choices)}"]
        elif value is not None:
            columns[name] = value
    if kind == Kind.SMART:
        columns |= await _rule_columns(tx, store_id, change, problems)
    if problems:
        raise Invalid(problems)
    return columns | _publication(change) | await _image_columns(tx, store_id, change)


async def _rule_columns(
    tx: Tx, store_id: StoreId, change: CollectionChange, problems: dict[str, list[str]]
) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if change.get("disjunctive") is not None:
        columns["is_disjunctive"] = change["disjunctive"]
    if change.get("rules") is not None:
        shop = await shops.read(tx, store_id)
        try:
            columns["rules"] = Jsonb(checked_rules(change["rules"] or [], shop.currency, shop.weight_unit))
        except Invalid as error:
            problems.update(error.fields)
    return columns


def _publication(change: CollectionChange) -> dict[str, Any]:
    if change.get("published") is False:
        return {"published_at": None}
    if change.get("published") is True:
        return {"published_at": change.get("published_at") or sql.SQL("now()")}
    return {"published_at": change["published_at"]} if "published_at" in change else {}


async def _image_columns(tx: Tx, store_id: StoreId, change: CollectionChange) -> dict[str, Any]:
    if "image" not in change:
        return {}
    image = change["image"]
    if not image:
        return {"image_src": None, "image_alt": None, "image_asset_id": None}
    columns: dict[str, Any] = {"image_alt": image["alt"] or None} if "alt" in image else {}
    if "upload" in image:
        asset = await assets.store(tx, store_id, image["upload"])
        return {**columns, "image_src": asset.path, "image_asset_id": asset.id}
    src = (image.get("src") or "").strip()
    # A client sends back what it was shown: a file of ours stays what it is.
    if src and "/files/" not in src:
        return {**columns, "image_src": checked_url(src), "image_asset_id": None}
    return columns


def _value(value: Any) -> sql.Composable:
    return value if isinstance(value, sql.Composable) else sql.Literal(value)
