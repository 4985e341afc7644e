"""Processor time of a running platform's programs: what a piece of work has cost, however busy the machine was."""

import time
from collections.abc import Iterable
from contextlib import suppress

import psutil  # type: ignore[import-untyped]

from standalone.ready_file import Ready

PROGRAMS = ("edge", "origin", "postgres", "cache", "state", "relay", "worker", "payments", "smtp")


def cpu_seconds(ready: Ready) -> dict[str, float]:
    """So far, by program, and of this process as `generator`."""
    return {name: _of_trees(ready.pids[name]) for name in PROGRAMS} | {"generator": time.process_time()}


def cpu_ms_each(before: dict[str, float], after: dict[str, float], pieces: int) -> dict[str, float]:
    """Milliseconds for each of so many pieces of work, and their total."""
    spent = {name: (after[name] - before[name]) * 1000 / max(1, pieces) for name in after}
    return {name: round(ms, 3) for name, ms in {**spent, "total": sum(spent.values())}.items()}


def _of_trees(pids: Iterable[int]) -> float:
    """Of these processes and their descendants, those that have ended included."""
    seconds = 0.0
    for pid in pids:
        top = psutil.Process(pid)
        seconds += top.cpu_times().children_user + top.cpu_times().children_system
        for process in (top, *top.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                seconds += times.user + times.system
    return seconds
