"""Turns: limits on work at once that go round the shops, with a bounded wait."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from contracts.tenant import StoreId
from edge_renderer.errors import Overloaded, OverShare
from edge_renderer.turns import Turns
from tests.fixtures.made_up_shops import ACORN_ID, BIRCH_ID


def turns_of(at_once: int, for_one: int, wait_seconds: float = 5.0, waiting: int = 64) -> Turns:
    return Turns("tests", at_once, for_one, wait_seconds, most_waiting_for_one=waiting)


class Work:
    """Takes turns and holds them; `order` says whose turns came."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.order: list[StoreId | None] = []
        self._done: list[asyncio.Event] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self, store_id: StoreId | None, times: int = 1) -> None:
        """Returns once each has its turn or waits for it."""
        for _ in range(times):
            self.tasks.append(asyncio.create_task(self._hold(store_id)))
        await asyncio.sleep(0)

    async def finish_one(self) -> None:
        """The oldest that is running; returns when the next has its turn."""
        running = len(self.order)
        self._done.pop(0).set()
        async with asyncio.timeout(5):
            while self.turns.waiting and len(self.order) == running:  # noqa: ASYNC110
                await asyncio.sleep(0)

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _hold(self, store_id: StoreId | None) -> None:
        async with self.turns.turn(store_id):
            self.order.append(store_id)
            done = asyncio.Event()
            self._done.append(done)
            await done.wait()


async def test_a_shop_with_many_waiting_does_not_hold_up_the_next_shop() -> None:
    work = Work(turns_of(4, 4))
    await work.start(ACORN_ID, 40)
    await work.start(BIRCH_ID, 3)
    for _ in range(6):
        await work.finish_one()
    assert work.order[4:] == [BIRCH_ID, ACORN_ID] * 3
    await work.end()


async def test_a_shop_at_its_own_limit_waits_while_others_go_on() -> None:
    work = Work(turns_of(8, 2))
    await work.start(ACORN_ID, 10)
    await work.start(BIRCH_ID, 2)
    assert (work.order.count(ACORN_ID), work.order.count(BIRCH_ID), work.turns.waiting) == (2, 2, 8)
    await work.finish_one()
    assert work.order.count(ACORN_ID) == 3
    await work.end()


async def test_more_than_may_wait_are_refused_at_once_and_only_those_of_that_shop() -> None:
    work = Work(turns_of(4, 1, waiting=2))
    await work.start(ACORN_ID, 3)
    with pytest.raises(OverShare):
        async with work.turns.turn(ACORN_ID):
            pass
    async with work.turns.turn(BIRCH_ID):
        pass
    await work.end()


async def test_a_shop_of_which_none_may_wait_leaves_nothing_behind_when_it_is_refused() -> None:
    turns = turns_of(1, 1, waiting=0)
    async with turns.turn(ACORN_ID):
        with pytest.raises(OverShare):
            async with turns.turn(BIRCH_ID):
                pass
    assert len(turns) == 0


async def test_whose_fault_a_wait_in_vain_is_is_told() -> None:
    async with AsyncExitStack() as held:
        turns = turns_of(1, 1, wait_seconds=0.01)
        await held.enter_async_context(turns.turn(ACORN_ID))
        with pytest.raises(OverShare):
            await held.enter_async_context(turns.turn(ACORN_ID))
        with pytest.raises(Overloaded) as refused:
            await held.enter_async_context(turns.turn(BIRCH_ID))
        assert not isinstance(refused.value, OverShare)
    async with turns.turn(BIRCH_ID):
        assert (turns.running, turns.waiting) == (1, 0)


async def test_a_turn_granted_to_somebody_who_has_just_gone_is_given_on() -> None:
    """1. a turn is granted; 2. before its task runs, it is cancelled."""
    work = Work(turns_of(1, 1))
    await work.start(ACORN_ID)
    await work.start(ACORN_ID)
    await work.start(BIRCH_ID)
    work.tasks[0].cancel()
    await asyncio.sleep(0)  # the first has let go: the second's turn is granted, and it has not run yet
    work.tasks[1].cancel()
    async with asyncio.timeout(5):
        while work.order != [ACORN_ID, BIRCH_ID]:  # noqa: ASYNC110
            await asyncio.sleep(0)
    await work.end()
    assert (work.turns.running, work.turns.waiting) == (0, 0)


async def test_those_who_stop_waiting_leave_nothing_behind() -> None:
    work = Work(turns_of(1, 1))
    for store_id in (ACORN_ID, BIRCH_ID, None):
        await work.start(store_id, 5)
    await work.end()
    assert (work.turns.running, work.turns.waiting, len(work.turns)) == (0, 0, 0)


async def test_all_that_one_waits_for_ends_at_one_moment() -> None:
    """Who is looked at again goes another way, and waits for another turn, with what is left of the first wait."""
    deadlines: list[float] = []
    is_on_second_way, goes_on = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def way(_: StoreId | None, deadline: float) -> AsyncIterator[Callable[[], bool]]:
        deadlines.append(deadline)
        if len(deadlines) == 2:
            is_on_second_way.set()
            await goes_on.wait()
        yield lambda: len(deadlines) == 2

    turns = Turns("tests", 1, 1, 0.01, way=way)
    work = Work(turns)
    await work.start(ACORN_ID)
    await is_on_second_way.wait()
    async with turns.turn(BIRCH_ID, is_urgent=True):
        while asyncio.get_running_loop().time() <= deadlines[1]:  # noqa: ASYNC110
            await asyncio.sleep(0)
        goes_on.set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert isinstance(work.tasks[0].exception(), Overloaded)
    assert deadlines[0] == deadlines[1]
    await work.end()
