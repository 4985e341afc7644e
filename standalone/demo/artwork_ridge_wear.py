"""Pictures of what Ridge & Rove's riders wear."""

from standalone.demo.artwork_ridge import INK, badge, cloth, panel, settle, stitch
from standalone.demo.drawing import Drawing, mix, shade
from standalone.demo.look import Look, Subject
from standalone.demo.shapes import box


def jacket(d: Drawing, look: Look) -> None:
    """A hooded shell on nobody, or with form `fleece` a collar and a chest panel."""
    shell = look.form != "fleece"
    arm = "M{a} 330C{b} 360 {c} 640 {e} 850L{f} 884C{g} 760 {h} 600 {i} 520Z"
    for side in (-1, 1):
        spots = {"a": 170, "b": 270, "c": 320, "e": 374, "f": 268, "g": 236, "h": 210, "i": 176}
        d.path(
            arm.format(**{name: 600 + side * value for name, value in spots.items()}),
            cloth(d, shade(look.color, -0.12, INK)),
        )
        x = 600 + side * 320
        d.path(
            box(x - 58, 836, 116, 44, 14),
            shade(look.color if shell else look.second, -0.34, INK),
            transform=f"rotate({-side * 16} {x} 858)",
        )
    if shell:
        d.path("M470 330C440 180 520 120 600 120C680 120 760 180 730 330Z", cloth(d, shade(look.color, -0.06)))
        d.ellipse(600, 250, 92, 112, shade(look.color, -0.7, INK))
        d.ellipse(600, 276, 78, 86, shade(look.color, -0.5, INK))
    else:
        d.path("M510 320C510 250 530 220 600 220C670 220 690 250 690 320Z", cloth(d, look.second))
    d.path(
        (
            "M420 320C480 290 540 330 600 336C660 330 720 290 780 320C800 440 800 700 812 930"
            "C740 956 460 956 388 930C400 700 400 440 420 320Z"
        ),
        cloth(d, look.color),
    )
    if not shell:
        d.path(
            (
                "M420 320C480 290 540 330 600 336C660 330 720 290 780 320C788 400 792 470 794 540"
                "C680 560 520 560 406 540C408 470 412 400 420 320Z"
            ),
            cloth(d, look.second),
        )
    d.stroke("M600 336V944", shade(look.color, -0.6, INK), 13)
    d.stroke("M600 336V944", look.third, 5)
    for side in (-1, 1):
        d.stroke(f"M{600 + side * 150} 660L{600 + side * 112} 800", shade(look.color, -0.6, INK), 9)
        stitch(
            d,
            f"M{600 + side * 178} 350C{600 + side * 168} 540 {600 + side * 176} 760 {600 + side * 186} 920",
            look.color,
        )
    badge(d, 690, 440, 62, look.third)


def tee(d: Drawing, look: Look) -> None:
    for side in (-1, 1):
        d.path(
            f"M{600 + side * 160} 300L{600 + side * 370} 470L{600 + side * 296} 590L{600 + side * 176} 520Z",
            cloth(d, shade(look.color, -0.14, INK)),
        )
    panel(
        d,
        (
            "M426 296C500 270 520 262 540 262C560 310 640 310 660 262C680 262 700 270 774 296"
            "C796 480 796 700 806 930C700 956 500 956 394 930C404 700 404 480 426 296Z"
        ),
        look.color,
    )
    d.stroke("M538 262C560 318 640 318 662 262", shade(look.color, -0.4, INK), 14)
    for n in range(3):
        d.path(
            f"M420 {590 - n * 46}L510 {520 - n * 46}L580 {572 - n * 46}L660 {492 - n * 46}L780 {584 - n * 46}",
            "none",
            stroke=mix(look.second, look.third, n / 2),
            stroke_width=16,
            stroke_linejoin="round",
        )


def socks(d: Drawing, look: Look) -> None:
    for x, y, color, second in ((150, 20, look.second, look.color), (0, 0, look.color, look.second)):
        with d.group(**d.moved(x, y)):
            sock = "M400 250H590V640C600 700 700 750 780 790C850 830 830 920 760 920H560C440 910 400 820 400 700Z"
            panel(d, sock, color)
            with d.group(clip_path=d.clip(sock)):
                d.rect(390, 250, 220, 80, second)
                for n in range(4):
                    d.rect(390, 370 + n * 66, 220, 20, second, opacity=0.85 - n * 0.18)
                d.circle(440, 830, 116, second)
                d.circle(840, 880, 110, second)
            for n in range(9):
                d.stroke(f"M{414 + n * 21} 256V322", INK, 3, opacity=0.25)


def gloves(d: Drawing, look: Look) -> None:
    for x, flip in ((420, 1), (790, -1)):
        with d.group(transform=f"translate({x} 0) scale({flip} 1) rotate(-6 0 600)"):
            for n, (left, top) in enumerate(((-136, 350), (-66, 300), (6, 320), (76, 380))):
                d.path(box(left, top, 64, 330, 32), cloth(d, shade(look.color, 0.06 - 0.07 * n)))
            d.path(
                "M130 690C180 640 216 560 250 520C280 500 300 530 290 570C270 660 220 800 120 840Z",
                cloth(d, shade(look.color, -0.14, INK)),
            )
            panel(d, "M-140 560H140V900C140 930 -140 930 -140 900Z", look.color)
            d.path("M-110 600C-40 570 50 570 110 610L96 700C30 670 -40 670 -100 700Z", shade(look.second, -0.05, INK))
            d.path(box(-146, 850, 292, 80, 18), "#12171b")
            badge(d, 0, 780, 76, look.second)


def cap(d: Drawing, look: Look) -> None:
    settle(d, 600, 860, 340)
    crown = "M290 760C280 520 420 400 610 400C800 400 930 520 920 760C720 820 480 820 290 760Z"
    panel(d, crown, look.color)
    d.path(
        "M470 410C430 540 430 680 446 792C540 804 650 806 746 794C760 680 760 540 730 410C660 394 540 394 470 410Z",
        shade(look.second, -0.06, INK),
        opacity=0.9,
    )
    d.path(
        "M300 740C160 760 100 830 120 860C260 800 420 800 560 812C640 818 700 806 740 796C600 806 420 790 300 740Z",
        d.down(shade(look.color, 0.25), shade(look.color, -0.4, INK)),
    )
    d.circle(602, 402, 20, shade(look.color, 0.2))
    badge(d, 598, 610, 130, look.third)


def beanie(d: Drawing, look: Look) -> None:
    settle(d, 600, 890, 280)
    dome = "M330 760C320 480 440 300 600 300C760 300 880 480 870 760Z"
    panel(d, dome, look.color)
    with d.group(clip_path=d.clip(dome)):
        for n in range(-5, 6):
            d.stroke(f"M600 290C{600 + n * 34} 400 {600 + n * 52} 580 {600 + n * 54} 780", INK, 7, opacity=0.2)
    cuff = box(306, 690, 588, 190, 50)
    panel(d, cuff, look.second)
    for n in range(13):
        d.stroke(f"M{340 + n * 43} 704V866", INK, 7, opacity=0.16)
    d.path(box(548, 736, 104, 98, 8), "#12171b")
    badge(d, 600, 786, 66, look.third)


def helmet(d: Drawing, look: Look) -> None:
    settle(d, 600, 920, 320)
    d.stroke("M400 730C430 860 520 930 600 930C680 920 700 820 716 730", "#12171b", 22)
    shell = (
        "M200 720C180 480 360 300 620 300C860 300 1010 460 1000 660C996 720 950 740 900 730"
        "C700 690 480 700 330 760C270 780 206 770 200 720Z"
    )
    panel(d, shell, look.color)
    vents = (
        "M300 640C340 500 430 420 540 390C470 470 420 560 400 660Z",
        "M470 650C490 530 560 430 680 376C640 460 600 560 590 650Z",
        "M660 644C670 540 720 450 820 400C800 480 780 560 780 640Z",
        "M850 640C850 570 870 510 920 470C930 530 930 590 916 650Z",
    )
    for vent in vents:
        d.path(vent, shade(look.color, -0.85, INK))
        d.path(vent, "none", stroke=shade(look.color, 0.4), stroke_width=3, opacity=0.6)
    d.path(
        "M204 716C330 660 700 630 998 676C994 720 950 740 900 730C700 690 480 700 330 760C270 780 206 770 204 716Z",
        shade(look.second, -0.1, INK),
    )
    d.stroke("M300 480C360 390 450 340 560 322", "#ffffff", 10, opacity=0.3)


SUBJECTS: dict[str, Subject] = {
    "jacket": jacket,
    "tee": tee,
    "socks": socks,
    "gloves": gloves,
    "cap": cap,
    "beanie": beanie,
    "helmet": helmet,
}
