"""What a theme can do with a value: every filter there is. None of Jinja's own are kept.

Filters return new plain values, never change what they were given, and bound what they make.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date
from jinja2 import pass_context
from jinja2.runtime import Context, Undefined
from markupsafe import Markup, escape

from contracts.money import to_decimal_text, to_display
from edge_renderer import colors
from edge_renderer.sandbox import STATE, RenderState, state_of, text_of

_TAG = re.compile(r"<[^>]*>")
_PLACE = re.compile(r"\{(\w+)\}")
_SAFE_URL = re.compile(r"(?:https?://|mailto:|tel:|/(?!/)|[#?])[^\x00-\x20\"'<>\\]*", re.IGNORECASE)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)
_CONTAINERS = frozenset({dict, list, tuple})
_JSON_HAS_UNSAFE = re.compile("[<>&\u2028\u2029]").search
_JSON_UNSAFE = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def safe_url(value: object) -> str:
    """A URL that may stand in an href or src: a path of the shop, http(s), mailto or tel. Else an empty text."""
    return value if isinstance(value, str) and _SAFE_URL.fullmatch(value) else ""


@lru_cache(maxsize=256)
def parsed_locale(name: str) -> Locale:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale("en")


# --- facts of the shop -----------------------------------------------------------------------------------------------


@pass_context
def _money(context: Context, minor: Any) -> str:
    state = state_of(context)
    return "" if not isinstance(minor, int) else to_display(minor, state.currency, state.locale)


@pass_context
def _decimal(context: Context, minor: Any) -> str:
    """Money for machines: 1999 -> "19.99"."""
    return "" if not isinstance(minor, int) else to_decimal_text(minor, state_of(context).currency)


@pass_context
def _asset_url(context: Context, name: str) -> str:
    url: str = state_of(context).theme.asset_url(name)
    return url


@pass_context
def _translate(context: Context, key: str, **values: Any) -> str:
    """The theme's text for a key. With `count`, the plural form of the shop's language."""
    state: RenderState = context.parent[STATE]
    message = state.texts.get(key, key)
    if type(message) is dict:
        form = parsed_locale(state.locale).plural_form(values.get("count") or 0)
        message = message.get(form) or message.get("other", key)
    return _PLACE.sub(lambda place: text_of(values.get(place.group(1), "")), message) if values else message


@pass_context
def _date(context: Context, value: Any, style: str = "long") -> str:
    if not isinstance(value, str) or style not in {"short", "medium", "long", "full"}:
        return ""
    return _shown_date(value[:10], style, state_of(context).locale)


@lru_cache(maxsize=4096)
def _shown_date(day: str, style: str, locale: str) -> str:
    try:
        return str(format_date(datetime.fromisoformat(day), format=style, locale=parsed_locale(locale)))
    except ValueError:
        return ""


# --- markup ----------------------------------------------------------------------------------------------------------


def _html(value: Any) -> Markup:
    """The one way past escaping, for `*_html` fields, which the origin has sanitised."""
    return Markup(value) if isinstance(value, str) else Markup("")  # noqa: S704


@pass_context
def _json(context: Context, value: Any) -> Markup:
    """For a script element: JSON in which no text can end the element."""
    _check_weight(state_of(context), value)
    text = _ENCODER.encode(value)
    return Markup(text.translate(_JSON_UNSAFE) if _JSON_HAS_UNSAFE(text) else text)  # noqa: S704


def _check_weight(state: RenderState, value: Any) -> None:
    """Lists of lists of the same long text are small here and endless once they are written out."""
    left, waiting = state.limits.text_length, [value]
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if kind is str or kind is Markup:
            left -= len(item)
        elif kind in _CONTAINERS:
            left -= len(item)
            if left >= 0:
                waiting.extend(item.values() if kind is dict else item)
        if left < 0:
            state.check_length(state.limits.text_length - left)


def _image_tag(
    image: Any,
    *,
    alt: str | None = None,
    css: str = "",
    sizes: str = "",
    eager: bool = False,
    width: int = 900,
    height: int = 900,
) -> Markup:
    """An <img> that keeps its place while loading: always with width and height; lazy unless `eager`."""
    known = image if isinstance(image, dict) else {"url": image}
    url = safe_url(known.get("url"))
    if not url:
        return Markup("")
    shown_alt = alt if alt is not None else known.get("alt") or ""
    loading = 'fetchpriority="high"' if eager else 'loading="lazy"'
    extra = (f' class="{escape(css)}"' if css else "") + (f' sizes="{escape(sizes)}"' if sizes else "")
    size = (known.get("width") or width, known.get("height") or height)
    return Markup(  # noqa: S704
        f'<img src="{escape(url)}" alt="{escape(shown_alt)}" width="{int(size[0])}" height="{int(size[1])}"'
        f'{extra} {loading} decoding="async">'
    )


def _paragraphs(value: Any) -> Markup:
    """Plain text from a multiline setting: an empty line starts a paragraph, a line end is a line end."""
    blocks = (block.strip() for block in re.split(r"\n\s*\n", text_of(value).replace("\r", "")))
    inner = ("<br>".join(str(escape(line.strip())) for line in block.split("\n")) for block in blocks if block)
    return Markup("".join(f"<p>{block}</p>" for block in inner))  # noqa: S704


# --- texts, numbers, lists -------------------------------------------------------------------------------------------


@pass_context
def _text(context: Context, value: Any) -> Any:
    shown = value if isinstance(value, str) else text_of(value)
    state = context.parent[STATE]
    state.bytes_left -= len(shown)
    if state.bytes_left < 0:
        state.look()
    return shown


@pass_context
def _join(context: Context, values: Any, separator: str = "") -> Markup:
    parts = [text_of(value) for value in _items(values)]
    state_of(context).check_length(sum(map(len, parts)) + len(separator) * len(parts))
    return escape(separator).join(parts)


@pass_context
def _replace(context: Context, value: Any, old: str, new: str) -> str:
    if not old:
        return text_of(value)
    found = text_of(value)
    state_of(context).check_length(len(found) + found.count(old) * max(len(new) - len(old), 0))
    return found.replace(old, new)


def _default(value: Any, instead: Any = "") -> Any:
    """For what is missing, null or empty; 0 and false are values."""
    return instead if value is None or isinstance(value, Undefined) or value in ("", [], {}) else value


def _pluralize(count: Any, one: str, many: str) -> str:
    return one if count == 1 else many


def _truncate(value: Any, length: int = 160) -> str:
    text = " ".join(text_of(value).split())
    if len(text) <= length:
        return text
    return text[:length].rsplit(" ", 1)[0].rstrip(" ,.;:") + "…"


def _strip_tags(value: Any) -> str:
    return " ".join(unescape(_TAG.sub(" ", text_of(value))).split())


def _items(values: Any) -> list[Any]:
    return list(values) if isinstance(values, (list, tuple, range, str)) else []


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _where(values: Any, name: str, wanted: Any = True) -> list[Any]:
    """The items whose field equals `wanted`."""
    return [value for value in _items(values) if _field(value, name) == wanted]


def _pluck(values: Any, name: str) -> list[Any]:
    return [_field(value, name) for value in _items(values)]


def _length(value: Any) -> int:
    return len(value) if isinstance(value, (str, list, tuple, dict, range)) else 0


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _seed(value: Any, salt: Any = "") -> int:
    """The same whole number for the same text, everywhere and always: what drawn artwork is chosen by."""
    return int.from_bytes(hashlib.blake2b(f"{salt}/{value}".encode(), digest_size=4).digest(), "big")


def _pick(values: Any, seed: int) -> Any:
    known = _items(values)
    return known[seed % len(known)] if known else None


def _url_with(path: str, params: Any = None, **changes: Any) -> str:
    """The path with its query changed; a null value takes a parameter away. Dots are spelled with two underscores."""
    query: dict[str, Any] = dict(params) if isinstance(params, Mapping) else {}
    query.update({name.replace("__", "."): value for name, value in changes.items()})
    kept = [(name, str(value)) for name, value in query.items() if value not in (None, "")]
    return f"{path}?{urlencode(kept)}" if kept else path


def _escaped(value: Any) -> Markup:
    return escape(value if isinstance(value, str) else text_of(value))


def _extreme(choose: Callable[[Iterable[Any]], Any]) -> Callable[[Any], Any]:
    def filter_(values: Any) -> Any:
        known = [value for value in _items(values) if value is not None]
        return choose(known) if known else None

    return filter_


FILTERS: Mapping[str, Callable[..., Any]] = {
    "money": _money,
    "decimal": _decimal,
    "asset_url": _asset_url,
    "t": _translate,
    "date": _date,
    "html": _html,
    "json": _json,
    "image_tag": _image_tag,
    "paragraphs": _paragraphs,
    "href": safe_url,
    "url_with": _url_with,
    "url_part": lambda value: quote(text_of(value), safe=""),
    "escape": _escaped,
    "e": _escaped,
    "text": _text,
    "default": _default,
    "d": _default,
    "pluralize": _pluralize,
    "truncate": _truncate,
    "striptags": _strip_tags,
    "replace": _replace,
    "lower": lambda value: text_of(value).lower(),
    "upper": lambda value: text_of(value).upper(),
    "capitalize": lambda value: text_of(value).capitalize(),
    "trim": lambda value: text_of(value).strip(),
    "join": _join,
    "split": lambda value, separator: text_of(value).split(separator or None)[:1000],
    "length": _length,
    "count": _length,
    "first": lambda values: next(iter(_items(values)), None),
    "last": lambda values: next(reversed(_items(values)), None),
    "reverse": lambda values: _items(values)[::-1],
    "items": _pairs,
    "where": _where,
    "pluck": _pluck,
    "min": _extreme(min),
    "max": _extreme(max),
    "int": _whole,
    "round": lambda value, digits=0: round(value, digits) if digits else round(value),
    "abs": abs,
    "seed": _seed,
    "pick": _pick,
    "mix": colors.mix,
    "text_on": colors.text_on,
    "contrast": colors.contrast,
    "readable": colors.readable,
    "is_dark": colors.is_dark,
}
