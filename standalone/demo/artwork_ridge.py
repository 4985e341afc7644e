"""Pictures of Ridge & Rove's bags and bicycle parts: hard light from above, contour lines, bold colour in the dark."""

from math import cos, pi, sin

from standalone.demo.drawing import Drawing, mix, shade
from standalone.demo.look import Look, Subject
from standalone.demo.shapes import at, box, ring, smooth

GROUND = 950.0
INK = "#05080c"
METAL = "#aeb8bf"
REFLECT = "#e8edf0"


def dusk(d: Drawing, tint: str) -> None:
    """A dark room lit from above, with the contour lines of a map on its wall and a ridge along its foot."""
    w, h = d.width, d.height
    d.rect(0, 0, w, h, d.down(shade(tint, 0.05), shade(tint, -0.38, INK)))
    d.ellipse(w / 2, h * 0.42, w * 0.6, h * 0.52, d.radial((0, mix(tint, "#9fc3d6", 0.3) + "dd"), (1, tint + "00")))
    for n in range(9):
        r = 0.1 + n * 0.085
        points = [
            (
                w * 0.72 + (x - 0.5) * w * r * (1.3 + 0.16 * sin(k * 1.7 + n * 0.4)),
                h * 0.3 + (y - 0.5) * h * r * (1 + 0.2 * cos(k * 2.3 + n * 0.3)),
            )
            for k, (x, y) in enumerate(ring(0.5, 0.5, 1, 11))
        ]
        d.stroke(smooth(points, closed=True), mix(tint, "#bfe0ee", 0.5), 2.4, opacity=0.26)
    edge = h * 0.77
    for lift, tone in ((0.15, 0.06), (0.08, -0.22)):
        top = edge - h * lift
        d.path(
            f"M0 {edge}V{top + 40}L{w * 0.16} {top - 20 * lift * 10}L{w * 0.3} {top + 50}"
            f"L{w * 0.47} {top - 4}L{w * 0.62} {top + 56}"
            f"L{w * 0.8} {top - 26}L{w * 0.92} {top + 30}L{w} {top}V{edge}Z",
            shade(tint, tone) if tone > 0 else shade(tint, tone, INK),
            opacity=0.85,
        )
    d.rect(0, edge, w, h - edge, d.down(shade(tint, 0.1), shade(tint, -0.34, INK)))
    d.rect(0, edge, w, 2.5, shade(tint, 0.42), opacity=0.5)


def settle(d: Drawing, cx: float, y: float, r: float, strength: float = 1.0) -> None:
    d.ellipse(
        cx,
        y + 6,
        r * 1.25,
        r * 0.15,
        d.radial((0, f"{INK}{int(225 * strength):02x}"), (0.5, f"{INK}{int(170 * strength):02x}"), (1, f"{INK}00")),
    )


def cloth(d: Drawing, color: str) -> str:
    """Woven fabric under light from the upper left."""
    return d.slant((0, shade(color, 0.3)), (0.4, color), (1, shade(color, -0.45, INK)))


def panel(d: Drawing, outline: str, color: str) -> None:
    d.path(outline, cloth(d, color))
    d.path(outline, "none", stroke=shade(color, 0.4), stroke_width=2.5, opacity=0.5)


def stitch(d: Drawing, line: str, color: str) -> None:
    d.stroke(line, shade(color, 0.5), 3, stroke_dasharray="10 8", opacity=0.55)


def strap(d: Drawing, line: str, width: float = 26) -> None:
    d.stroke(line, "#0d1115", width, stroke_linecap="butt")
    d.stroke(line, "#39424a", width * 0.18, stroke_linecap="butt", opacity=0.7)


def badge(d: Drawing, x: float, y: float, size: float, color: str) -> None:
    """The house mark: two peaks."""
    with d.group(**d.moved(x, y, size / 100)):
        d.path("M-50 34L-14 -34L6 2L20 -20L50 34Z", color)


def pannier(d: Drawing, look: Look) -> None:
    settle(d, 600, GROUND, 270)
    d.path(box(400, 190, 400, 150, 20), cloth(d, shade(look.color, -0.2, INK)))
    body = (
        f"M372 300H828L862 {GROUND - 40}C862 {GROUND} 840 {GROUND + 4} 800 {GROUND + 4}H400"
        f"C360 {GROUND + 4} 338 {GROUND} 338 {GROUND - 40}Z"
    )
    panel(d, body, look.color)
    d.path("M372 300H828L838 430C700 470 500 470 362 430Z", shade(look.color, -0.22, INK))
    d.path(box(362, 250, 476, 84, 40), d.down(shade(look.color, 0.35), look.color, shade(look.color, -0.4, INK)))
    for x in (452, 724):
        strap(d, f"M{x} 262V560", 30)
        d.path(box(x - 26, 470, 52, 66, 8), d.down("#39424a", "#12171b"))
    d.path(box(420, 620, 360, 250, 22), cloth(d, shade(look.color, 0.06)))
    stitch(d, box(434, 634, 332, 222, 16), look.color)
    badge(d, 600, 740, 110, look.second)
    d.rect(352, 906, 496, 16, REFLECT, 4, opacity=0.85)


def bar_roll(d: Drawing, look: Look) -> None:
    settle(d, 600, 850, 400, 0.8)
    d.path(box(170, 500, 860, 300, 150), d.down(shade(look.color, 0.34), look.color, shade(look.color, -0.55, INK)))
    for x, flip in ((230, -1), (970, 1)):
        d.ellipse(x, 650, 70, 140, d.radial(shade(look.color, -0.1, INK), shade(look.color, -0.45, INK)))
        d.path(box(x + flip * 34 - 20, 560, 40, 180, 20), shade(look.second, -0.1, INK))
    for x in (390, 770):
        strap(d, f"M{x} 486V812", 46)
        d.path(box(x - 34, 600, 68, 90, 10), d.down("#4a555d", "#161c21"))
    d.path(box(500, 560, 180, 176, 16), cloth(d, shade(look.color, -0.24, INK)))
    badge(d, 590, 648, 100, look.second)
    d.stroke("M180 400H1020", "#1a2026", 54)
    d.stroke("M190 388H1010", "#66727b", 8, opacity=0.6)
    for x in (390, 770):
        strap(d, f"M{x} 372V500", 46)


def frame_bag(d: Drawing, look: Look) -> None:
    tube = shade(look.third, -0.15, INK)
    for line, width in (("M170 330L1040 330", 58), ("M1040 300L560 990", 62), ("M190 300L420 900", 50)):
        d.stroke(line, shade(tube, -0.35, INK), width)
        d.stroke(line, tube, width * 0.62)
        d.stroke(line, shade(tube, 0.5), width * 0.12, transform="translate(-6 -8)")
    bag = (
        "M250 372H930C950 372 956 388 946 404L590 900C578 916 556 916 546 900C480 780 330 560 236 400"
        "C226 384 232 372 250 372Z"
    )
    panel(d, bag, look.color)
    stitch(d, "M272 398H912L572 876C500 760 360 560 272 398Z", look.color)
    d.stroke("M300 470H840", INK, 16)
    d.stroke("M300 470H840", look.second, 6, stroke_dasharray="4 5")
    d.path(box(824, 456, 70, 28, 12), look.second)
    badge(d, 566, 610, 130, look.second)
    for x in (370, 600, 830):
        strap(d, f"M{x} 296V396", 44)
    strap(d, "M720 770L806 726", 40)


def seat_pack(d: Drawing, look: Look) -> None:
    settle(d, 600, 940, 330, 0.7)
    d.path(
        "M210 300C300 260 520 270 640 300C660 330 620 350 560 350C450 350 300 370 220 350C190 340 190 310 210 300Z",
        d.down("#3b444c", "#0f1418"),
    )
    d.stroke("M430 350L470 620", "#2a3238", 50)
    body = "M430 400L900 430C990 440 1040 560 1020 680C1004 770 940 820 860 810L480 700C420 670 400 470 430 400Z"
    panel(d, body, look.color)
    for n, x in enumerate((560, 700, 840)):
        strap(d, f"M{x} {404 + n * 10}L{x - 14} {724 + n * 42}", 32)
        d.path(box(x - 34, 540 + n * 12, 60, 56, 8), d.down("#4a555d", "#161c21"))
    d.path(box(900, 560, 96, 60, 14), look.second)
    d.rect(906, 640, 74, 20, REFLECT, 6)
    badge(d, 486, 560, 70, look.second)


def top_tube_bag(d: Drawing, look: Look) -> None:
    for line, width in (("M-80 800H1010", 96), ("M1010 870V250", 84)):
        d.stroke(line, shade(look.third, -0.4, INK), width)
        d.stroke(line, look.third, width * 0.6)
        d.stroke(line, shade(look.third, 0.5), width * 0.1, transform="translate(-10 -14)")
    body = "M250 752C240 690 300 660 380 630L830 470C900 452 940 480 944 540V752Z"
    panel(d, body, look.color)
    stitch(d, "M276 728C280 700 330 680 396 654L836 498C890 482 916 504 918 548V728Z", look.color)
    d.stroke("M330 690L850 512", INK, 15)
    d.stroke("M330 690L850 512", look.second, 6, stroke_dasharray="4 5")
    d.path(box(800, 500, 74, 28, 12), look.second, transform="rotate(-18 840 514)")
    for x in (430, 790):
        strap(d, f"M{x} 690V860", 54)
    badge(d, 612, 690, 96, look.second)


def daypack(d: Drawing, look: Look) -> None:
    settle(d, 600, GROUND, 280)
    d.stroke("M520 240C520 160 680 160 680 240", "#12171b", 30)
    for side in (-1, 1):
        d.stroke(
            f"M{600 + side * 210} 380C{600 + side * 310} 470 {600 + side * 300} 760 {600 + side * 220} 860",
            "#12171b",
            44,
        )
    body = (
        f"M600 210C740 210 806 260 820 380L852 860C854 930 820 {GROUND} 760 {GROUND}H440"
        f"C380 {GROUND} 346 930 348 860L380 380C394 260 460 210 600 210Z"
    )
    panel(d, body, look.color)
    d.path("M388 400C470 300 730 300 812 400L820 520C700 560 500 560 380 520Z", cloth(d, shade(look.color, -0.18, INK)))
    d.path(box(412, 610, 376, 270, 46), cloth(d, shade(look.color, 0.08)))
    stitch(d, box(428, 626, 344, 238, 36), look.color)
    d.stroke("M440 662H760", INK, 14)
    d.stroke("M440 662H760", look.second, 6, stroke_dasharray="4 5")
    strap(d, "M600 300V600", 34)
    d.path(box(570, 530, 60, 62, 8), d.down("#4a555d", "#161c21"))
    badge(d, 600, 776, 110, look.second)
    for side in (-1, 1):
        strap(d, f"M{600 + side * 248} 700L{600 + side * 180} 740", 26)


def dry_bag(d: Drawing, look: Look) -> None:
    settle(d, 600, GROUND, 220)
    body = (
        f"M420 380C400 560 396 760 410 {GROUND - 30}"
        f"C420 {GROUND + 16} 780 {GROUND + 16} 790 {GROUND - 30}C804 760 800 560 780 380Z"
    )
    d.path(
        body,
        d.across(
            shade(look.color, -0.35, INK),
            shade(look.color, 0.1),
            shade(look.color, 0.45),
            look.color,
            shade(look.color, -0.5, INK),
        ),
    )
    d.path("M420 380L470 290H730L780 380C700 400 500 400 420 380Z", shade(look.color, -0.25, INK))
    d.path(box(440, 226, 320, 76, 34), d.down(shade(look.color, 0.4), shade(look.color, -0.3, INK)))
    strap(d, "M452 264C380 220 410 130 600 130C790 130 820 220 748 264", 30)
    d.path(box(556, 104, 88, 54, 12), d.down("#4a555d", "#161c21"))
    badge(d, 600, 600, 170, look.second)
    d.rect(520, 720, 160, 12, look.second, 4)
    for n, bend in enumerate((470, 520)):
        d.stroke(f"M{bend} 420C{bend - 20 + n * 30} 600 {bend + 10} 760 {bend - 10} 900", "#ffffff", 9, opacity=0.16)


def wheel(d: Drawing, cx: float, cy: float, r: float, tyre: str, rim: str = "#20272d", spokes: int = 20) -> None:
    d.circle(cx, cy, r, stroke=tyre, stroke_width=r * 0.11)
    d.circle(cx, cy, r * 0.9, stroke=rim, stroke_width=r * 0.1)
    d.circle(cx, cy, r * 0.86, stroke=shade(rim, 0.5), stroke_width=2, opacity=0.6)
    outer, inner = ring(cx, cy, r * 0.86, spokes), ring(cx, cy, r * 0.06, spokes, 0.11)
    d.stroke(
        "".join(f"M{at(*a)}L{at(*b)}" for a, b in zip(inner, outer, strict=True)),
        METAL,
        max(r * 0.008, 1.6),
        opacity=0.75,
    )
    d.circle(cx, cy, r * 0.075, d.radial(REFLECT, "#56616a", x=0.35, y=0.3, r=0.8))


def bicycle(d: Drawing, look: Look) -> None:
    """A gravel bicycle from its drive side."""
    for cx in (305, 895):
        settle(d, cx, 910, 180, 0.8)
        wheel(d, cx, 720, 196, "#15191d", shade(look.third, -0.5, INK), 24)
    hub, bottom, seat, head = (305, 720), (560, 740), (478, 440), (800, 430)
    frame = [
        (f"M{at(*hub)}L{at(*bottom)}L{at(*seat)}L{at(*hub)}", 17),
        ("M816 490C840 560 870 640 895 720", 24),
        (f"M{at(*seat)}L{at(*head)}M{at(*bottom)}L806 476M{at(*bottom)}L{at(*seat)}M{at(*head)}L818 496", 32),
    ]
    for line, width in frame:
        d.stroke(line, shade(look.color, -0.4, INK), width)
        d.stroke(line, look.color, width * 0.7, transform="translate(-2 -2)")
        d.stroke(line, shade(look.color, 0.6), width * 0.14, transform="translate(-4 -6)", opacity=0.8)
    d.stroke("M478 440L458 366", "#20262b", 18)
    d.path("M376 352C420 330 510 338 548 356C550 372 520 374 480 374C440 376 384 384 376 352Z", "#0c1014")
    d.stroke("M798 424L790 380L850 366", "#20262b", 20)
    d.stroke("M850 366C904 356 924 390 910 430C896 466 856 470 836 462", shade(look.second, -0.15, INK), 20)
    d.stroke("M876 372L894 410", "#0c1014", 16)
    d.circle(*bottom, 52, stroke="#8d979e", stroke_width=9)
    d.circle(*hub, 40, stroke="#6b757c", stroke_width=12)
    d.stroke("M560 689L305 682M560 791L310 758", "#5a646b", 5, stroke_dasharray="6 3")
    d.stroke("M560 740L610 836", "#2a3137", 17)
    d.stroke("M582 840H642", "#0c1014", 18)
    d.circle(*bottom, 16, METAL)
    d.text(
        672,
        600,
        "ROVE",
        34,
        shade(look.color, 0.85),
        font_family="Arial, 'DejaVu Sans', sans-serif",
        font_weight="bold",
        transform="rotate(-47 672 600)",
        textLength=110,
    )


def tyre(d: Drawing, look: Look) -> None:
    settle(d, 600, GROUND + 6, 260)
    d.circle(600, 600, 344, stroke=d.slant("#3a4148", "#14181c", "#07090b"), stroke_width=112)
    for radius, width in ((386, 24), (350, 16)):
        d.circle(600, 600, radius, stroke="#4b545c", stroke_width=width, stroke_dasharray="22 12", opacity=0.75)
    d.circle(600, 600, 306, stroke=look.color, stroke_width=42)
    d.circle(600, 600, 324, stroke=shade(look.color, 0.4), stroke_width=3, opacity=0.6)
    d.circle(600, 600, 284, stroke="#0b0e11", stroke_width=8)
    for n in range(2):
        with d.group(transform=f"rotate({n * 180} 600 600)"):
            d.text(
                600,
                306,
                "TALUS",
                34,
                INK,
                font_family="Arial, 'DejaVu Sans', sans-serif",
                font_weight="bold",
                textLength=132,
            )
    angle = -0.75 * pi
    x, y = 600 + 344 * cos(angle), 600 + 344 * sin(angle)
    d.circle(x, y, 40, d.radial("#ffffff55", "#ffffff00"))


def saddle(d: Drawing, look: Look) -> None:
    settle(d, 600, 930, 220, 0.6)
    for y in (0, 26):
        d.stroke(
            f"M330 {590 + y}C420 {720 + y} 560 {730 + y} 700 {720 + y}S900 {640 + y} 960 {560 + y}",
            "#8d979e" if y == 0 else "#56616a",
            15,
        )
    d.path(box(540, 690, 130, 80, 16), d.down("#59636b", "#1c2328"))
    d.rect(576, 760, 56, 180, d.across("#14191d", "#6b757c", "#14191d"))
    shell = (
        "M150 470C200 430 420 440 600 460C760 474 880 380 1000 390C1060 396 1080 480 1050 540"
        "C1030 590 980 600 930 590C800 570 640 560 500 556C380 552 220 560 170 530"
        "C140 512 134 486 150 470Z"
    )
    panel(d, shell, look.color)
    d.path(
        "M170 474C300 450 460 466 600 482C760 494 880 410 996 410C900 450 800 530 620 526C440 520 300 500 170 474Z",
        shade(look.color, -0.3, INK),
        opacity=0.7,
    )
    stitch(d, "M180 510C320 536 560 530 700 540S920 570 1010 556", look.second)
    for n in range(5):
        d.circle(1000 - n * 15, 520 + n * 13, 8, look.second)


def bar_tape(d: Drawing, look: Look) -> None:
    settle(d, 600, 930, 340)
    for cx, cy, color in ((740.0, 690.0, look.second), (430.0, 720.0, look.color)):
        d.circle(cx, cy, 214, d.slant(shade(color, 0.3), color, shade(color, -0.5, INK)))
        for n in range(9):
            d.circle(cx, cy, 206 - n * 15, stroke=shade(color, -0.45, INK), stroke_width=3, opacity=0.5)
        d.circle(cx, cy, 70, "#0b0f13")
        d.circle(cx, cy, 70, stroke=shade(color, 0.4), stroke_width=4, opacity=0.5)
        for x, y in ring(cx, cy, 146, 22):
            d.circle(x, y, 6, shade(color, -0.6, INK), opacity=0.45)
    d.path(
        "M430 934C600 950 900 940 1060 900V856C900 900 700 900 560 880Z",
        d.down(shade(look.color, 0.2), shade(look.color, -0.35, INK)),
    )
    for x in (280, 950):
        d.circle(x, 420, 50, d.radial("#707b83", "#12171b", x=0.35, y=0.3, r=0.8))
        badge(d, x, 422, 40, look.second)


SUBJECTS: dict[str, Subject] = {
    "pannier": pannier,
    "bar_roll": bar_roll,
    "frame_bag": frame_bag,
    "seat_pack": seat_pack,
    "top_tube_bag": top_tube_bag,
    "daypack": daypack,
    "dry_bag": dry_bag,
    "bicycle": bicycle,
    "tyre": tyre,
    "saddle": saddle,
    "bar_tape": bar_tape,
}
