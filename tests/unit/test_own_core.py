"""An edge worker on a core of its own for the time of a measurement, and nothing left there."""

import os
import threading

import pytest

from loadtest.own_core import core_of_its_own
from standalone.ready_file import EdgeWorker, Ready


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="takes two cores")
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
