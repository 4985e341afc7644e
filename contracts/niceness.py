"""How a program stands back for others who want the processor."""

import argparse
import os
from contextlib import suppress
from pathlib import Path


def step_back(niceness: int) -> None:
    """By so much as in nice(1). To be called once all is loaded: to start takes a second of the processor, and a worker
    that had to wait for it on a full machine would be gone for a minute.

    Where Linux groups processes by session it weighs the sessions against each other first, and niceness counts only
    within one: so it is set for the session, too, which should be the program's own.
    """
    if niceness:
        os.nice(niceness)
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(niceness), encoding="ascii")


def add_option(parser: argparse.ArgumentParser) -> None:
    """`--niceness N`."""
    parser.add_argument(
        "--niceness", type=int, default=0, choices=range(20), metavar="0-19", help="stand back for others, as nice(1)"
    )
