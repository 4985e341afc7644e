"""Three edges against the promise: whatever happens to them, nobody is shown what was untrue for more than 5 seconds.

100,000 steps are done in every run of the suite; a step is one event or one read. A night's run is
`pytest tests/model/test_model.py --model-steps 10000000 --model-seed N`, with another N every night. A failure names
the seed of its round, N or a later one, and prints the shortest story that Hypothesis found for it. To see both again,
on the same commit with the same Python and after `make setup`, which brings the same Hypothesis:

    pytest tests/model/test_model.py --model-seed SEED      the same failure and story, at once
    python -m tests.model.trace SEED 1                      all that happens until then, line by line
"""

import time

import pytest

from tests.model.machine import run


def test_no_fault_makes_any_edge_show_what_was_untrue_for_five_seconds(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = request.config.getoption("--model-steps", 100_000)
    seed = request.config.getoption("--model-seed", 1)
    began = time.process_time()
    tally = run(steps, seed)
    seconds = time.process_time() - began
    assert tally.steps >= steps
    with capsys.disabled():
        print(
            f"\nmodel: {tally.steps} steps ({tally.events} events, {tally.reads} reads) in {tally.stories} stories and"
            f" {tally.virtual_seconds:.0f} virtual seconds, from seed {seed}; {seconds:.0f} s of CPU"
        )
