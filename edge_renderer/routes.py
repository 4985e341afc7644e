"""What a request target asks for on a shop's host: a page, or one of the few things beside pages."""

import re
from dataclasses import dataclass

from contracts.page import NoPage, Page, PageFormat, PageKind, Redirect, parse_target

# No target parses to it (a handle has a letter at least): the one cached answer to every path that names nothing,
# so that a scan of made-up paths costs a shop one page, not one a path.
NOWHERE = Page(PageKind.STATIC, PageFormat.HTML, "")

_FILE = re.compile(r"/files/([1-9]\d{0,15})/[\w.%~+@-]{1,255}", re.ASCII)
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


Route = Page | Redirect | CartPage | Passed | UploadedFile | ThemeAsset


def route(target: str) -> Route:
    """Raises BadTarget for a target that nothing can have; what names nothing is the page NOWHERE."""
    try:
        return parse_target(target)
    except NoPage:
        return _beside_pages(target.partition("?")[0])


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
    return ThemeAsset(path) if path.startswith("/theme/") else NOWHERE
