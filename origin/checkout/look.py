"""A shop's colours on pages that no theme renders: plain values from its settings, made readable."""

import re
from collections.abc import Mapping
from typing import Any

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
DEFAULT_ACCENT = "#2f4a3c"


def css_variables(settings: Mapping[str, Any]) -> str:
    """Declarations for `:root`; nothing but hex colours of our own spelling gets in."""
    accent = _color(settings.get("color_accent"), DEFAULT_ACCENT)
    dark_accent = _color(settings.get("color_dark_accent"), _lighter(accent))
    background = _color(settings.get("color_background"), "#fbfaf7")
    if _luminance(background) < 0.7:
        background = "#fbfaf7"  # a dark or loud page background is the theme's business; forms are read here
    radius = {"square": "2px", "pill": "22px"}.get(str(settings.get("button_shape")), "8px")
    return (
        f"--accent:{accent};--on-accent:{_text_on(accent)};--dark-accent:{dark_accent};"
        f"--on-dark-accent:{_text_on(dark_accent)};--aside:{background};--radius:{radius}"
    )


def scheme(settings: Mapping[str, Any]) -> str:
    """light, dark, or auto: what the shopper's device prefers."""
    wanted = settings.get("scheme")
    return wanted if wanted in ("light", "dark") else "auto"


def _color(value: Any, default: str) -> str:
    return value.lower() if isinstance(value, str) and _HEX.fullmatch(value) else default


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _luminance(color: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    shares = [channel / 255 for channel in _channels(color)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def _text_on(color: str) -> str:
    """White or near-black, whichever reads better: at least 4.5 to 1 either way."""
    return "#ffffff" if 1.05 / (_luminance(color) + 0.05) >= 4.5 else "#0b0b0b"


def _lighter(color: str) -> str:
    """For a dark page: the accent, mixed with white until it stands out."""
    for percent in range(0, 100, 10):
        mixed = "#" + "".join(f"{round(channel + (255 - channel) * percent / 100):02x}" for channel in _channels(color))
        if _luminance(mixed) > 0.25:
            return mixed
    return "#ffffff"
