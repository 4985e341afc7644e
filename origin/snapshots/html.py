"""Merchants' HTML made safe to show, and the plain text of it."""

import html
import re
from collections import Counter
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


# Parsing is quadratic in depth, and every open formatting element is opened again in every paragraph after it: a few
# kilobytes could keep the origin busy for minutes or grow to gigabytes. Nobody's description nests like that.
MOST_DEPTH = 100
MOST_FORMATTING = 12
MOST_UNCLOSED_FORMATTING = 400
_PIECE = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)([^>]*)>")
_FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_NEVER_DEEP = frozenset("area br col dd dt hr img input li link meta option p source td th tr wbr".split())
_SHORT_CHARACTERS = 8192


def safe_html(text: str | None) -> str:
    """Known tags and attributes only; a page has one h1 and it is the theme's, so h1 becomes h2.

    HTML that nests beyond reason is shown as its words.
    """
    if not text:
        return ""
    return _remembered(text) if len(text) <= _SHORT_CHARACTERS else _safe(text)


def _safe(text: str) -> str:
    if _nests_beyond_reason(text):
        return f"<p>{html.escape(plain_text(text, len(text)))}</p>"
    lowered = re.sub(r"<(/?)h1\b", r"<\1h2", text, flags=re.IGNORECASE)
    return nh3.clean(
        lowered,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener nofollow",
    )


_remembered = lru_cache(maxsize=2048)(_safe)


def _nests_beyond_reason(text: str) -> bool:
    """Counts what is open at once, as a parser would at the least."""
    depth = 0
    formatting: Counter[str] = Counter()
    for closes, name, rest in _PIECE.findall(text):
        tag = name.lower()
        if tag in _FORMATTING:
            if closes:
                _close(formatting, tag)
            else:
                formatting[tag + rest] += 1
        elif tag not in _NEVER_DEEP:
            depth = max(0, depth - 1) if closes else depth + 1
        # A parser keeps at most three that are quite alike (the HTML standard calls it the Noah's Ark clause).
        unlike = sum(min(count, 3) for count in formatting.values())
        if depth > MOST_DEPTH or unlike > MOST_FORMATTING or formatting.total() > MOST_UNCLOSED_FORMATTING:
            return True
    return False


def _close(formatting: Counter[str], tag: str) -> None:
    for opened in reversed(formatting):
        if re.match(rf"{tag}(\W|$)", opened):
            formatting[opened] -= 1
            if formatting[opened] <= 0:
                del formatting[opened]
            return


def plain_text(safe: str, limit: int = 300) -> str:
    """The words of already safe HTML, cut at a word's end."""
    words = " ".join(html.unescape(_TAG.sub(" ", safe)).split())
    if len(words) <= limit:
        return words
    return words[:limit].rsplit(" ", 1)[0].rstrip(",;:.") + "…"
