"""An edge worker on a core of its own for the time of a measurement, and nothing left there."""

import os
import subprocess
import sys
import threading

import psutil
import pytest

from loadtest.own_core import core_of_its_own
from standalone.ready_file import EdgeWorker, Ready

pytestmark = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="takes two cores")


def test_everything_is_pinned_and_released_again_with_what_began_meanwhile() -> None:
    before = os.sched_getaffinity(0)
    ready = Ready(*[""] * 11, pids={"edge": [os.getpid()]})
    is_over = threading.Event()
    begun = threading.Thread(target=is_over.wait)
    try:
        with core_of_its_own(ready, EdgeWorker("", "", os.getpid())):
            begun.start()
            assert begun.native_id is not None
            assert os.sched_getaffinity(0) == os.sched_getaffinity(begun.native_id) == {0}
        assert os.sched_getaffinity(0) == os.sched_getaffinity(begun.native_id) == before
    finally:
        is_over.set()
        begun.join()


def test_a_child_that_ends_meanwhile_keeps_no_other_from_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """1. the children are listed; 2. one ends; 3. their threads are listed."""
    argv = [sys.executable, "-c", "input()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as child, subprocess.Popen(argv, stdin=subprocess.PIPE) as ended:
        members = [psutil.Process(ended.pid), psutil.Process(child.pid)]
        monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: members)
        ended.kill()
        ended.wait()
        with core_of_its_own(Ready(*[""] * 11, pids={"edge": [os.getpid()]}), EdgeWorker("", "", os.getpid())):
            assert os.sched_getaffinity(child.pid) == {0}
        assert os.sched_getaffinity(child.pid) == os.sched_getaffinity(0)
        child.kill()
