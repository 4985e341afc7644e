"""Token buckets: each shop has its own, and their arithmetic is exact under a clock that is passed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.tenant import StoreId
from edge_renderer.budgets import Buckets
from tests.fixtures.bus import HandClock
from tests.fixtures.made_up_shops import ACORN_ID, BIRCH_ID


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def taken(buckets: Buckets, store_id: StoreId, times: int, spare: float = 0.0) -> int:
    return sum(buckets.take(store_id, spare=spare) for _ in range(times))


def test_a_burst_is_allowed_and_then_the_rate(clock: HandClock) -> None:
    buckets = Buckets(10, 40, clock)
    assert taken(buckets, ACORN_ID, 100) == 40
    clock.now += 0.5
    assert taken(buckets, ACORN_ID, 100) == 5
    clock.now += 3600
    assert taken(buckets, ACORN_ID, 100) == 40


def test_one_shops_rush_leaves_the_others_bucket_full(clock: HandClock) -> None:
    buckets = Buckets(10, 40, clock)
    assert taken(buckets, ACORN_ID, 10_000) == 40
    assert taken(buckets, BIRCH_ID, 100) == 40


def test_what_matters_less_leaves_its_part_to_what_matters_more(clock: HandClock) -> None:
    buckets = Buckets(10, 40, clock)
    assert taken(buckets, ACORN_ID, 100, spare=0.25) == 30
    assert taken(buckets, ACORN_ID, 100) == 10


def test_a_token_given_back_can_be_taken_again(clock: HandClock) -> None:
    buckets = Buckets(10, 2, clock)
    assert taken(buckets, ACORN_ID, 5) == 2
    buckets.give_back(ACORN_ID)
    assert taken(buckets, ACORN_ID, 5) == 1
    buckets.give_back(BIRCH_ID)  # nothing was taken: a full bucket stays full
    assert taken(buckets, BIRCH_ID, 5) == 2


def test_it_says_after_how_many_seconds_there_is_a_token_again(clock: HandClock) -> None:
    buckets = Buckets(0.25, 1, clock)
    buckets.take(ACORN_ID)
    assert not buckets.take(ACORN_ID)
    assert buckets.retry_after_seconds(ACORN_ID) == 4
    clock.now += 4
    assert buckets.take(ACORN_ID)
    assert Buckets(100, 1, clock).retry_after_seconds(BIRCH_ID) == 1


def test_shops_that_asked_once_and_went_need_no_memory(clock: HandClock) -> None:
    buckets = Buckets(50, 200, clock)
    for number in range(20_000):
        buckets.take(StoreId(number))
        clock.now += 0.005
    assert len(buckets) <= 1025


@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=60))
def test_over_any_time_no_more_is_taken_than_burst_and_rate_allow(gaps: list[float]) -> None:
    clock = HandClock()
    buckets = Buckets(20, 5, clock)
    began, count = clock.now, 0
    for gap in gaps:
        clock.now += gap
        count += buckets.take(ACORN_ID)
        assert count <= 5 + 20 * (clock.now - began) + 1e-3
