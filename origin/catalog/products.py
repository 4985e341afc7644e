"""Products: creating, changing and removing them with their options, variants and images, each in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from psycopg import sql

from contracts.tenant import StoreId
from origin.catalog import handles, membership, product_parts, shops, variants
from origin.catalog.changes import products_changed
from origin.catalog.handles import Handled
from origin.catalog.images import ImageChange
from origin.catalog.options import OptionChange
from origin.catalog.product_parts import load_variants, lock
from origin.catalog.variant_plan import VariantChange
from origin.db import Tx
from origin.errors import Invalid

MAX_TAGS = 250
MAX_TITLE_LENGTH = 255
STATUSES = ("active", "draft", "archived")
SCOPES = ("web", "global")


class ProductChange(TypedDict, total=False):
    """What a client may send of a product; absent means unchanged (or the default, of a new one)."""

    title: str | None
    body_html: str | None
    vendor: str | None
    product_type: str | None
    status: str | None
    handle: str | None
    published: bool | None
    published_at: datetime | None
    published_scope: str | None
    template_suffix: str | None
    tags: list[str] | None
    seo_title: str | None
    seo_description: str | None
    options: list[OptionChange] | None
    variants: list[VariantChange] | None
    images: list[ImageChange] | None


async def create(tx: Tx, store_id: StoreId, change: ProductChange) -> int:
    """Returns the id. A product without variants has one, called Default Title. Raises Invalid."""
    shop = await shops.read(tx, store_id)
    columns = _columns({"title": None, **change})
    if not columns.get("vendor"):
        columns["vendor"] = shop.name
    if change.get("published") is None and "published_at" not in change and change.get("status") in {None, "active"}:
        columns["published_at"] = _NOW
    [columns["handle"]] = await handles.unique(
        tx, store_id, Handled.PRODUCT, [change.get("handle") or columns["title"]]
    )
    product_id = await _insert(tx, store_id, columns)
    await product_parts.write(
        tx,
        store_id,
        product_id,
        shop,
        options=change.get("options"),
        variants=change.get("variants"),
        images=change.get("images"),
        is_new=True,
    )
    await products_changed(tx, store_id, [product_id])
    return product_id


async def update(tx: Tx, store_id: StoreId, product_id: int, change: ProductChange) -> None:
    """Changes what is given. A list of variants or images is the whole list: what it lacks is removed."""
    await lock(tx, store_id, product_id)
    columns = _columns(change)
    if change.get("handle"):
        columns["handle"] = await handles.claim(tx, store_id, Handled.PRODUCT, str(change["handle"]), product_id)
    if columns:
        assignments = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), _value(value)) for name, value in columns.items()
        )
        await tx.execute(
            sql.SQL("UPDATE product SET {} WHERE store_id = {} AND id = {}").format(assignments, store_id, product_id)
        )
    if change.keys() & {"options", "variants", "images"}:
        await product_parts.write(
            tx,
            store_id,
            product_id,
            await shops.read(tx, store_id),
            options=change.get("options"),
            variants=change.get("variants"),
            images=change.get("images"),
        )
    await products_changed(tx, store_id, [product_id])


async def delete(tx: Tx, store_id: StoreId, product_id: int) -> None:
    await membership.hold_rules(tx, store_id)
    await lock(tx, store_id, product_id)
    before = await membership.collections_of(tx, store_id, [product_id])
    await variants.delete(tx, store_id, await load_variants(tx, store_id, product_id))
    await tx.execute("DELETE FROM product WHERE store_id = %s AND id = %s", [store_id, product_id])
    await products_changed(tx, store_id, [product_id], collections_before=before)


_NOW = sql.SQL("now()")
_TEXTS = ("body_html", "template_suffix", "seo_title", "seo_description")


def _columns(change: ProductChange) -> dict[str, Any]:
    """The columns a change sets, checked. Raises Invalid naming each field."""
    problems: dict[str, list[str]] = {}
    given: Mapping[str, Any] = change
    columns: dict[str, Any] = {name: given[name] or None for name in _TEXTS if name in given}
    columns |= {name: (given[name] or "").strip() for name in ("vendor", "product_type") if name in given}
    if "title" in change:
        columns["title"] = (change["title"] or "").strip()
        if not columns["title"]:
            problems["title"] = ["can't be blank"]
        elif len(columns["title"]) > MAX_TITLE_LENGTH:
            problems["title"] = [f"is too long (maximum is {MAX_TITLE_LENGTH} characters)"]
    for name, choices in (("status", STATUSES), ("published_scope", SCOPES)):
        value = change.get(name)
        if value is not None and value not in choices:
            problems[name] = [f"must be one of {', '.join(choices)}"]
        elif value is not None:
            columns[name] = value
    if "tags" in change:
        columns["tags"] = clean_tags(change["tags"] or [])
        if len(columns["tags"]) > MAX_TAGS:
            problems["tags"] = [f"can't be more than {MAX_TAGS}"]
    if problems:
        raise Invalid(problems)
    return columns | _publication(change)


def clean_tags(tags: Sequence[str]) -> list[str]:
    """Sorted, without blanks and repetitions (which differ in more than case)."""
    kept: dict[str, str] = {}
    for tag in tags:
        text = " ".join(tag.split())
        if text:
            kept.setdefault(text.casefold(), text)
    return sorted(kept.values(), key=str.casefold)


def _publication(change: ProductChange) -> dict[str, Any]:
    """`published` decides over `published_at`, which clients send back as they read it."""
    if change.get("published") is False:
        return {"published_at": None}
    if change.get("published") is True:
        moment = change.get("published_at")
        return {"published_at": moment or sql.SQL("coalesce(published_at, now())")}
    return {"published_at": change["published_at"]} if "published_at" in change else {}


def _value(value: Any) -> sql.Composable:
    return value if isinstance(value, sql.Composable) else sql.Literal(value)


async def _insert(tx: Tx, store_id: StoreId, columns: dict[str, Any]) -> int:
    if isinstance(columns.get("published_at"), sql.Composable):
        columns = {**columns, "published_at": _NOW}
    cursor = await tx.execute(
        sql.SQL("INSERT INTO product (store_id, {}) VALUES ({}, {}) RETURNING id").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            store_id,
            sql.SQL(", ").join(_value(value) for value in columns.values()),
        )
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row["id"])
