"""Lists of products: sorted, filtered, in pages; for collections, the whole catalog and search."""

from dataclasses import dataclass, field
from typing import Any

from contracts.money import MoneyError, parse_amount
from contracts.page import Page, PageFormat, PageKind
from contracts.tenant import StoreId
from origin.db import Tx
from origin.snapshots.cards import CARD_COLUMNS, VISIBLE, card
from origin.snapshots.products import whole_products

PAGE_SIZE = 24

_ORDER = {
    "manual": "list_position, product.id",
    "best-selling": "product.units_sold DESC, product.id",
    "title-ascending": "lower(product.title), product.id",
    "title-descending": "lower(product.title) DESC, product.id DESC",
    "price-ascending": "product.price_min_minor, product.id",
    "price-descending": "product.price_min_minor DESC, product.id DESC",
    "created-ascending": "product.created_at, product.id",
    "created-descending": "product.created_at DESC, product.id DESC",
}
# A collection's own order, in the admin API's words.
SORT_OF_ORDER = {
    "manual": "manual",
    "best-selling": "best-selling",
    "alpha-asc": "title-ascending",
    "alpha-desc": "title-descending",
    "price-asc": "price-ascending",
    "price-desc": "price-descending",
    "created": "created-ascending",
    "created-desc": "created-descending",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where the products of a list come from: a FROM clause that has `product` and a `list_position`."""

    sql: str
    values: dict[str, Any] = field(default_factory=dict)


EVERYTHING = Source("(SELECT product.*, 0 AS list_position FROM product WHERE store_id = %(store)s) AS product")


def members_of(collection_id: int) -> Source:
    return Source(
        """(SELECT product.*, collect.position AS list_position FROM collect
            JOIN product ON product.store_id = collect.store_id AND product.id = collect.product_id
            WHERE collect.store_id = %(store)s AND collect.collection_id = %(collection)s) AS product""",
        {"collection": collection_id},
    )


def found_by(words: str) -> Source:
    """Best match first: the rank, which is a share of one, becomes the position."""
    return Source(
        """(SELECT product.*, -found.rank AS list_position FROM search_products(%(words)s, 1000) AS found
            JOIN product ON product.store_id = %(store)s AND product.id = found.product_id) AS product""",
        {"words": words},
    )


async def products_part(
    tx: Tx, store_id: StoreId, source: Source, page: Page, currency: str, own_sort: str = "manual"
) -> dict[str, Any]:
    """The data of the part `products`; whole products in a feed, cards on a page."""
    is_feed = page.format == PageFormat.JSON
    page_size = _feed_size(page) if is_feed else PAGE_SIZE
    number = int(page.param("page", "1"))
    sort_by = page.param("sort_by", own_sort)
    filters = _filters(page, currency)
    values = {"store": store_id, **source.values, **filters, "limit": page_size, "offset": (number - 1) * page_size}
    summary = await _summary(tx, source, values)
    order = _ORDER.get(sort_by, _ORDER["manual"])
    columns = "product.id" if is_feed else CARD_COLUMNS
    cursor = await tx.execute(
        f"""SELECT {columns} FROM {source.sql} WHERE {VISIBLE} AND {_CONDITION}
            ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s""".encode(),
        values,
    )
    rows = await cursor.fetchall()
    items = await whole_products(tx, store_id, [row["id"] for row in rows]) if is_feed else [card(row) for row in rows]
    pages = max(1, -(-summary["total"] // page_size))
    return {
        "items": items,
        "total": summary["total"],
        "page": number,
        "pages": pages,
        "page_size": page_size,
        "sort_by": sort_by,
        "previous_url": _at(page, number - 1).url if 1 < number <= pages + 1 else None,
        "next_url": _at(page, number + 1).url if number < pages else None,
        "filters": {"availability": page.param("filter.v.availability") or None, **_given_prices(filters)},
        "price_range": _range(summary),
    }


def _feed_size(page: Page) -> int:
    if page.kind == PageKind.SUGGEST:
        return int(page.param("resources[limit]", "10"))
    return int(page.param("limit", "30"))


_CONDITION = """
    (%(available)s::boolean IS NULL OR (product.availability <> 'sold_out') = %(available)s)
    AND (%(price_gte)s::bigint IS NULL OR product.price_min_minor >= %(price_gte)s)
    AND (%(price_lte)s::bigint IS NULL OR product.price_min_minor <= %(price_lte)s)
"""


async def _summary(tx: Tx, source: Source, values: dict[str, Any]) -> dict[str, Any]:
    """How many match the filters, and what the unfiltered list costs."""
    cursor = await tx.execute(
        f"""SELECT count(*) FILTER (WHERE {_CONDITION}) AS total,
                   min(product.price_min_minor) AS low_minor, max(product.price_min_minor) AS high_minor
            FROM {source.sql} WHERE {VISIBLE}""".encode(),
        values,
    )
    row = await cursor.fetchone()
    assert row is not None
    return row


def _filters(page: Page, currency: str) -> dict[str, Any]:
    available = page.param("filter.v.availability")
    return {
        "available": available == "1" if available else None,
        "price_gte": _amount(page.param("filter.v.price.gte"), currency),
        "price_lte": _amount(page.param("filter.v.price.lte"), currency),
    }


def _amount(text: str, currency: str) -> int | None:
    """A shopper's typed price; one that the currency cannot have is as good as none."""
    try:
        return parse_amount(text, currency) if text else None
    except MoneyError:
        return None


def _given_prices(filters: dict[str, Any]) -> dict[str, int | None]:
    return {"price_gte_minor": filters["price_gte"], "price_lte_minor": filters["price_lte"]}


def _range(summary: dict[str, Any]) -> dict[str, int] | None:
    if summary["low_minor"] is None:
        return None
    return {"low_minor": summary["low_minor"], "high_minor": summary["high_minor"]}


def _at(page: Page, number: int) -> Page:
    kept = tuple((name, value) for name, value in page.params if name != "page")
    return Page(page.kind, page.format, page.handle, kept if number == 1 else (*kept, ("page", str(number))))
