"""One piece of work per key: who shares it, who may cancel what, and what is forgotten."""

import asyncio
from contextlib import suppress

import pytest

from edge_renderer.cache.single_flight import SingleFlight


class Oven:
    """Work that ends when told to, and counts how often it was begun."""

    def __init__(self, result: str = "bread", error: Exception | None = None) -> None:
        self.begun = 0
        self.is_on = asyncio.Event()
        self.may_end = asyncio.Event()
        self._result, self._error = result, error

    async def bake(self) -> str:
        self.begun += 1
        self.is_on.set()
        await self.may_end.wait()
        if self._error:
            raise self._error
        return self._result


async def test_a_hundred_who_want_the_same_wait_for_one() -> None:
    flights: SingleFlight[str] = SingleFlight()
    oven = Oven()
    waiting = [asyncio.create_task(flights.run("k", oven.bake)) for _ in range(100)]
    await oven.is_on.wait()
    oven.may_end.set()
    assert await asyncio.gather(*waiting) == ["bread"] * 100
    assert oven.begun == 1
    assert len(flights) == 0


async def test_who_comes_between_a_flights_end_and_its_landing_starts_another() -> None:
    """Also when many tasks became ready at once, as after a freeze: what was brought may be as old as the freeze."""
    flights: SingleFlight[str] = SingleFlight()
    old, new = Oven("old"), Oven("new")
    new.may_end.set()
    waiting = asyncio.create_task(flights.run("k", old.bake))

    async def comes_next() -> str:
        await old.may_end.wait()
        assert not flights.is_flying("k")
        return await flights.run("k", new.bake)

    await old.is_on.wait()
    late = asyncio.create_task(comes_next())
    await asyncio.sleep(0)
    assert len(flights) == 1
    old.may_end.set()
    assert await late == "new"
    assert await waiting == "old"
    assert len(flights) == 0


async def test_other_keys_do_not_wait() -> None:
    flights: SingleFlight[str] = SingleFlight()
    acorn, birch = Oven("acorn's"), Oven("birch's")
    birch.may_end.set()
    slow = asyncio.create_task(flights.run("p/41", acorn.bake))
    assert await flights.run("p/42", birch.bake) == "birch's"
    assert not slow.done()
    acorn.may_end.set()
    assert await slow == "acorn's"


async def test_a_waiter_who_leaves_does_not_take_the_work_along() -> None:
    flights: SingleFlight[str] = SingleFlight()
    oven = Oven()
    leaver = asyncio.create_task(flights.run("k", oven.bake))
    stayer = asyncio.create_task(flights.run("k", oven.bake))
    await oven.is_on.wait()
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    oven.may_end.set()
    assert await stayer == "bread"
    assert oven.begun == 1


async def test_the_work_goes_on_when_everybody_has_left() -> None:
    flights: SingleFlight[str] = SingleFlight()
    oven = Oven()
    leaver = asyncio.create_task(flights.run("k", oven.bake))
    await oven.is_on.wait()
    leaver.cancel()
    await asyncio.gather(leaver, return_exceptions=True)
    late = asyncio.create_task(flights.run("k", oven.bake))
    oven.may_end.set()
    assert await late == "bread"
    assert oven.begun == 1


async def test_a_failure_is_told_to_all_who_waited_and_then_forgotten() -> None:
    flights: SingleFlight[str] = SingleFlight()
    broken = Oven(error=ValueError("burnt"))
    waiting = [asyncio.create_task(flights.run("k", broken.bake)) for _ in range(3)]
    await broken.is_on.wait()
    broken.may_end.set()
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(result, ValueError)
    oven = Oven()
    oven.may_end.set()
    assert await flights.run("k", oven.bake) == "bread"


async def test_a_failure_nobody_waited_for_is_no_warning() -> None:
    flights: SingleFlight[str] = SingleFlight()
    broken = Oven(error=ValueError("burnt"))
    broken.may_end.set()
    flights.start("k", broken.bake)
    await broken.is_on.wait()
    await flights.close()
    assert len(flights) == 0


async def test_closing_ends_what_is_under_way() -> None:
    flights: SingleFlight[str] = SingleFlight()
    oven = Oven()
    waiter = asyncio.create_task(flights.run("k", oven.bake))
    await oven.is_on.wait()
    await flights.close()
    with pytest.raises(asyncio.CancelledError):
        await waiter


async def test_work_that_takes_being_ended_for_something_else_ends_all_the_same() -> None:
    flights: SingleFlight[str] = SingleFlight()
    is_on = asyncio.Event()

    async def deaf_once() -> str:
        is_on.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()
        return "never"

    flight = flights.start("k", deaf_once)
    await is_on.wait()
    async with asyncio.timeout(10):
        await flights.close()
    assert flight.cancelled()
    assert len(flights) == 0
