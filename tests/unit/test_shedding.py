"""What each shop costs, and who is refused when the loop is late: the dearest first, and never the small."""

import asyncio

import pytest

from contracts.tenant import StoreId
from edge_renderer.costs import HALF_LIFE_SECONDS, Costs
from edge_renderer.shedding import LoopWatch, Shedder
from tests.fixtures.made_up_shops import ACORN_ID, BIRCH_ID

LATE, PROMPT = 0.05, 0.001
CEDAR_ID = StoreId(43)


class ThreadClock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def shedder_of(**seconds: float) -> tuple[Shedder, Costs]:
    costs = Costs()
    for store_id, name in ((ACORN_ID, "acorn"), (BIRCH_ID, "birch"), (CEDAR_ID, "cedar")):
        if name in seconds:
            costs.add(store_id, seconds[name])
    return Shedder(costs, late_seconds=0.01), costs


def refused(shedder: Shedder, store_id: StoreId, of: int = 100) -> int:
    return sum(shedder.refuses(store_id) for _ in range(of))


def test_nobody_is_refused_while_the_loop_is_prompt() -> None:
    shedder, _ = shedder_of(acorn=10, birch=0.1)
    for _ in range(50):
        shedder.judge(PROMPT)
    assert (refused(shedder, ACORN_ID), refused(shedder, BIRCH_ID)) == (0, 0)


def test_the_shop_that_costs_most_is_refused_first_and_more_the_longer_it_lasts() -> None:
    shedder, _ = shedder_of(acorn=9, birch=0.5, cedar=0.5)
    shedder.judge(LATE)
    first = refused(shedder, ACORN_ID)
    assert 9 <= first <= 13
    for _ in range(4):
        shedder.judge(LATE)
    assert refused(shedder, ACORN_ID) > 4 * first
    assert (refused(shedder, BIRCH_ID), refused(shedder, CEDAR_ID)) == (0, 0)


def test_a_small_shop_is_served_however_late_the_loop_is() -> None:
    shedder, costs = shedder_of(acorn=9, birch=0.5)
    for _ in range(50):
        costs.add(ACORN_ID, 0.1)
        shedder.judge(LATE)
    assert refused(shedder, ACORN_ID) == 100
    assert refused(shedder, BIRCH_ID) == 0
    assert refused(shedder, CEDAR_ID) == 0  # not even known


def test_a_shop_alone_is_refused_too_and_shops_alike_share_it() -> None:
    alone, _ = shedder_of(acorn=1)
    alike, _ = shedder_of(acorn=1, birch=1)
    for _ in range(8):
        alone.judge(LATE)
        alike.judge(LATE)
    assert refused(alone, ACORN_ID) == 80
    assert refused(alike, ACORN_ID) + refused(alike, BIRCH_ID) == pytest.approx(160, abs=1)


def test_when_the_loop_is_prompt_again_all_are_served_after_a_while() -> None:
    shedder, _ = shedder_of(acorn=100)
    shedder.judge(LATE)
    for _ in range(6):
        shedder.judge(PROMPT)
    assert (shedder.level, refused(shedder, ACORN_ID)) == (0.0, 0)


def test_costs_fade_by_half_and_those_who_cost_nothing_are_forgotten() -> None:
    costs = Costs()
    costs.add(ACORN_ID, 1.0)
    costs.add(BIRCH_ID, 0.0003)
    costs.fade(HALF_LIFE_SECONDS)
    assert costs.by_shop == {ACORN_ID: 0.5}


async def test_work_is_charged_to_its_shop_step_by_step_and_waiting_is_free() -> None:
    clock = ThreadClock()
    costs = Costs(clock)
    go_on = asyncio.Event()

    async def work(before: float, after: float) -> str:
        clock.now += before
        await go_on.wait()
        clock.now += after
        return "done"

    first = asyncio.create_task(costs.work(ACORN_ID, lambda: work(0.5, 0.25)))
    second = asyncio.create_task(costs.work(BIRCH_ID, lambda: work(0.125, 1)))
    await asyncio.sleep(0)
    clock.now += 1000  # while both wait
    go_on.set()
    assert (await first, await second) == ("done", "done")
    assert costs.by_shop == {ACORN_ID: 0.75, BIRCH_ID: 1.125}


async def test_work_that_fails_or_is_cancelled_is_charged_too() -> None:
    clock = ThreadClock()
    costs = Costs(clock)

    async def fails() -> None:
        clock.now += 1
        raise LookupError

    async def is_cancelled() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            clock.now += 2

    with pytest.raises(LookupError):
        await costs.work(ACORN_ID, fails)
    task = asyncio.create_task(costs.work(BIRCH_ID, is_cancelled))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert costs.by_shop == {ACORN_ID: 1.0, BIRCH_ID: 2.0}


async def test_the_watch_hears_every_tick_and_judges_by_the_promptest() -> None:
    ticks: list[float] = []
    judged = asyncio.get_running_loop().create_future()
    watch = asyncio.create_task(LoopWatch(ticks.append, judged.set_result).run())
    async with asyncio.timeout(10):
        promptest = await judged
    watch.cancel()
    assert promptest == min(ticks)
