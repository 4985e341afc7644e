"""The noisy-neighbour benchmark: what it asks for, and how it judges."""

import itertools
from collections import Counter

import pytest

from loadtest.benchmarks.noisy_neighbour import Shop, summary
from loadtest.open_loop import Report, get

SHOP = Shop("acorn.example.com", ("/", "/collections", "/products/bowl"), 7)


def report(*ms: float, status: int = 200) -> Report:
    made = Report(seconds=1.0, offered=len(ms))
    for each in ms:
        made.note(get("shop", "/"), status, each / 1000)
    return made


def test_the_mix_has_its_shares_and_no_search_twice() -> None:
    asked = list(itertools.islice(SHOP.steady(1), 4000))
    names = Counter(request.name for request in asked)
    assert names["cart"] / 4000 == pytest.approx(0.05, abs=0.02)
    assert names["miss"] / 4000 == pytest.approx(0.05, abs=0.02)
    searches = [request.wire for request in asked if request.name == "miss"]
    assert len(set(searches)) == len(searches)
    again = {request.wire for request in itertools.islice(SHOP.steady(1), 4000) if request.name == "miss"}
    assert not again & set(searches)


def test_the_ratio_is_of_the_rounds_medians_and_refusals_are_the_steady_shops_errors() -> None:
    alone = [report(10.0), report(20.0), report(30.0)]
    beside = [report(22.0), report(500.0), report(23.0, status=429)]
    result = summary(alone, beside, [report(1.0, status=429)])
    assert (result["p99_alone_ms"], result["p99_beside_ms"], result["ratio"], result["errors"]) == (20.0, 23.0, 1.15, 1)
