"""Colours a merchant chose, made readable: mixing, and contrast by the Web Content Accessibility Guidelines 2."""

import re
from functools import lru_cache

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_NEARLY_BLACK = "#0b0b0b"
_WHITE = "#ffffff"


def as_hex(text: object) -> str | None:
    """ "#ABC" -> "#aabbcc"; None for anything that is not a hex colour (it would end up in a style sheet)."""
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        return None
    digits = text[1:].lower()
    return "#" + ("".join(digit * 2 for digit in digits) if len(digits) == 3 else digits)


@lru_cache(maxsize=16384)
def _channels(color: str) -> tuple[int, int, int]:
    known = as_hex(color) or "#808080"
    return int(known[1:3], 16), int(known[3:5], 16), int(known[5:7], 16)


def _linear(channel: int) -> float:
    share = channel / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


@lru_cache(maxsize=4096)
def luminance(color: str) -> float:
    red, green, blue = (_linear(channel) for channel in _channels(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """1 (equal) to 21 (black on white)."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@lru_cache(maxsize=16384)
def mix(color: str, other: str, percent: float) -> str:
    """`percent` of `other` in `color`: 0 is `color`, 100 is `other`."""
    share = min(max(percent, 0), 100) / 100
    pairs = zip(_channels(color), _channels(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * share):02x}" for one, two in pairs)


def is_dark(color: str) -> bool:
    return luminance(color) < 0.18


@lru_cache(maxsize=4096)
def text_on(background: str) -> str:
    """White or nearly black, whichever reads better on the background; in the narrow middle, black. Always over 4.5."""
    best = max((_WHITE, _NEARLY_BLACK), key=lambda text: contrast(text, background))
    return best if contrast(best, background) >= 4.5 else "#000000"


@lru_cache(maxsize=8192)
def readable(color: str, background: str, ratio: float = 4.5) -> str:
    """The colour itself if it reads on the background, else the nearest step towards black or white that does."""
    goal = text_on(background)
    for percent in range(0, 100, 5):
        candidate = mix(color, goal, percent)
        if contrast(candidate, background) >= ratio:
            return candidate
    return goal
