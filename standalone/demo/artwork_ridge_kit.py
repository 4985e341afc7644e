"""Pictures of Ridge & Rove's lights, tools and camp."""

from standalone.demo.artwork_ridge import GROUND, INK, METAL, REFLECT, badge, cloth, panel, settle, strap
from standalone.demo.drawing import Drawing, shade, spread
from standalone.demo.look import Look, Subject
from standalone.demo.shapes import body, box, mouth, ring, smooth, turned


def _steel(d: Drawing, tone: str = METAL) -> str:
    return d.across(
        (0, shade(tone, -0.6, INK)),
        (0.2, shade(tone, 0.2)),
        (0.32, "#ffffff"),
        (0.5, tone),
        (0.75, shade(tone, -0.5, INK)),
        (1, shade(tone, -0.2, INK)),
    )


def light(d: Drawing, look: Look) -> None:
    """A front lamp with its beam; form `rear` is a red one on a seat post, `head` a head torch."""
    if look.form == "rear":
        d.rect(540, 100, 120, 1000, d.across("#0a0d10", "#5a646c", "#12171b"))
        d.circle(600, 560, 400, d.radial("#ff3b2f88", "#ff3b2f00"))
        d.path(box(470, 350, 260, 420, 90), d.across("#20262b", "#39424a", "#0d1115"))
        d.path(box(502, 384, 196, 352, 70), d.radial("#ffb0a0", "#ff3b2f", "#8f120c", r=0.7))
        for n in range(5):
            d.rect(502, 430 + n * 64, 196, 6, "#7a0d08", opacity=0.6)
        return
    if look.form == "head":
        d.stroke(
            smooth([(180, 480), (330, 330), (600, 280), (870, 330), (1020, 480)]),
            shade(look.color, -0.5, INK),
            84,
            stroke_linecap="butt",
        )
        d.stroke(
            smooth([(200, 640), (340, 780), (600, 830), (860, 780), (1000, 640)]), shade(look.color, -0.2, INK), 84
        )
        d.stroke(
            smooth([(190, 640), (340, 780), (600, 830), (860, 780), (1010, 640)]),
            look.second,
            14,
            stroke_dasharray="40 20",
        )
        d.stroke(smooth([(180, 480), (150, 560), (200, 640)]), shade(look.color, -0.4, INK), 80)
        d.stroke(smooth([(1020, 480), (1050, 560), (1000, 640)]), shade(look.color, -0.5, INK), 80)
        d.path(box(430, 660, 340, 240, 60), d.down("#4a555d", "#12171b"))
        d.circle(600, 780, 300, d.radial("#fff3c0aa", "#fff3c000"))
        d.circle(540, 780, 72, d.radial("#ffffff", "#ffe9a8", "#b58f3a"))
        d.circle(690, 780, 40, d.radial("#ff9a8a", "#a01a12"))
        return
    d.path("M520 470L-60 150V980L520 690Z", "#fff3c0", opacity=0.1)
    d.circle(440, 580, 340, d.radial("#fff3c0bb", "#fff3c000"))
    d.path(box(560, 690, 130, 200, 20), "#161c21")
    d.ellipse(625, 910, 150, 56, stroke="#20272d", stroke_width=46)
    d.path(
        "M470 440H900C950 440 970 480 970 580C970 680 950 720 900 720H470Z",
        d.down(shade(look.color, 0.35), look.color, shade(look.color, -0.55, INK)),
    )
    for n in range(6):
        d.rect(640 + n * 44, 452, 16, 256, INK, 6, opacity=0.35)
    d.ellipse(470, 580, 66, 146, "#20272d")
    d.ellipse(464, 580, 52, 124, d.radial("#ffffff", "#fff0b8", "#d8b25a"))


def multitool(d: Drawing, look: Look) -> None:
    settle(d, 600, 880, 330, 0.7)
    for n, (turn, length, width) in enumerate(
        ((-78, 300, 26), (-52, 330, 34), (-26, 290, 30), (4, 330, 24), (34, 280, 32))
    ):
        with d.group(**d.moved(330 + n * 14, 700, 1, turn + 24)):
            d.path(box(-width / 2, -length, width, length, 5), _steel(d))
            d.path(box(-width / 2 - 3, -60, width + 6, 60, 4), "#56616a")
    for y, tone in ((772, shade(look.color, -0.35, INK)), (700, look.color)):
        d.path(box(270, y, 660, 96, 48), d.down(shade(tone, 0.35), tone, shade(tone, -0.35, INK)))
    for x in (330, 870):
        d.circle(x, 748, 30, d.radial(REFLECT, "#56616a", x=0.35, y=0.3, r=0.8))
        d.circle(x, 748, 12, "#1c2328")
    badge(d, 600, 748, 62, look.second)


def pump(d: Drawing, look: Look) -> None:
    with d.group(**d.moved(600, 640, 1, -32)):
        d.path(box(-470, 20, 900, 60, 30), f"{INK}88")
        d.path(box(-460, -56, 560, 112, 24), d.down(shade(look.color, 0.5), look.color, shade(look.color, -0.6, INK)))
        d.path(box(90, -40, 300, 80, 14), d.down("#ffffff", METAL, "#3a434a"))
        d.path(box(370, -74, 110, 148, 30), d.down("#4a555d", "#12171b"))
        d.path(box(-520, -64, 90, 128, 24), d.down("#4a555d", "#12171b"))
        for n in range(7):
            d.rect(-400 + n * 24, -56, 9, 112, INK, opacity=0.3)
        badge(d, -80, 0, 66, look.second)
        d.rect(0, -8, 70, 16, look.second, 6)


def bottle(d: Drawing, look: Look) -> None:
    settle(d, 600, GROUND, 150)
    outline = body(
        d,
        600,
        [(430, 120), (470, 158), (560, 166), (620, 150), (680, 150), (740, 166), (900, 168), (GROUND - 10, 150)],
        look.color,
    )
    with d.group(clip_path=d.clip(outline)):
        for n in range(5):
            d.path(
                (
                    f"M420 {830 + n * 26}L520 {740 + n * 26}L580 {790 + n * 26}L660 {720 + n * 26}"
                    f"L790 {836 + n * 26}V{850 + n * 26}L660 {736 + n * 26}L580 {804 + n * 26}L520 {756 + n * 26}"
                    f"L420 {846 + n * 26}Z"
                ),
                look.second,
                opacity=0.9 - n * 0.15,
            )
    body(d, 600, [(350, 108), (364, 126), (430, 128)], "#20272d")
    body(d, 600, [(270, 44), (290, 52), (340, 46), (352, 60)], look.second)
    badge(d, 600, 540, 100, look.second)
    d.stroke("M476 500V600M478 700V880", "#ffffff", 13, opacity=0.3)


def tent(d: Drawing, look: Look) -> None:
    settle(d, 600, 930, 500)
    d.path(
        "M70 930L390 470C480 350 640 330 740 420L1140 930Z",
        d.slant(shade(look.color, 0.3), look.color, shade(look.color, -0.55, INK)),
    )
    d.path("M740 420L1140 930H860Z", shade(look.color, -0.4, INK), opacity=0.8)
    d.path(
        "M300 930C330 720 440 560 560 480C640 560 720 740 740 930Z",
        d.radial("#fff0c0", "#f0b14a", "#a4581c", y=0.9, r=0.9),
    )
    d.path(
        "M300 930C330 720 440 560 560 480C520 640 500 800 470 930Z",
        d.across(shade(look.second, 0.2), shade(look.second, -0.3, INK)),
    )
    d.stroke("M70 930C220 660 400 400 590 366C800 380 1000 700 1140 930", shade(look.color, 0.6), 7, opacity=0.8)
    d.stroke("M470 930C500 800 520 640 560 480", INK, 6)
    for x, y, end in ((160, 800, 20), (1030, 790, 1180)):
        d.stroke(f"M{x} {y}L{end} 960", REFLECT, 4, opacity=0.7)
    badge(d, 860, 720, 90, look.second)
    for u, v in spread(26, 7):
        d.circle(40 + u * 1120, 40 + v * 300, 1.5 + 2.5 * v, REFLECT, opacity=0.7)


def sleeping_bag(d: Drawing, look: Look) -> None:
    settle(d, 600, 930, 420)
    bag = (
        "M160 760C130 640 190 560 320 560H900C1030 560 1080 640 1060 760C1050 880 980 920 880 920H330"
        "C230 920 170 870 160 760Z"
    )
    panel(d, bag, look.color)
    with d.group(clip_path=d.clip(bag)):
        for n in range(8):
            x = 260 + n * 108
            d.stroke(f"M{x} 550C{x + 30} 660 {x + 30} 820 {x} 930", INK, 9, opacity=0.26)
            d.stroke(f"M{x + 14} 560C{x + 44} 660 {x + 44} 820 {x + 14} 920", "#ffffff", 14, opacity=0.1)
    d.ellipse(250, 730, 150, 178, cloth(d, shade(look.color, -0.2, INK)))
    d.ellipse(250, 738, 112, 140, d.radial(shade(look.second, -0.2, INK), look.second))
    for n in range(4):
        d.ellipse(
            250, 738, 104 - n * 26, 130 - n * 32, stroke=shade(look.second, -0.45, INK), stroke_width=6, opacity=0.6
        )
    d.path(
        box(760, 300, 280, 330, 60),
        d.across(shade(look.color, -0.3, INK), shade(look.color, 0.2), shade(look.color, -0.55, INK)),
    )
    d.stroke("M790 320C840 250 960 250 1010 320", "#12171b", 16)
    badge(d, 900, 470, 110, look.second)


def mat(d: Drawing, look: Look) -> None:
    settle(d, 600, 900, 470)
    d.path("M260 900L440 560H1130L1080 900Z", d.slant(shade(look.color, 0.25), shade(look.color, -0.4, INK)))
    for n in range(6):
        d.stroke(f"M{330 + n * 128} 890L{480 + n * 112} 572", INK, 8, opacity=0.3)
        d.stroke(f"M{350 + n * 128} 884L{498 + n * 112} 576", "#ffffff", 10, opacity=0.14)
    d.path(
        "M140 760L330 450C400 420 470 470 460 560L260 900C180 930 110 850 140 760Z",
        d.slant(shade(look.color, 0.35), look.color, shade(look.color, -0.3, INK)),
    )
    d.ellipse(196, 820, 92, 100, shade(look.second, -0.1, INK))
    for n in range(4):
        d.ellipse(196 + n * 2, 822, 82 - n * 20, 90 - n * 22, stroke=shade(look.second, -0.5, INK), stroke_width=7)
    badge(d, 800, 730, 130, look.second)


def stove(d: Drawing, look: Look) -> None:
    settle(d, 600, GROUND, 210)
    body(d, 600, [(760, 110), (790, 150), (900, 154), (GROUND - 8, 140)], look.color)
    d.text(
        600,
        890,
        "GAS",
        52,
        look.second,
        font_family="Arial, 'DejaVu Sans', sans-serif",
        font_weight="bold",
        textLength=120,
    )
    d.rect(576, 660, 48, 110, _steel(d))
    d.stroke("M640 710H760", "#8d979e", 12)
    for x in (-70, -36, 0, 36, 70):
        d.path(
            (
                f"M{600 + x} 560C{600 + x + 22} 600 {600 + x + 20} 630 {600 + x} 640"
                f"C{600 + x - 20} 630 {600 + x - 22} 600 {600 + x} 560Z"
            ),
            d.down("#b8e4ff", "#3a7fd9"),
        )
    d.path(turned(600, [(632, 100), (660, 60)]), _steel(d))
    d.stroke("M500 640L420 560M700 640L780 560M600 650V566", "#8d979e", 14)
    pot = body(d, 600, [(330, 190), (350, 194), (530, 194), (552, 180)], METAL)
    d.path(pot, _steel(d), opacity=0.5)
    mouth(d, 600, 330, 190, METAL, lip=6)
    d.stroke("M792 380C900 360 900 500 794 480", "#8d979e", 14)


def steel_mug(d: Drawing, look: Look) -> None:
    settle(d, 570, GROUND - 4, 220)
    d.stroke("M750 600C900 580 900 800 744 810", "#6b757c", 20)
    d.stroke("M750 596C892 580 892 800 744 804", REFLECT, 6)
    pot = turned(570, [(520, 200), (536, 196), (900, 190), (GROUND, 178)])
    d.path(pot, _steel(d, look.color))
    d.ellipse(570, 520, 200, 28, d.across(METAL, "#ffffff", "#7a858c"))
    d.ellipse(570, 524, 188, 23, "#2c1a10")
    badge(d, 560, 730, 130, shade(look.color, -0.55, INK))
    for x, lift in ((520, 180), (590, 230)):
        d.stroke(
            f"M{x} 480C{x - 40} {480 - lift * 0.4} {x + 44} {480 - lift * 0.6} {x} {480 - lift}",
            "#ffffff",
            11,
            opacity=0.2,
        )


def lock(d: Drawing, look: Look) -> None:
    settle(d, 600, 900, 300)
    for width, tone in ((96, shade(look.color, -0.45, INK)), (70, look.color), (16, shade(look.color, 0.5))):
        d.stroke("M390 800V430C390 170 810 170 810 430V800", tone, width, stroke_linecap="butt")
    d.path(box(270, 740, 660, 160, 60), d.down("#59636b", "#2a3238", "#0c1014"))
    d.circle(600, 820, 52, d.radial(look.second, shade(look.second, -0.4, INK), x=0.35, y=0.3, r=0.8))
    d.rect(592, 792, 16, 56, INK, 5)
    for x, _ in ring(600, 820, 240, 2):
        d.path(box(x - 30, 750, 60, 140, 16), "#12171b", opacity=0.7)
    strap(d, "M330 820H470", 20)


SUBJECTS: dict[str, Subject] = {
    "light": light,
    "multitool": multitool,
    "pump": pump,
    "bottle": bottle,
    "tent": tent,
    "sleeping_bag": sleeping_bag,
    "mat": mat,
    "stove": stove,
    "steel_mug": steel_mug,
    "lock": lock,
}
