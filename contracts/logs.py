"""How every program's log reads: one JSON object a line. Each program applies it when it starts, before all else."""

import structlog

# Of libraries (servers, drivers, the job queue), warnings only, as plain lines.
PLAIN_LINE = "%(levelname)s %(name)s: %(message)s"


def processors() -> list[structlog.typing.Processor]:
    """A traceback is told without local variables: they hold what nobody may read in a log, such as request headers.

    structlog's own default prints them wherever `rich` is installed.
    """
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
