"""An edge worker on a core of its own for the time of a measurement, and no process left there."""

import os

import pytest

from loadtest.own_core import core_of_its_own
from standalone.ready_file import EdgeWorker, Ready


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="takes two cores")
def test_everything_is_pinned_and_released_again() -> None:
    before = os.sched_getaffinity(0)
    ready = Ready(*[""] * 11, pids={"edge": [os.getpid()]})
    with core_of_its_own(ready, EdgeWorker("", "", os.getpid())):
        assert os.sched_getaffinity(0) == {0}
    assert os.sched_getaffinity(0) == before
