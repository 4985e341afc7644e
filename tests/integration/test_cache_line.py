"""The line to the cache server: everybody gets the answer to their own question, or hears that there will be none."""

import asyncio
import fcntl
import sys
import termios
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import NoScriptError, ResponseError

from invalidation.line import Line
from loadtest.fault_proxy import Direction, Fault
from standalone.command import free_port
from tests.faults.hall import proxy_of, through

PATIENCE_SECONDS = 20.0


@asynccontextmanager
async def line_to(url: str) -> AsyncIterator[Line]:
    """Patient: who is to be given up soon is told so once the line is there."""
    line = Line(url, PATIENCE_SECONDS)
    try:
        yield line
    finally:
        await line.close()


async def test_many_at_once_get_each_their_own_answer_over_one_connection(cache_url: str) -> None:
    async with proxy_of(cache_url) as proxy, line_to(through(cache_url, proxy)) as line:
        asked = [f"answer {number}" * (number * 50) for number in range(200)]
        assert await asyncio.gather(*(line.ask("ECHO", text) for text in asked)) == [text.encode() for text in asked]
        assert proxy.connections_made == 1


async def test_who_hangs_up_leaves_everybody_else_their_own_answer(cache_url: str) -> None:
    async with proxy_of(cache_url) as proxy, line_to(through(cache_url, proxy)) as line:
        await line.ask("PING")
        await proxy.inject(Fault(is_frozen=True))
        tasks = [asyncio.create_task(line.ask("ECHO", str(number))) for number in range(30)]
        await asyncio.sleep(0)  # all have asked
        for task in tasks[::3]:
            task.cancel()
        await proxy.inject(Fault())
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [str(number).encode() for number in range(30) if number % 3] == [
            answer for number, answer in enumerate(answers) if number % 3
        ]
        assert await line.ask("ECHO", "later") == b"later"


async def test_a_refused_question_is_refused_alone(cache_url: str) -> None:
    async with line_to(cache_url) as line:
        answers = await asyncio.gather(
            line.ask("ECHO", "a"),
            line.ask("EVALSHA", "0" * 40, 0),
            line.ask("NONSENSE"),
            line.ask("ECHO", "b"),
            return_exceptions=True,
        )
    assert answers[::3] == [b"a", b"b"]
    assert isinstance(answers[1], NoScriptError)
    assert isinstance(answers[2], ResponseError)


async def test_a_silent_server_is_given_up_for_all_and_its_late_answers_reach_nobody(cache_url: str) -> None:
    async with proxy_of(cache_url) as proxy, line_to(through(cache_url, proxy)) as line:
        await line._connected()
        line._answer_seconds = 0.2
        await proxy.inject(Fault(is_frozen=True), Direction.DOWN)
        answers = await asyncio.gather(*(line.ask("ECHO", str(n)) for n in range(5)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [TimeoutError] * 5
        line._answer_seconds = PATIENCE_SECONDS
        await proxy.inject(Fault())
        assert await line.ask("ECHO", "anew") == b"anew"
        assert proxy.connections_made == 2


def _unread_bytes(line: Line) -> int:
    """That have come over the line, and wait for the loop."""
    descriptor = line._connection._writer.get_extra_info("socket").fileno()
    return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)


async def test_an_answer_that_came_while_the_loop_was_busy_is_not_too_late(cache_url: str) -> None:
    answers = [str(number).encode() for number in range(20)]
    async with line_to(cache_url) as line:
        await line._connected()
        line._answer_seconds = 0.05
        tasks = [asyncio.create_task(line.ask("ECHO", answer)) for answer in answers]
        await asyncio.sleep(0)
        patience = time.monotonic() + PATIENCE_SECONDS
        time.sleep(0.1)  # noqa: ASYNC251 - a page that takes long to make
        while _unread_bytes(line) < sum(len(b"$1\r\n\r\n" + answer) for answer in answers):
            assert time.monotonic() < patience
        assert await asyncio.gather(*tasks) == answers


async def test_a_line_that_is_cut_is_made_anew(cache_url: str) -> None:
    async with proxy_of(cache_url) as proxy, line_to(through(cache_url, proxy)) as line:
        await line.ask("PING")
        await proxy.inject(Fault(is_frozen=True))
        waiting = asyncio.create_task(line.ask("ECHO", "never"))
        await asyncio.sleep(0)
        await proxy.inject(Fault(is_down=True))
        with pytest.raises(ConnectionError):
            await waiting
        with pytest.raises(Exception, match=r"refused|connect"):
            await line.ask("PING")
        await proxy.inject(Fault())
        assert await line.ask("ECHO", "again") == b"again"


async def test_nobody_there_is_told_to_all_who_ask() -> None:
    async with line_to(f"redis://127.0.0.1:{free_port()}") as line:
        answers = await asyncio.gather(*(line.ask("PING") for _ in range(3)), return_exceptions=True)
    assert all(isinstance(answer, Exception) for answer in answers)
