"""Label pictures for Leafwright: one small emblem for each tea or coffee, drawn around 0, 0 in a 300 pixel square."""

from collections.abc import Callable

from standalone.demo.drawing import Drawing, mix, shade, spread
from standalone.demo.shapes import at, leaf, ring, smooth, sprig

Emblem = Callable[[Drawing, str, str], None]


def _sprig(d: Drawing, ink: str, second: str) -> None:
    d.circle(0, 10, 118, second)
    sprig(d, 0, 132, 250, 0, ink, 4, 0.34)


def _hills(d: Drawing, ink: str, second: str) -> None:
    d.circle(46, -54, 52, second)
    for n, (y, lift) in enumerate(((10, 60), (50, 46), (92, 40))):
        tone = mix(second, ink, 0.45 + 0.27 * n)
        d.path(
            f"M-150 {y}C-90 {y - lift} -40 {y - lift} 10 {y}C50 {y - lift * 0.8} 110 {y - lift} 150 {y - 8}V150H-150Z",
            tone,
        )
    for n in range(5):
        d.stroke(
            f"M-150 {112 + n * 12}C-60 {92 + n * 12} 60 {132 + n * 12} 150 {106 + n * 12}",
            shade(ink, 0.35),
            2.5,
            opacity=0.6,
        )


def _sun(d: Drawing, ink: str, second: str) -> None:
    for (x, y), (u, v) in zip(ring(0, 0, 88, 16), ring(0, 0, 138, 16), strict=True):
        d.stroke(f"M{at(x, y)}L{at(u, v)}", second, 9)
    d.circle(0, 0, 70, second)
    d.path("M-70 0A70 70 0 0 0 70 0C40 -16 20 14 0 0C-24 -16 -44 16 -70 0Z", ink)


def _moon(d: Drawing, ink: str, second: str) -> None:
    d.path("M30 -130A130 130 0 1 0 110 80A104 104 0 1 1 30 -130Z", second)
    for u, v in spread(9, 4):
        d.circle(-10 + u * 140, -110 + v * 180, 3 + 5 * u, ink)
    leaf(d, -30, 140, 150, 24, ink)


def _smoke(d: Drawing, ink: str, second: str) -> None:
    for n, x in enumerate((-90, -30, 30, 90)):
        d.stroke(
            smooth([(x, 140), (x - 34, 70), (x + 30, 0), (x - 26, -70), (x + 10, -140)]), mix(ink, second, n / 4), 16
        )


def _berries(d: Drawing, ink: str, second: str) -> None:
    d.stroke("M0 140C-10 40 20 -40 -10 -110M0 60C40 20 70 10 100 -20M0 20C-50 0 -80 -30 -96 -60", ink, 6)
    for x, y, r in ((100, -30, 30), (-98, -70, 30), (-10, -116, 26), (62, 20, 24), (-60, -20, 24), (24, -70, 22)):
        d.circle(x, y, r, second)
        d.circle(x - r * 0.3, y - r * 0.3, r * 0.24, shade(second, 0.6))
    for turn in (-120, 110, 60):
        leaf(d, 0, 80, 90, turn, ink)


def _flower(d: Drawing, ink: str, second: str) -> None:
    d.stroke("M0 20C-12 70 8 110 0 146", ink, 7)
    leaf(d, 0, 110, 84, 64, ink)
    leaf(d, 0, 128, 84, -64, ink)
    for n in range(12):
        with d.group(transform=f"translate(0 -34) rotate({n * 30})"):
            d.ellipse(0, -66, 19, 44, mix("#ffffff", second, 0.22))
    d.circle(0, -34, 36, second)


def _star(d: Drawing, ink: str, second: str) -> None:
    """Star anise and cardamom."""
    for n in range(8):
        with d.group(transform=f"rotate({n * 45})"):
            d.path("M0 0C-26 -40 -22 -90 0 -136C22 -90 26 -40 0 0Z", mix(ink, second, 0.25 * (n % 2)))
            d.ellipse(0, -64, 9, 17, second)
    d.circle(0, 0, 15, ink)


def _citrus(d: Drawing, ink: str, second: str) -> None:
    d.circle(0, 0, 128, second)
    d.circle(0, 0, 112, shade(second, 0.7))
    for n in range(9):
        with d.group(transform=f"rotate({n * 40})"):
            d.path("M0 -10L-31 -84C-20 -108 20 -108 31 -84Z", second)
    leaf(d, 84, -96, 110, 58, ink)


def _grains(d: Drawing, ink: str, second: str) -> None:
    for n, (u, v) in enumerate(spread(26, 2)):
        with d.group(transform=f"translate({at(-130 + u * 260, -130 + v * 260)}) rotate({n * 47 % 180})"):
            d.ellipse(0, 0, 11, 22, mix(ink, second, (n % 4) / 3))


def _bean(d: Drawing, ink: str, second: str) -> None:
    d.circle(0, 0, 132, second)
    with d.group(transform="rotate(28)"):
        d.ellipse(0, 0, 70, 102, ink)
        d.stroke("M10 -98C-34 -40 36 34 -8 98", second, 11)


def _peaks(d: Drawing, ink: str, second: str) -> None:
    d.path("M-150 120L-60 -70L-14 16L40 -120L150 120Z", ink)
    d.path("M40 -120L4 -40L26 -54L44 -30L66 -52L78 -36Z", second)
    d.path("M-60 -70L-82 -22L-62 -34L-46 -18L-36 -26Z", second)
    d.circle(-90, -110, 30, second)


def _waves(d: Drawing, ink: str, second: str) -> None:
    for row in range(6):
        y = -120 + row * 48
        for n in range(5):
            x = -144 + n * 72 - (row % 2) * 36
            for r, tone in ((40, ink), (27, second), (14, ink)):
                d.stroke(f"M{x - r} {y + 40}a{r} {r} 0 0 1 {2 * r} 0", tone, 6)


def _drop(d: Drawing, ink: str, second: str) -> None:
    d.path("M0 -140C70 -40 104 20 104 62A104 84 0 0 1 -104 62C-104 20 -70 -40 0 -140Z", second)
    d.path("M-104 56C-60 30 -30 80 0 58C34 34 66 84 104 56A104 88 0 0 1 -104 56Z", ink)


EMBLEMS: dict[str, Emblem] = {
    "sprig": _sprig,
    "hills": _hills,
    "sun": _sun,
    "moon": _moon,
    "smoke": _smoke,
    "berries": _berries,
    "flower": _flower,
    "star": _star,
    "citrus": _citrus,
    "grains": _grains,
    "bean": _bean,
    "peaks": _peaks,
    "waves": _waves,
    "drop": _drop,
}


def emblem(d: Drawing, name: str, x: float, y: float, size: float, ink: str, second: str) -> None:
    """The picture called `name`, `size` pixels wide, clipped to its square."""
    with d.group(**d.moved(x, y, size / 300)), d.group(clip_path=d.clip("M-150 -150H150V150H-150Z")):
        EMBLEMS.get(name, _sprig)(d, ink, second)
