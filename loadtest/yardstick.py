"""How fast the machine was: the same figure means another thing on a machine that others use, whose speed may halve
within a minute. What depends on it is compared by this, or beside a peer in the same run."""

import time

_TURNS = 300_000
_TIMES = 5


def yardstick_ms() -> float:
    """The quickest of some times that the interpreter takes for a fixed piece of work, of this thread's processor
    time."""
    return round(min(_piece_of_work() for _ in range(_TIMES)) * 1000, 1)


def _piece_of_work() -> float:
    began = time.thread_time()
    found: dict[int, str] = {}
    for number in range(_TURNS):
        found[number % 1000] = str(number)
    return time.thread_time() - began
