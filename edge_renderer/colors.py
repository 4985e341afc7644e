"""Colours a merchant chose, made readable: mixing, and contrast by the Web Content Accessibility Guidelines 2."""

import re
from functools import lru_cache

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_NEARLY_BLACK = "#0b0b0b"
_WHITE = "#ffffff"
_Channels = tuple[int, int, int]
"""Red, green and blue, 0 to 255 each."""


def as_hex(text: object) -> str | None:
    """ "#ABC" -> "#aabbcc"; None for anything that is not a hex colour (it would end up in a style sheet)."""
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        return None
    digits = text[1:].lower()
    return "#" + ("".join(digit * 2 for digit in digits) if len(digits) == 3 else digits)


@lru_cache(maxsize=16384)
def _channels(color: str) -> _Channels:
    known = as_hex(color) or "#808080"
    red, green, blue = bytes.fromhex(known[1:])
    return red, green, blue


def _spelt(channels: _Channels) -> str:
    return f"#{bytes(channels).hex()}"


def _linear(channel: int) -> float:
    share = channel / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


_LINEAR = tuple(_linear(channel) for channel in range(256))


def _luminance(channels: _Channels) -> float:
    red, green, blue = channels
    return 0.2126 * _LINEAR[red] + 0.7152 * _LINEAR[green] + 0.0722 * _LINEAR[blue]


@lru_cache(maxsize=4096)
def luminance(color: str) -> float:
    return _luminance(_channels(color))


def contrast(first: str, second: str) -> float:
    """1 (equal) to 21 (black on white)."""
    return _contrast(luminance(first), luminance(second))


def _contrast(first: float, second: float) -> float:
    return (first + 0.05) / (second + 0.05) if first > second else (second + 0.05) / (first + 0.05)


@lru_cache(maxsize=16384)
def mix(color: str, other: str, percent: float) -> str:
    """`percent` of `other` in `color`: 0 is `color`, 100 is `other`."""
    return _spelt(_mixed(_channels(color), _channels(other), min(max(percent, 0), 100) / 100))


def _mixed(first: _Channels, second: _Channels, share: float) -> _Channels:
    red, green, blue = first
    return (
        round(red + (second[0] - red) * share),
        round(green + (second[1] - green) * share),
        round(blue + (second[2] - blue) * share),
    )


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
    goal, behind = text_on(background), luminance(background)
    for percent in range(0, 100, 5):  # on numbers: as texts, the colours in between cost fifteen times as much
        candidate = _mixed(_channels(color), _channels(goal), percent / 100)
        if _contrast(_luminance(candidate), behind) >= ratio:
            return _spelt(candidate)
    return goal
