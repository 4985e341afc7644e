"""One edge worker of a running platform on a core of its own, and all else that runs on the other one: as in a fleet,
where edges have machines to themselves. Left to the kernel, whatever wakes up may do so on the edge's core."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil  # type: ignore[import-untyped]

from standalone.errors import StandaloneError
from standalone.ready_file import EdgeWorker, Ready

EDGE_CORE, OTHER_CORE = 0, 1


@contextmanager
def core_of_its_own(ready: Ready, worker: EdgeWorker) -> Iterator[None]:
    """Everything else of the platform, and this process, has the other core. Raises StandaloneError if there is none.
    Afterwards each may run where it did before, with what it has begun meanwhile."""
    if not {EDGE_CORE, OTHER_CORE} <= os.sched_getaffinity(0):
        raise StandaloneError("It takes two cores: one for the edge, one for all else.")
    others = [os.getpid(), *(pid for pids in ready.pids.values() for pid in pids if pid != worker.pid)]
    before = {pid: os.sched_getaffinity(pid) for pid in (*others, worker.pid) if psutil.pid_exists(pid)}
    try:
        for pid in others:
            _run_on({OTHER_CORE}, pid)
        _run_on({EDGE_CORE}, worker.pid)
        yield
    finally:
        for pid, cores in before.items():
            _run_on(cores, pid)


def _run_on(cores: set[int], pid: int) -> None:
    """All its threads and its children's, of which any may end meanwhile."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for member in [process, *process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                for thread in member.threads():
                    with suppress(ProcessLookupError):
                        os.sched_setaffinity(thread.id, cores)
