"""From a page to its snapshot: which parts each kind of page has."""

from typing import Any

from contracts import keys
from contracts.page import Page, PageKind
from contracts.snapshot import MAX_SNAPSHOT_BYTES, Part, Snapshot
from contracts.tenant import StoreId
from origin.db import Database, Tx
from origin.settings import OriginSettings
from origin.snapshots.collections import collection_parts, home_parts, tiles
from origin.snapshots.html import safe_html
from origin.snapshots.listing import EVERYTHING, found_by, products_part
from origin.snapshots.products import product_parts
from origin.snapshots.shop import shop_part

SITEMAP_URLS = 50_000  # the most one sitemap file may have (sitemaps.org)
SITEMAP_BYTES = MAX_SNAPSHOT_BYTES // 2


async def page_snapshot(db: Database, store_id: StoreId, page: Page, settings: OriginSettings) -> Snapshot:
    """One transaction, so one state of the shop. Raises NotFound if there is no such store."""
    async with db.tenant(store_id, is_snapshot=True) as tx:
        shop = await shop_part(tx, store_id, settings)
        parts = await _parts(tx, store_id, page, shop.currency)
        if parts is None:
            return _missing(store_id, page.path, shop.part)
        return Snapshot(parts={"shop": shop.part, **parts})


async def missing_snapshot(db: Database, store_id: StoreId, path: str, settings: OriginSettings) -> Snapshot:
    async with db.tenant(store_id, is_snapshot=True) as tx:
        shop = await shop_part(tx, store_id, settings)
    return _missing(store_id, path, shop.part)


def _missing(store_id: StoreId, path: str, shop: Part) -> Snapshot:
    """Tagged with the listing: what is missing now may be created next."""
    return Snapshot(status=404, parts={"shop": shop, "missing": Part({"path": path}, (keys.listing_tag(store_id),))})


async def _parts(tx: Tx, store_id: StoreId, page: Page, currency: str) -> dict[str, Part] | None:
    listing = (keys.listing_tag(store_id),)
    match page.kind:
        case PageKind.HOME:
            return await home_parts(tx, store_id)
        case PageKind.PRODUCT:
            return await product_parts(tx, store_id, page.handle)
        case PageKind.COLLECTION:
            return await collection_parts(tx, store_id, page, currency)
        case PageKind.COLLECTIONS:
            return {"collections": Part(await tiles(tx, store_id), listing)}
        case PageKind.LISTING:
            return {"products": Part(await products_part(tx, store_id, EVERYTHING, page, currency), listing)}
        case PageKind.SEARCH | PageKind.SUGGEST:
            return await _search(tx, store_id, page, currency)
        case PageKind.STATIC:
            return await _static_page(tx, store_id, page.handle)
        case PageKind.SITEMAP:
            return {"sitemap": Part({"urls": await _sitemap(tx, store_id)}, listing)}
        case PageKind.ROBOTS:
            return {}


async def _search(tx: Tx, store_id: StoreId, page: Page, currency: str) -> dict[str, Part]:
    words = page.param("q")
    products = await products_part(tx, store_id, found_by(words), page, currency)
    found: dict[str, Any] = {"query": words, "total": products["total"]}
    tags = (keys.listing_tag(store_id),)
    parts = {"search": Part(found, tags), "products": Part(products, tags)}
    if page.kind == PageKind.SUGGEST:
        parts["collections"] = Part(await tiles(tx, store_id, words) if words else [], tags)
    return parts


async def _static_page(tx: Tx, store_id: StoreId, handle: str) -> dict[str, Part] | None:
    cursor = await tx.execute(
        """SELECT id, title, handle, body_html, updated_at FROM static_page
           WHERE store_id = %s AND handle = %s AND published_at <= now()""",
        [store_id, handle],
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    data = {
        "id": row["id"],
        "title": row["title"],
        "handle": row["handle"],
        "url": Page(PageKind.STATIC, handle=row["handle"]).url,
        "body_html": safe_html(row["body_html"]),
        "updated_at": row["updated_at"].isoformat(),
    }
    return {"page": Part(data, (keys.static_page_tag(store_id, row["id"]),))}


async def _sitemap(tx: Tx, store_id: StoreId) -> list[dict[str, str]]:
    cursor = await tx.execute(
        """(SELECT 'product' AS kind, handle, updated_at FROM product
            WHERE store_id = %(store)s AND status = 'active' AND published_at <= now() ORDER BY id)
           UNION ALL
           (SELECT 'collection', handle, updated_at FROM collection
            WHERE store_id = %(store)s AND published_at <= now() ORDER BY id)
           UNION ALL
           (SELECT 'static', handle, updated_at FROM static_page
            WHERE store_id = %(store)s AND published_at <= now() ORDER BY id)
           LIMIT %(limit)s""",
        {"store": store_id, "limit": SITEMAP_URLS},
    )
    urls: list[dict[str, str]] = []
    room_bytes = SITEMAP_BYTES
    for row in await cursor.fetchall():
        path = Page(PageKind(row["kind"]), handle=row["handle"]).path
        room_bytes -= len(path) + 60
        if room_bytes < 0:
            break
        urls.append({"path": path, "updated_at": row["updated_at"].isoformat()})
    return urls
