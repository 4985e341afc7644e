"""The trace of the hit-ratio benchmark is what it says, and its simulation does what the edge's memory does."""

from array import array
from collections.abc import Callable

import pytest

from loadtest.benchmarks.hit_ratio import _agree, _ratios
from loadtest.evictions import FirstIn, LeastRecent, Rule, Sieving
from loadtest.traces import MOST_PAGES, Trace, shop_of, zipf_trace


def test_one_percent_of_the_shops_take_two_fifths_of_the_traffic_and_a_seed_draws_the_same_again() -> None:
    trace = zipf_trace(50_000, seed=3)
    assert trace.busy_share == pytest.approx(0.4, abs=0.01)
    assert trace.pages == zipf_trace(50_000, seed=3).pages
    assert max(map(shop_of, trace.pages)) < 2_000_000
    assert set(trace.bytes_of) == set(trace.pages)


def test_the_simulation_hits_and_misses_as_the_real_cache_does() -> None:
    assert _agree(zipf_trace(4_000, seed=4), 4_000) > 1_000


def test_two_shops_whose_pages_come_again_are_told_apart_by_what_each_rule_keeps() -> None:
    """Acorn's page is asked for between birch's many: SIEVE and LRU keep it, FIFO does not."""
    acorn, birchs = 5, [MOST_PAGES + number for number in range(30)]
    asked = [page for birch in birchs for page in (acorn, birch)]
    rules: dict[str, Callable[[], Rule]] = {
        "sieve": lambda: Sieving(400, 300),
        "lru": lambda: LeastRecent(400),
        "fifo": lambda: FirstIn(400),
    }
    hits = {name: sum(map(make().ask, asked, [100] * len(asked))) for name, make in rules.items()}
    assert hits == {"sieve": 29, "lru": 29, "fifo": 22}


def test_what_is_counted_begins_after_the_warm_up() -> None:
    trace = Trace(array("q", [1, 1, 1]), {1: 10})
    assert _ratios(trace, LeastRecent(100)) == (1.0, 0.0)
