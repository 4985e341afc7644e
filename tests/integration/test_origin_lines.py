"""Asking the origin over kept connections: what is read, what is refused, and when a connection is used again.

The origin here is a socket that says what it is told to, byte by byte.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httptools
import pytest

from edge_renderer.origin_lines import AnswerTooLarge, ConnectError, OriginLines

OK = b'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nETag: "e1"\r\n\r\nhi'
Talk = Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Raw:
    """`talk` is told which connection it has, and ends it by returning."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.connections = 0
        self.asked: list[bytes] = []
        self.has_ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self.talk(self.connections, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the edge hung up
        finally:
            writer.close()
            self.has_ended.set()

    async def read(self, reader: asyncio.StreamReader) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))


@asynccontextmanager
async def origin(*answers: bytes, most: int = 4, idle_seconds: float = 60.0) -> AsyncIterator[tuple[Raw, OriginLines]]:
    """Gives these answers one after the other, over as many connections as are made, and then the last one again."""
    left = list(answers)

    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await raw.read(reader)
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()

    raw = Raw(talk)
    async with listening(raw, most=most, idle_seconds=idle_seconds) as lines:
        yield raw, lines


@asynccontextmanager
async def listening(raw: Raw, *, most: int = 4, idle_seconds: float = 60.0) -> AsyncIterator[OriginLines]:
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    lines = OriginLines(
        f"http://127.0.0.1:{port}/base/",
        {"stoa-edge-secret": "s"},
        most=most,
        connect_seconds=5,
        idle_seconds=idle_seconds,
    )
    try:
        yield lines
    finally:
        await lines.close()
        server.close()
        await server.wait_closed()


async def test_one_connection_answers_one_question_after_the_other():
    async with origin(OK) as (raw, lines):
        for _ in range(3):
            reply = await lines.get("/x?a=%20b", 100, {"if-none-match": '"e0"'})
            assert (reply.status, reply.body, reply.headers["etag"]) == (200, b"hi", '"e1"')
    assert raw.connections == 1
    line, *headers = raw.asked[0].split(b"\r\n")
    assert line == b"GET /base/x?a=%20b HTTP/1.1"
    assert headers[0].startswith(b"host: 127.0.0.1:")
    assert headers[1:3] == [b"stoa-edge-secret: s", b'if-none-match: "e0"']


async def test_several_questions_at_once_have_a_connection_each_up_to_the_limit():
    waiting, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await raw.read(reader)
            waiting.release()
            await go_on.wait()
            writer.write(OK)

    raw = Raw(talk)
    async with listening(raw, most=2) as lines:
        asked = [asyncio.create_task(lines.get("/x", 100)) for _ in range(5)]
        for _ in range(2):
            await waiting.acquire()
        assert (raw.connections, len(raw.asked)) == (2, 2)
        go_on.set()
        assert [reply.body for reply in await asyncio.gather(*asked)] == [b"hi"] * 5
    assert raw.connections == 2


async def test_a_kept_connection_that_has_died_is_noticed_and_the_question_asked_once_more():
    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await raw.read(reader)
        writer.write(OK)
        if number == 1:
            await raw.read(reader)  # and dies of it
        else:
            await reader.read()

    raw = Raw(talk)
    async with listening(raw) as lines:
        await lines.get("/1", 100)
        assert (await lines.get("/2", 100)).body == b"hi"
    assert raw.connections == 2
    assert [asked.split()[1] for asked in raw.asked] == [b"/base/1", b"/base/2", b"/base/2"]


async def test_an_origin_that_hangs_up_on_everybody_is_asked_no_third_time():
    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await raw.read(reader)

    raw = Raw(talk)
    async with listening(raw) as lines:
        with pytest.raises(ConnectionError):
            await lines.get("/1", 100)
    assert len(raw.asked) == 1


async def test_where_nobody_listens_there_is_no_connection():
    async with origin(OK) as (_, lines):
        await lines.get("/1", 100)
    with pytest.raises(ConnectError):
        await lines.get("/2", 100)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n" + b"x" * 11,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nxxxxxx\r\n5\r\nxxxxx\r\n0\r\n\r\n",
    ],
    ids=["by its length", "chunk by chunk"],
)
async def test_an_answer_over_its_limit_is_not_kept_nor_its_connection(answer: bytes):
    async with origin(OK, answer, OK) as (raw, lines):
        await lines.get("/1", 10)
        with pytest.raises(AnswerTooLarge):
            await lines.get("/2", 10)
        assert (await lines.get("/3", 10)).body == b"hi"
    assert raw.connections == 2


async def test_what_comes_in_chunks_or_after_a_hint_is_read_whole():
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    hinted = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK
    unchanged = b'HTTP/1.1 304 Not Modified\r\netag: "e1"\r\n\r\n'
    async with origin(chunked, hinted, unchanged) as (raw, lines):
        assert (await lines.get("/1", 10)).body == b"abcde"
        reply = await lines.get("/2", 10)
        assert (reply.status, reply.body, "link" in reply.headers) == (200, b"hi", False)
        assert (await lines.get("/3", 10)).status == 304
    assert raw.connections == 1


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n"]
)
async def test_what_is_no_answer_is_an_error(answer: bytes):
    async with origin(answer) as (_, lines):
        with pytest.raises(ConnectionError):
            await lines.get("/1", 100)


async def test_a_header_without_end_is_an_error():
    async with origin(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000) as (_, lines):
        with pytest.raises(ConnectionError):
            await lines.get("/1", 100)


async def test_an_answer_that_says_goodbye_is_the_connections_last():
    goodbye = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi"
    async with origin(goodbye) as (raw, lines):
        for _ in range(2):
            assert (await lines.get("/1", 100)).body == b"hi"
    assert raw.connections == 2


async def test_who_hangs_up_leaves_no_answer_for_the_next():
    """1. the question is asked; 2. its asker is gone; 3. the answer comes: it must not be the next one's."""
    has_asked, go_on = asyncio.Event(), asyncio.Event()

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await raw.read(reader)
        if number == 1:
            has_asked.set()
            await go_on.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % number)
        await reader.read()

    raw = Raw(talk)
    async with listening(raw) as lines:
        first = asyncio.create_task(lines.get("/1", 100))
        await has_asked.wait()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        go_on.set()
        assert (await lines.get("/2", 100)).body == b"2"
    assert raw.connections == 2


async def test_a_connection_that_speaks_unasked_is_not_used_again():
    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await raw.read(reader)
        writer.write(OK if number > 1 else OK + b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad")
        await reader.read()

    raw = Raw(talk)
    async with listening(raw) as lines:
        assert (await lines.get("/1", 100)).body == b"hi"
        await raw.has_ended.wait()
        assert (await lines.get("/2", 100)).body == b"hi"


async def test_a_connection_is_not_used_after_it_was_idle_for_too_long():
    async with origin(OK, idle_seconds=0.0) as (raw, lines):
        for _ in range(2):
            assert (await lines.get("/1", 100)).body == b"hi"
    assert raw.connections == 2


async def test_a_connection_that_has_ended_goes_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        async with origin(OK, idle_seconds=0.0) as (raw, lines):
            for _ in range(20):
                await lines.get("/x", 100)
            assert raw.connections == 20
            parsers = [found for found in gc.get_objects() if isinstance(found, httptools.HttpResponseParser)]
        assert len(parsers) < 5
    finally:
        gc.enable()
