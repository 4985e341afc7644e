"""An origin that is silent is told from one slow page, and its return is noticed though earlier looks got lost."""

import asyncio

from edge_renderer import origin_reach
from edge_renderer.origin_reach import OriginReach
from tests.faults.hall import until

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
