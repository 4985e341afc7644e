"""The test of the model test: with any one rule of the protocol broken, it fails, and by its seed it fails again."""

from collections.abc import Callable

import pytest
from hypothesis import Phase

from tests.model.machine import run
from tests.model.mutants import MUTANTS, events_for

MOST_STEPS = 20_000
"""A fifth of what each run of the suite does."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_model_catches_a_broken_rule(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        run(MOST_STEPS, 1, phases=[Phase.generate], events=events_for(mutant))


def test_a_failures_seed_shows_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = next(iter(MUTANTS))
    mutant(monkeypatch)
    stories = []
    for _ in range(2):
        with pytest.raises(AssertionError) as caught:
            run(MOST_STEPS, 1, phases=[Phase.generate], events=events_for(mutant))
        stories.append((str(caught.value), caught.value.__notes__))
    assert stories[0] == stories[1]
    assert "this was seed 1" in "".join(stories[0][1])
