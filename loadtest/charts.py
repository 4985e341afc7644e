"""Lines over time as inline SVG that a page's own style colours: light, dark, wide and narrow, clear without colour."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDE, NARROW = 860, 400
_HEIGHT, _TOP, _BOTTOM, _LEFT = 310, 36, 34, 52
_MARK_WIDTH = 110  # of the longest words of a mark
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """`colour`: 1 to 4, of the page's palette. `is_area`: filled down to the axis."""

    name: str
    points: Points
    colour: int
    is_area: bool = False
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """`x` in seconds. `marks`: moments that are named. `in_words`: what somebody who cannot see it is told."""

    lines: Sequence[Line]
    unit: str
    in_words: str
    seconds: float
    marks: Sequence[tuple[float, str]] = ()


def figure(chart: Chart) -> str:
    """Both drawings; the page shows the one that fits."""
    return "".join(_drawing(chart, width, name) for width, name in ((WIDE, "wide"), (NARROW, "narrow")))


def _drawing(chart: Chart, width: int, name: str) -> str:
    top = round_above(max((y for line in chart.lines for _, y in line.points), default=0))
    right = width - 12
    scale = _Scale(chart.seconds, top, right)
    parts = [
        f'<svg class="{name}" viewBox="0 0 {width} {_HEIGHT}" role="img" aria-label="{escape(chart.in_words)}">',
        *(_grid(scale, top * step / 4, right) for step in range(5)),
        *(_tick(scale, x) for x in _seconds_ticks(chart.seconds, width)),
        *(_mark(scale, chart.marks, number) for number in range(len(chart.marks))),
        *(_line(scale, line) for line in chart.lines),
        f'<text class="unit" x="{_LEFT}" y="11">{escape(chart.unit)}</text>',
    ]
    return "\n".join([*parts, "</svg>"])


@dataclass(frozen=True, slots=True)
class _Scale:
    seconds: float
    top: float
    right: float

    def x(self, at: float) -> float:
        return _LEFT + (self.right - _LEFT) * min(at, self.seconds) / max(self.seconds, 1e-9)

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / self.top


def _line(scale: _Scale, line: Line) -> str:
    if not line.points:
        return ""
    points = [(scale.x(x), scale.y(y)) for x, y in line.points]
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    area = ""
    if line.is_area:
        floor = scale.y(0)
        area = (
            f'<path class="area c{line.colour}" d="{path} L{points[-1][0]:.1f} {floor} L{points[0][0]:.1f} {floor}Z"/>'
        )
    dash = " dashed" if line.is_dashed else ""
    return f'{area}<path class="line c{line.colour}{dash}" d="{path}"/>'


def _grid(scale: _Scale, value: float, right: float) -> str:
    y = scale.y(value)
    return (
        f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>'
        f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>'
    )


def _tick(scale: _Scale, at: float) -> str:
    return f'<text class="tick" x="{scale.x(at):.1f}" y="{_HEIGHT - 12}" text-anchor="middle">{at:.0f} s</text>'


def _mark(scale: _Scale, marks: Sequence[tuple[float, str]], number: int) -> str:
    """Its words are to the right of its line, unless the chart's end or the next mark is too near."""
    (at, text), next_at = marks[number], marks[number + 1][0] if number + 1 < len(marks) else math.inf
    x = scale.x(at)
    has_room = x <= scale.right * 0.7 and (next_at == math.inf or scale.x(next_at) - x > _MARK_WIDTH)
    place, anchor = (x - 4, "start") if has_room else (x + 4, "end")
    return (
        f'<path class="mark" d="M{x:.1f} {_TOP - 4}V{_HEIGHT - _BOTTOM}"/>'
        f'<text class="mark" x="{place:.1f}" y="{_TOP - 8}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _seconds_ticks(seconds: float, width: int) -> list[float]:
    step = next(step for step in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 3600) if seconds / step <= width / 85)
    return [float(at) for at in range(0, math.floor(seconds) + 1, step)]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.3g}"


def round_above(value: float) -> float:
    """Not far above, and four steps that read well; 1 for nothing."""
    power = math.pow(10.0, math.floor(math.log10(value))) if value > 0 else 1.0
    return next(step * power for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if step * power >= value)
