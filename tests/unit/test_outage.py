"""While nobody can connect to PostgreSQL, requests are refused at once, and one task looks whether it is back."""

import asyncio

import pytest

from origin import outage
from origin.errors import Unavailable
from origin.outage import Outage


async def test_it_lasts_until_the_server_answers_and_may_begin_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "LOOK_SECONDS", 0)
    answers = iter([False, False, True, True])
    seen = Outage(lambda: _said(next(answers)))
    seen.refuse()
    for _ in range(2):
        seen.begin()
        seen.begin()  # of many that give up, one watches
        with pytest.raises(Unavailable):
            seen.refuse()
        await _all_others_done()
        seen.refuse()
    assert list(answers) == []


async def test_a_pool_that_gives_up_while_it_closes_leaves_no_watch_behind() -> None:
    seen = Outage(lambda: _said(False))
    seen.begin()
    await seen.close()
    seen.begin()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    seen.refuse()


async def _said(answer: bool) -> bool:
    return answer


async def _all_others_done() -> None:
    async with asyncio.timeout(20):
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
