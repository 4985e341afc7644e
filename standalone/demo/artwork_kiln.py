"""Pictures of thrown pots for Kiln & Field: plaster wall, window light, glaze over stoneware."""

from standalone.demo.drawing import Drawing, mix, shade
from standalone.demo.look import Look, Subject
from standalone.demo.shapes import Point, body, dip, leaf, mouth, polygon, rest, sheen, smooth, speckle, sprig, turned

FLOOR = 930.0
INK = "#4a3526"
CLAY = "#b98a66"


def room(d: Drawing, tint: str) -> None:
    """A wall and a table in one colour, with afternoon light through a window we do not see."""
    w, h = d.width, d.height
    horizon = h * 0.66
    d.rect(0, 0, w, h, d.down(shade(tint, 0.24), tint))
    light = shade(tint, 0.6)
    for left in (0.02, 0.27):
        x = w * left
        pane = polygon([(x + w * 0.2, 0), (x + w * 0.41, 0), (x + w * 0.29, horizon), (x + w * 0.08, horizon)])
        d.path(pane, d.down(f"{light}99", f"{light}33"))
    d.rect(0, horizon, w, h - horizon, d.down(shade(tint, -0.09, INK), shade(tint, 0.1)))
    d.rect(0, horizon - 26, w, 26, d.down(f"{INK}00", f"{INK}1c"))
    d.path(
        polygon([(w * 0.1, horizon), (w * 0.56, horizon), (w * 0.4, h), (-w * 0.12, h)]),
        d.down(f"{light}55", f"{light}11"),
    )


def _pot(d: Drawing, cx: float, profile: list[Point], look: Look, *, glaze_from: float | None = None) -> str:
    """A glazed body with specks; below `glaze_from` the bare clay shows, or the look's second colour."""
    top, foot = profile[0][0], profile[-1][0]
    widest = max(radius for _, radius in profile)
    rest(d, cx, foot + profile[-1][1] * 0.07, profile[-1][1] * 1.1, INK)
    outline = body(d, cx, profile, look.color)
    if glaze_from is not None:
        dip(d, outline, cx, glaze_from, widest, foot + 60, look.second)
    speckle(d, outline, (cx - widest, top, widest * 2, foot - top), shade(look.color, -0.5), 70, look.seed)
    return outline


def _handle(d: Drawing, points: list[Point], color: str, width: float) -> None:
    d.stroke(smooth(points), shade(color, -0.32), width)
    d.stroke(smooth([(x - 2, y - 3) for x, y in points]), shade(color, -0.08), width * 0.72)
    d.stroke(
        smooth([(x - width * 0.12, y - width * 0.2) for x, y in points]), shade(color, 0.32), width * 0.2, opacity=0.8
    )


def mug(d: Drawing, look: Look) -> None:
    top, r = {"small": (640, 150), "tall": (430, 168)}.get(look.form, (520, 190))
    height = FLOOR - top
    hx = 560 + r * 0.92
    _handle(
        d,
        [
            (hx - 6, top + height * 0.22),
            (hx + r * 0.34, top + height * 0.17),
            (hx + r * 0.68, top + height * 0.3),
            (hx + r * 0.62, top + height * 0.54),
            (hx + r * 0.3, top + height * 0.7),
            (hx - 14, top + height * 0.77),
        ],
        look.color,
        r * 0.22,
    )
    profile = [
        (top, r),
        (top + 20, r * 0.985),
        (top + height * 0.5, r * 0.97),
        (top + height * 0.85, r * 0.93),
        (FLOOR - 12, r * 0.8),
        (FLOOR, r * 0.74),
    ]
    _pot(d, 560, profile, look, glaze_from=top + height * 0.72)
    mouth(d, 560, top, r, look.color)
    d.ellipse(560, top + r * 0.055, r * 0.86, r * 0.075, d.across("#2b1810", "#5b3824", "#3a2114"), opacity=0.9)
    sheen(
        d,
        [
            (560 - r * 0.66, top + height * 0.16),
            (560 - r * 0.68, top + height * 0.4),
            (560 - r * 0.66, top + height * 0.6),
        ],
        12,
    )


def tumbler(d: Drawing, look: Look) -> None:
    for cx, top, tone in ((735.0, 560.0, look.second), (470.0, 500.0, look.color)):
        one = Look(tone, CLAY, look.third, look.tint, seed=int(cx))
        foot = FLOOR - (60 if cx > 600 else 0)
        height = foot - top
        profile = [
            (top, 158),
            (top + height * 0.3, 146),
            (top + height * 0.36, 150),
            (top + height * 0.8, 134),
            (foot - 10, 118),
            (foot, 110),
        ]
        _pot(d, cx, [(y, r) for y, r in profile], one, glaze_from=top + height * 0.8)
        mouth(d, cx, top, 158, tone)
        sheen(d, [(cx - 104, top + 70), (cx - 100, top + height * 0.55)], 10)


def bowl(d: Drawing, look: Look) -> None:
    shapes = {
        "low": (690.0, 330.0, [(0, 1), (0.25, 0.97), (0.6, 0.82), (0.86, 0.55), (0.94, 0.42), (1, 0.42)]),
        "deep": (545.0, 290.0, [(0, 1), (0.3, 0.96), (0.62, 0.8), (0.85, 0.5), (0.9, 0.38), (1, 0.4)]),
        "rim": (740.0, 370.0, [(0, 1), (0.1, 0.86), (0.5, 0.76), (0.82, 0.5), (0.9, 0.36), (1, 0.36)]),
    }
    top, r, shares = shapes.get(
        look.form, (610.0, 310.0, [(0, 1), (0.35, 0.94), (0.68, 0.74), (0.88, 0.44), (0.93, 0.36), (1, 0.37)])
    )
    profile = [(top + share * (FLOOR - top), r * radius) for share, radius in shares]
    outline = turned(600, profile, 0.2)
    rest(d, 600, FLOOR + 8, r * 0.62, INK)
    body(d, 600, profile, look.color, tilt=0.2)
    dip(d, outline, 600, top + (FLOOR - top) * 0.62, r * 0.9, FLOOR + 60, look.second, tilt=0.2)
    speckle(d, outline, (600 - r, top, 2 * r, FLOOR - top), shade(look.color, -0.5), 80, look.seed)
    mouth(d, 600, top, r, look.third, tilt=0.24, lip=10)
    d.ellipse(
        600,
        top + r * 0.07,
        r * 0.66,
        r * 0.12,
        d.across(f"{shade(look.third, 0.3)}00", f"{shade(look.third, 0.4)}88", f"{shade(look.third, 0.2)}00"),
    )
    sheen(d, [(600 - r * 0.82, top + 54), (600 - r * 0.72, top + (FLOOR - top) * 0.48)], 12)


def plate(d: Drawing, look: Look) -> None:
    """Plates seen from above at a slant, one leaning on the wall behind."""
    count = {"single": 1, "pair": 2}.get(look.form, 3)
    if count > 1:
        d.ellipse(700, 610, 270, 286, d.radial((0, f"{INK}66"), (0.8, f"{INK}33"), (1, f"{INK}00")))
        d.ellipse(640, 560, 268, 282, d.slant(shade(look.second, 0.3), shade(look.second, -0.16)))
        d.ellipse(644, 564, 190, 202, d.slant(shade(look.second, -0.14), shade(look.second, 0.14)))
        d.ellipse(646, 566, 176, 188, d.slant(look.second, shade(look.second, 0.2)))
    for n in range(count):
        y = 850 - n * 34
        rest(d, 560, y + 30, 330 if n == 0 else 250, INK, 1 if n == 0 else 0.4)
        d.ellipse(560, y + 16, 350, 106, d.across(shade(look.color, -0.12), shade(CLAY, 0.2), shade(CLAY, -0.3)))
        d.ellipse(
            560, y, 352, 104, d.across(shade(look.color, -0.1), shade(look.color, 0.35), shade(look.color, -0.12))
        )
    y = 850 - (count - 1) * 34
    d.ellipse(560, y + 4, 262, 72, d.across(shade(look.color, -0.3), shade(look.color, -0.08), shade(look.color, 0.12)))
    d.ellipse(560, y + 9, 250, 64, d.across(shade(look.color, -0.06), shade(look.color, 0.2), look.color))
    disc = f"M208 {y}a352 104 0 1 0 704 0a352 104 0 1 0 -704 0Z"
    speckle(d, disc, (208, y - 104, 704, 208), shade(look.color, -0.5), 60, look.seed)


VASES: dict[str, list[Point]] = {
    "moon": [(450, 74), (468, 70), (500, 120), (600, 244), (700, 280), (800, 250), (890, 160), (FLOOR, 110)],
    "column": [(290, 112), (310, 104), (420, 116), (640, 146), (820, 150), (900, 132), (FLOOR, 118)],
    "bottle": [
        (280, 62),
        (300, 46),
        (400, 48),
        (500, 66),
        (600, 160),
        (720, 204),
        (830, 186),
        (900, 138),
        (FLOOR, 116),
    ],
    "amphora": [(320, 110), (340, 92), (420, 84), (500, 150), (620, 218), (740, 200), (860, 124), (FLOOR, 92)],
    "bud": [(470, 48), (486, 36), (580, 40), (660, 84), (770, 118), (860, 100), (FLOOR, 70)],
}


def vase(d: Drawing, look: Look) -> None:
    profile = VASES.get(look.form, VASES["bottle"])
    top, r = profile[0]
    if look.form in ("column", "moon"):
        for x, turn, height in ((590.0, -16.0, 300.0), (612.0, 12.0, 350.0)):
            sprig(d, x, top + 30, height * (0.72 if look.form == "column" else 1), turn, look.third, 6, 0.26)
    elif look.form == "bottle":
        for turn, height in ((-13.0, 200.0), (8.0, 230.0), (24.0, 170.0)):
            _seed_head(d, 600, top + 20, height, turn, look.third)
    if look.form == "amphora":
        for side in (-1, 1):
            _handle(
                d,
                [
                    (600 + side * 88, 380),
                    (600 + side * 150, 362),
                    (600 + side * 196, 400),
                    (600 + side * 196, 470),
                    (600 + side * 160, 544),
                ],
                look.color,
                40,
            )
    _pot(d, 600, profile, look, glaze_from=top + (FLOOR - top) * (0.62 if look.form != "moon" else 0.7))
    mouth(d, 600, top, r, look.color, tilt=0.2, lip=8)
    widest = max(radius for _, radius in profile)
    sheen(d, [(600 - widest * 0.66, 650), (600 - widest * 0.72, 720), (600 - widest * 0.66, 790)], 14, 0.3)


def _seed_head(d: Drawing, x: float, y: float, height: float, turn: float, color: str) -> None:
    with d.group(**d.moved(x, y, 1, turn)):
        d.stroke(f"M0 0Q14 {-height / 2} 0 {-height}", shade(color, -0.3), 5)
        d.ellipse(0, -height - 30, 24, 40, d.across(shade(color, -0.2), shade(color, 0.2), shade(color, -0.3)))


def bud_trio(d: Drawing, look: Look) -> None:
    for cx, drop, scale, tone, turn in (
        (800, -60, 0.9, look.third, 10),
        (590, -20, 1.12, look.second, -6),
        (380, 0, 0.82, look.color, -14),
    ):
        foot = FLOOR + drop
        profile = [(foot - (FLOOR - y) * scale, r * scale) for y, r in VASES["bud"]]
        top = profile[0][0]
        _seed_head(d, cx, top + 12, 190 * scale, turn, mix(tone, "#8a6a3f", 0.6))
        _pot(d, cx, profile, Look(tone, CLAY, tone, look.tint, seed=cx))
        mouth(d, cx, top, profile[0][1], tone, tilt=0.2, lip=5)
        sheen(d, [(cx - 72 * scale, foot - 190 * scale), (cx - 76 * scale, foot - 120 * scale)], 9)


def jug(d: Drawing, look: Look) -> None:
    _handle(d, [(684, 476), (760, 448), (838, 490), (856, 590), (818, 690), (740, 764)], look.color, 44)
    profile: list[Point] = [
        (380, 124),
        (400, 114),
        (480, 110),
        (600, 158),
        (740, 206),
        (850, 190),
        (905, 146),
        (FLOOR, 128),
    ]
    _pot(d, 580, profile, look, glaze_from=700)
    lip = "M458 376C420 372 396 356 372 350C384 386 420 420 468 440Z"
    d.path(lip, d.across(shade(look.color, 0.2), shade(look.color, -0.1)))
    mouth(d, 580, 380, 124, look.color, tilt=0.19, lip=9)
    d.path("M374 350C410 354 440 362 470 376L462 388C430 372 400 362 374 350Z", shade(look.color, -0.38))
    sheen(d, [(446, 640), (430, 720), (444, 800)], 15, 0.3)


def teapot(d: Drawing, look: Look) -> None:
    rest(d, 600, FLOOR + 6, 200, INK)
    spout = "M400 800C330 770 300 690 268 600C262 584 240 574 222 570C244 560 282 556 304 560C330 620 352 660 420 690Z"
    d.path(spout, d.slant(shade(look.color, 0.14), shade(look.color, -0.3)))
    d.ellipse(262, 563, 42, 9, shade(look.color, -0.5), transform="rotate(-4 262 563)")
    d.stroke(smooth([(440, 590), (470, 410), (600, 340), (730, 410), (760, 590)]), shade(look.third, -0.35), 30)
    d.stroke(smooth([(438, 590), (468, 408), (600, 337), (730, 408), (760, 590)]), look.third, 20)
    d.stroke(smooth([(446, 540), (480, 412), (600, 333), (690, 370)]), shade(look.third, 0.5), 5, opacity=0.7)
    profile: list[Point] = [(560, 128), (580, 180), (640, 238), (720, 262), (810, 244), (890, 178), (FLOOR, 138)]
    _pot(d, 600, profile, look, glaze_from=800)
    d.ellipse(600, 562, 134, 22, shade(look.color, -0.4))
    lid: list[Point] = [(520, 40), (528, 88), (546, 122), (560, 130)]
    body(d, 600, lid, look.color)
    body(d, 600, [(476, 22), (486, 32), (502, 24), (520, 18)], look.second)
    sheen(d, [(408, 650), (388, 720), (404, 800)], 16, 0.32)


def lidded(d: Drawing, look: Look) -> None:
    """A jar with a wooden or a clay lid: salt, butter, sugar."""
    wide, top = {"flat": (270.0, 700.0)}.get(look.form, (196.0, 540.0))
    height = FLOOR - top
    profile = [
        (top, wide * 0.94),
        (top + height * 0.16, wide),
        (top + height * 0.6, wide),
        (top + height * 0.9, wide * 0.9),
        (FLOOR, wide * 0.8),
    ]
    outline = _pot(d, 600, profile, look)
    d.ellipse(600, top + 4, wide * 0.94, wide * 0.13, shade(look.color, -0.5))
    lid = [(top - 44, wide * 0.9), (top - 40, wide * 0.97), (top - 10, wide * 0.99), (top, wide * 0.97)]
    body(d, 600, lid, look.second)
    d.ellipse(
        600,
        top - 44,
        wide * 0.9,
        wide * 0.125,
        d.across(shade(look.second, 0.05), shade(look.second, 0.35), shade(look.second, -0.05)),
    )
    for n, share in enumerate((0.66, 0.42, 0.2)):
        d.ellipse(
            600 + n * 4,
            top - 44,
            wide * share * 0.9,
            wide * share * 0.11,
            stroke=shade(look.second, -0.2),
            stroke_width=2.5,
            opacity=0.45,
        )
    body(d, 600, [(top - 106, 24), (top - 94, 36), (top - 72, 30), (top - 48, 24)], look.second)
    with d.group(clip_path=d.clip(outline)):
        for y in (top + height * 0.34, top + height * 0.42):
            d.stroke(
                f"M{600 - wide} {y}A{wide} {wide * 0.14} 0 0 0 {600 + wide} {y}",
                shade(look.color, -0.4),
                5,
                opacity=0.5,
            )
    sheen(d, [(600 - wide * 0.74, top + height * 0.28), (600 - wide * 0.74, top + height * 0.7)], 13)


def planter(d: Drawing, look: Look) -> None:
    for n, (turn, length) in enumerate(((-62, 300), (58, 320), (-38, 400), (40, 390), (-14, 470), (20, 450), (2, 380))):
        leaf(d, 600 + turn * 0.9, 600, length, turn, mix(look.third, "#23402f", 0.12 * (n % 3)), 0.24)
    rest(d, 600, FLOOR + 14, 210, INK)
    d.path(
        turned(600, [(890, 236), (906, 240), (928, 206)]),
        d.across(shade(look.color, -0.2), shade(look.color, 0.15), shade(look.color, -0.35)),
    )
    d.ellipse(600, 890, 236, 32, d.across(shade(look.color, -0.3), shade(look.color, -0.05)))
    profile: list[Point] = [
        (590, 210),
        (596, 214),
        (640, 208),
        (640, 208),
        (646, 196),
        (780, 184),
        (880, 164),
        (896, 158),
    ]
    _pot(d, 600, profile, look)
    mouth(d, 600, 590, 210, look.color, lip=12)
    d.ellipse(600, 594, 186, 22, "#3d2c20")
    for turn, length in ((-74, 170), (76, 180), (-30, 210), (34, 190)):
        leaf(d, 600 + turn * 1.2, 604, length, turn, shade(look.third, 0.1), 0.3)


SUBJECTS: dict[str, Subject] = {
    "mug": mug,
    "tumbler": tumbler,
    "bowl": bowl,
    "plate": plate,
    "vase": vase,
    "bud_trio": bud_trio,
    "jug": jug,
    "teapot": teapot,
    "lidded": lidded,
    "planter": planter,
}
