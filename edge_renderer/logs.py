"""The edge's log: one JSON object a line on stderr, and never more lines than somebody can read.

While a server is down every request may have something to say; of each event a few lines a second are written, and the
next one tells how many were left out. The metrics count them all.
"""

import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog

from contracts.logs import processors

LINES_PER_SECOND = 5


def log_as_json() -> None:
    """Of uvicorn and other libraries, warnings only."""
    structlog.configure(
        processors=[LineBudget(LINES_PER_SECOND), *processors()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class LineBudget:
    """Comes before all other processors, so that a line that is left out costs next to nothing. Events are named in the
    code and nowhere else, so there are not many."""

    def __init__(self, lines_per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines_per_second = lines_per_second
        self._clock = clock
        self._second: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._left_out: dict[str, int] = {}

    def __call__(self, logger: Any, method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        name, second = str(line["event"]), int(self._clock())
        if self._second.get(name) != second:
            self._second[name], self._written[name] = second, 0
        if self._written[name] >= self._lines_per_second:
            self._left_out[name] = self._left_out.get(name, 0) + 1
            raise structlog.DropEvent
        self._written[name] += 1
        left_out = self._left_out.pop(name, 0)
        return {**line, "left_out": left_out} if left_out else line


class _JsonLine(logging.Formatter):
    """A library's line with the keys of our own."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"logger": record.name, "event": record.getMessage(), "level": record.levelname.lower()}
        line["timestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)
