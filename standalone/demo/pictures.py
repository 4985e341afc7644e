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
    """One subject of a picture. `x`, `y`: where the middle of its foot stands, in the picture's pixels."""

    draw: str
    look: Look
    x: float = 600
    y: float = 930
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
    """A shop's illustrator: the room behind everything, the level things stand on, what can be drawn."""

    room: Callable[[Drawing, str], None]
    ground: float
    subjects: Mapping[str, Subject]

    def svg(self, picture: Picture) -> str:
        drawing = Drawing(picture.width, picture.height)
        self.room(drawing, picture.tint)
        for thing in picture.things:
            s = thing.scale
            place = f"translate({thing.x - 600 * s:.1f} {thing.y - self.ground * s:.1f}) scale({s:.3g})"
            with drawing.group(transform=place):
                self.subjects[thing.draw](drawing, thing.look)
        return drawing.svg()


STUDIOS: Mapping[str, Studio] = {
    "kiln": Studio(artwork_kiln.room, artwork_kiln.FLOOR, artwork_kiln.SUBJECTS | artwork_kiln_home.SUBJECTS),
    "leaf": Studio(artwork_leaf.counter, artwork_leaf.COUNTER, artwork_leaf.SUBJECTS | artwork_leaf_brew.SUBJECTS),
    "ridge": Studio(
        artwork_ridge.dusk,
        artwork_ridge.GROUND,
        artwork_ridge.SUBJECTS | artwork_ridge_kit.SUBJECTS | artwork_ridge_wear.SUBJECTS,
    ),
}
