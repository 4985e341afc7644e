"""Precedence: beside a small shop a large one does one thing at a time, begins nothing while the other is served, and
pauses; alone it may do what it likes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest

from contracts.tenant import StoreId
from edge_renderer.costs import Costs
from edge_renderer.errors import OverShare
from edge_renderer.precedence import ABOUT_SECONDS, LaneLimits, Precedence
from edge_renderer.turns import Turns
from tests.fixtures.bus import HandClock
from tests.fixtures.made_up_shops import ACORN_ID, BIRCH_ID


class Scene:
    """Acorn is large. `begun` says whose work began, in order."""

    def __init__(self, pause_times: float = 0.0, patience_seconds: float = 5.0, waiting: int = 8) -> None:
        self.clock = HandClock()
        self.costs = Costs()
        self.costs.add(ACORN_ID, 1.0)
        self.costs.add(BIRCH_ID, 0.01)
        limits = LaneLimits(0.03, pause_times, patience_seconds, waiting)
        self.precedence = Precedence(self.costs, limits, self.clock)
        self.way: Callable[[StoreId], AbstractAsyncContextManager[object]] = self.lane
        self.begun: list[StoreId] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._ends: dict[StoreId, list[asyncio.Event]] = {ACORN_ID: [], BIRCH_ID: []}

    def lane(self, store_id: StoreId) -> AbstractAsyncContextManager[object]:
        return self.precedence.way(store_id, asyncio.get_running_loop().time() + 5.0)

    async def start(self, store_id: StoreId, times: int = 1) -> list[asyncio.Task[None]]:
        """Returns once each has begun or waits."""
        started = [asyncio.create_task(self._work(store_id)) for _ in range(times)]
        self.tasks += started
        await self.settle()
        return started

    async def finish(self, store_id: StoreId) -> None:
        """The shop's oldest that is under way; returns once whoever may has begun."""
        self._ends[store_id].pop(0).set()
        await self.settle()

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def _work(self, store_id: StoreId) -> None:
        async with self.way(store_id):
            self.begun.append(store_id)
            end = asyncio.Event()
            self._ends[store_id].append(end)
            await end.wait()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    yield made
    await made.end()
    assert len(made.precedence) == 0


async def test_alone_a_large_shop_does_all_at_once(scene: Scene) -> None:
    await scene.start(ACORN_ID, 20)
    assert scene.begun == [ACORN_ID] * 20


async def test_beside_a_small_one_it_does_one_thing_at_a_time_and_the_small_one_overtakes_all_that_waits(
    scene: Scene,
) -> None:
    await scene.start(BIRCH_ID)
    await scene.finish(BIRCH_ID)
    await scene.start(ACORN_ID, 8)
    assert scene.begun[1:] == [ACORN_ID]
    await scene.start(BIRCH_ID, 3)
    assert scene.begun[2:] == [BIRCH_ID] * 3
    await scene.finish(ACORN_ID)
    assert len(scene.begun) == 5  # nothing of acorn's while birch is served
    for _ in range(3):
        await scene.finish(BIRCH_ID)
    assert scene.begun[5:] == [ACORN_ID]


async def test_a_small_shop_that_has_gone_is_waited_for_no_more(scene: Scene) -> None:
    await scene.start(BIRCH_ID)
    await scene.finish(BIRCH_ID)
    scene.clock.now += ABOUT_SECONDS
    await scene.start(ACORN_ID, 3)
    assert scene.begun[1:] == [ACORN_ID] * 3


async def test_two_that_cost_alike_are_both_small(scene: Scene) -> None:
    scene.costs.add(BIRCH_ID, 0.9)
    await scene.start(BIRCH_ID, 3)
    await scene.start(ACORN_ID, 3)
    assert len(scene.begun) == 6


async def test_its_own_small_beginnings_are_not_another_shop(scene: Scene) -> None:
    scene.costs.by_shop[ACORN_ID] = 0.0
    await scene.start(ACORN_ID)
    scene.costs.add(ACORN_ID, 1.0)
    await scene.start(ACORN_ID, 3)
    assert scene.begun == [ACORN_ID] * 4


async def test_who_waited_for_a_turn_when_others_came_goes_by_the_lane_after_all(scene: Scene) -> None:
    scene.way = Turns("tests", 32, 2, 5.0, way=scene.precedence.way).turn
    started = await scene.start(ACORN_ID, 12)
    await scene.start(BIRCH_ID)
    assert scene.begun == [ACORN_ID] * 2 + [BIRCH_ID]
    await scene.finish(ACORN_ID)
    for _ in range(12):
        await scene.settle()
    assert len(scene.begun) == 3  # one is next, eight wait behind it
    refused = [task for task in started if task.done() and task.exception()]
    assert [type(task.exception()) for task in refused] == [OverShare]
    await scene.finish(BIRCH_ID)
    assert scene.begun[3:] == [ACORN_ID]


async def test_its_own_work_from_before_it_was_large_is_not_waited_for(scene: Scene) -> None:
    scene.costs.by_shop[ACORN_ID] = 0.0
    await scene.start(ACORN_ID)
    await scene.start(BIRCH_ID)
    scene.costs.add(ACORN_ID, 5.0)
    await scene.start(ACORN_ID)
    assert scene.begun == [ACORN_ID, BIRCH_ID]
    await scene.finish(BIRCH_ID)
    assert scene.begun[2:] == [ACORN_ID]


async def test_a_small_ones_page_is_under_way_until_it_is_encoded(scene: Scene) -> None:
    with scene.precedence.answering(BIRCH_ID):
        await scene.start(BIRCH_ID)
        await scene.finish(BIRCH_ID)  # the turn; the rest of the answer is still to come
        await scene.start(ACORN_ID)
        assert scene.begun == [BIRCH_ID]
    await scene.settle()
    assert scene.begun == [BIRCH_ID, ACORN_ID]


async def test_more_than_may_wait_are_refused(scene: Scene) -> None:
    await scene.start(BIRCH_ID)
    started = await scene.start(ACORN_ID, 12)  # one has the lane, eight wait
    refused = [task for task in started if task.done()]
    assert len(refused) == 3
    assert all(isinstance(task.exception(), OverShare) for task in refused)


async def test_where_none_may_wait_one_still_goes_by_the_lane() -> None:
    scene = Scene(waiting=0)
    await scene.start(BIRCH_ID)
    await scene.finish(BIRCH_ID)
    _, refused = await scene.start(ACORN_ID, 2)
    assert scene.begun == [BIRCH_ID, ACORN_ID]
    assert isinstance(refused.exception(), OverShare)
    await scene.end()
    assert len(scene.precedence) == 0


async def test_nobody_waits_beyond_their_deadline(scene: Scene) -> None:
    await scene.start(BIRCH_ID)
    await scene.finish(BIRCH_ID)
    await scene.start(ACORN_ID)  # has the lane
    scene.way = partial(scene.precedence.way, deadline=asyncio.get_running_loop().time())
    (late,) = await scene.start(ACORN_ID)
    assert isinstance(late.exception(), OverShare)


async def test_who_waits_and_goes_away_holds_up_nobody(scene: Scene) -> None:
    await scene.start(BIRCH_ID)
    await scene.finish(BIRCH_ID)
    _, waiting, _ = await scene.start(ACORN_ID, 3)
    waiting.cancel()
    await scene.finish(ACORN_ID)
    assert scene.begun[1:] == [ACORN_ID] * 2
    await scene.finish(ACORN_ID)


async def test_among_small_shops_without_end_its_patience_ends() -> None:
    scene = Scene(patience_seconds=0.04)
    await scene.start(BIRCH_ID)
    loop = asyncio.get_running_loop()
    came = loop.time()
    (waiting,) = await scene.start(ACORN_ID)
    async with asyncio.timeout(5):
        while not scene.begun[1:]:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert loop.time() - came >= 0.039
    assert not waiting.done()
    await scene.end()


async def test_a_pause_is_some_times_as_long_as_the_work_was() -> None:
    scene = Scene(pause_times=4)
    await scene.start(BIRCH_ID)
    await scene.finish(BIRCH_ID)
    loop = asyncio.get_running_loop()
    async with scene.lane(ACORN_ID):
        scene.clock.now += 0.01
        ended = loop.time()
    async with scene.lane(ACORN_ID):
        assert loop.time() - ended >= 0.039
    await scene.end()
