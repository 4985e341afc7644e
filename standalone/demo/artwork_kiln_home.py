"""Pictures of what stands and lies around the pots of Kiln & Field: linen, wool, wax, wood, light."""

from standalone.demo.artwork_kiln import CLAY, FLOOR, INK
from standalone.demo.drawing import Drawing, mix, shade, spread
from standalone.demo.look import Look, Subject
from standalone.demo.shapes import Point, at, body, box, mouth, polygon, rest, sheen, smooth, turned


def _fold(d: Drawing, x: float, y: float, w: float, h: float, color: str) -> None:
    """One folded cloth seen from the front: a soft edge at the left, layers at the right."""
    d.path(box(x, y, w, h, h / 2), d.down(shade(color, 0.26), color, shade(color, -0.24)))
    for n in (1, 2):
        line = y + h * n / 3
        d.stroke(
            (
                f"M{at(x + w * 0.12, line + 2)}"
                f"C{at(x + w * 0.5, line + 5)} {at(x + w * 0.8, line - 3)} {at(x + w - 4, line)}"
            ),
            shade(color, -0.32),
            3,
            opacity=0.6,
        )


def linen(d: Drawing, look: Look) -> None:
    """A stack of folded linen, its top cloth hanging over, tied with a tape."""
    rest(d, 600, FLOOR - 6, 330, INK)
    tones = (look.color, look.second, look.color, look.third)
    for n, tone in enumerate(tones):
        _fold(d, 300 + n * 6, FLOOR - 72 - n * 66, 600 - n * 12, 70, tone)
    top = FLOOR - 72 - 3 * 66
    tone = tones[-1]
    cloth = f"M330 {top + 8}L420 {top - 96}H800L878 {top + 8}C800 {top + 30} 430 {top + 30} 330 {top + 8}Z"
    d.path(cloth, d.down(shade(tone, 0.34), tone))
    for n in range(3):
        d.stroke(f"M{396 - n * 18} {top - 66 + n * 22}H{818 + n * 16}", shade(look.color, -0.25), 5, opacity=0.4)
    d.path(
        f"M596 {top - 96}h52l10 {FLOOR - top + 82}h-76Z",
        d.across(shade(CLAY, 0.2), CLAY, shade(CLAY, -0.25)),
        opacity=0.9,
    )


def towel(d: Drawing, look: Look) -> None:
    """A cloth hanging from a peg, striped at its hem."""
    d.rect(520, 236, 160, 30, d.down("#b98d5f", "#8f6640"), 15)
    d.path(
        "M444 330C520 250 560 262 600 262C650 262 690 256 764 330L812 930C740 950 470 950 396 930Z",
        f"{INK}2e",
        transform="translate(34 22)",
    )
    cloth = "M440 322C500 262 560 258 600 258C650 258 700 262 760 322L806 916C740 940 470 940 394 916Z"
    d.path(
        cloth,
        d.across(
            shade(look.color, -0.14),
            shade(look.color, 0.26),
            shade(look.color, -0.1),
            shade(look.color, 0.2),
            shade(look.color, -0.24),
        ),
    )
    with d.group(clip_path=d.clip(cloth)):
        for y, width in ((720, 12), (752, 34), (794, 12), (848, 12)):
            d.stroke(f"M380 {y}C500 {y + 20} 700 {y + 20} 830 {y}", look.second, width, opacity=0.85)
        for x, bend in ((500, -30), (590, 8), (690, 34)):
            d.stroke(
                f"M{x + 30 - bend} 300C{x} 500 {x + bend} 700 {x + bend} 930", shade(look.color, -0.4), 16, opacity=0.13
            )
    d.circle(600, 250, 26, d.radial("#d9b48a", "#8f6640", x=0.35, y=0.3, r=0.7))


def throw(d: Drawing, look: Look) -> None:
    """A wool blanket folded twice, its fringe to the front."""
    rest(d, 600, FLOOR, 350, INK)
    for n in range(26):
        x = 262 + n * 27.2
        d.stroke(
            f"M{at(x, 880)}C{at(x - 3, 910)} {at(x + 5, 930)} {at(x + (n % 3) - 1, 958)}",
            shade(look.color, -0.12 - 0.08 * (n % 2)),
            8,
        )
    for n, tone in enumerate((look.color, look.second, look.color)):
        _fold(d, 246 + n * 10, 780 - n * 104, 708 - n * 20, 116, tone)
    front = box(246, 596, 708, 300, 34)
    d.path(front, d.across(shade(look.color, -0.1), shade(look.color, 0.18), look.color, shade(look.color, -0.2)))
    with d.group(clip_path=d.clip(front)):
        for n in range(9):
            d.rect(262 + n * 84, 596, 34, 300, look.second, opacity=0.42)
        for y in (650, 720, 790, 860):
            d.rect(246, y, 708, 26, look.third, opacity=0.36)
    d.path(box(246, 560, 708, 66, 33), d.down(shade(look.color, 0.32), shade(look.color, -0.06)))


def cushion(d: Drawing, look: Look) -> None:
    rest(d, 600, FLOOR - 4, 310, INK)
    shape = smooth(
        [
            (270, 440),
            (600, 408),
            (926, 440),
            (932, 452),
            (902, 680),
            (934, 916),
            (924, 926),
            (600, 948),
            (276, 926),
            (266, 916),
            (298, 680),
            (262, 450),
        ],
        closed=True,
    )
    d.path(shape, d.slant(shade(look.color, 0.3), look.color, shade(look.color, -0.3)))
    with d.group(clip_path=d.clip(shape)):
        for n in range(7):
            y = 470 + n * 68
            d.stroke(f"M250 {y}C430 {y + 26} 770 {y + 26} 950 {y}", look.second, 22 if n % 2 else 8, opacity=0.7)
        d.path(
            "M262 440L470 640M938 440L740 640M270 926L470 760M930 926L740 760",
            "none",
            stroke=shade(look.color, -0.5),
            stroke_width=40,
            opacity=0.07,
        )


def candle(d: Drawing, look: Look) -> None:
    """A poured candle in a glazed cup, alight."""
    d.circle(600, 470, 300, d.radial("#fff0c888", "#fff0c800"))
    profile: list[Point] = [(600, 190), (640, 194), (820, 190), (900, 172), (FLOOR, 150)]
    rest(d, 600, FLOOR + 6, 170, INK)
    outline = body(d, 600, profile, look.color)
    mouth(d, 600, 600, 190, look.color, lip=10)
    d.ellipse(600, 606, 172, 20, d.radial("#fff6de", "#f3e3bd"))
    d.stroke("M600 604V566", "#4a3526", 6)
    d.path("M600 470C632 520 632 560 600 574C568 560 568 520 600 470Z", d.down("#ffe9a8", "#f7b54c"))
    d.path("M600 520C614 544 612 562 600 568C588 562 586 544 600 520Z", "#fff8e2")
    with d.group(clip_path=d.clip(outline)):
        d.rect(502, 700, 196, 120, "#f8f1e4", 4)
        word = look.word or "hearth"
        size = min(38, 290 / len(word))
        d.text(600, 754, word, size, INK, font_style="italic")
        d.stroke("M556 782H644", INK, 2.5, opacity=0.6)
    sheen(d, [(462, 670), (458, 760), (470, 850)], 12, 0.3)


def tapers(d: Drawing, look: Look) -> None:
    """Two tapers in turned holders, one taller."""
    for cx, foot, top, tone in ((740.0, 880.0, 430.0, look.second), (500.0, FLOOR, 300.0, look.color)):
        holder = foot - 150
        rest(d, cx, foot + 4, 116, INK)
        body(
            d,
            cx,
            [(holder, 40), (holder + 22, 36), (holder + 60, 30), (holder + 108, 64), (foot - 8, 112), (foot, 112)],
            tone,
        )
        mouth(d, cx, holder, 40, tone, lip=6)
        d.path(
            polygon([(cx - 15, top), (cx + 15, top), (cx + 24, holder + 2), (cx - 24, holder + 2)]),
            d.across(shade(look.third, -0.1), shade(look.third, 0.3), shade(look.third, -0.22)),
        )
        d.stroke(f"M{cx} {top}v-26", "#4a3526", 5)
        d.path(
            (
                f"M{cx} {top - 106}C{cx + 24} {top - 66} {cx + 22} {top - 36} {cx} {top - 26}"
                f"C{cx - 22} {top - 36} {cx - 24} {top - 66} {cx} {top - 106}Z"
            ),
            d.down("#ffe9a8", "#f7b54c"),
        )


def wax(d: Drawing, look: Look) -> None:
    """A bundle of tapers lying in paper."""
    with d.group(**d.moved(600, 720, 1, -16)):
        d.ellipse(30, 130, 420, 50, d.radial(f"{INK}66", f"{INK}00"))
        for n, tone in enumerate((look.second, look.color, look.second, look.color, look.second, look.color)):
            y = -96 + n * 38
            d.path(box(-380, y, 790, 40, 18), d.down(shade(tone, 0.35), tone, shade(tone, -0.3)))
            d.stroke(f"M-380 {y + 20}h-44", "#efe6d2", 6)
        band = box(-120, -112, 240, 262, 6)
        d.path(band, d.down("#fbf5e8", "#e9dcc4"))
        d.text(0, 10, "six tapers", 42, INK, font_style="italic", textLength=170)
        d.stroke("M-60 44H60", INK, 2.5, opacity=0.5)
        d.text(0, 84, "beeswax", 26, INK, letter_spacing=4, textLength=130)


def lamp(d: Drawing, look: Look) -> None:
    d.circle(600, 460, 430, d.radial("#fff1cfb0", "#fff1cf00"))
    rest(d, 600, FLOOR + 4, 150, INK)
    shapes: dict[str, list[Point]] = {"tall": [(560, 28), (600, 40), (720, 92), (840, 116), (900, 112), (FLOOR, 104)]}
    profile = shapes.get(look.form, [(590, 26), (620, 44), (700, 140), (790, 168), (870, 140), (FLOOR, 96)])
    d.rect(588, 480, 24, 120, d.across("#b58b4a", "#e8c98c", "#8a642f"))
    body(d, 600, profile, look.color)
    cone = turned(600, [(230, 150), (560, 290)], 0.1)
    d.path(
        cone,
        d.across(
            shade(look.second, -0.14), shade(look.second, 0.55), shade(look.second, 0.3), shade(look.second, -0.2)
        ),
    )
    d.path(cone, d.radial("#fff6dcaa", "#fff6dc00", y=0.7, r=0.6))
    d.ellipse(600, 230, 150, 15, shade(look.second, 0.6))
    d.ellipse(600, 231, 138, 11, d.across(shade(look.second, -0.2), "#fff3d0", shade(look.second, -0.1)))
    d.stroke("M700 922C860 940 980 900 1200 968", shade(look.color, -0.5), 7)


def board(d: Drawing, look: Look) -> None:
    """An oak board leaning on the wall, grain along its length."""
    long = look.form == "long"
    w, top = (300, 250) if long else (430, 330)
    with d.group(**d.moved(600, FLOOR - 10, 1, 7)):
        d.path(box(-w / 2 + 36, top - FLOOR + 24, w, FLOOR - top, 40), f"{INK}40")
        d.path(box(-w / 2, top - FLOOR, w, FLOOR - top, 40), shade(look.color, -0.3), transform="translate(8 4)")
        face = box(-w / 2, top - FLOOR, w, FLOOR - top, 40)
        d.path(face, d.across(shade(look.color, 0.22), look.color, shade(look.color, -0.1)))
        with d.group(clip_path=d.clip(face)):
            for n in range(11):
                x = -w / 2 + (n + 0.5) * w / 11
                bend = 18 * ((n % 3) - 1)
                d.stroke(
                    f"M{at(x, top - FLOOR)}C{at(x + bend, -400)} {at(x - bend, -200)} {at(x + bend / 2, 0)}",
                    shade(look.color, -0.3),
                    3 + n % 3,
                    opacity=0.3,
                )
        d.circle(0, top - FLOOR + 70, 26, shade(look.tint, -0.1))
        d.stroke(f"M-26 {top - FLOOR + 70}a26 26 0 0 1 52 0", shade(look.color, -0.5), 7)
        d.stroke(
            f"M0 {top - FLOOR + 48}C-50 {top - FLOOR - 40} 40 {top - FLOOR - 60} 4 {top - FLOOR + 46}", "#e9dcc4", 7
        )


def spoons(d: Drawing, look: Look) -> None:
    """Wooden spoons in a crock."""
    for x, turn, tone, wide in (
        (520, -16, look.second, 46),
        (590, -3, look.third, 58),
        (650, 11, look.second, 40),
        (690, 22, look.third, 50),
    ):
        with d.group(**d.moved(x, 640, 1, turn)):
            d.path(box(-11, -330, 22, 340, 10), d.across(shade(tone, 0.25), tone, shade(tone, -0.25)))
            d.ellipse(0, -370, wide, wide * 1.5, d.across(shade(tone, 0.3), tone, shade(tone, -0.25)))
            d.ellipse(
                3, -364, wide * 0.66, wide * 1.1, d.across(shade(tone, -0.3), shade(tone, -0.05), shade(tone, 0.2))
            )
    profile: list[Point] = [(600, 170), (620, 172), (860, 166), (910, 154), (FLOOR, 146)]
    rest(d, 600, FLOOR + 6, 170, INK)
    outline = body(d, 600, profile, look.color)
    d.path("M430 600A170 24 0 0 0 770 600A170 24 0 0 1 430 600Z", shade(look.color, 0.3))
    d.stroke("M430 600A170 24 0 0 0 770 600", shade(look.color, 0.45), 9)
    with d.group(clip_path=d.clip(outline)):
        for y in (690, 706, 722):
            d.stroke(f"M430 {y}A170 24 0 0 0 770 {y}", shade(look.color, -0.35), 5, opacity=0.4)
    sheen(d, [(476, 680), (474, 860)], 12, 0.3)


def basket(d: Drawing, look: Look) -> None:
    rest(d, 600, FLOOR + 6, 250, INK)
    for side in (-1, 1):
        d.stroke(
            smooth(
                [(600 + side * 250, 560), (600 + side * 316, 500), (600 + side * 330, 590), (600 + side * 250, 640)]
            ),
            shade(look.color, -0.4),
            26,
        )
    profile: list[Point] = [(540, 276), (700, 290), (850, 262), (FLOOR, 220)]
    outline = body(d, 600, profile, look.color, tilt=0.16)
    with d.group(clip_path=d.clip(outline)):
        for row in range(11):
            y = 546 + row * 42
            for n in range(13):
                x = 304 + n * 50 + (row % 2) * 25
                sag = 44 * (1 - ((x - 600) / 300) ** 2)
                d.path(
                    box(x, y + sag, 46, 30, 14),
                    look.second if row in (3, 4) else shade(look.color, 0.14 - 0.1 * (n % 2)),
                    opacity=0.55,
                )
    mouth(d, 600, 540, 276, look.color, tilt=0.17, lip=18)
    d.stroke("M324 540A276 47 0 0 0 876 540", shade(look.color, -0.3), 6, stroke_dasharray="18 12", opacity=0.6)


def soap(d: Drawing, look: Look) -> None:
    """A ridged dish with a bar of soap."""
    rest(d, 600, FLOOR - 20, 300, INK)
    body(d, 600, [(790, 330), (830, 322), (880, 240), (906, 210)], look.color, tilt=0.22)
    mouth(d, 600, 790, 330, look.color, tilt=0.24, lip=12)
    for n in range(6):
        x = 410 + n * 76
        d.stroke(f"M{x} 760L{x - 26} 832", shade(look.color, 0.3), 12, opacity=0.7)
    d.path(box(430, 660, 330, 130, 46), d.down(shade(look.second, -0.12), shade(look.second, -0.3)))
    d.path(box(430, 632, 330, 126, 50), d.slant(shade(look.second, 0.4), look.second))
    d.text(595, 706, look.word or "olive", 46, shade(look.second, -0.4), font_style="italic", textLength=110)


def wheel(d: Drawing, look: Look) -> None:
    """A bowl being born on the wheel, for the evening class."""
    rest(d, 600, FLOOR + 6, 300, INK)
    body(d, 600, [(870, 390), (892, 388), (914, 330), (FLOOR, 220)], "#8b8177", tilt=0.17)
    d.ellipse(600, 870, 390, 68, d.across("#a79d91", "#cfc6ba", "#948a7e"))
    for share in (0.86, 0.7, 0.58):
        d.ellipse(600, 870, 390 * share, 68 * share, stroke="#7b7168", stroke_width=3, opacity=0.5)
    clay = body(d, 600, [(600, 210), (640, 206), (720, 180), (800, 150), (872, 170)], look.color, tilt=0.17)
    with d.group(clip_path=d.clip(clay)):
        for n in range(8):
            y = 630 + n * 30
            d.stroke(f"M390 {y}A210 34 0 0 0 810 {y}", shade(look.color, -0.3), 6, opacity=0.3)
    mouth(d, 600, 600, 210, look.color, tilt=0.2, lip=16)
    d.path("M930 870l60 -60 40 12 -50 66Z", d.slant(shade("#d9b25f", 0.3), "#b98a3f"))


def crate(d: Drawing, look: Look) -> None:
    """A slatted box with straw and pots that are not quite perfect."""
    rest(d, 600, FLOOR, 340, INK)
    for cx, top, r, tone in (
        (470.0, 470.0, 100.0, look.color),
        (720.0, 500.0, 120.0, look.second),
        (600.0, 420.0, 84.0, look.third),
    ):
        body(d, cx, [(top, r * 0.8), (top + 60, r), (top + 220, r * 1.1), (760, r)], tone)
        mouth(d, cx, top, r * 0.8, tone, tilt=0.2)
    for n, (u, v) in enumerate(spread(60, 3)):
        x = 290 + u * 620
        d.stroke(
            f"M{at(x, 700)}q{at(-50 + 100 * v, -30 - 20 * u)} {at(-70 + 140 * v, -24 - 60 * ((n * 0.37) % 1))}",
            mix("#e6cf94", "#b9975a", (n % 4) / 4),
            5,
        )
    for n in range(3):
        y = 680 + n * 88
        d.path(box(250, y, 700, 76, 6), d.down(shade("#cfa873", 0.2), "#c39a64", "#a87f4c"))
        d.stroke(f"M270 {y + 26}C500 {y + 18} 700 {y + 40} 930 {y + 28}", "#8f6a3c", 3, opacity=0.5)
    for x in (250, 892):
        d.path(box(x, 668, 58, 270, 5), d.across("#b88d57", "#d3ad78", "#a67c49"))


SUBJECTS: dict[str, Subject] = {
    "linen": linen,
    "towel": towel,
    "throw": throw,
    "cushion": cushion,
    "candle": candle,
    "tapers": tapers,
    "wax": wax,
    "lamp": lamp,
    "board": board,
    "spoons": spoons,
    "basket": basket,
    "soap": soap,
    "wheel": wheel,
    "crate": crate,
}
