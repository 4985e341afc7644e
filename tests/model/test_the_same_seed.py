"""A seed means the same run in every process: what a night found can be looked at in the morning."""

import os
import subprocess
import sys

SEED = 2
STEPS = 10_000
"""From the seed before: a round of five stories, some thousands of reads, and another, which is that of `SEED`."""


def test_a_seed_is_the_same_run_in_every_process() -> None:
    """Whatever strings hash to, wherever objects lie in memory, whatever was imported, run and set before, and whatever
    the environment says about the programs' settings."""
    night = _started({"PYTHONHASHSEED": "1"}, SEED - 1, STEPS)
    elsewhere = {"PYTHONHASHSEED": "2", "PYTHONMALLOC": "malloc", "STOA_RELAY_HEARTBEAT_MS": "1000"}
    morning = _started(elsewhere, SEED, 1, "hypothesis", "origin.app")
    both = [process.communicate(timeout=120)[0].splitlines()[:-1] for process in (night, morning)]  # without the tally
    assert (night.returncode, morning.returncode) == (0, 0)
    traces = [lines[lines.index(f"seed {SEED}") :] for lines in both]
    assert len(traces[0]) > 4_000
    assert next((lines for lines in zip(*traces, strict=True) if lines[0] != lines[1]), None) is None


def _started(environment: dict[str, str], seed: int, steps: int, *modules: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "tests.model.trace", str(seed), str(steps), *modules]
    return subprocess.Popen(argv, env=os.environ | environment, stdout=subprocess.PIPE, text=True)
