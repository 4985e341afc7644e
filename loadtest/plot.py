"""A line for each name over its rounds, as SVG by hand: a picture beside a table does not need a plotting library."""

import math
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 720, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 150, 44, 48
_COLOURS = ("#0b6e4f", "#b3541e", "#33558b", "#8a2a5b", "#6b6b00", "#555555")
_LABEL_PIXELS = 15


def svg(plot: Mapping[str, Any]) -> str:
    """`plot`: title, x, y (what the axes show) and lines: name -> values in the order of x, from 1."""
    lines: Mapping[str, Sequence[float]] = plot["lines"]
    top = _round_above(max((value for line in lines.values() for value in line), default=1))
    places = _label_places({name: _y(line[-1], top) for name, line in lines.items() if line})
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        'font-size="12" fill="#333">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="15">{escape(plot["title"])}</text>',
        f'<text x="{_LEFT}" y="{_TOP - 6}">{escape(plot["y"])}</text>',
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2:.0f}" y="{_HEIGHT - 10}">{escape(plot["x"])}</text>',
        *(_grid_line(top * step / 4, top) for step in range(5)),
    ]
    for number, (name, line) in enumerate(lines.items()):
        if line:
            parts += _line(name, line, top, _COLOURS[number % len(_COLOURS)], places[name])
    return "\n".join([*parts, "</svg>\n"])


def _line(name: str, values: Sequence[float], top: float, colour: str, label_y: float) -> list[str]:
    points = [(_x(number, len(values)), _y(value, top)) for number, value in enumerate(values)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points)
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        f'<g fill="{colour}">{dots}<text x="{_WIDTH - _RIGHT + 12}" y="{label_y + 4:.1f}">{escape(name)}</text></g>',
    ]


def _grid_line(value: float, top: float) -> str:
    y = _y(value, top)
    return (
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,.10g}</text>'
    )


def _x(number: int, count: int) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (number / (count - 1) if count > 1 else 0.5)


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top


def _label_places(wanted: Mapping[str, float]) -> dict[str, float]:
    """Each beside its line's end, pushed down where two would lie on one another."""
    places: dict[str, float] = {}
    lowest = -math.inf
    for name, y in sorted(wanted.items(), key=lambda it: it[1]):
        lowest = max(y, lowest + _LABEL_PIXELS)
        places[name] = lowest
    return places


def _round_above(value: float) -> float:
    """1, 2, 4 or 8 times a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 2, 4, 8, 10) if step * power >= value)
