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
    Afterwards all run where they did before."""
    if (os.cpu_count() or 1) < 2:
        raise StandaloneError("It takes two cores: one for the edge, one for all else.")
    before: dict[int, set[int]] = {}
    others = [os.getpid(), *(pid for pids in ready.pids.values() for pid in pids if pid != worker.pid)]
    try:
        for pid in others:
            _pin(pid, {OTHER_CORE}, before)
        _pin(worker.pid, {EDGE_CORE}, before)
        yield
    finally:
        for thread_id, cores in before.items():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(thread_id, cores)


def _pin(pid: int, cores: set[int], before: dict[int, set[int]]) -> None:
    """All its threads and its children's."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for member in [process, *process.children(recursive=True)]:
            for thread in member.threads():
                with suppress(ProcessLookupError):
                    before.setdefault(thread.id, os.sched_getaffinity(thread.id))
                    os.sched_setaffinity(thread.id, cores)
