"""Processes an earlier run may have left behind: who they are, and how they are ended."""

import contextlib
import json
import os
import signal
from collections.abc import Iterable
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from standalone.secrets_file import write_private_json

STOP_SECONDS = 10.0


def is_running_in(pid: int, folder: Path) -> bool:
    """Whether `pid` lives and works in `folder`: a pid alone may be somebody else's by now."""
    try:
        return Path(psutil.Process(pid).cwd()).resolve() == folder.resolve()
    except (psutil.Error, OSError):
        return False


def end_session(leader_pid: int) -> None:
    """kill -9 to what is left of a session whose leader, a child of ours, has ended.

    A work-horse leaves its worker's process group, but not its session; no new process gets the number of a session
    that still has members.
    """
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if os.getsid(pid) == leader_pid and pid != os.getpid():
                os.kill(pid, signal.SIGKILL)


class PidFile:
    """The children of the current run, with their birth times, for the next run to find."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, pids: Iterable[int]) -> None:
        born = {}
        for pid in pids:
            with contextlib.suppress(psutil.Error):
                born[str(pid)] = psutil.Process(pid).create_time()
        write_private_json(self._path, born)

    def end_leftovers(self) -> int:
        """End what still runs of an earlier run; the number of processes it took."""
        number = self.end_processes(STOP_SECONDS)
        self._path.unlink(missing_ok=True)
        return number

    def end_processes(self, seconds: float) -> int:
        """SIGTERM, and for whoever is there `seconds` later, SIGKILL; with all that they started."""
        leftovers = list(self._leftovers())
        for process in leftovers:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        _, stubborn = psutil.wait_procs(leftovers, timeout=seconds)
        for process in stubborn:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(stubborn, timeout=seconds)
        for process in leftovers:
            end_session(process.pid)
        return len(leftovers)

    def _leftovers(self) -> Iterable[psutil.Process]:
        try:
            born = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        for pid, create_time in born.items():
            with contextlib.suppress(psutil.Error, ValueError):
                process = psutil.Process(int(pid))
                if abs(process.create_time() - create_time) < 1:
                    yield process
