"""Collections: one with its products, all as tiles, and the ones a home page features."""

from typing import Any

from contracts import keys
from contracts.page import Page
from contracts.snapshot import Part
from contracts.tenant import StoreId
from origin.snapshots.cards import CARD_COLUMNS, VISIBLE, card, collection_url
from origin.snapshots.html import safe_html
from origin.snapshots.listing import SORT_OF_ORDER, Source, listing_question
from origin.snapshots.question import Parts, Question, Row, rows, time_text

ALL = "all"  # /collections/all is the whole catalog, unless the merchant made a collection of that name
FEATURED_COLLECTIONS = 3
FEATURED_CARDS = 8
MOST_TILES = 250


TILES = f"""SELECT collection.id, collection.title, collection.handle, collection.body_html, collection.image_src,
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
    ORDER BY collection.id LIMIT {MOST_TILES}"""
"""Published collections with something in them; `words` narrows to titles that contain them."""

_FOUND = """found AS MATERIALIZED (
        SELECT id, title, handle, body_html, sort_order, image_src, image_alt, updated_at, published_at
        FROM collection WHERE store_id = %(store)s AND handle = %(handle)s AND published_at <= now()
    ), own AS MATERIALIZED (SELECT coalesce((SELECT sort_order FROM found), 'created-desc') AS sort_order)"""
_ITS_MEMBERS = """SELECT product.*, collect.position AS list_position FROM collect
    JOIN product ON product.store_id = collect.store_id AND product.id = collect.product_id
    WHERE collect.store_id = %(store)s AND collect.collection_id = (SELECT id FROM found)"""
MEMBERS = Source(f"({_ITS_MEMBERS}) AS product, own", has_own_order=True)
MEMBERS_OR_EVERYTHING = Source(
    f"""({_ITS_MEMBERS} UNION ALL
        SELECT product.*, 0 AS list_position FROM product
        WHERE product.store_id = %(store)s AND NOT EXISTS (SELECT FROM found)) AS product, own""",
    has_own_order=True,
)


def collection_question(page: Page) -> Question:
    is_all = page.handle == ALL
    listed = listing_question(MEMBERS_OR_EVERYTHING if is_all else MEMBERS, page)

    def parts(store_id: StoreId, row: Row) -> Parts | None:
        found = row["found"]
        if found is None and not is_all:
            return None
        tag = keys.listing_tag(store_id) if found is None else keys.collection_tag(store_id, found["id"])
        products = listed.parts(store_id, row) or {}
        data = _collection(found or _WHOLE_CATALOG, products["products"].data["total"])
        return {"collection": Part(data, (tag,)), "products": Part(products["products"].data, (tag,))}

    columns = {"found": "(SELECT row_to_json(found) FROM found)", **listed.columns}
    return Question(columns, _FOUND, {**listed.values, "handle": page.handle}, parts)


_WHOLE_CATALOG = {
    "id": 0,
    "title": "All products",
    "handle": ALL,
    "body_html": "",
    "image_src": None,
    "sort_order": "created-desc",
}


def _collection(row: Row, total: int) -> dict[str, Any]:
    return {
        "id": row["id"],
        "title": row["title"],
        "handle": row["handle"],
        "url": collection_url(row["handle"]),
        "description_html": safe_html(row["body_html"]),
        "image": _image(row),
        "products_count": total,
        "sort_by": SORT_OF_ORDER[row["sort_order"]],
    }


def tiles(row: Row) -> list[dict[str, Any]]:
    """From the column `tiles`."""
    return [_tile(tile) for tile in row["tiles"] or []]


def tiles_question() -> Question:
    def parts(store_id: StoreId, row: Row) -> Parts:
        return {"collections": Part(tiles(row), (keys.listing_tag(store_id),))}

    return Question({"tiles": rows(TILES)}, values={"words": ""}, parts=parts)


def home_question() -> Question:
    """The first collections with their products, and all of them as tiles."""
    its_cards = f"""SELECT {CARD_COLUMNS} FROM collect
        JOIN product ON product.store_id = collect.store_id AND product.id = collect.product_id
        WHERE collect.store_id = %(store)s AND collect.collection_id = tiles.id AND {VISIBLE}
        ORDER BY collect.position, product.id LIMIT {FEATURED_CARDS}"""
    newest = f"""SELECT {CARD_COLUMNS} FROM product WHERE product.store_id = %(store)s AND {VISIBLE}
        ORDER BY product.created_at DESC, product.id DESC LIMIT {FEATURED_CARDS}"""
    first = f"SELECT {rows(its_cards)} AS cards FROM tiles ORDER BY tiles.id LIMIT {FEATURED_COLLECTIONS}"
    columns = {
        "tiles": rows("SELECT * FROM tiles ORDER BY id"),
        "shelves": rows(first),
        "newest": f"CASE WHEN NOT EXISTS (SELECT FROM tiles) THEN {rows(newest)} END",
    }
    return Question(columns, f"tiles AS MATERIALIZED ({TILES})", {"words": ""}, _home_parts)


def _home_parts(store_id: StoreId, row: Row) -> Parts:
    shown = tiles(row)
    first = shown[:FEATURED_COLLECTIONS]
    featured: list[dict[str, Any]] = [
        {"collection": tile, "items": [card(item) for item in shelf["cards"] or []]}
        for tile, shelf in zip(first, row["shelves"] or [], strict=True)
    ]
    if row["newest"]:
        everything = {"id": 0, "title": "All products", "url": collection_url(ALL), "description_html": ""}
        featured = [{"collection": everything, "items": [card(item) for item in row["newest"]]}]
    tags = tuple(keys.collection_tag(store_id, tile["id"]) for tile in first)
    # A collection that becomes the third changes this page too; tiles and their pictures hang on the listing.
    listing = keys.listing_tag(store_id)
    return {"featured": Part(featured, (*tags, listing)), "collections": Part(shown, (listing,))}


def _tile(row: Row) -> dict[str, Any]:
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
        "updated_at": time_text(row["updated_at"]),
        "published_at": time_text(row["published_at"]),
    }


def _image(row: Row) -> dict[str, Any] | None:
    if not row["image_src"]:
        return None
    return {"id": row["id"], "url": row["image_src"], "alt": row["image_alt"] or "", "width": None, "height": None}
