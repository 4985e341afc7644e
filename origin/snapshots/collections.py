"""Collections: one with its products, all as tiles, and the ones a home page features."""

from collections.abc import Mapping
from typing import Any

from contracts import keys
from contracts.page import Page
from contracts.snapshot import Part
from contracts.tenant import StoreId
from origin.db import Tx
from origin.snapshots.cards import CARD_COLUMNS, VISIBLE, card, collection_url
from origin.snapshots.html import safe_html
from origin.snapshots.listing import EVERYTHING, SORT_OF_ORDER, members_of, products_part

ALL = "all"  # /collections/all is the whole catalog, unless the merchant made a collection of that name
FEATURED_COLLECTIONS = 3
FEATURED_CARDS = 8
MOST_TILES = 250


async def collection_parts(tx: Tx, store_id: StoreId, page: Page, currency: str) -> dict[str, Part] | None:
    cursor = await tx.execute(
        """SELECT id, title, handle, body_html, sort_order, image_src, image_alt, updated_at, published_at
           FROM collection WHERE store_id = %s AND handle = %s AND published_at <= now()""",
        [store_id, page.handle],
    )
    row = await cursor.fetchone()
    if row is None:
        return await _everything(tx, store_id, page, currency) if page.handle == ALL else None
    products = await products_part(
        tx, store_id, members_of(row["id"]), page, currency, SORT_OF_ORDER[row["sort_order"]]
    )
    tags = (keys.collection_tag(store_id, row["id"]),)
    data = {
        "id": row["id"],
        "title": row["title"],
        "handle": row["handle"],
        "url": collection_url(row["handle"]),
        "description_html": safe_html(row["body_html"]),
        "image": _image(row),
        "products_count": products["total"],
        "sort_by": SORT_OF_ORDER[row["sort_order"]],
    }
    return {"collection": Part(data, tags), "products": Part(products, tags)}


async def _everything(tx: Tx, store_id: StoreId, page: Page, currency: str) -> dict[str, Part]:
    products = await products_part(tx, store_id, EVERYTHING, page, currency, "created-descending")
    data = {
        "id": 0,
        "title": "All products",
        "handle": ALL,
        "url": collection_url(ALL),
        "description_html": "",
        "image": None,
        "products_count": products["total"],
        "sort_by": "created-descending",
    }
    tags = (keys.listing_tag(store_id),)
    return {"collection": Part(data, tags), "products": Part(products, tags)}


async def tiles(tx: Tx, store_id: StoreId, words: str = "") -> list[dict[str, Any]]:
    """Published collections with something in them; `words` narrows to titles that contain them."""
    cursor = await tx.execute(
        f"""SELECT collection.id, collection.title, collection.handle, collection.body_html, collection.image_src,
                   collection.image_alt, collection.updated_at, collection.published_at, counted.products_count,
                   counted.sample
            FROM collection JOIN LATERAL (
                SELECT count(*) AS products_count, (array_agg(product_image.src ORDER BY collect.position, product.id)
                           FILTER (WHERE product_image.src IS NOT NULL))[1] AS sample
                FROM collect
                JOIN product ON product.store_id = collect.store_id AND product.id = collect.product_id AND {VISIBLE}
                LEFT JOIN product_image ON product_image.store_id = product.store_id
                     AND product_image.product_id = product.id AND product_image.position = 1
                WHERE collect.store_id = collection.store_id AND collect.collection_id = collection.id
            ) AS counted ON counted.products_count > 0
            WHERE collection.store_id = %(store)s AND collection.published_at <= now()
              AND strpos(lower(collection.title), lower(%(words)s)) > 0
            ORDER BY collection.id LIMIT %(limit)s""".encode(),
        {"store": store_id, "words": words, "limit": MOST_TILES},
    )
    return [_tile(row) for row in await cursor.fetchall()]


async def home_parts(tx: Tx, store_id: StoreId) -> dict[str, Part]:
    """The first collections with their products, and all of them as tiles."""
    shown = await tiles(tx, store_id)
    featured = []
    for tile in shown[:FEATURED_COLLECTIONS]:
        featured.append({"collection": tile, "items": await _first_cards(tx, store_id, tile["id"])})
    if not featured:
        items = await _first_cards(tx, store_id, None)
        everything = {"id": 0, "title": "All products", "url": collection_url(ALL), "description_html": ""}
        featured = [{"collection": everything, "items": items}] if items else []
    tags = tuple(keys.collection_tag(store_id, tile["id"]) for tile in shown[:FEATURED_COLLECTIONS])
    # A collection that becomes the third changes this page too; tiles and their pictures hang on the listing.
    listing = keys.listing_tag(store_id)
    return {"featured": Part(featured, (*tags, listing)), "collections": Part(shown, (listing,))}


async def _first_cards(tx: Tx, store_id: StoreId, collection_id: int | None) -> list[dict[str, Any]]:
    source = EVERYTHING if collection_id is None else members_of(collection_id)
    order = "product.created_at DESC, product.id DESC" if collection_id is None else "list_position, product.id"
    cursor = await tx.execute(
        f"SELECT {CARD_COLUMNS} FROM {source.sql} WHERE {VISIBLE} ORDER BY {order} LIMIT %(limit)s".encode(),
        {"store": store_id, **source.values, "limit": FEATURED_CARDS},
    )
    return [card(row) for row in await cursor.fetchall()]


def _tile(row: Mapping[str, Any]) -> dict[str, Any]:
    sample = {"id": 0, "url": row["sample"], "alt": "", "width": None, "height": None} if row["sample"] else None
    return {
        "id": row["id"],
        "title": row["title"],
        "handle": row["handle"],
        "url": collection_url(row["handle"]),
        "description_html": safe_html(row["body_html"]),
        "image": _image(row),
        "sample_image": sample,
        "products_count": row["products_count"],
        "updated_at": row["updated_at"].isoformat(),
        "published_at": row["published_at"].isoformat(),
    }


def _image(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if not row["image_src"]:
        return None
    return {"id": row["id"], "url": row["image_src"], "alt": row["image_alt"] or "", "width": None, "height": None}
