"""Merchants' HTML made safe to show, and the plain text of it."""

import html
import re
from functools import lru_cache

import nh3

_TAGS = set(
    """a abbr b blockquote br caption code del details div em figcaption figure h2 h3 h4 h5 h6 hr i img ins kbd li
    mark ol p pre q s small span strong sub summary sup table tbody td tfoot th thead tr u ul""".split()
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height", "loading"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
}
_TAG = re.compile(r"<[^>]*>")


@lru_cache(maxsize=4096)
def safe_html(text: str | None) -> str:
    """Known tags and attributes only; a page has one h1 and it is the theme's, so h1 becomes h2."""
    if not text:
        return ""
    lowered = re.sub(r"<(/?)h1\b", r"<\1h2", text, flags=re.IGNORECASE)
    return nh3.clean(
        lowered,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener nofollow",
    )


def plain_text(safe: str, limit: int = 300) -> str:
    """The words of already safe HTML, cut at a word's end."""
    words = " ".join(html.unescape(_TAG.sub(" ", safe)).split())
    if len(words) <= limit:
        return words
    return words[:limit].rsplit(" ", 1)[0].rstrip(",;:.") + "…"
