"""Sets up the logs of a program of this package; called once, by its `main`."""

import logging
import sys

import structlog

from contracts.logs import PLAIN_LINE, processors


def log_as_json() -> None:
    """One JSON object a line on stderr; of libraries, warnings only."""
    structlog.configure(
        processors=processors(),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, format=PLAIN_LINE)
