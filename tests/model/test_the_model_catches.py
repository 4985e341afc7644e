"""The test of the model test: with any one rule of the protocol broken, it fails, and by its seed it fails again."""

from collections.abc import Callable

import pytest
from hypothesis import Phase
from hypothesis.internal.conjecture import engine

from tests.model.machine import run, walk
from tests.model.mutants import MUTANTS, events_for, the_bytes_of_what_goes_are_not_given_back
from tests.model.state_server import StateServer

MOST_STEPS = 40_000


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_model_catches_a_broken_rule(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        walk(MOST_STEPS, 1, events_for(mutant))


def test_a_failures_seed_shows_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    the_bytes_of_what_goes_are_not_given_back(monkeypatch)
    stories = []
    for _ in range(2):
        with pytest.raises(AssertionError) as caught:
            run(MOST_STEPS, 5, phases=[Phase.generate, Phase.shrink])
        stories.append(caught.value.__notes__)
    assert stories[0] == stories[1]
    assert "this was seed 5" in "".join(stories[0])
    assert "".join(stories[0]).count("luck=") == 1  # of some hundred events, one is enough


def test_a_failures_shortest_story_is_as_short_on_a_slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """On one where the minutes that Hypothesis gives its search are over when it begins."""
    monkeypatch.delattr(StateServer, "restart")  # three events stumble over that
    stories = []
    for seconds in (300, 0):
        monkeypatch.setattr(engine, "MAX_SHRINKING_SECONDS", seconds)
        with pytest.raises(AttributeError) as caught:
            run(MOST_STEPS, 5)
        stories.append(caught.value.__notes__)
    assert stories[0] == stories[1]
    assert "".join(stories[0]).count("luck=") == 1
