"""Static pages of a shop: about, shipping, imprint."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict

from psycopg import sql

from contracts.keys import listing_tag, static_page_tag
from contracts.tenant import StoreId
from invalidation import outbox
from origin.catalog import handles, listing
from origin.catalog.handles import Handled
from origin.catalog.listing import Condition, Filters, Slice, Window, above_id, equals, ids_in, state, times
from origin.db import Tx
from origin.errors import Invalid, NotFound

FILTERS: Filters = {
    "ids": ids_in("static_page.id"),
    "since_id": above_id("static_page.id"),
    "title": equals("static_page.title"),
    "handle": equals("static_page.handle"),
    "published_status": state(
        {
            "published": "static_page.published_at <= now()",
            "unpublished": "(static_page.published_at IS NULL OR static_page.published_at > now())",
            "any": None,
        }
    ),
    **times("static_page.created_at"),
    **times("static_page.updated_at"),
    **times("static_page.published_at"),
}


class StaticPageChange(TypedDict, total=False):
    title: str | None
    handle: str | None
    body_html: str | None
    author: str | None
    template_suffix: str | None
    published: bool | None
    published_at: datetime | None


async def page(tx: Tx, store_id: StoreId, conditions: Sequence[Condition], window: Window) -> Slice:
    return await listing.select(tx, store_id, "static_page", "*", conditions, window)


async def count(tx: Tx, store_id: StoreId, conditions: Sequence[Condition]) -> int:
    return await listing.count(tx, store_id, "static_page", conditions)


async def find(tx: Tx, store_id: StoreId, page_id: int) -> dict[str, Any]:
    row = await listing.find(tx, store_id, "static_page", "*", page_id)
    if row is None:
        raise NotFound("page")
    return row


async def create(tx: Tx, store_id: StoreId, change: StaticPageChange) -> int:
    title = _title(change.get("title"))
    [handle] = await handles.unique(tx, store_id, Handled.STATIC_PAGE, [change.get("handle") or title])
    is_published = change.get("published") is not False and ("published_at" not in change or change["published_at"])
    cursor = await tx.execute(
        """INSERT INTO static_page (store_id, title, handle, body_html, author, template_suffix, published_at)
           VALUES (%s, %s, %s, %s, %s, %s, CASE WHEN %s THEN coalesce(%s, now()) END) RETURNING id""",
        [
            store_id,
            title,
            handle,
            change.get("body_html") or "",
            change.get("author"),
            change.get("template_suffix"),
            bool(is_published),
            change.get("published_at"),
        ],
    )
    row = await cursor.fetchone()
    assert row is not None
    await outbox.add(tx, store_id, [static_page_tag(store_id, row["id"]), listing_tag(store_id)])
    return int(row["id"])


async def update(tx: Tx, store_id: StoreId, page_id: int, change: StaticPageChange) -> None:
    before = await find(tx, store_id, page_id)
    values: dict[str, Any] = {
        name: change[name] for name in ("author", "template_suffix", "published_at") if name in change
    }
    if "title" in change:
        values["title"] = _title(change["title"])
    if "body_html" in change:
        values["body_html"] = change["body_html"] or ""
    if change.get("handle"):
        values["handle"] = await handles.claim(tx, store_id, Handled.STATIC_PAGE, str(change["handle"]), page_id)
    if change.get("published") is not None:
        values["published_at"] = (before["published_at"] or sql.SQL("now()")) if change["published"] else None
    assignments = [
        sql.SQL("{} = {}").format(sql.Identifier(name), value if isinstance(value, sql.SQL) else sql.Literal(value))
        for name, value in values.items()
    ]
    await tx.execute(
        sql.SQL("UPDATE static_page SET {} WHERE store_id = {} AND id = {}").format(
            sql.SQL(", ").join([*assignments, sql.SQL("updated_at = now()")]), store_id, page_id
        )
    )
    await outbox.add(tx, store_id, [static_page_tag(store_id, page_id), listing_tag(store_id)])


async def delete(tx: Tx, store_id: StoreId, page_id: int) -> None:
    cursor = await tx.execute("DELETE FROM static_page WHERE store_id = %s AND id = %s", [store_id, page_id])
    if not cursor.rowcount:
        raise NotFound("page")
    await outbox.add(tx, store_id, [static_page_tag(store_id, page_id), listing_tag(store_id)])


def _title(title: str | None) -> str:
    text = (title or "").strip()
    if not text:
        raise Invalid({"title": ["can't be blank"]})
    if len(text) > 255:
        raise Invalid({"title": ["is too long (maximum is 255 characters)"]})
    return text
