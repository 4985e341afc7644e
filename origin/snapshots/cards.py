"""A product as it stands in a list: the SQL that reads many at once, and the data of docs/snapshots.md."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from origin.snapshots.question import time_text

# A shopper sees a product if all of this holds; every list and page goes by it.
VISIBLE = "product.status = 'active' AND product.published_at <= now()"

# A node of a plan costs as much to set up as a row costs to read: hence arrays rather than aggregates of subqueries,
# orders that an index has already, and one look at the variants for all that is asked of them.
CARD_COLUMNS = """
    product.id, product.title, product.handle, product.vendor, product.product_type, product.price_min_minor,
    product.price_max_minor, product.availability, product.created_at,
    ARRAY(SELECT json_build_array(id, src, alt, width, height) FROM product_image
          WHERE product_image.store_id = product.store_id AND product_image.product_id = product.id
          ORDER BY position, id LIMIT 2) AS images,
    ARRAY(SELECT name FROM product_option
          WHERE product_option.store_id = product.store_id AND product_option.product_id = product.id
          ORDER BY position) AS option_names,
    (SELECT json_build_array(count(*), min(compare_at_minor) FILTER (WHERE compare_at_minor > price_minor),
                coalesce((array_agg(id ORDER BY position) FILTER (WHERE availability <> 'sold_out'))[1],
                         (array_agg(id ORDER BY position))[1]),
                sum(CASE WHEN product.availability = 'low' THEN (
                    SELECT sum(greatest(available, 0)) FROM inventory_level
                    WHERE inventory_level.store_id = variant.store_id
                      AND inventory_level.inventory_item_id = variant.inventory_item_id) END)::bigint)
        FROM variant WHERE variant.store_id = product.store_id AND variant.product_id = product.id) AS variant_summary
"""


def product_url(handle: str) -> str:
    return f"/products/{quote(handle, safe='')}"


def collection_url(handle: str) -> str:
    return f"/collections/{quote(handle, safe='')}"


def image(image_id: int, src: str, alt: str | None, width: int | None, height: int | None) -> dict[str, Any]:
    return {"id": image_id, "url": src, "alt": alt or "", "width": width, "height": height}


def card(row: Mapping[str, Any]) -> dict[str, Any]:
    """From a row of CARD_COLUMNS, as JSON."""
    images = row["images"]
    variant_count, compare_at_minor, first_variant_id, low_stock_quantity = row["variant_summary"]
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
        "low_stock_quantity": low_stock_quantity,
        "image": image(*images[0]) if images else None,
        "second_image": image(*images[1]) if len(images) > 1 else None,
        "option_names": [name for name in row["option_names"] if name != "Title"],
        "variant_count": variant_count,
        "first_variant_id": first_variant_id,
        "created_at": time_text(row["created_at"]),
    }
