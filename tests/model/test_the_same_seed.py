"""A seed means the same run in every process: what a night found can be looked at in the morning."""

import os
import subprocess
import sys

SEED, STEPS = 1, 1
"""A round of five stories, some thousands of reads."""


def test_a_seed_is_the_same_run_in_every_process() -> None:
    """Whatever strings hash to, wherever objects lie in memory, and whatever was imported and set before."""
    one = _started({"PYTHONHASHSEED": "1"}, "tests.model.virtual_time")
    other = _started({"PYTHONHASHSEED": "2", "PYTHONMALLOC": "malloc"}, "hypothesis", "origin.app")
    traces = [process.communicate(timeout=120)[0].splitlines() for process in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0)
    assert len(traces[0]) > 4_000
    assert next((lines for lines in zip(*traces, strict=True) if lines[0] != lines[1]), None) is None


def _started(environment: dict[str, str], *modules: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "tests.model.trace", str(SEED), str(STEPS), *modules]
    return subprocess.Popen(argv, env=os.environ | environment, stdout=subprocess.PIPE, text=True)
