"""The events as a Hypothesis state machine, run until so many steps are done. A step is one event or one read.

The seed decides everything: with the same code, Python and Hypothesis, the same seed and number of steps is the same
run, in every process and environment and at any speed. Each round has a seed of its own, the next after the last
round's, and takes nothing else from the rounds before it: a failure is repeated by starting with the seed it names.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from math import inf
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import engine
from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.model.events import EVENTS, Event, happen
from tests.model.fleet import Fleet, simulated_neighbours
from tests.model.virtual_time import START_SECONDS

EVENTS_A_STORY, STORIES_A_ROUND = 100, 5
_MOST_LUCK = 2**16
_LUCK = st.integers(0, _MOST_LUCK - 1)


@dataclass(slots=True)
class Tally:
    events: int = 0
    reads: int = 0
    stories: int = 0
    virtual_seconds: float = 0.0

    @property
    def steps(self) -> int:
        return self.events + self.reads


def run(
    steps: int,
    first_seed: int,
    phases: Sequence[Phase] = (Phase.generate, Phase.shrink),
    watch: Callable[[str], None] = lambda line: None,
) -> Tally:
    """Raises what the first failing story raises, with the shortest story that Hypothesis finds for it. `watch` is told
    all that happens."""
    tally = Tally()
    with simulated_neighbours(), _nothing_but_the_seed():
        for number in count(first_seed):
            if tally.steps >= steps:
                return tally
            watch(f"seed {number}")
            try:
                _round(_machine(tally, watch), number, phases)
            except BaseException as error:
                error.add_note(
                    f"this was seed {number}; pytest tests/model/test_model.py --model-seed {number} shows it again"
                )
                raise
    raise AssertionError("unreachable")


def walk(steps: int, first_seed: int, events: Sequence[Event]) -> Tally:
    """The same without Hypothesis and with these events only: who knows what to look for finds it sooner. Raises what
    the first failing story raises."""
    tally = Tally()
    with simulated_neighbours():
        for number in count(first_seed):
            if tally.steps >= steps:
                return tally
            rng, fleet = Random(number), Fleet(seed=0)
            try:
                for _ in range(EVENTS_A_STORY):
                    tally.events += 1
                    happen(fleet, rng.choice(events), rng.randrange(_MOST_LUCK))
            finally:
                fleet.end()
                tally.reads += fleet.reads
                tally.stories += 1
    raise AssertionError("unreachable")


def _round(machine: type[RuleBasedStateMachine], number: int, phases: Sequence[Phase]) -> None:
    how = settings(
        max_examples=STORIES_A_ROUND,
        stateful_step_count=EVENTS_A_STORY,
        phases=phases,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(number)(machine), settings=how)


@contextmanager
def _nothing_but_the_seed() -> Iterator[None]:
    """Hypothesis tries, here and there, a number that stands in the source of some module of ours: which modules are
    loaded by then, and so by whom and after which other tests a seed is run, would decide what the seed means. And it
    ends its search for the shortest story after five minutes: the machine would decide how short. What ends it here is
    Hypothesis's count of tries that brought nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HypothesisProvider, "_maybe_draw_constant", lambda *_, **__: None)
        patch.setattr(engine, "MAX_SHRINKING_SECONDS", inf)
        yield


def _machine(tally: Tally, watch: Callable[[str], None]) -> type[RuleBasedStateMachine]:
    class Story(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.fleet = Fleet(0, watch)

        def teardown(self) -> None:
            self.fleet.end()
            tally.reads += self.fleet.reads
            tally.stories += 1
            tally.virtual_seconds += self.fleet.loop.now - START_SECONDS

    for event in EVENTS:
        setattr(Story, event.__name__, rule(luck=_LUCK)(_rule(event, tally, watch)))
    return Story


def _rule(event: Event, tally: Tally, watch: Callable[[str], None]) -> Callable[..., None]:
    def happens(self: Any, luck: int) -> None:
        tally.events += 1
        watch(f"{event.__name__} {luck}")
        happen(self.fleet, event, luck)
        watch(f"{self.fleet.loop.now} luck left: {hash(self.fleet.rng.getstate()[1])}")

    happens.__name__ = event.__name__
    return happens
