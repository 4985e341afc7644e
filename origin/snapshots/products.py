"""Whole products: the product page with its related cards, and the items of JSON feeds."""

from operator import itemgetter
from typing import Any

from contracts import keys
from contracts.snapshot import Part
from contracts.tenant import StoreId
from origin.snapshots.cards import CARD_COLUMNS, VISIBLE, card, collection_url, image, product_url
from origin.snapshots.html import plain_text, safe_html
from origin.snapshots.question import Parts, Question, Row, rows, time_text

RELATED_CARDS = 4
RELATED_CANDIDATES = 12
FEED_DESCRIPTION_CHARACTERS = 20_000  # of each product: a feed of 250 has to fit into one snapshot

PRODUCT_COLUMNS = """
    product.id, product.title, product.handle, product.body_html, product.vendor, product.product_type, product.tags,
    product.seo_title, product.seo_description, product.published_at, product.created_at, product.updated_at,
    product.availability,
    ARRAY(SELECT json_build_object('id', id, 'name', name, 'position', position) FROM product_option
        WHERE product_option.store_id = product.store_id AND product_option.product_id = product.id
        ORDER BY position) AS options,
    ARRAY(SELECT json_build_array(id, src, alt, width, height, position, created_at, updated_at) FROM product_image
        WHERE product_image.store_id = product.store_id AND product_image.product_id = product.id
        ORDER BY position, id) AS images,
    ARRAY(SELECT json_build_array(
            variant.id, title, position, option1, option2, option3, price_minor, compare_at_minor, variant.sku, barcode,
            grams, weight_unit, availability, inventory_policy, inventory_management, variant.requires_shipping,
            taxable, image_id, max_per_order, variant.created_at, variant.updated_at,
            CASE WHEN availability = 'low' THEN (
                SELECT sum(greatest(available, 0))::bigint FROM inventory_level
                WHERE inventory_level.store_id = variant.store_id
                  AND inventory_level.inventory_item_id = variant.inventory_item_id) END)
        FROM variant WHERE variant.store_id = product.store_id AND variant.product_id = product.id
        ORDER BY position, variant.id) AS variants
"""
_OF_A_VARIANT = (  # in the order of the array
    "id title position option1 option2 option3 price_minor compare_at_minor sku barcode grams weight_unit availability "
    "inventory_policy inventory_management requires_shipping taxable image_id max_per_order created_at updated_at "
    "low_stock_quantity"
).split()


_FOUND = f"""found AS MATERIALIZED (
        SELECT {PRODUCT_COLUMNS} FROM product
        WHERE product.store_id = %(store)s AND product.handle = %(handle)s AND {VISIBLE}
    ), shelves AS MATERIALIZED (
        SELECT collection.id, collection.title, collection.handle, collection.published_at <= now() AS is_shown
        FROM collect
        JOIN collection ON collection.store_id = collect.store_id AND collection.id = collect.collection_id
        WHERE collect.store_id = %(store)s AND collect.product_id = (SELECT id FROM found)
    )"""

# Neighbours in the product's smallest collection, what can be bought first.
_RELATED = f"""WITH smallest AS (
        SELECT id FROM (
            SELECT id, (SELECT count(*) FROM collect
                        WHERE collect.store_id = %(store)s AND collect.collection_id = shelves.id) AS members
            FROM shelves WHERE is_shown OFFSET 0) AS counted
        WHERE members > 1 ORDER BY members, id LIMIT 1
    ), neighbours AS (
        SELECT product_id, (product_id <= (SELECT id FROM found))::int AS is_before FROM collect
        WHERE collect.store_id = %(store)s AND collection_id = (SELECT id FROM smallest)
          AND product_id <> (SELECT id FROM found)
        ORDER BY is_before, product_id LIMIT %(most)s
    )
    SELECT {CARD_COLUMNS}, {VISIBLE} AS is_visible FROM neighbours
    JOIN product ON product.store_id = %(store)s AND product.id = neighbours.product_id
    ORDER BY product.availability = 'sold_out', is_before, product.id"""


def product_question(handle: str) -> Question:
    """For the parts `product` and `related`; there are none if shoppers may not see such a product."""
    columns = {
        "product": "(SELECT row_to_json(found) FROM found)",
        "shelves": "(SELECT json_agg(shelves) FROM shelves)",
        "related": rows(_RELATED),
    }
    return Question(columns, _FOUND, {"handle": handle, "most": RELATED_CANDIDATES}, _parts)


def _parts(store_id: StoreId, row: Row) -> Parts | None:
    product = row["product"]
    if product is None:
        return None
    shelves = sorted(row["shelves"] or [], key=itemgetter("id"))
    # Those that are not shown yet too: the page changes when they are published.
    members = tuple(keys.collection_members_tag(store_id, shelf["id"]) for shelf in shelves)
    data = whole_product(product)
    data["collections"] = [
        {"title": shelf["title"], "url": collection_url(shelf["handle"])} for shelf in shelves if shelf["is_shown"]
    ]
    candidates = row["related"] or []
    related = [card(candidate) for candidate in candidates if candidate["is_visible"]][:RELATED_CARDS]
    # All that were considered: any of them may be shown instead once it changes.
    considered = tuple(keys.product_tag(store_id, candidate["id"]) for candidate in candidates)
    return {
        "product": Part(data, (keys.product_tag(store_id, product["id"]), *members)),
        "related": Part(related, (*considered, *members)),
    }


def feed_product(row: Row) -> dict[str, Any]:
    """One of many: long descriptions are cut."""
    return whole_product({**row, "body_html": (row["body_html"] or "")[:FEED_DESCRIPTION_CHARACTERS]})


def whole_product(row: Row) -> dict[str, Any]:
    """From a row of PRODUCT_COLUMNS, as JSON."""
    variants = [dict(zip(_OF_A_VARIANT, found, strict=True)) for found in row["variants"]]
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
        "published_at": time_text(row["published_at"]),
        "created_at": time_text(row["created_at"]),
        "updated_at": time_text(row["updated_at"]),
        "price_minor": min(prices),
        "price_max_minor": max(prices),
        "price_varies": min(prices) != max(prices),
        "compare_at_minor": min(compared, default=None),
        "compare_at_max_minor": max(compared, default=None),
        "availability": row["availability"],
        "options": _options(row["options"], variants),
        "images": [_image(*found) for found in row["images"]],
        "variants": [_variant(variant, len(row["options"])) for variant in variants],
    }


def _image(image_id: int, src: str, alt: str | None, *rest: Any) -> dict[str, Any]:
    width, height, position, created_at, updated_at = rest
    dated = {"created_at": created_at, "updated_at": updated_at, "position": position}
    return {**image(image_id, src, alt, width, height), **dated}


def _options(options: list[dict[str, Any]], variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An option's values are those its variants have, in the variants' order."""
    return [
        {**option, "values": list(dict.fromkeys(variant[f"option{index}"] for variant in variants))}
        for index, option in enumerate(options, start=1)
    ]


_KEPT = (
    "id title position price_minor compare_at_minor sku barcode grams weight_unit availability low_stock_quantity "
    "inventory_policy requires_shipping taxable image_id max_per_order created_at updated_at"
).split()


def _variant(row: Row, option_count: int) -> dict[str, Any]:
    return {
        **{name: row[name] for name in _KEPT},
        "options": [row[f"option{index}"] or "" for index in range(1, option_count + 1)],
        "available": row["availability"] != "sold_out",
        "is_tracked": row["inventory_management"] is not None,
    }
