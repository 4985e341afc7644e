"""What a catalog says about one picture: its subject, and the colours and form that subject is drawn in."""

from collections.abc import Callable
from dataclasses import dataclass

from standalone.demo.drawing import Drawing


@dataclass(frozen=True, slots=True)
class Look:
    """Colours are #rrggbb. `form` chooses between a subject's proportions; `word` goes on a label."""

    color: str
    second: str
    third: str
    tint: str
    form: str = ""
    word: str = ""
    seed: int = 1


Subject = Callable[[Drawing, Look], None]
