"""Named points around every durable step, at which a test ends the program or breaks its line (decision 21).

A program's main arms at most one, from its setting `crash_at`. Otherwise a point is a look at a name that is None.
"""

import mmap
import os
import signal
import struct
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, get_args

Step = Literal[
    "admin.write",
    "checkout.begin",
    "checkout.claim_again",
    "checkout.give_up",
    "checkout.place_free",
    "checkout.refunded",
    "checkout.refuse",
    "checkout.release",
    "checkout.reserve",
    "checkout.sell",
    "checkout.settle",
    "checkout.take_over",
    "import.batch",
    "import.claim",
    "import.finish",
    "import.release",
    "import.request",
    "import.resume",
    "import.total",
    "mail.confirm",
    "payment.come_back",
    "payment.settle",
    "payment.take_over",
    "store.create",
    "store.status",
]
"""Transactions that write. Each has two points: STEP.commit, when all is written, and STEP.committed."""

Point = Literal[
    "cart.write",
    "cart.written",
    "job.taken",
    "job.begun",
    "job.done",
    "job.acknowledged",
    "mail.sent",
    "provider.ask",
    "provider.answered",
    "relay.drained",
    "relay.published",
    "relay.enqueued",
    "relay.deleted",
]
"""Between a commit and what others are told, asked or given."""


CRASH_AT = r"^([a-z_.]+:[1-9][0-9]*:(kill|disconnect))?$"


class CrashMode(StrEnum):
    KILL = "kill"
    DISCONNECT = "disconnect"


class LineBroken(ConnectionError):
    """What a program sees whose line broke at this point: nobody told it whether the other end has heard it."""


@dataclass(frozen=True, slots=True)
class _Trap:
    """At one passage of one point. Passages are counted across forks: a worker's job is a process of its own."""

    name: str
    passage: int
    mode: CrashMode
    counted: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, 8))

    def pass_by(self, name: str) -> None:
        if name != self.name:
            return
        (before,) = struct.unpack("Q", self.counted[:])
        self.counted[:] = struct.pack("Q", before + 1)
        if before + 1 != self.passage:
            return
        print(f"crash point {name}: {self.mode}", file=sys.stderr, flush=True)
        if self.mode is CrashMode.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        raise LineBroken(f"broken at {name}")


_trap: _Trap | None = None


def names() -> tuple[str, ...]:
    """Of all points."""
    around = [f"{step}.{when}" for step in get_args(Step) for when in ("commit", "committed")]
    return (*around, *get_args(Point))


def arm(crash_at: str) -> None:
    """`name:passage:mode`, or nothing. Raises ValueError. For a program's main, and nobody else."""
    global _trap  # noqa: PLW0603 - a point in the middle of the code has nobody to ask but its module
    if not crash_at:
        _trap = None
        return
    name, passage, mode = crash_at.split(":")
    if name not in names():
        raise ValueError(f"there is no crash point {name!r}")
    _trap = _Trap(name, int(passage), CrashMode(mode))


def reached(point: Point) -> None:
    """Raises LineBroken when a test has asked for that."""
    if _trap is not None:
        _trap.pass_by(point)


def committing(step: Step) -> None:
    """All of the step's transaction is written, and nothing is committed."""
    if _trap is not None:
        _trap.pass_by(f"{step}.commit")


def committed(step: Step) -> None:
    """The step is done, and nobody knows yet."""
    if _trap is not None:
        _trap.pass_by(f"{step}.committed")
