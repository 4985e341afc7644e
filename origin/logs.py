"""What a program of this package says before it works: its log's form, and what is wrong with its settings."""

import logging
import sys

import structlog
from pydantic import ValidationError

from contracts.logs import PLAIN_LINE, processors


def log_as_json() -> None:
    """One JSON object a line on stderr; of libraries, warnings only."""
    structlog.configure(
        processors=processors(),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, format=PLAIN_LINE)


def wrong_settings(error: ValidationError) -> str:
    """Names each setting, without its value: that may be a secret, or a URL that holds a password."""
    return "; ".join(f"STOA_{detail['loc'][0]}".upper() + f": {detail['msg']}" for detail in error.errors())
