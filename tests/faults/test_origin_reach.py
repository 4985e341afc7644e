"""An origin that is silent is told from one slow page, and its return is noticed though earlier looks got lost.

While it is away nobody waits for it: pages are served unverified, carts get an apology at once.
"""

import asyncio

import pytest

from edge_renderer import origin_reach
from edge_renderer.app import running_edge
from edge_renderer.origin_reach import OriginReach
from loadtest.fault_proxy import Fault
from tests.faults.hall import proxy_of, until
from tests.faults.stopwatch import running_stopwatch
from tests.fixtures.bus import HandClock
from tests.fixtures.edges import BOWL, TEA, Worker, edge_settings, theming
from tests.fixtures.scripted_origin import scripted_origin

LOOK_SECONDS = 0.05


class Origin:
    """Answers every look, or swallows those of a silence for ever."""

    def __init__(self) -> None:
        self.is_silent = False
        self.looks = 0

    async def look(self) -> bool:
        self.looks += 1
        if self.is_silent:
            await asyncio.Event().wait()
        return True


async def test_one_question_without_an_answer_does_not_make_an_origin_away() -> None:
    origin = Origin()
    reach = OriginReach(origin.look, LOOK_SECONDS)
    reach.suspect()
    await until(lambda: origin.looks == 1, 5, "it was looked for")
    await reach.close()
    assert not reach.is_away


async def test_a_silent_origin_is_away_until_it_answers_a_later_look() -> None:
    origin = Origin()
    origin.is_silent = True
    reach = OriginReach(origin.look, LOOK_SECONDS)
    reach.suspect()
    await until(lambda: reach.is_away, origin_reach.PATIENCE_SECONDS + 5, "it counts as away")
    reach.suspect()  # a second question that failed starts no second watch
    looks = origin.looks
    await until(lambda: origin.looks > looks + 2, 5, "it is looked for again")
    origin.is_silent = False
    await until(lambda: not reach.is_away, 5, "its return is noticed")
    await reach.close()
    assert not reach.is_away


async def test_a_watch_ends_with_the_edge() -> None:
    origin = Origin()
    origin.is_silent = True
    reach = OriginReach(origin.look, LOOK_SECONDS)
    reach.suspect()
    await until(lambda: origin.looks > 0, 5, "it was looked for")
    await reach.close()
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("host", ["acorn", "birch"])
async def test_a_cart_is_refused_at_once_while_the_origin_is_known_to_be_silent(host: str) -> None:
    """Not after the 30 s that a checkout may take."""
    clock = HandClock()
    async with scripted_origin() as origin, proxy_of(origin.url) as proxy:
        settings = edge_settings(f"http://127.0.0.1:{proxy.port}", edge_read_seconds=3)
        async with running_edge(settings, theming(), clock) as edge:
            shoppers = Worker(edge, clock)
            browser, page = shoppers.at(host), BOWL if host == "acorn" else TEA
            assert (await browser.get(page)).status_code == 200
            await proxy.inject(Fault(is_blackhole=True))
            clock.now += 5
            assert "detail=unverified" in (await browser.get(page)).headers["cache-status"]
            await until(lambda: edge.reach.is_away, origin_reach.PATIENCE_SECONDS + 10, "the origin counts as away")
            async with running_stopwatch() as stopwatch:
                began = stopwatch()
                refused = await browser.post("/cart/add.js", json={"id": 1})
                assert stopwatch() - began < 1.0
            assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
            await shoppers.close()
