"""From what a catalog says about a picture to its SVG: which studio draws it, what stands where."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from standalone.demo import (
    artwork_kiln,
    artwork_kiln_home,
    artwork_leaf,
    artwork_leaf_brew,
    artwork_ridge,
    artwork_ridge_kit,
    artwork_ridge_wear,
)
from standalone.demo.drawing import Drawing
from standalone.demo.look import Look, Subject


@dataclass(frozen=True, slots=True)
class Thing:
    """One subject of a picture. `x`, `y`: where the middle of its foot stands; y is None for the studio's own place."""

    draw: str
    look: Look
    x: float = 600
    y: float | None = None
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Picture:
    tint: str
    things: tuple[Thing, ...]
    alt: str
    width: int = 1200
    height: int = 1200
    shows: str = ""  # the option value it is the picture of


@dataclass(frozen=True, slots=True)
class Studio:
    """A shop's illustrator: the room behind everything, what can be drawn, and at which level of its own drawing each
    subject's foot is; `stand` is where that foot goes in a picture of one thing."""

    room: Callable[[Drawing, str], None]
    ground: float
    stand: float
    subjects: Mapping[str, Subject]

    def svg(self, picture: Picture) -> str:
        drawing = Drawing(picture.width, picture.height)
        self.room(drawing, picture.tint)
        for thing in picture.things:
            s = thing.scale
            y = self.stand if thing.y is None else thing.y
            place = f"translate({thing.x - 600 * s:.1f} {y - self.ground * s:.1f}) scale({s:.3g})"
            with drawing.group(transform=place):
                self.subjects[thing.draw](drawing, thing.look)
        return drawing.svg()


_KILN = artwork_kiln.SUBJECTS | artwork_kiln_home.SUBJECTS
_LEAF = artwork_leaf.SUBJECTS | artwork_leaf_brew.SUBJECTS
_RIDGE = artwork_ridge.SUBJECTS | artwork_ridge_kit.SUBJECTS | artwork_ridge_wear.SUBJECTS

STUDIOS: Mapping[str, Studio] = {
    "kiln": Studio(artwork_kiln.room, artwork_kiln.FLOOR, 905, _KILN),
    "leaf": Studio(artwork_leaf.counter, artwork_leaf.COUNTER, 930, _LEAF),
    "ridge": Studio(artwork_ridge.dusk, artwork_ridge.GROUND, 985, _RIDGE),
}
