"""What a shopper can ask for, independent of how the URL was spelled.

One normaliser makes the page that both the cache key and the route are made from, so that they cannot disagree.
It reads the raw request target; what it does not know it drops (query) or refuses (path).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import quote, unquote, unquote_plus, urlencode

MAX_TARGET_BYTES = 8192
MAX_QUERY_TEXT = 100
MAX_LISTING_PAGE = 1000


class PageKind(StrEnum):
    HOME = "home"
    PRODUCT = "product"
    COLLECTION = "collection"
    COLLECTIONS = "collections"
    LISTING = "listing"  # /products.json: the whole catalog
    SEARCH = "search"
    SUGGEST = "suggest"  # /search/suggest.json
    STATIC = "static"  # /pages/{handle}
    SITEMAP = "sitemap"
    ROBOTS = "robots"


class PageFormat(StrEnum):
    HTML = "html"
    JS = "js"  # the AJAX notation: money in integer cents
    JSON = "json"  # the admin notation: money as decimal strings
    XML = "xml"
    TEXT = "txt"


@dataclass(frozen=True, slots=True)
class Page:
    """`params` holds only allow-listed, canonical, non-default values, in the order of the allow-list."""

    kind: PageKind
    format: PageFormat = PageFormat.HTML
    handle: str = ""
    params: tuple[tuple[str, str], ...] = ()

    def param(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.params if key == name), default)

    @property
    def path(self) -> str:
        return _PATHS[self.kind, self.format].replace("{}", quote(self.handle, safe=""))

    @property
    def url(self) -> str:
        """The canonical spelling: what a Link, a sitemap and a redirect say."""
        return f"{self.path}?{urlencode(self.params)}" if self.params else self.path


@dataclass(frozen=True, slots=True)
class Redirect:
    """Another spelling of a page: answer 301 with this location (a path of the same shop)."""

    location: str


class BadTarget(ValueError):
    """A request target no page can have; the text says which part is wrong. Answer 400 (414 if too long)."""


class NoPage(LookupError):
    """A well-formed target that names no page: 404, or somebody else's (cart, checkout, assets)."""


SORTS = (
    "manual",
    "best-selling",
    "title-ascending",
    "title-descending",
    "price-ascending",
    "price-descending",
    "created-ascending",
    "created-descending",
)

_PATHS: dict[tuple[PageKind, PageFormat], str] = {
    (PageKind.HOME, PageFormat.HTML): "/",
    (PageKind.PRODUCT, PageFormat.HTML): "/products/{}",
    (PageKind.PRODUCT, PageFormat.JS): "/products/{}.js",
    (PageKind.PRODUCT, PageFormat.JSON): "/products/{}.json",
    (PageKind.COLLECTION, PageFormat.HTML): "/collections/{}",
    (PageKind.COLLECTION, PageFormat.JSON): "/collections/{}/products.json",
    (PageKind.COLLECTIONS, PageFormat.HTML): "/collections",
    (PageKind.COLLECTIONS, PageFormat.JSON): "/collections.json",
    (PageKind.LISTING, PageFormat.JSON): "/products.json",
    (PageKind.SEARCH, PageFormat.HTML): "/search",
    (PageKind.SUGGEST, PageFormat.JSON): "/search/suggest.json",
    (PageKind.STATIC, PageFormat.HTML): "/pages/{}",
    (PageKind.SITEMAP, PageFormat.XML): "/sitemap.xml",
    (PageKind.ROBOTS, PageFormat.TEXT): "/robots.txt",
}
_FIXED = {path: key for key, path in _PATHS.items() if "{}" not in path}
_HANDLED = [
    (re.compile(re.escape(path).replace(r"\{\}", "([^/]+)")), key)
    # Longest pattern first, so that /products/x.js is the twin and not a product called "x.js".
    for key, path in sorted(_PATHS.items(), key=lambda item: -len(item[1]))
    if "{}" in path
]
_WITHIN_COLLECTION = re.compile(r"/collections/[^/]+(/products/[^/]+)")
_HANDLE = re.compile(r"[\w][\w.\-]{0,254}")
_FORBIDDEN = re.compile(r"%(?:2f|5c|00|0a|0d|25)|[\x00-\x20\x7f\\;<>\"]|//|/\.{1,2}(?:/|$)", re.IGNORECASE)


def _whole(text: str, low: int, high: int, default: int | None = None) -> str | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and low <= int(text) <= high):
        return None
    return None if int(text) == default else str(int(text))


def _price(text: str) -> str | None:
    return text if re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,3})?", text) else None


def _words(text: str) -> str | None:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:MAX_QUERY_TEXT].strip() or None


_Check = Callable[[str], str | None]
_LISTED: dict[str, _Check] = {
    "sort_by": lambda text: text if text in SORTS else None,
    "filter.v.availability": lambda text: text if text in {"0", "1"} else None,
    "filter.v.price.gte": _price,
    "filter.v.price.lte": _price,
    "page": lambda text: _whole(text, 1, MAX_LISTING_PAGE, default=1),
}
_FEED: dict[str, _Check] = {
    "limit": lambda text: _whole(text, 1, 250, default=30),
    "page": lambda text: _whole(text, 1, MAX_LISTING_PAGE, default=1),
}
_ALLOWED: dict[tuple[PageKind, PageFormat], dict[str, _Check]] = {
    (PageKind.PRODUCT, PageFormat.HTML): {"variant": lambda text: _whole(text, 1, 2**53)},
    (PageKind.COLLECTION, PageFormat.HTML): _LISTED,
    (PageKind.COLLECTION, PageFormat.JSON): _FEED,
    (PageKind.LISTING, PageFormat.JSON): _FEED,
    (PageKind.COLLECTIONS, PageFormat.HTML): {"page": _FEED["page"]},
    (PageKind.SEARCH, PageFormat.HTML): {"q": _words, **_LISTED},
    (PageKind.SUGGEST, PageFormat.JSON): {
        "q": _words,
        "resources[limit]": lambda text: _whole(text, 1, 10, default=10),
    },
}


def parse_target(target: str) -> Page | Redirect:
    """A raw origin-form request target ("/products/x?variant=3") -> its page, or the redirect to it.

    Another spelling of the path (trailing slash, capitals, needless escapes, a product below its collection) is
    redirected; another spelling of the query only loses what the page does not know.
    Raises BadTarget or NoPage. Idempotent: `parse_target(page.url) == page`.
    """
    if len(target) > MAX_TARGET_BYTES:
        raise BadTarget("the address is too long")
    raw_path, _, query = target.partition("?")
    path = _decoded_path(raw_path)
    bare = _find(path.rstrip("/") or "/")
    page = replace(bare, params=_clean(bare, query))
    return page if raw_path == page.path else Redirect(page.url)


def _decoded_path(raw_path: str) -> str:
    if not raw_path.startswith("/") or _FORBIDDEN.search(raw_path):
        raise BadTarget("the path has a character or segment that no page of a shop has")
    try:
        path = unquote(raw_path, errors="strict")
    except UnicodeDecodeError as error:
        raise BadTarget("the path is not UTF-8") from error
    if _FORBIDDEN.search(path):
        raise BadTarget("the path hides a character that no page of a shop has")
    return path


def _find(path: str) -> Page:
    if path in _FIXED:
        return Page(*_FIXED[path])
    within = _WITHIN_COLLECTION.fullmatch(path)
    if within:
        return _find(within.group(1))
    for pattern, (kind, page_format) in _HANDLED:
        match = pattern.fullmatch(path)
        if match and _HANDLE.fullmatch(match.group(1)):
            return Page(kind, page_format, match.group(1).lower())
    raise NoPage(path)


def _clean(page: Page, query: str) -> tuple[tuple[str, str], ...]:
    allowed = _ALLOWED.get((page.kind, page.format))
    if not allowed or not query:
        return ()
    given: dict[str, str] = {}
    for field in query.split("&"):
        name, _, value = field.partition("=")
        known = unquote_plus(name)
        if value and known in allowed and known not in given:  # the first of duplicates counts
            given[known] = unquote_plus(value)
    cleaned = ((name, check(given[name])) for name, check in allowed.items() if name in given)
    return tuple((name, value) for name, value in cleaned if value is not None)
