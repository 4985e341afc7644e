"""What a request target asks for on a shop's host: a page, or one of the few things beside pages."""

import re
from dataclasses import dataclass
from functools import lru_cache

from contracts.page import NoPage, Page, Redirect, parse_target

_FILE = re.compile(r"/files/([1-9]\d{0,15})/[\w.%~+@-]{1,255}", re.ASCII)
_REMEMBERED_LENGTH = 200
_PASSED = re.compile(r"/(cart|checkout|orders|account)(\.js|\.json|/.*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class CartPage:
    """`GET /cart`: rendered with the theme for one shopper, never stored."""


@dataclass(frozen=True, slots=True)
class Passed:
    """The origin answers this one itself: carts, checkout, orders, accounts."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A merchant's file. The name behind the id is for people: the id alone decides."""

    asset_id: int


@dataclass(frozen=True, slots=True)
class ThemeAsset:
    path: str


@dataclass(frozen=True, slots=True)
class Nowhere:
    """No page and nothing beside them, whatever it was called."""


Route = Page | Redirect | CartPage | Passed | UploadedFile | ThemeAsset | Nowhere


def route(target: str) -> Route:
    """Raises BadTarget for a target that nothing can have; what names nothing is Nowhere.

    What is asked for often is remembered: reading a target is a quarter of a hit's cost. Long ones are not, so that
    nobody fills the memory with them.
    """
    return _remembered(target) if len(target) <= _REMEMBERED_LENGTH else _read(target)


def _read(target: str) -> Route:
    try:
        return parse_target(target)
    except NoPage:
        return _beside_pages(target.partition("?")[0])


_remembered = lru_cache(maxsize=4096)(_read)


def _beside_pages(path: str) -> Route:
    """Reads the path as it was sent: another spelling of these is nobody's."""
    if path == "/cart":
        return CartPage()
    if path == "/cart/":
        return Redirect("/cart")
    if _PASSED.fullmatch(path):
        return Passed()
    file = _FILE.fullmatch(path)
    if file:
        return UploadedFile(int(file.group(1)))
    return ThemeAsset(path) if path.startswith("/theme/") else Nowhere()
