"""The open-loop generator against servers with known faults: what it offers, what it times, what it calls an error."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from loadtest.open_loop import Address, Times, get, open_loop, open_loop_apart, post

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
Answering = Callable[[int], Awaitable[bytes]]


@asynccontextmanager
async def server(answer: Answering) -> AsyncIterator[Address]:
    """`answer` gets the request's number; an empty answer hangs up."""
    numbers = itertools.count()
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                said = await answer(next(numbers))
                writer.write(said)
                if not said or b"close" in said:
                    break
        writer.close()
        await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(serve(reader, writer)))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as listening:
        host, port = listening.sockets[0].getsockname()
        yield host, port
        await asyncio.gather(*serving)


async def always_ok(_: int) -> bytes:
    return OK


async def test_it_offers_the_rate_that_was_asked_for_and_every_request_is_answered() -> None:
    async with server(always_ok) as address:
        report = await open_loop(address, itertools.repeat(get("shop", "/")), 400, 0.5, 8)
    assert 140 < report.offered < 260
    assert report.statuses == {200: report.offered}
    assert not report.errors


async def test_the_same_seed_gives_the_same_arrivals() -> None:
    async with server(always_ok) as address:
        first = await open_loop(address, itertools.repeat(get("shop", "/")), 300, 0.2, 4, seed=7)
        second = await open_loop(address, itertools.repeat(get("shop", "/")), 300, 0.2, 4, seed=7)
    assert first.offered == second.offered


async def test_those_who_wait_for_a_stalled_server_are_counted_from_when_they_meant_to_ask() -> None:
    """One connection and one stall of 0.3 s: all who came meanwhile waited too, though each was answered at once."""

    async def stalls_once(number: int) -> bytes:
        await asyncio.sleep(0.3 if number == 0 else 0)
        return OK

    async with server(stalls_once) as address:
        report = await open_loop(address, itertools.repeat(get("shop", "/")), 200, 0.3, 1)
    assert report.times.at_ms(0.5) > 50
    assert report.times.at_ms(1.0) > 250


async def test_a_refusal_is_a_status_and_a_broken_answer_is_an_error() -> None:
    async def moody(number: int) -> bytes:
        return (OK, BUSY, b"")[number % 3]

    async with server(moody) as address:
        report = await open_loop(address, [get("shop", "/")] * 30, 500, 5, 4)
    assert (report.offered, report.statuses[200], report.statuses[503], report.errors) == (30, 10, 10, {"broken": 10})


async def test_times_are_kept_by_name_and_posts_carry_their_body() -> None:
    async with server(always_ok) as address:
        cart = post("shop", "/cart/add.js", b"", name="cart")
        report = await open_loop(address, [get("shop", "/", name="page"), cart], 500, 5, 1)
    assert {name: times["count"] for name, times in report.as_dict()["by_name"].items()} == {"page": 1, "cart": 1}
    assert b"Content-Length: 2\r\n\r\n{}" in post("shop", "/cart/add.js", b"{}").wire


async def test_a_process_of_its_own_reports_the_same() -> None:
    async with server(always_ok) as address:
        report = await open_loop_apart({0}, address, [get("shop", "/")] * 20, 500, 5, 2)
    assert report.statuses == {200: 20}


@pytest.mark.parametrize(("share", "ms"), [(0.5, 51.0), (0.99, 100.0), (1.0, 100.0)])
def test_shares_of_times_are_exact(share: float, ms: float) -> None:
    times = Times()
    times.seconds.extend(number / 1000 for number in range(1, 101))
    assert times.at_ms(share) == ms
