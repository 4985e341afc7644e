"""Lists of products: sorted, filtered, in pages; for collections, the whole catalog and search."""

from dataclasses import dataclass, field
from typing import Any

from babel.core import get_global

from contracts import keys
from contracts.money import MoneyError, parse_amount
from contracts.page import Page, PageFormat, PageKind
from contracts.snapshot import Part
from contracts.tenant import StoreId
from origin.snapshots.cards import CARD_COLUMNS, VISIBLE, card
from origin.snapshots.products import PRODUCT_COLUMNS, feed_product
from origin.snapshots.question import Parts, Question, Row, rows

PAGE_SIZE = 24

_ORDER: dict[str, tuple[tuple[str, str], ...]] = {
    "manual": (("list_position", "ASC"), ("product.id", "ASC")),
    "best-selling": (("product.units_sold", "DESC"), ("product.id", "ASC")),
    "title-ascending": (("lower(product.title)", "ASC"), ("product.id", "ASC")),
    "title-descending": (("lower(product.title)", "DESC"), ("product.id", "DESC")),
    "price-ascending": (("product.price_min_minor", "ASC"), ("product.id", "ASC")),
    "price-descending": (("product.price_min_minor", "DESC"), ("product.id", "DESC")),
    "created-ascending": (("product.created_at", "ASC"), ("product.id", "ASC")),
    "created-descending": (("product.created_at", "DESC"), ("product.id", "DESC")),
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
    """Where the products of a list come from: a FROM clause that has `product` and a `list_position`; and `own`, with
    the list's `sort_order` in the admin API's words, if the list `has_own_order`."""

    sql: str
    values: dict[str, Any] = field(default_factory=dict)
    has_own_order: bool = False


EVERYTHING = Source("(SELECT product.*, 0 AS list_position FROM product WHERE store_id = %(store)s) AS product")


def found_by(words: str) -> Source:
    """Best match first: the rank, which is a share of one, becomes the position."""
    return Source(
        """(SELECT product.*, -found.rank AS list_position FROM search_products(%(words)s, 1000) AS found
            JOIN product ON product.store_id = %(store)s AND product.id = found.product_id) AS product""",
        {"words": words},
    )


def listing_question(source: Source, page: Page) -> Question:
    """For the part `products`: whole products in a feed, cards on a page."""
    is_feed = page.format == PageFormat.JSON
    page_size = _feed_size(page) if is_feed else PAGE_SIZE
    condition, given = _conditions(page)
    chosen = page.param("sort_by")
    columns = {
        "summary": f"""(SELECT json_build_object('total', count(*) FILTER (WHERE {condition}),
                'low_minor', min(product.price_min_minor), 'high_minor', max(product.price_min_minor))
            FROM {source.sql} WHERE {VISIBLE})""",
        "items": rows(
            f"""SELECT {PRODUCT_COLUMNS if is_feed else CARD_COLUMNS} FROM {source.sql} WHERE {VISIBLE} AND {condition}
            ORDER BY {_order(source, chosen)} LIMIT %(limit)s OFFSET %(offset)s"""
        ),
        "own_order": "(SELECT sort_order FROM own)" if source.has_own_order else "'manual'",
    }
    values = {**source.values, **given, "limit": page_size, "offset": (_number(page) - 1) * page_size}

    def parts(store_id: StoreId, row: Row) -> Parts:
        made = feed_product if is_feed else card
        items = [made(item) for item in row["items"] or []]
        sort_by = chosen or SORT_OF_ORDER[row["own_order"]]
        data = {"items": items, **_place(page, row["summary"]["total"], page_size), "sort_by": sort_by}
        return {"products": Part(data | _narrowing(page, row), (keys.listing_tag(store_id),))}

    return Question(columns, values=values, parts=parts)


def _order(source: Source, chosen: str) -> str:
    """ORDER BY. For an order that only the database knows, the terms of all orders: all but that one's are null."""
    if chosen or not source.has_own_order:
        return ", ".join(f"{term} {direction}" for term, direction in _ORDER[chosen or "manual"])
    return ", ".join(
        f"CASE WHEN own.sort_order = '{name}' THEN {term} END {direction}"
        for name, sort in SORT_OF_ORDER.items()
        for term, direction in _ORDER[sort]
    )


def _number(page: Page) -> int:
    return int(page.param("page", "1"))


def _place(page: Page, total: int, page_size: int) -> dict[str, Any]:
    number, pages = _number(page), max(1, -(-total // page_size))
    return {
        "total": total,
        "page": number,
        "pages": pages,
        "page_size": page_size,
        "previous_url": _at(page, number - 1).url if 1 < number <= pages + 1 else None,
        "next_url": _at(page, number + 1).url if number < pages else None,
    }


def _narrowing(page: Page, row: Row) -> dict[str, Any]:
    """The filters in use, and what the unfiltered list costs."""
    currency, summary = row["currency"], row["summary"]
    filters = {
        "availability": page.param("filter.v.availability") or None,
        "price_gte_minor": _amount(page.param("filter.v.price.gte"), currency),
        "price_lte_minor": _amount(page.param("filter.v.price.lte"), currency),
    }
    is_empty = summary["low_minor"] is None
    price_range = None if is_empty else {"low_minor": summary["low_minor"], "high_minor": summary["high_minor"]}
    return {"filters": filters, "price_range": price_range}


def _feed_size(page: Page) -> int:
    if page.kind == PageKind.SUGGEST:
        return int(page.param("resources[limit]", "10"))
    return int(page.param("limit", "30"))


# How many minor units a unit of the shop's currency has. The list comes from where `contracts.money` has it.
_SCALE = "".join(
    [
        "(CASE shop.currency ",
        *(
            f"WHEN '{code}' THEN {10 ** places[0]} "
            for code, places in sorted(get_global("currency_fractions").items())
            if code.isalpha() and len(code) == 3
        ),
        f"ELSE {10 ** get_global('currency_fractions')['DEFAULT'][0]} END)",
    ]
)


def _conditions(page: Page) -> tuple[str, dict[str, Any]]:
    """What the shopper narrowed the list to, as SQL and its values."""
    conditions, values = [], dict[str, Any]()
    available = page.param("filter.v.availability")
    if available:
        conditions.append(f"product.availability {'<>' if available == '1' else '='} 'sold_out'")
    for name, sign in (("gte", ">="), ("lte", "<=")):
        typed = page.param(f"filter.v.price.{name}")
        if typed:
            minor = f"(%({name})s::numeric * {_SCALE})"
            # A price that the currency cannot have is as good as none.
            conditions.append(f"({minor} <> trunc({minor}) OR product.price_min_minor {sign} {minor})")
            values[name] = typed
    return " AND ".join(conditions) or "true", values


def _amount(text: str, currency: str) -> int | None:
    """A shopper's typed price; one that the currency cannot have is as good as none."""
    try:
        return parse_amount(text, currency) if text else None
    except MoneyError:
        return None


def _at(page: Page, number: int) -> Page:
    kept = tuple((name, value) for name, value in page.params if name != "page")
    return Page(page.kind, page.format, page.handle, kept if number == 1 else (*kept, ("page", str(number))))
