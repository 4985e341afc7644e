"""Outlives `stoa up` by a moment: if that died without stopping its children (kill -9), ends what still runs of them.

It hears of the death through a pipe that only `stoa up` holds open, so this works on every system, and also for a child
that ignores the kernel's death signal. After an orderly stop the pid file is empty and there is nothing to do.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from standalone.leftovers import PidFile

END_SECONDS = 15


@contextmanager
def guarded(pid_file: Path) -> Iterator[None]:
    """What `pid_file` lists does not outlive this process."""
    argv = [sys.executable, "-m", "standalone.guardian", str(pid_file)]
    guardian = subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        if guardian.stdin:
            guardian.stdin.close()
        guardian.wait(END_SECONDS)


def main() -> None:
    sys.stdin.buffer.read()
    PidFile(Path(sys.argv[1])).end_processes(seconds=3)


if __name__ == "__main__":
    main()
