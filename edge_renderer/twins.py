"""The JSON twins of pages, robots.txt, the sitemap, and JSON's "no such page": made from a snapshot's parts, without a
theme.

Two notations: the AJAX one (`.js`, integer cents) and the admin one (`.json`, decimal strings). Field by field in
twin_fields.py; here is which part makes which answer, and that an answer carries the tags of every part it used.
"""

import json
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from contracts.page import Page, PageFormat, PageKind
from contracts.snapshot import Part, Snapshot
from contracts.tenant import Tenant
from edge_renderer.errors import PageFailed
from edge_renderer.render import Rendered
from edge_renderer.twin_fields import (
    ajax_product,
    feed_collection,
    feed_product,
    single_product,
    suggested_collection,
    suggested_product,
)

JSON_TYPE = "application/json; charset=utf-8"
TEXT_TYPE = "text/plain; charset=utf-8"
XML_TYPE = "application/xml; charset=utf-8"
_DEFAULT_SUGGESTIONS = 10


class _Parts:
    """The snapshot's parts by name; asking for one is what tags the answer with it."""

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = parts
        self.tags: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        part = self._parts[name]
        self.tags.update(part.tags)
        return part.data


def is_twin(page: Page) -> bool:
    """Whether a theme has no say in it."""
    return page.format is not PageFormat.HTML


def render_twin(tenant: Tenant, page: Page, snapshot: Snapshot) -> Rendered:
    """Raises PageFailed if the snapshot has not the parts and fields of docs/snapshots.md."""
    parts = _Parts(snapshot.parts)
    try:
        shop_url = str(parts["shop"]["url"])
        if snapshot.status != 200:
            return _missing(page, snapshot.status, parts)
        if page.kind is PageKind.ROBOTS:
            return Rendered(200, TEXT_TYPE, _robots(shop_url).encode(), frozenset(parts.tags))
        if page.kind is PageKind.SITEMAP:
            sitemap = _sitemap(parts["sitemap"]["urls"], shop_url)
            return Rendered(200, XML_TYPE, sitemap.encode("utf-8", "replace"), frozenset(parts.tags))
        answer = _MAKERS[page.kind, page.format](tenant, page, parts, shop_url)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise PageFailed(f"the snapshot of {page.path} lacks something: {type(error).__name__}: {error}") from error
    return Rendered(200, JSON_TYPE, encode_json(answer), frozenset(parts.tags))


def encode_json(answer: Any) -> bytes:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _missing(page: Page, status: int, parts: _Parts) -> Rendered:
    parts["missing"]
    if page.format in {PageFormat.TEXT, PageFormat.XML}:
        return Rendered(status, TEXT_TYPE, b"There is nothing here.\n", frozenset(parts.tags))
    text = "This shop is closed." if status == 410 else "There is no such page in this shop."
    message = "Gone" if status == 410 else "Not Found"
    answer = {"status": status, "message": message, "description": text, "errors": message}
    return Rendered(status, JSON_TYPE, encode_json(answer), frozenset(parts.tags))


def _robots(shop_url: str) -> str:
    refused = "".join(f"Disallow: {path}\n" for path in ("/cart", "/checkout", "/orders", "/account", "/search"))
    return f"User-agent: *\n{refused}\nSitemap: {shop_url}/sitemap.xml\n"


def _sitemap(urls: list[dict[str, Any]], shop_url: str) -> str:
    """Not a theme's work: with a big shop's 50,000 addresses no theme would stay within its limits."""
    start = escape(shop_url)
    lines = (f"<url><loc>{start}{escape(url['path'])}</loc>{_last_change(url)}</url>\n" for url in urls)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        f"{''.join(lines)}</urlset>\n"
    )


def _last_change(url: dict[str, Any]) -> str:
    return f"<lastmod>{escape(url['updated_at'])}</lastmod>" if url["updated_at"] else ""


def _product_js(tenant: Tenant, page: Page, parts: _Parts, shop_url: str) -> Any:
    return ajax_product(parts["product"], tenant.currency, shop_url)


def _product_json(tenant: Tenant, page: Page, parts: _Parts, shop_url: str) -> Any:
    return {"product": single_product(parts["product"], tenant.currency, shop_url)}


def _listing(tenant: Tenant, page: Page, parts: _Parts, shop_url: str) -> Any:
    return {"products": [feed_product(item, tenant.currency, shop_url) for item in parts["products"]["items"]]}


def _collection(tenant: Tenant, page: Page, parts: _Parts, shop_url: str) -> Any:
    parts["collection"]  # the feed shows nothing of it, but ends with it
    return _listing(tenant, page, parts, shop_url)


def _collections(tenant: Tenant, page: Page, parts: _Parts, shop_url: str) -> Any:
    return {"collections": [feed_collection(tile, shop_url) for tile in parts["collections"]]}


def _suggest(tenant: Tenant, page: Page, parts: _Parts, shop_url: str) -> Any:
    parts["search"]
    limit = int(page.param("resources[limit]", str(_DEFAULT_SUGGESTIONS)))
    products = [suggested_product(card, tenant.currency, shop_url) for card in parts["products"]["items"][:limit]]
    collections = [suggested_collection(tile, shop_url) for tile in parts["collections"][:limit]]
    found = {"products": products, "collections": collections, "pages": [], "articles": [], "queries": []}
    return {"resources": {"results": found}}


_Maker = Callable[[Tenant, Page, _Parts, str], Any]
_MAKERS: dict[tuple[PageKind, PageFormat], _Maker] = {
    (PageKind.PRODUCT, PageFormat.JS): _product_js,
    (PageKind.PRODUCT, PageFormat.JSON): _product_json,
    (PageKind.LISTING, PageFormat.JSON): _listing,
    (PageKind.COLLECTION, PageFormat.JSON): _collection,
    (PageKind.COLLECTIONS, PageFormat.JSON): _collections,
    (PageKind.SUGGEST, PageFormat.JSON): _suggest,
}
