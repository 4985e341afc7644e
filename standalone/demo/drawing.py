"""A picture in the making: marks and gradients that become one SVG text. Colours are #rrggbb; numbers are pixels.

Nothing here knows what is drawn. Everything is deterministic, so the same shop gets the same bytes every time.
"""

from collections.abc import Iterator
from contextlib import contextmanager

Attribute = str | float


def mix(first: str, second: str, share: float) -> str:
    """`share` 0 is the first colour, 1 the second."""
    pairs = ((int(first[at : at + 2], 16), int(second[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def shade(color: str, amount: float, ink: str = "#2a1d16", light: str = "#fffaf0") -> str:
    """Towards the ink for a negative amount, towards the light for a positive one: shadows stay warm, never grey."""
    return mix(color, ink, -amount) if amount < 0 else mix(color, light, amount)


def number(value: float) -> str:
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"


def spread(count: int, seed: int = 0) -> Iterator[tuple[float, float]]:
    """Points in the unit square that look scattered and never clump (the R2 sequence)."""
    for index in range(1, count + 1):
        yield (0.5 + 0.7548776662 * (index + seed * 17)) % 1, (0.5 + 0.5698402910 * (index + seed * 17)) % 1


class Drawing:
    """Collects marks from back to front."""

    def __init__(self, width: int = 1200, height: int = 1200) -> None:
        self.width, self.height = width, height
        self._definitions: list[str] = []
        self._known: dict[str, str] = {}
        self._marks: list[str] = []

    def _define(self, template: str) -> str:
        """`template` has %s where its id goes. The same definition is made once."""
        if template not in self._known:
            name = f"d{len(self._known)}"
            self._known[template] = name
            self._definitions.append(template.replace("%s", name, 1))
        return f"url(#{self._known[template]})"

    def _stops(self, colors: tuple[str | tuple[float, str], ...]) -> str:
        last = max(len(colors) - 1, 1)
        placed = [(n / last, item) if isinstance(item, str) else item for n, item in enumerate(colors)]
        return "".join(
            f'<stop offset="{offset:.3g}" stop-color="{color[:7]}"'
            + (f' stop-opacity="{int(color[7:], 16) / 255:.2f}"' if len(color) > 7 else "")
            + "/>"
            for offset, color in placed
        )

    def across(self, *colors: str | tuple[float, str]) -> str:
        """A gradient from left to right; stops are spread evenly or given as (offset, colour). Alpha as #rrggbbaa."""
        return self._define(f'<linearGradient id="%s">{self._stops(colors)}</linearGradient>')

    def down(self, *colors: str | tuple[float, str]) -> str:
        return self._define(f'<linearGradient id="%s" x2="0" y2="1">{self._stops(colors)}</linearGradient>')

    def slant(self, *colors: str | tuple[float, str]) -> str:
        return self._define(f'<linearGradient id="%s" y2="1">{self._stops(colors)}</linearGradient>')

    def radial(self, *colors: str | tuple[float, str], x: float = 0.5, y: float = 0.5, r: float = 0.5) -> str:
        return self._define(f'<radialGradient id="%s" cx="{x}" cy="{y}" r="{r}">{self._stops(colors)}</radialGradient>')

    def clip(self, d: str) -> str:
        return self._define(f'<clipPath id="%s"><path d="{d}"/></clipPath>')

    def mark(self, element: str, **attributes: Attribute) -> None:
        self._marks.append(f"<{element}{_attributes(attributes)}/>")

    def path(self, d: str, fill: str = "none", **more: Attribute) -> None:
        self.mark("path", d=d, fill=fill, **more)

    def stroke(self, d: str, color: str, width: float, **more: Attribute) -> None:
        more = {"stroke_linecap": "round", "stroke_linejoin": "round", **more}
        self.mark("path", d=d, fill="none", stroke=color, stroke_width=width, **more)

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, fill: str = "none", **more: Attribute) -> None:
        self.mark("ellipse", cx=cx, cy=cy, rx=rx, ry=ry, fill=fill, **more)

    def circle(self, cx: float, cy: float, r: float, fill: str = "none", **more: Attribute) -> None:
        self.mark("circle", cx=cx, cy=cy, r=r, fill=fill, **more)

    def rect(self, x: float, y: float, w: float, h: float, fill: str, r: float = 0, **more: Attribute) -> None:
        if r:
            more = {"rx": r, **more}
        self.mark("rect", x=x, y=y, width=w, height=h, fill=fill, **more)

    def text(self, x: float, y: float, words: str, size: float, fill: str, **more: Attribute) -> None:
        more = {"text_anchor": "middle", "font_family": "Georgia, 'DejaVu Serif', serif", **more}
        escaped = words.replace("&", "&amp;").replace("<", "&lt;")
        self._marks.append(
            f"<text{_attributes({'x': x, 'y': y, 'font_size': size, 'fill': fill, **more})}>{escaped}</text>"
        )

    @contextmanager
    def group(self, **attributes: Attribute) -> Iterator[None]:
        self._marks.append(f"<g{_attributes(attributes)}>")
        yield
        self._marks.append("</g>")

    def moved(self, x: float, y: float, scale: float = 1, turn: float = 0) -> dict[str, str]:
        """Attributes of a group whose own origin is at x, y."""
        return {"transform": f"translate({number(x)} {number(y)}) rotate({number(turn)}) scale({scale:.3g})"}

    def svg(self) -> str:
        w, h = self.width, self.height
        definitions = f"<defs>{''.join(self._definitions)}</defs>" if self._definitions else ""
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}">'
        return f"{head}{definitions}{''.join(self._marks)}</svg>"


def _attributes(attributes: dict[str, Attribute]) -> str:
    def value(raw: Attribute) -> str:
        if isinstance(raw, str):
            return raw.replace('"', "&quot;")
        return f"{raw:.2f}" if 0 < abs(raw) < 1 else number(raw)

    return "".join(f' {name.replace("_", "-")}="{value(raw)}"' for name, raw in attributes.items())
