"""Products as the admin API shows them: with options, variants and images, in a constant number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts.tenant import StoreId
from origin.catalog import images, listing, variants
from origin.catalog.listing import (
    Condition,
    Filters,
    Slice,
    Window,
    above_id,
    equals,
    ids_in,
    one_of,
    parse_ids,
    state,
    times,
)
from origin.catalog.products import STATUSES
from origin.db import Tx
from origin.errors import NotFound

# The search vector is for the database only.
_COLUMNS = """product.id, product.title, product.handle, product.body_html, product.vendor, product.product_type,
    product.status, product.published_at, product.published_scope, product.template_suffix, product.tags,
    product.seo_title, product.seo_description, product.created_at, product.updated_at"""


def _in_collection(text: str) -> Condition:
    return Condition(
        """EXISTS (SELECT FROM collect WHERE collect.store_id = product.store_id
                   AND collect.product_id = product.id AND collect.collection_id = ANY(%s))""",
        (parse_ids(text),),
    )


FILTERS: Filters = {
    "ids": ids_in("product.id"),
    "since_id": above_id("product.id"),
    "title": equals("product.title"),
    "vendor": equals("product.vendor"),
    "handle": lambda text: Condition("product.handle = ANY(%s)", ([part.strip() for part in text.split(",")],)),
    "product_type": equals("product.product_type"),
    "status": one_of("product.status", STATUSES),
    "collection_id": _in_collection,
    "published_status": state(
        {
            "published": "product.published_at <= now()",
            "unpublished": "(product.published_at IS NULL OR product.published_at > now())",
            "any": None,
        }
    ),
    **times("product.created_at"),
    **times("product.updated_at"),
    **times("product.published_at"),
}


@dataclass(frozen=True, slots=True)
class Details:
    """A product's row with the rows of its parts, each in order of position."""

    product: dict[str, Any]
    options: list[dict[str, Any]]
    variants: list[dict[str, Any]]
    images: list[dict[str, Any]]


async def page(
    tx: Tx, store_id: StoreId, conditions: Sequence[Condition], window: Window
) -> tuple[Slice, list[Details]]:
    found = await listing.select(tx, store_id, "product", _COLUMNS, conditions, window)
    return found, await _with_parts(tx, store_id, found.rows)


async def count(tx: Tx, store_id: StoreId, conditions: Sequence[Condition]) -> int:
    return await listing.count(tx, store_id, "product", conditions)


async def find(tx: Tx, store_id: StoreId, product_id: int) -> Details:
    """Raises NotFound."""
    row = await listing.find(tx, store_id, "product", _COLUMNS, product_id)
    if row is None:
        raise NotFound("product")
    return (await _with_parts(tx, store_id, [row]))[0]


async def require(tx: Tx, store_id: StoreId, product_id: int) -> None:
    """Raises NotFound unless this shop has the product."""
    if await listing.find(tx, store_id, "product", "product.id", product_id) is None:
        raise NotFound("product")


async def _with_parts(tx: Tx, store_id: StoreId, rows: Sequence[dict[str, Any]]) -> list[Details]:
    if not rows:
        return []
    product_ids = [row["id"] for row in rows]
    cursor = await tx.execute(
        """SELECT id, product_id, name, position FROM product_option WHERE store_id = %s AND product_id = ANY(%s)
           ORDER BY product_id, position""",
        [store_id, product_ids],
    )
    details = {row["id"]: Details(row, [], [], []) for row in rows}
    for option in await cursor.fetchall():
        details[option["product_id"]].options.append(option)
    for variant in await variants.of_products(tx, store_id, product_ids):
        details[variant["product_id"]].variants.append(variant)
    for image in await images.of_products(tx, store_id, product_ids):
        details[image["product_id"]].images.append(image)
    return list(details.values())
