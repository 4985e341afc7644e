"""A product as it stands in a list: the SQL that reads many at once, and the data of docs/snapshots.md."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from origin.snapshots.question import time_text

# A shopper sees a product if all of this holds; every list and page goes by it.
VISIBLE = "product.status = 'active' AND product.published_at <= now()"

CARD_COLUMNS = """
    product.id, product.title, product.handle, product.vendor, product.product_type, product.price_min_minor,
    product.price_max_minor, product.availability, product.created_at,
    (SELECT json_agg(image) FROM (
        SELECT id, src, alt, width, height FROM product_image
        WHERE product_image.store_id = product.store_id AND product_image.product_id = product.id
        ORDER BY position, id LIMIT 2) AS image) AS images,
    (SELECT json_agg(name ORDER BY position) FROM product_option
        WHERE product_option.store_id = product.store_id AND product_option.product_id = product.id) AS option_names,
    (SELECT json_build_array(count(*), min(compare_at_minor) FILTER (WHERE compare_at_minor > price_minor),
                             (array_agg(id ORDER BY availability = 'sold_out', position))[1])
        FROM variant WHERE variant.store_id = product.store_id AND variant.product_id = product.id) AS variant_summary,
    CASE WHEN product.availability = 'low' THEN (
        SELECT sum(greatest(available, 0))::bigint FROM variant
        JOIN inventory_level USING (store_id, inventory_item_id)
        WHERE variant.store_id = product.store_id AND variant.product_id = product.id) END AS low_stock_quantity
"""


def product_url(handle: str) -> str:
    return f"/products/{quote(handle, safe='')}"


def collection_url(handle: str) -> str:
    return f"/collections/{quote(handle, safe='')}"


def image(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "id": row["id"],
        "url": row["src"],
        "alt": row["alt"] or "",
        "width": row["width"],
        "height": row["height"],
    }


def card(row: Mapping[str, Any]) -> dict[str, Any]:
    """From a row of CARD_COLUMNS, as JSON."""
    images = row["images"] or []
    variant_count, compare_at_minor, first_variant_id = row["variant_summary"]
    return {
        "id": row["id"],
        "title": row["title"],
        "handle": row["handle"],
        "url": product_url(row["handle"]),
        "vendor": row["vendor"],
        "type": row["product_type"],
        "price_minor": row["price_min_minor"],
        "price_max_minor": row["price_max_minor"],
        "price_varies": row["price_min_minor"] != row["price_max_minor"],
        "compare_at_minor": compare_at_minor,
        "availability": row["availability"],
        "low_stock_quantity": row["low_stock_quantity"],
        "image": image(images[0]) if images else None,
        "second_image": image(images[1]) if len(images) > 1 else None,
        "option_names": [name for name in row["option_names"] or [] if name != "Title"],
        "variant_count": variant_count,
        "first_variant_id": first_variant_id,
        "created_at": time_text(row["created_at"]),
    }
