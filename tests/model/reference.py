"""The whole promise, as thirty lines: what a reader may be shown (design, sections 1 and 5)."""

from collections.abc import Callable

PROMISE_SECONDS = 5.0
ROUNDING_SECONDS = 0.005
"""The protocol counts milliseconds of several clocks."""


class Reference:
    """Every text a page or a host's record ever had, and since when."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._texts: dict[str, list[tuple[str, float]]] = {}

    def became(self, name: str, text: str) -> None:
        self._texts.setdefault(name, []).append((text, self._now()))

    def is_current(self, name: str, text: str) -> bool:
        return self._texts[name][-1][0] == text

    def last_true_at(self, name: str, text: str) -> float:
        """When it was the truth for the last time; never, if it is another page's or another shop's."""
        ended_at = self._now()
        for known, began_at in reversed(self._texts[name]):
            if known == text:
                return ended_at
            ended_at = began_at
        return float("-inf")

    def allows(self, name: str, text: str, asked_at: float, is_excused: bool) -> bool:
        """A read gives what was true at some time within the promise before it was asked; or, if it says that nobody
        could be asked, what once was true."""
        last_true_at = self.last_true_at(name, text)
        reach_seconds = PROMISE_SECONDS + ROUNDING_SECONDS
        return last_true_at >= asked_at - reach_seconds or (is_excused and last_true_at > float("-inf"))
