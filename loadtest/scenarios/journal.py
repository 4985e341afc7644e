"""What happened in a sale, a line each, written by locust's process and read by the report: requests and endings.

Knows nothing of locust, which changes the whole process that imports it.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any


class Ending(StrEnum):
    BOUGHT = "bought"
    SOLD_OUT = "sold out"
    DECLINED = "declined"
    GAVE_UP = "gave up"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was meant to start `at`, by the machine's monotonic clock, answered in `ms`."""

    at: float
    shop: str
    kind: str
    ms: float
    status: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A buyer who came `at`, and was through after `seconds`. `late_ms`: how late the generator let them begin."""

    at: float
    seconds: float
    ending: str
    habit: str
    late_ms: float
    waited_in_line: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """From `at` on the arrivals are counted."""

    at: float


Event = Asked | Ended | Opened
_EVENTS = {"asked": Asked, "ended": Ended, "opened": Opened}


class Journal:
    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, event: Event) -> None:
        self._file.write(json.dumps({"event": type(event).__name__.lower(), **asdict(event)}) + "\n")


def read_journal(path: Path) -> Iterator[Event]:
    """A line that is not whole yet is left out."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                record: dict[str, Any] = json.loads(line)
                yield _EVENTS[record.pop("event")](**record)
