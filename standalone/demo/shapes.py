"""Shapes that all the artwork is composed of: smooth outlines, turned bodies with light on them, shadows, leaves."""

from collections.abc import Sequence
from math import cos, pi, sin

from standalone.demo.drawing import Drawing, number, shade, spread

Point = tuple[float, float]


def at(x: float, y: float) -> str:
    return f"{number(x)} {number(y)}"


def curve(points: Sequence[Point]) -> str:
    """Bezier segments through all points but the first (Catmull-Rom). A point given twice makes a corner."""
    ends = [points[0], *points, points[-1]]
    parts = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        if b == c:
            continue
        first = (b[0] + (c[0] - a[0]) / 6, b[1] + (c[1] - a[1]) / 6)
        second = (c[0] - (d[0] - b[0]) / 6, c[1] - (d[1] - b[1]) / 6)
        parts.append(f"C{at(*first)} {at(*second)} {at(*c)}")
    return "".join(parts)


def smooth(points: Sequence[Point], *, closed: bool = False) -> str:
    if closed:
        around = [points[-1], *points, points[0], points[1]]
        whole = curve(around)
        pieces = whole.split("C")[2:-1]
        return f"M{at(*points[0])}" + "".join(f"C{piece}" for piece in pieces) + "Z"
    return f"M{at(*points[0])}{curve(points)}"


def polygon(points: Sequence[Point]) -> str:
    return "M" + "L".join(at(*point) for point in points) + "Z"


def box(x: float, y: float, w: float, h: float, r: float = 0) -> str:
    r = min(r, w / 2, h / 2)
    return (
        f"M{at(x + r, y)}h{number(w - 2 * r)}q{at(r, 0)} {at(r, r)}v{number(h - 2 * r)}q{at(0, r)} {at(-r, r)}"
        f"h{number(2 * r - w)}q{at(-r, 0)} {at(-r, -r)}v{number(2 * r - h)}q{at(0, -r)} {at(r, -r)}Z"
    )


def turned(cx: float, profile: Sequence[Point], tilt: float = 0.14) -> str:
    """The outline of a body of revolution. `profile` is (y, radius) from its top to its foot."""
    left = [(cx - radius, y) for y, radius in profile]
    right = [(cx + radius, y) for y, radius in reversed(profile)]
    top, foot = profile[0][1], profile[-1][1]
    return (
        f"M{at(*left[0])}{curve(left)}A{at(foot, foot * tilt)} 0 0 0 {at(*right[0])}{curve(right)}"
        f"A{at(top, top * tilt)} 0 0 0 {at(*left[0])}Z"
    )


def round_light(d: Drawing, color: str, depth: float = 1.0, ink: str = "#2a1d16") -> str:
    """Light from the upper left on something round that stands upright."""
    return d.across(
        (0, shade(color, -0.26 * depth, ink)),
        (0.1, shade(color, -0.1 * depth, ink)),
        (0.3, shade(color, 0.2 * depth)),
        (0.52, color),
        (0.82, shade(color, -0.2 * depth, ink)),
        (0.95, shade(color, -0.34 * depth, ink)),
        (1, shade(color, -0.26 * depth, ink)),
    )


def body(d: Drawing, cx: float, profile: Sequence[Point], color: str, *, tilt: float = 0.14, depth: float = 1.0) -> str:
    """Draws a turned body and gives its outline, for clipping what is painted on it."""
    outline = turned(cx, profile, tilt)
    d.path(outline, round_light(d, color, depth))
    d.path(outline, d.down((0, "#ffffff22"), (0.35, "#ffffff00"), (0.7, "#2a1d1600"), (1, "#2a1d1640")))
    return outline


def mouth(d: Drawing, cx: float, y: float, r: float, color: str, *, tilt: float = 0.14, lip: float = 7) -> None:
    """The opening of a vessel: a lit lip, and the dark inside."""
    d.ellipse(cx, y, r, r * tilt, d.across(shade(color, -0.06), shade(color, 0.42), shade(color, -0.1)))
    inner = r - lip
    d.ellipse(cx, y + 1, inner, inner * tilt, d.across(shade(color, -0.52), shade(color, -0.34), shade(color, -0.16)))


def dip(
    d: Drawing, outline: str, cx: float, y: float, r: float, foot: float, color: str, *, tilt: float = 0.14
) -> None:
    """A second glaze below y, following the round of the body."""
    with d.group(clip_path=d.clip(outline)):
        lower = f"M{at(cx - r, y)}A{at(r, r * tilt)} 0 0 0 {at(cx + r, y)}V{number(foot)}H{number(cx - r)}Z"
        d.path(lower, round_light(d, color))
        d.path(lower, d.down((0, "#2a1d1600"), (1, "#2a1d1633")))
        d.stroke(f"M{at(cx - r, y)}A{at(r, r * tilt)} 0 0 0 {at(cx + r, y)}", shade(color, 0.35), 4, opacity=0.55)


def speckle(
    d: Drawing, outline: str, area: tuple[float, float, float, float], color: str, count: int, seed: int
) -> None:
    """Iron specks in a glaze. `area` is x, y, width, height."""
    x, y, w, h = area
    dots = "".join(f"M{at(x + u * w, y + v * h)}h.1" for u, v in spread(count, seed))
    fine = "".join(f"M{at(x + v * w, y + u * h)}h.1" for u, v in spread(count, seed + 5))
    with d.group(clip_path=d.clip(outline)):
        d.stroke(dots, color, 6, opacity=0.5)
        d.stroke(fine, color, 3.4, opacity=0.55)


def sheen(d: Drawing, points: Sequence[Point], width: float, opacity: float = 0.35) -> None:
    """A line of reflected light."""
    d.stroke(smooth(points), "#ffffff", width, opacity=opacity)


def rest(d: Drawing, cx: float, y: float, r: float, ink: str = "#3a2a20", strength: float = 1.0) -> None:
    """The shadow of something standing at y, thrown to the right, with a dark line of contact."""
    far, near = f"{ink}{int(88 * strength):02x}", f"{ink}{int(170 * strength):02x}"
    d.ellipse(cx + r * 0.55, y + r * 0.05, r * 1.75, r * 0.24, d.radial((0, far), (0.45, far), (1, f"{ink}00")))
    d.ellipse(cx, y, r * 1.12, r * 0.15, d.radial((0, near), (0.7, near), (1, f"{ink}00")))


def leaf(d: Drawing, x: float, y: float, length: float, turn: float, color: str, width: float = 0.36) -> None:
    """One leaf from its stalk at x, y; `turn` in degrees, 0 is upwards."""
    w = length * width
    with d.group(**d.moved(x, y, 1, turn)):
        whole = f"M0 0C{at(-w, -length * 0.3)} {at(-w * 0.8, -length * 0.75)} 0 {number(-length)}"
        half = f"C{at(w * 0.8, -length * 0.75)} {at(w, -length * 0.3)} 0 0Z"
        d.path(whole + half, color)
        d.path(f"M0 {number(-length)}{half}", shade(color, -0.12, "#10402a"))
        if length > 90:
            d.stroke(f"M0 0V{number(-length * 0.86)}", shade(color, 0.3), max(length * 0.018, 1.2), opacity=0.6)


def sprig(
    d: Drawing, x: float, y: float, height: float, turn: float, color: str, pairs: int = 5, size: float = 0.3
) -> None:
    """A stem with leaves in pairs, smaller towards the tip."""
    with d.group(**d.moved(x, y, 1, turn)):
        d.stroke(f"M0 0Q{at(height * 0.06, -height * 0.5)} 0 {number(-height)}", shade(color, -0.25), height * 0.014)
        for n in range(pairs):
            share = (n + 1) / (pairs + 0.4)
            length = height * size * (1.1 - 0.55 * share)
            bend = height * 0.12 * share * (1 - share)
            leaf(d, bend, -height * share, length, -58 + 18 * share, shade(color, -0.08))
            leaf(d, bend, -height * (share + 0.03), length, 58 - 18 * share, shade(color, 0.08))
        leaf(d, 0, -height * 0.98, height * size * 0.6, 0, color)


def ring(cx: float, cy: float, r: float, count: int, start: float = 0) -> list[Point]:
    """Points evenly around a circle; `start` in turns."""
    angles = (2 * pi * (start + n / count) for n in range(count))
    return [(cx + r * cos(angle), cy + r * sin(angle)) for angle in angles]


def steam(d: Drawing, x: float, y: float, height: float, color: str = "#ffffff") -> None:
    for offset, tall in ((-44, 0.8), (0, 1.0), (44, 0.7)):
        top = y - height * tall
        d.stroke(
            f"M{at(x + offset, y)}C{at(x + offset - 40, y - height * tall * 0.35)} "
            f"{at(x + offset + 40, y - height * tall * 0.65)} {at(x + offset, top)}",
            color,
            12,
            opacity=0.35,
        )
