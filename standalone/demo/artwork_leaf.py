"""Pictures of Leafwright's packets: tea pouches, tins and coffee bags, each with its own label, on a bright counter."""

from standalone.demo.artwork_leaf_labels import emblem
from standalone.demo.drawing import Drawing, mix, shade
from standalone.demo.look import Look, Subject
from standalone.demo.shapes import body, box, leaf, rest, sprig, turned

COUNTER = 940.0
INK = "#12382a"
PAPER = "#fbf7ea"
SANS = "'Gill Sans', 'Trebuchet MS', 'DejaVu Sans', sans-serif"


def counter(d: Drawing, tint: str) -> None:
    """A flat wall with a pale disc on it, and a counter with a crisp edge; leaves look in from a corner."""
    w, h = d.width, d.height
    edge = h * 0.7
    d.rect(0, 0, w, h, d.down(shade(tint, 0.16), tint))
    d.circle(w / 2, h * 0.47, h * 0.37, shade(tint, 0.42))
    for x, turn, size in ((-30, 28, 420), (70, 52, 330)):
        leaf(d, x, h * 0.02 - 40, size, turn + 100, mix(tint, INK, 0.08), 0.34)
    leaf(d, w + 40, h * 0.06, 380, -118, mix(tint, INK, 0.06), 0.34)
    d.rect(0, edge, w, h - edge, d.down(shade(tint, 0.62), shade(tint, 0.4)))
    d.rect(0, edge, w, 10, shade(tint, 0.85))
    d.rect(0, h * 0.965, w, h * 0.035, mix(tint, INK, 0.12))


def label(d: Drawing, x: float, y: float, w: float, h: float, look: Look) -> None:
    """A paper label with the emblem and a word; x, y is its top left corner."""
    d.path(box(x, y, w, h, 10), d.across(PAPER, PAPER, shade(PAPER, -0.09, INK)))
    picture = min(w - 48, h - 96)
    d.rect(x + 24, y + 24, w - 48, h - 104, mix(look.second, PAPER, 0.78), 6)
    emblem(d, look.form, x + w / 2, y + 24 + (h - 104) / 2, picture * 0.86, mix(look.color, INK, 0.45), look.second)
    if look.word:
        size = min(40, (w - 50) / (len(look.word) * 0.74))
        d.text(
            x + w / 2,
            y + h - 34,
            look.word.upper(),
            size,
            INK,
            font_family=SANS,
            letter_spacing=3,
            textLength=len(look.word) * size * 0.82,
        )


def pouch(d: Drawing, look: Look) -> None:
    """A stand-up pouch: crimped top, bellied front."""
    rest(d, 600, COUNTER, 270, INK, 0.8)
    front = (
        f"M392 268H808L812 330C830 520 852 720 850 {COUNTER - 20}"
        f"C760 {COUNTER + 22} 440 {COUNTER + 22} 350 {COUNTER - 20}C348 720 370 520 388 330Z"
    )
    tone = look.color
    d.path(
        front,
        d.across(
            shade(tone, -0.24, INK),
            shade(tone, 0.04),
            shade(tone, 0.24),
            tone,
            shade(tone, -0.1, INK),
            shade(tone, -0.34, INK),
        ),
    )
    with d.group(clip_path=d.clip(front)):
        d.path(
            f"M340 {COUNTER - 120}C480 {COUNTER - 64} 720 {COUNTER - 64} 860 {COUNTER - 120}V{COUNTER + 30}H340Z",
            d.down(f"{INK}00", f"{INK}55"),
        )
        d.path("M392 268L430 330L380 620Z M808 268L770 330L822 620Z", f"{INK}22")
    d.path(
        box(388, 250, 424, 66, 5),
        d.across(shade(tone, -0.16, INK), shade(tone, 0.3), shade(tone, -0.06, INK), shade(tone, -0.28, INK)),
    )
    for n in range(5):
        d.stroke(f"M392 {262 + n * 11}H808", shade(tone, -0.3, INK), 2.5, opacity=0.4)
    d.circle(600, 350, 11, shade(tone, -0.35, INK))
    label(d, 442, 410, 316, 404, look)
    d.stroke(f"M372 560C366 680 364 800 366 {COUNTER - 60}", "#ffffff", 10, opacity=0.22)


def tin(d: Drawing, look: Look) -> None:
    """A round tin with a fitted lid."""
    r, top = (230.0, 560.0) if look.form in ("waves", "moon") else (214.0, 400.0)
    rest(d, 600, COUNTER + 6, r * 0.98, INK, 0.9)
    outline = body(d, 600, [(top + 90, r), (COUNTER, r)], look.color)
    height = COUNTER - top - 150
    with d.group(clip_path=d.clip(outline)):
        band = turned(600, [(top + 120, r), (COUNTER - 50, r)])
        d.path(band, d.across(shade(PAPER, -0.24, INK), PAPER, shade(PAPER, -0.04, INK), shade(PAPER, -0.32, INK)))
        emblem(
            d,
            look.form,
            600,
            top + 150 + height * 0.34,
            min(height * 0.58, 240),
            mix(look.color, INK, 0.45),
            look.second,
        )
        if look.word:
            d.text(
                600,
                COUNTER - 50,
                look.word.upper(),
                32,
                INK,
                font_family=SANS,
                letter_spacing=3,
                textLength=len(look.word) * 27,
            )
    body(d, 600, [(top, r * 1.03), (top + 92, r * 1.03)], shade(look.color, 0.06))
    d.ellipse(600, top, r * 1.03, r * 0.145, d.across(look.color, shade(look.color, 0.45), look.color))
    d.ellipse(600, top, r * 0.9, r * 0.12, stroke=shade(look.color, -0.2, INK), stroke_width=3, opacity=0.5)
    d.stroke(f"M{600 - r * 0.72} {top + 130}V{COUNTER - 40}", "#ffffff", 14, opacity=0.3)


def coffee_bag(d: Drawing, look: Look) -> None:
    """A gusseted bag, its top rolled down and held by a tie."""
    rest(d, 600, COUNTER, 250, INK, 0.9)
    tone = look.color
    d.path(
        f"M800 300L872 340L880 {COUNTER - 40}L818 {COUNTER}Z", d.across(shade(tone, -0.3, INK), shade(tone, -0.44, INK))
    )
    d.path(f"M800 300L836 620L818 {COUNTER}L880 {COUNTER - 40}L872 340Z", f"{INK}40")
    front = box(366, 296, 454, COUNTER - 296, 8)
    d.path(front, d.across(shade(tone, -0.12, INK), shade(tone, 0.16), tone, shade(tone, -0.14, INK)))
    d.path(f"M366 296L410 {COUNTER}H366Z", f"{INK}1c")
    d.path("M352 214H834L880 300H344Z", d.across(shade(tone, -0.08, INK), shade(tone, 0.26), shade(tone, -0.2, INK)))
    d.path(box(344, 286, 540, 34, 8), d.across("#c9b37e", "#f0dfae", "#b09657"))
    d.circle(740, 400, 22, shade(tone, -0.2, INK))
    for x, y in ((-7, -4), (7, -4), (0, 8)):
        d.circle(740 + x, 400 + y, 3, shade(tone, -0.6, INK))
    label(d, 420, 440, 346, 410, look)


def brick(d: Drawing, look: Look) -> None:
    """A pressed tea cake in its paper, stamped, leaning on another."""
    rest(d, 620, COUNTER - 10, 330, INK, 0.9)
    for cx, cy, r, turn in ((700, 640, 280, 6), (520, 672, 262, -8)):
        d.circle(cx + 12, cy + 10, r, mix("#8d7a55", INK, 0.3))
        d.circle(cx, cy, r, d.radial("#fffaf0", "#efe4c8", "#cdbb92", x=0.38, y=0.32, r=0.72))
        for n in range(18):
            with d.group(transform=f"translate({cx} {cy}) rotate({n * 20 + turn})"):
                d.stroke(f"M0 {-r * 0.66}L10 {-r * 0.98}", "#b9a577", 4, opacity=0.5)
    d.circle(520, 672, 166, stroke=look.color, stroke_width=8)
    d.circle(520, 672, 150, mix(look.second, PAPER, 0.7))
    emblem(d, "peaks", 520, 660, 190, mix(look.color, INK, 0.3), look.second)
    d.text(520, 790, look.word.upper(), 24, look.color, font_family=SANS, letter_spacing=4, textLength=110)


def caddy(d: Drawing, look: Look) -> None:
    """A square tin with a hinged lid, embossed."""
    rest(d, 620, COUNTER, 270, INK, 0.9)
    tone = look.color
    d.path(f"M780 430L890 470V{COUNTER - 40}L780 {COUNTER}Z", d.across(shade(tone, -0.2, INK), shade(tone, -0.42, INK)))
    d.rect(370, 430, 412, COUNTER - 430, d.across(shade(tone, 0.1), shade(tone, 0.22), tone))
    d.path("M360 340H786L898 376V466L786 440H360Z", shade(tone, -0.3, INK))
    d.rect(360, 340, 428, 98, d.across(shade(tone, 0.16), shade(tone, 0.3), shade(tone, 0.06)), 6)
    d.path("M370 340L470 300H860L896 374L786 340Z", d.across(shade(tone, 0.3), shade(tone, 0.5), shade(tone, 0.16)))
    d.rect(404, 474, 344, COUNTER - 512, "none", 10, stroke=look.second, stroke_width=5)
    emblem(d, look.form, 576, 690, 290, look.second, mix(look.second, tone, 0.4))
    d.rect(552, 420, 48, 52, d.down("#f0dfae", "#b09657"), 8)


def gift(d: Drawing, look: Look) -> None:
    """A flat box with its lid off: six little packets in tissue."""
    d.ellipse(640, COUNTER - 20, 480, 60, d.radial(f"{INK}77", f"{INK}00"))
    d.path("M250 640H950L1010 900H190Z", shade(look.color, -0.1, INK))
    d.path("M190 900H1010V956H190Z", d.down(look.color, shade(look.color, -0.3, INK)))
    d.path("M276 652H924L976 886H224Z", mix(PAPER, look.color, 0.14))
    tones = (look.second, look.color, look.third, look.third, look.second, mix(look.color, look.second, 0.5))
    forms = ("sprig", "sun", "berries", "citrus", "hills", "flower")
    for n, (tone, form) in enumerate(zip(tones, forms, strict=True)):
        column, row = n % 3, n // 3
        x, y, w = 372 + column * 228 - row * 0, 716 + row * 112, 190 + row * 16
        x += (column - 1) * row * 16
        d.path(box(x - w / 2, y - 46, w, 94, 8), d.down(shade(tone, 0.2), shade(tone, -0.14, INK)))
        d.path(box(x - 40, y - 38, 80, 78, 6), PAPER)
        emblem(d, form, x, y + 1, 64, mix(tone, INK, 0.4), tone)
    with d.group(**d.moved(640, 420, 1, -5)):
        d.path(box(-330, -150, 660, 300, 10), d.slant(shade(look.color, 0.24), shade(look.color, -0.14, INK)))
        d.rect(-330, -26, 660, 52, look.second)
        emblem(d, "sprig", 0, 0, 190, PAPER, mix(look.color, INK, 0.3))


def paper_filters(d: Drawing, look: Look) -> None:
    rest(d, 610, COUNTER, 300, INK, 0.8)
    d.path(f"M340 520H800V{COUNTER}H340Z", d.across(shade(look.color, 0.14), look.color))
    d.path(f"M800 520L890 560V{COUNTER - 30}L800 {COUNTER}Z", shade(look.color, -0.25, INK))
    for n in range(7):
        d.path(
            (
                f"M{372 + n * 9} 524L{430 + n * 6} 330C{520 + n * 4} 286 {640 + n * 4} 286 {734 + n * 6} 330"
                f"L{786 + n * 9} 540Z"
            ),
            shade("#e9d9b8", 0.1 * (n % 2) + 0.06 * n),
        )
    d.path(f"M340 520C480 590 660 590 800 520V{COUNTER}H340Z", d.across(shade(look.color, 0.22), look.color))
    emblem(d, "drop", 570, 740, 190, INK, look.second)
    d.text(570, COUNTER - 50, look.word.upper(), 30, INK, font_family=SANS, letter_spacing=3, textLength=190)


def cup(d: Drawing, look: Look) -> None:
    """A served cup on a saucer, the second picture of many teas."""
    rest(d, 600, COUNTER - 30, 330, INK, 0.8)
    d.ellipse(600, COUNTER - 42, 340, 66, d.across(shade(PAPER, -0.1, INK), "#ffffff", shade(PAPER, -0.2, INK)))
    d.ellipse(600, COUNTER - 50, 200, 34, shade(PAPER, -0.14, INK))
    for width, tone in ((40, shade(PAPER, -0.26, INK)), (26, PAPER)):
        d.stroke("M800 660C920 630 930 800 770 800", tone, width)
    body(d, 600, [(600, 240), (640, 238), (760, 200), (850, 140), (880, 100)], "#fbf7ea", tilt=0.2, depth=0.7)
    d.ellipse(600, 600, 240, 50, d.across(shade(PAPER, -0.1, INK), "#ffffff", PAPER))
    d.ellipse(600, 604, 222, 43, d.radial(shade(look.second, 0.3), look.second, shade(look.second, -0.35)))
    d.path("M440 596C500 574 560 570 610 574C560 584 500 592 440 596Z", "#ffffff", opacity=0.35)
    sprig(d, 250, COUNTER + 20, 210, 64, look.third, 3, 0.4)


SUBJECTS: dict[str, Subject] = {
    "pouch": pouch,
    "tin": tin,
    "coffee_bag": coffee_bag,
    "brick": brick,
    "caddy": caddy,
    "gift": gift,
    "paper_filters": paper_filters,
    "cup": cup,
}
