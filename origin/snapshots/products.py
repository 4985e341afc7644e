"""Whole products: the product page with its related cards, and the items of JSON feeds."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts import keys
from contracts.snapshot import Part
from contracts.tenant import StoreId
from origin.db import Tx
from origin.snapshots.cards import CARD_COLUMNS, VISIBLE, card, collection_url, image, product_url
from origin.snapshots.html import plain_text, safe_html

RELATED_CARDS = 4
RELATED_CANDIDATES = 12
FEED_DESCRIPTION_CHARACTERS = 20_000  # of each product: a feed of 250 has to fit into one snapshot

_PRODUCT_COLUMNS = """
    product.id, product.title, product.handle, product.body_html, product.vendor, product.product_type, product.tags,
    product.seo_title, product.seo_description, product.published_at, product.created_at, product.updated_at,
    product.availability,
    (SELECT json_agg(found) FROM (
        SELECT id, name, position FROM product_option
        WHERE product_option.store_id = product.store_id AND product_option.product_id = product.id
        ORDER BY position) AS found) AS options,
    (SELECT json_agg(found) FROM (
        SELECT id, src, alt, width, height, position, created_at, updated_at FROM product_image
        WHERE product_image.store_id = product.store_id AND product_image.product_id = product.id
        ORDER BY position, id) AS found) AS images,
    (SELECT json_agg(found) FROM (
        SELECT variant.id, title, position, option1, option2, option3, price_minor, compare_at_minor, variant.sku,
               barcode, grams, weight_unit, availability, inventory_policy, inventory_management,
               variant.requires_shipping, taxable, image_id, variant.created_at, variant.updated_at,
               CASE WHEN availability = 'low' THEN (
                   SELECT sum(greatest(available, 0))::bigint FROM inventory_level
                   WHERE inventory_level.store_id = variant.store_id
                     AND inventory_level.inventory_item_id = variant.inventory_item_id) END AS low_stock_quantity
        FROM variant WHERE variant.store_id = product.store_id AND variant.product_id = product.id
        ORDER BY position, variant.id) AS found) AS variants
"""


async def product_parts(tx: Tx, store_id: StoreId, handle: str) -> dict[str, Part] | None:
    """The parts `product` and `related`; None if shoppers may not see such a product."""
    cursor = await tx.execute(
        f"""SELECT {_PRODUCT_COLUMNS}, (SELECT json_agg(found) FROM (
                SELECT collection.id, collection.title, collection.handle, collection.published_at <= now() AS is_shown
                FROM collect
                JOIN collection ON collection.store_id = collect.store_id AND collection.id = collect.collection_id
                WHERE collect.store_id = product.store_id AND collect.product_id = product.id
                ORDER BY collection.id) AS found) AS collections
            FROM product WHERE product.store_id = %s AND product.handle = %s AND {VISIBLE}""".encode(),
        [store_id, handle],
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    collections = row["collections"] or []
    # Those that are not shown yet too: the page changes when they are published.
    members = tuple(keys.collection_members_tag(store_id, collection["id"]) for collection in collections)
    shown = [collection for collection in collections if collection["is_shown"]]
    data = whole_product(row)
    data["collections"] = [
        {"title": collection["title"], "url": collection_url(collection["handle"])} for collection in shown
    ]
    related, related_tags = await _related(tx, store_id, row["id"], [collection["id"] for collection in shown])
    return {
        "product": Part(data, (keys.product_tag(store_id, row["id"]), *members)),
        "related": Part(related, (*related_tags, *members)),
    }


async def _related(
    tx: Tx, store_id: StoreId, product_id: int, collection_ids: list[int]
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Neighbours in the product's smallest collection, what can be bought first; and the tags of all that were
    considered, since any of them may be shown instead once it changes."""
    if not collection_ids:
        return [], ()
    cursor = await tx.execute(
        f"""WITH smallest AS (
                SELECT collection_id FROM collect WHERE store_id = %(store)s AND collection_id = ANY(%(collections)s)
                GROUP BY collection_id HAVING count(*) > 1 ORDER BY count(*), collection_id LIMIT 1
            ), neighbours AS (
                SELECT product_id, (product_id <= %(product)s)::int AS is_before FROM collect
                JOIN smallest USING (collection_id)
                WHERE collect.store_id = %(store)s AND product_id <> %(product)s
                ORDER BY is_before, product_id LIMIT %(most)s
            )
            SELECT {CARD_COLUMNS}, {VISIBLE} AS is_visible FROM neighbours
            JOIN product ON product.store_id = %(store)s AND product.id = neighbours.product_id
            ORDER BY product.availability = 'sold_out', is_before, product.id""".encode(),
        {"store": store_id, "collections": collection_ids, "product": product_id, "most": RELATED_CANDIDATES},
    )
    rows = await cursor.fetchall()
    tags = tuple(keys.product_tag(store_id, row["id"]) for row in rows)
    return [card(row) for row in rows if row["is_visible"]][:RELATED_CARDS], tags


async def whole_products(tx: Tx, store_id: StoreId, product_ids: Sequence[int]) -> list[dict[str, Any]]:
    """In the order of `product_ids`; long descriptions are cut."""
    cursor = await tx.execute(
        f"SELECT {_PRODUCT_COLUMNS} FROM product WHERE product.store_id = %s AND product.id = ANY(%s)".encode(),
        [store_id, list(product_ids)],
    )
    found = {}
    for row in await cursor.fetchall():
        row["body_html"] = (row["body_html"] or "")[:FEED_DESCRIPTION_CHARACTERS]
        found[row["id"]] = whole_product(row)
    return [found[product_id] for product_id in product_ids if product_id in found]


def whole_product(row: Mapping[str, Any]) -> dict[str, Any]:
    variants = row["variants"] or []
    prices = [variant["price_minor"] for variant in variants] or [0]
    compared = [
        variant["compare_at_minor"]
        for variant in variants
        if variant["compare_at_minor"] and variant["compare_at_minor"] > variant["price_minor"]
    ]
    description = safe_html(row["body_html"])
    return {
        "id": row["id"],
        "title": row["title"],
        "handle": row["handle"],
        "url": product_url(row["handle"]),
        "vendor": row["vendor"],
        "type": row["product_type"],
        "tags": row["tags"],
        "description_html": description,
        "description_text": plain_text(description),
        "seo_title": row["seo_title"],
        "seo_description": row["seo_description"],
        "published_at": row["published_at"].isoformat(),
        "created_at": row["created_at"].isoformat(),
        "updated_at": row["updated_at"].isoformat(),
        "price_minor": min(prices),
        "price_max_minor": max(prices),
        "price_varies": min(prices) != max(prices),
        "compare_at_minor": min(compared, default=None),
        "compare_at_max_minor": max(compared, default=None),
        "availability": row["availability"],
        "options": _options(row["options"] or [], variants),
        "images": [{**_image(found), "position": found["position"]} for found in row["images"] or []],
        "variants": [_variant(variant, len(row["options"] or [])) for variant in variants],
    }


def _image(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = image(row)
    assert shown is not None
    return {**shown, "created_at": row["created_at"], "updated_at": row["updated_at"]}


def _options(options: list[dict[str, Any]], variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An option's values are those its variants have, in the variants' order."""
    return [
        {**option, "values": list(dict.fromkeys(variant[f"option{index}"] for variant in variants))}
        for index, option in enumerate(options, start=1)
    ]


def _variant(row: Mapping[str, Any], option_count: int) -> dict[str, Any]:
    kept = (
        "id title position price_minor compare_at_minor sku barcode grams weight_unit availability low_stock_quantity "
        "inventory_policy requires_shipping taxable image_id created_at updated_at"
    ).split()
    return {
        **{name: row[name] for name in kept},
        "options": [row[f"option{index}"] or "" for index in range(1, option_count + 1)],
        "available": row["availability"] != "sold_out",
        "is_tracked": row["inventory_management"] is not None,
    }
