"""What one render may use, of which the compiled templates themselves draw (`sandbox.py`)."""

import math
import time
from dataclasses import dataclass

_GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """What one render may use. `seconds` are of processor time, so that a busy machine fails no page.

    `text_length` and `list_length` bound any single value a template makes.
    """

    seconds: float = 0.2
    steps: int = 50_000
    output_bytes: int = 5_000_000
    text_length: int = 1_000_000
    list_length: int = 10_000


class Grace:
    """For all renders of a worker: every so often one may take its time twice. A pause that is nobody's work counts as
    processor time, too: the collector's, or that of a processor which the machine's host took away."""

    def __init__(self) -> None:
        self._next_at = -math.inf

    def take(self) -> bool:
        now = time.perf_counter()
        if now < self._next_at:
            return False
        self._next_at = now + _GRACE_SECONDS
        return True
