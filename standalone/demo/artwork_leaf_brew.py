"""Pictures of what Leafwright brews with: pots, kettles, drippers, a mill, a whisk."""

from standalone.demo.artwork_leaf import COUNTER, INK, PAPER
from standalone.demo.drawing import Drawing, mix, shade
from standalone.demo.look import Look, Subject
from standalone.demo.shapes import body, box, leaf, mouth, rest, smooth, steam, turned

STEEL = "#c3cbc9"


def _metal(d: Drawing, tone: str = STEEL) -> str:
    return d.across(
        (0, shade(tone, -0.42, INK)),
        (0.14, shade(tone, 0.1)),
        (0.26, "#ffffff"),
        (0.4, tone),
        (0.62, shade(tone, -0.3, INK)),
        (0.78, shade(tone, 0.3)),
        (1, shade(tone, -0.5, INK)),
    )


def _facets(d: Drawing, top: float, foot: float, wide: float, narrow: float, tone: str) -> None:
    """An eight-sided wall seen from the front: four visible faces of different light."""
    shares = (-1, -0.62, 0, 0.62, 1)
    for n, light in enumerate((-0.22, 0.3, -0.02, -0.36)):
        a, b = shares[n], shares[n + 1]
        color = shade(tone, light, INK) if light < 0 else shade(tone, light)
        d.path(
            f"M{600 + wide * a} {top}L{600 + wide * b} {top}L{600 + narrow * b} {foot}L{600 + narrow * a} {foot}Z",
            color,
            stroke=color,
            stroke_width=1,
        )


def moka(d: Drawing, look: Look) -> None:
    tone = look.color
    rest(d, 600, COUNTER, 180, INK)
    d.stroke("M730 470H836C856 470 860 480 858 500L834 680", shade(look.second, -0.2, INK), 44)
    d.stroke("M730 462H834C846 464 848 474 846 492L826 670", shade(look.second, 0.2), 10, opacity=0.6)
    d.path("M440 430L372 410L456 520Z", shade(tone, -0.1, INK))
    _facets(d, 420, 660, 168, 122, tone)
    _facets(d, 700, COUNTER, 136, 184, tone)
    d.path(box(448, 654, 304, 52, 12), _metal(d, tone))
    d.path("M426 420L520 350H690L774 420Z", d.across(shade(tone, -0.1, INK), shade(tone, 0.4), shade(tone, -0.25, INK)))
    d.path(box(576, 296, 52, 60, 18), look.second)
    d.circle(540, 800, 17, d.radial("#fff3cf", "#b7924b", x=0.35, y=0.3, r=0.8))
    steam(d, 400, 400, 190)


def dripper(d: Drawing, look: Look) -> None:
    rest(d, 600, COUNTER, 190, INK)
    server = (
        "M470 640C452 720 400 780 400 870C400 930 430 944 470 944H730C770 944 800 930 800 870C800 780 748 720 730 640Z"
    )
    d.path(server, "#ffffff", opacity=0.45)
    with d.group(clip_path=d.clip(server)):
        d.path("M380 800C480 820 700 820 820 800V960H380Z", d.across("#3a1d10", "#7a4526", "#4c2715", "#2f170c"))
        d.ellipse(600, 806, 190, 14, "#8a5230")
    d.path(server, "none", stroke=mix(INK, "#ffffff", 0.55), stroke_width=5, opacity=0.8)
    d.stroke("M440 760C426 800 424 840 430 880", "#ffffff", 12, opacity=0.7)
    d.path(
        box(452, 612, 296, 34, 16),
        d.across(shade(look.color, -0.2, INK), shade(look.color, 0.2), shade(look.color, -0.3, INK)),
    )
    for width, light in ((40, -0.25), (24, 0.05)):
        d.stroke("M766 420C880 400 880 560 716 540", shade(look.color, light, INK), width)
    cone = turned(600, [(370, 224), (560, 110), (600, 100)])
    d.path(
        cone, d.across(shade(look.color, -0.2, INK), shade(look.color, 0.3), look.color, shade(look.color, -0.36, INK))
    )
    for n in range(5):
        d.stroke(
            f"M{470 + n * 60} {420 + abs(n - 2) * -8}C{500 + n * 46} 500 {540 + n * 30} 560 {548 + n * 26} 586",
            shade(look.color, -0.25, INK),
            5,
            opacity=0.35,
        )
    d.ellipse(600, 368, 224, 34, shade(look.color, 0.35))
    d.path("M396 362C460 310 740 310 804 362C760 392 440 392 396 362Z", PAPER)
    d.ellipse(600, 366, 176, 20, d.radial("#4c2715", "#7a4526"))
    steam(d, 600, 330, 190)


def press(d: Drawing, look: Look) -> None:
    rest(d, 580, COUNTER, 190, INK)
    for width, light in ((40, -0.3), (22, 0.1)):
        d.stroke("M740 470C880 460 880 780 740 800", shade(look.color, light, INK), width)
    glass = box(420, 400, 330, COUNTER - 410, 26)
    d.path(glass, "#ffffff", opacity=0.45)
    with d.group(clip_path=d.clip(glass)):
        d.rect(420, 560, 330, 400, d.across("#2f170c", "#6d3c20", "#4c2715", "#2a140a"))
        d.rect(420, 552, 330, 22, "#a8713f")
        d.rect(420, 860, 330, 16, _metal(d))
        d.rect(420, 876, 330, 80, "#20100a")
    d.rect(578, 250, 14, 620, _metal(d), opacity=0.6)
    d.path(glass, "none", stroke=mix(INK, "#ffffff", 0.5), stroke_width=5, opacity=0.7)
    for y in (470, 830):
        d.rect(
            412,
            y,
            346,
            26,
            d.across(shade(look.second, -0.3, INK), shade(look.second, 0.5), shade(look.second, -0.3, INK)),
            6,
        )
    for x in (424, 724):
        d.rect(x, 470, 22, COUNTER - 466, d.across(shade(look.second, 0.3), shade(look.second, -0.35, INK)), 6)
    d.path(
        "M406 410C420 340 750 340 764 410Z",
        d.across(shade(look.second, -0.2, INK), shade(look.second, 0.55), shade(look.second, -0.3, INK)),
    )
    d.path("M430 400L376 384L426 440Z", shade(look.second, -0.1, INK))
    d.circle(585, 236, 34, d.radial(shade(look.color, 0.4), look.color, x=0.35, y=0.3, r=0.8))
    d.stroke("M456 440V820", "#ffffff", 14, opacity=0.4)


def kettle(d: Drawing, look: Look) -> None:
    """A gooseneck kettle."""
    rest(d, 590, COUNTER, 220, INK)
    for width, tone in (
        (38, shade(look.color, -0.35, INK)),
        (26, shade(look.color, -0.02, INK)),
        (7, shade(look.color, 0.5)),
    ):
        d.stroke(smooth([(430, 850), (330, 800), (304, 680), (312, 560), (282, 480), (226, 450)]), tone, width)
    for width, tone in ((46, shade(look.second, -0.3, INK)), (30, look.second)):
        d.stroke(smooth([(760, 560), (880, 520), (930, 560), (926, 660), (880, 780)]), tone, width)
    profile = [(560.0, 164.0), (600.0, 176.0), (860.0, 226.0), (920.0, 232.0), (COUNTER, 222.0)]
    body(d, 600, profile, look.color)
    d.ellipse(600, 560, 164, 23, shade(look.color, -0.3, INK))
    body(d, 600, [(528, 90), (540, 140), (560, 158)], shade(look.color, 0.06))
    body(d, 600, [(466, 34), (482, 42), (510, 26), (530, 20)], look.second)
    d.path(
        "M470 640C440 740 420 820 414 900",
        "none",
        stroke="#ffffff",
        stroke_width=16,
        stroke_linecap="round",
        opacity=0.3,
    )


def mill(d: Drawing, look: Look) -> None:
    """A hand mill with a crank."""
    rest(d, 600, COUNTER, 150, INK)
    d.stroke("M600 330H820V300", "#8f9896", 20)
    d.stroke("M600 326H816", "#eef2f0", 6)
    d.path(box(792, 214, 56, 96, 26), d.across(shade(look.second, 0.3), look.second, shade(look.second, -0.35, INK)))
    body(d, 600, [(318, 20), (330, 34), (350, 34)], STEEL)
    body(d, 600, [(360, 120), (378, 138), (420, 142)], STEEL)
    outline = body(d, 600, [(420, 140), (640, 140), (660, 132), (680, 140), (COUNTER, 146)], look.color)
    with d.group(clip_path=d.clip(outline)):
        d.path(turned(600, [(640, 150), (690, 150)]), _metal(d))
        for n in range(9):
            d.stroke(f"M{480 + n * 30} 720V930", f"{INK}", 4, opacity=0.16)
    d.stroke("M506 460V620", "#ffffff", 13, opacity=0.35)


def glass_pot(d: Drawing, look: Look) -> None:
    """A glass teapot with leaves opening in it."""
    rest(d, 600, COUNTER, 220, INK, 0.7)
    pot = (
        "M470 540C350 600 330 720 350 810C370 910 430 944 480 944H720C770 944 830 910 850 810C870 720 850 600 730 540Z"
    )
    d.stroke("M840 640C960 600 980 800 836 830", "#ffffff", 30, opacity=0.75)
    d.stroke("M840 640C960 600 980 800 836 830", mix(INK, "#ffffff", 0.6), 4, opacity=0.6)
    d.path(
        "M372 760C300 740 280 640 230 590L270 572C330 610 350 650 390 660Z",
        "#ffffff",
        opacity=0.6,
        stroke=mix(INK, "#ffffff", 0.6),
        stroke_width=4,
    )
    d.path(pot, "#ffffff", opacity=0.45)
    with d.group(clip_path=d.clip(pot)):
        d.path("M320 660C480 680 720 680 880 660V960H320Z", d.down(shade(look.color, 0.35), look.color))
        d.ellipse(600, 666, 260, 18, shade(look.color, 0.55))
        d.path(box(490, 560, 220, 300, 30), "#ffffff", opacity=0.28)
        for n, turn in enumerate((-50, -20, 15, 48, 80, -80)):
            leaf(d, 560 + n * 18, 850, 120 - 8 * (n % 3), turn, look.third, 0.3)
    d.path(pot, "none", stroke=mix(INK, "#ffffff", 0.5), stroke_width=5, opacity=0.75)
    d.path(
        "M462 544C480 490 720 490 738 544Z",
        d.across(shade(look.second, 0.1), shade(look.second, 0.4), shade(look.second, -0.25, INK)),
    )
    d.circle(600, 486, 28, d.radial(shade(look.second, 0.5), look.second, x=0.35, y=0.3, r=0.8))
    d.stroke("M392 690C374 760 384 840 420 890", "#ffffff", 14, opacity=0.75)


def matcha_set(d: Drawing, look: Look) -> None:
    """A bowl of matcha and the bamboo whisk."""
    rest(d, 500, COUNTER - 10, 250, INK)
    outline = body(
        d, 500, [(620, 270), (680, 268), (800, 240), (880, 170), (900, 120), (930, 124)], look.color, tilt=0.19
    )
    d.path(
        "M236 660C330 700 420 660 500 690C590 716 680 660 764 670L770 620H232Z",
        shade(look.second, 0.1),
        clip_path=d.clip(outline),
        opacity=0.8,
    )
    mouth(d, 500, 620, 270, look.color, tilt=0.22, lip=12)
    d.ellipse(500, 634, 236, 43, d.radial("#a9c66b", "#7fa544", "#5c8430"))
    for x, y, r in ((440, 630, 12), (470, 646, 8), (540, 624, 10), (580, 640, 7), (400, 640, 6)):
        d.circle(x, y, r, "#c9de93", opacity=0.8)
    rest(d, 900, COUNTER - 6, 96, INK)
    for n in range(15):
        x = n - 7
        d.stroke(
            f"M{900 + x * 7} 780C{900 + x * 14} 850 {900 + x * 14} 900 {900 + x * 9} {COUNTER - 6}",
            mix("#e6cf94", "#b9935a", (n % 3) / 3),
            8,
        )
    d.path(box(848, 560, 104, 230, 22), d.across("#b99355", "#f0dfae", "#d9bd7e", "#9c7840"))
    d.rect(846, 764, 108, 22, INK, 6)
    d.ellipse(900, 566, 46, 9, "#8a6a38")


def flask(d: Drawing, look: Look) -> None:
    rest(d, 600, COUNTER, 140, INK)
    body(d, 600, [(430, 96), (450, 120), (500, 134), (COUNTER - 20, 134), (COUNTER, 126)], look.color)
    d.path(turned(600, [(430, 98), (452, 118)]), _metal(d))
    d.path(turned(600, [(880, 134), (COUNTER - 4, 130)]), _metal(d))
    body(d, 600, [(272, 92), (282, 98), (430, 98)], look.second)
    d.ellipse(600, 272, 92, 13, shade(look.second, 0.35))
    d.stroke("M508 300V412", "#ffffff", 10, opacity=0.25)
    d.stroke("M504 520V860", "#ffffff", 14, opacity=0.3)
    leaf(d, 600, 780, 150, 0, mix(look.color, PAPER, 0.85), 0.34)


SUBJECTS: dict[str, Subject] = {
    "moka": moka,
    "dripper": dripper,
    "press": press,
    "kettle": kettle,
    "mill": mill,
    "glass_pot": glass_pot,
    "matcha_set": matcha_set,
    "flask": flask,
}
