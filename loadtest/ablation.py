"""`python -m loadtest.ablation VARIANT` is an edge worker that lacks one trick of the hit path, to measure its worth.

A variant swaps one part of the edge before it starts. All answer with the same bytes; none is for anything but this.
"""

import asyncio
import gc
import sys
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from edge_renderer import __main__ as program
from edge_renderer import hit_path
from edge_renderer.answer import HeaderLine
from edge_renderer.heads import Generations
from edge_renderer.hit_path import HitPath, Pieces, Way
from edge_renderer.hit_protocol import HitProtocol
from edge_renderer.listening import server_of

WHOLE = "whole"

swap = setattr
"""Under a name that says what it is for here."""


def without_hit_path() -> None:
    """Every hit through uvicorn and the ASGI application."""
    swap(program, "server_of", lambda app, settings, _hit_path=None: server_of(app, settings))


def without_remembered_heads() -> None:
    """Every request's headers through the parser, and their meaning made anew."""
    swap(Generations, "add", lambda _self, _key, _value: None)


def without_prebuilt_answers() -> None:
    """Header lines put together for every answer."""
    turn = Way.turn

    def turn_each_time(self: Way, date: list[HeaderLine]) -> None:
        turn(self, date)
        self.date = []

    swap(Way, "turn", turn_each_time)


def without_joined_answers() -> None:
    """Head and body gathered by the system call."""
    swap(hit_path, "MOST_JOINED_BYTES", -1)


def with_a_date_each() -> None:
    """The Date formatted for every answer instead of once a second."""
    answer = HitPath.answer

    def answer_dated(self: HitPath, request: bytes, _date: Any) -> Pieces | None:
        return answer(self, request, [(b"date", formatdate(usegmt=True).encode())])

    swap(HitPath, "answer", answer_dated)


def with_a_timer_each() -> None:
    """The idle timer set anew by every answer, as uvicorn does."""

    data_received = HitProtocol.data_received

    def receive_and_set(self: HitProtocol, data: bytes) -> None:
        data_received(self, data)
        if self._is_quiet and self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self._set_idle_timer()

    swap(HitProtocol, "data_received", receive_and_set)


def without_uvloop() -> None:
    """asyncio's own event loop."""
    swap(program, "uvloop", asyncio)


def without_freeze() -> None:
    """The garbage collector looks at what was loaded to serve, again and again."""
    swap(gc, "freeze", lambda: None)


VARIANTS: dict[str, Callable[[], None]] = {
    WHOLE: lambda: None,
    "no-hit-path": without_hit_path,
    "no-remembered-heads": without_remembered_heads,
    "no-prebuilt-answers": without_prebuilt_answers,
    "no-joined-answers": without_joined_answers,
    "a-date-each": with_a_date_each,
    "a-timer-each": with_a_timer_each,
    "no-uvloop": without_uvloop,
    "no-gc-freeze": without_freeze,
}


def main() -> None:
    VARIANTS[sys.argv[1]]()
    program.main()


if __name__ == "__main__":
    main()
