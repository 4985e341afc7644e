"""From a page to its snapshot: which parts each kind of page has, asked for in one round trip."""

import time
from dataclasses import dataclass
from typing import Any

from contracts import keys
from contracts.page import Page, PageKind
from contracts.snapshot import MAX_SNAPSHOT_BYTES, Part, Snapshot
from contracts.tenant import StoreId
from origin.db import Database
from origin.errors import NotFound
from origin.settings import OriginSettings
from origin.snapshots.collections import TILES, collection_question, home_question, tiles, tiles_question
from origin.snapshots.html import safe_html
from origin.snapshots.listing import EVERYTHING, found_by, listing_question
from origin.snapshots.products import product_question
from origin.snapshots.question import Parts, Question, Row, rows, time_text
from origin.snapshots.shop import SHOP_COLUMNS, SHOP_TABLES, shop_of

SITEMAP_URLS = 50_000  # the most one sitemap file may have (sitemaps.org)
SITEMAP_BYTES = MAX_SNAPSHOT_BYTES // 2
NOTHING_MORE = Question()


@dataclass(frozen=True, slots=True)
class Document:
    """A snapshot; the row it was made of, which also has what a tenant's record needs; and how long that row took."""

    snapshot: Snapshot
    row: Row
    read_seconds: float


async def page_document(db: Database, store_id: StoreId, page: Page, settings: OriginSettings) -> Document:
    """Raises NotFound if there is no such store."""
    question = question_of(page)
    row, read_seconds = await _ask(db, store_id, question)
    shop = shop_of(row, store_id, settings).part
    parts = question.parts(store_id, row)
    if parts is None:
        return Document(_missing(store_id, page.path, shop), row, read_seconds)
    return Document(Snapshot(parts={"shop": shop, **parts}), row, read_seconds)


async def missing_document(db: Database, store_id: StoreId, path: str, settings: OriginSettings) -> Document:
    """Raises NotFound if there is no such store."""
    row, read_seconds = await _ask(db, store_id, NOTHING_MORE)
    return Document(_missing(store_id, path, shop_of(row, store_id, settings).part), row, read_seconds)


async def _ask(db: Database, store_id: StoreId, question: Question) -> tuple[Row, float]:
    """One statement, so one state of the shop; and the seconds it took. Raises NotFound if there is no such store."""
    began = time.perf_counter()
    row = await db.read_row(store_id, question.sql(SHOP_COLUMNS, SHOP_TABLES), {"store": store_id, **question.values})
    if row is None:
        raise NotFound("store")
    return row, time.perf_counter() - began


def _missing(store_id: StoreId, path: str, shop: Part) -> Snapshot:
    """Tagged with the listing: what is missing now may be created next."""
    return Snapshot(status=404, parts={"shop": shop, "missing": Part({"path": path}, (keys.listing_tag(store_id),))})


def question_of(page: Page) -> Question:
    match page.kind:
        case PageKind.HOME:
            return home_question()
        case PageKind.PRODUCT:
            return product_question(page.handle)
        case PageKind.COLLECTION:
            return collection_question(page)
        case PageKind.COLLECTIONS:
            return tiles_question()
        case PageKind.LISTING:
            return listing_question(EVERYTHING, page)
        case PageKind.SEARCH | PageKind.SUGGEST:
            return _search(page)
        case PageKind.STATIC:
            return _static_page(page.handle)
        case PageKind.SITEMAP:
            return _sitemap()
        case PageKind.ROBOTS:
            return NOTHING_MORE


def _search(page: Page) -> Question:
    words = page.param("q")
    listed = listing_question(found_by(words), page)
    wants_tiles = page.kind == PageKind.SUGGEST and bool(words)

    def parts(store_id: StoreId, row: Row) -> Parts:
        tags = (keys.listing_tag(store_id),)
        products = listed.parts(store_id, row) or {}
        found = {"query": words, "total": products["products"].data["total"]}
        suggested = {"collections": Part(tiles(row), tags)} if page.kind == PageKind.SUGGEST else {}
        return {"search": Part(found, tags), **products, **suggested}

    columns = {**listed.columns, "tiles": rows(TILES) if wants_tiles else "NULL"}
    return Question(columns, values={**listed.values, "words": words}, parts=parts)


def _static_page(handle: str) -> Question:
    found = """(SELECT row_to_json(item) FROM (
        SELECT id, title, handle, body_html, updated_at FROM static_page
        WHERE store_id = %(store)s AND handle = %(handle)s AND published_at <= now()) AS item)"""
    return Question({"page": found}, values={"handle": handle}, parts=_static_parts)


def _static_parts(store_id: StoreId, row: Row) -> Parts | None:
    page = row["page"]
    if page is None:
        return None
    data = {
        "id": page["id"],
        "title": page["title"],
        "handle": page["handle"],
        "url": Page(PageKind.STATIC, handle=page["handle"]).url,
        "body_html": safe_html(page["body_html"]),
        "updated_at": time_text(page["updated_at"]),
    }
    return {"page": Part(data, (keys.static_page_tag(store_id, page["id"]),))}


def _sitemap() -> Question:
    urls = rows(
        """(SELECT 'product' AS kind, handle, updated_at FROM product
            WHERE store_id = %(store)s AND status = 'active' AND published_at <= now() ORDER BY id)
           UNION ALL
           (SELECT 'collection', handle, updated_at FROM collection
            WHERE store_id = %(store)s AND published_at <= now() ORDER BY id)
           UNION ALL
           (SELECT 'static', handle, updated_at FROM static_page
            WHERE store_id = %(store)s AND published_at <= now() ORDER BY id)
           LIMIT %(limit)s"""
    )
    return Question({"urls": urls}, values={"limit": SITEMAP_URLS}, parts=_sitemap_parts)


def _sitemap_parts(store_id: StoreId, row: Row) -> Parts:
    urls: list[dict[str, Any]] = []
    room_bytes = SITEMAP_BYTES
    for url in row["urls"] or []:
        path = Page(PageKind(url["kind"]), handle=url["handle"]).path
        room_bytes -= len(path) + 60
        if room_bytes < 0:
            break
        urls.append({"path": path, "updated_at": time_text(url["updated_at"])})
    return {"sitemap": Part({"urls": urls}, (keys.listing_tag(store_id),))}
