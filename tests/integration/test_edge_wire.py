"""The edge's HTTP server as an attacker's socket meets it: real bytes, and exactly what comes back."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.fixtures.edges import BOWL, Worker, listening, raw_answer, worker
from tests.fixtures.scripted_origin import scripted_origin


@pytest.fixture
async def edge() -> AsyncIterator[Worker]:
    async with scripted_origin() as origin, worker(origin) as made:
        yield made


@pytest.fixture
async def port(edge: Worker) -> AsyncIterator[int]:
    async with listening(edge) as made:
        yield made


async def test_bytes_on_the_wire_are_what_they_say(port: int) -> None:
    """HEAD, 304, keep-alive and compression over one connection of a real client."""
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers={"host": "acorn.example.com"}, trust_env=False, verify=False
    ) as client:
        get = await client.get(BOWL)
        head = await client.head(BOWL)
        confirmed = await client.get(BOWL, headers={"if-none-match": get.headers["etag"]})
        again = await client.get(BOWL, headers={"accept-encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    assert (confirmed.status_code, confirmed.content) == (304, b"")
    assert "content-length" not in confirmed.headers
    assert again.content == get.content
    assert int(again.headers["content-length"]) == len(again.content)
    assert "server" not in get.headers
    assert "date" in get.headers


_GET = b"GET / HTTP/1.1\r\nHost: acorn.example.com\r\n"
_CLOSE = b"Connection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (_GET + b"Host: birch.example.com\r\n" + _CLOSE, b"400"),
        (b"GET / HTTP/1.1\r\n" + _CLOSE, b"400"),
        (b"GET http://birch.example.com/ HTTP/1.1\r\nHost: acorn.example.com\r\n" + _CLOSE, b"400"),
        (b"GET http://acorn.example.com/ HTTP/1.1\r\nHost: acorn.example.com\r\n" + _CLOSE, b"200"),
        (_GET + b"X-Big: " + b"x" * 40_000 + b"\r\n" + _CLOSE, b"431"),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: acorn.example.com\r\n" + _CLOSE, b"431"),
        (b"".join([_GET, *(b"X-%d: x\r\n" % number for number in range(5000)), _CLOSE]), b"431"),
        (_GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (_GET + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", b"400"),
        (_GET + b"Content-Length: +5\r\n\r\nhello", b"400"),
        (_GET + b"X-Folded: a\r\n b: c\r\nbad header\r\n" + _CLOSE, b"400"),
        (b"GET /\xff HTTP/1.1\r\nHost: acorn.example.com\r\n" + _CLOSE, b"400"),
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"GET * HTTP/1.1\r\nHost: acorn.example.com\r\n" + _CLOSE, b"400"),
        (b"CONNECT acorn.example.com:80 HTTP/1.1\r\nHost: acorn.example.com:80\r\n" + _CLOSE, b"400"),
    ],
)
async def test_a_request_that_means_two_things_is_refused(port: int, request_bytes: bytes, status: bytes) -> None:
    answer = await raw_answer(port, request_bytes)
    assert answer.split(b" ", 2)[1] == status
    assert b"birch" not in answer.lower()
    assert b"\r\nserver:" not in answer.lower()


async def test_a_client_that_never_finishes_its_headers_is_let_go(edge: Worker) -> None:
    async with listening(edge, edge_header_seconds=0.1) as port:
        assert (await raw_answer(port, _GET)).startswith(b"HTTP/1.1 408")
        assert await raw_answer(port, b"") == b""


async def test_requests_sent_at_once_are_answered_in_their_order(port: int) -> None:
    first = b"GET /robots.txt HTTP/1.1\r\nHost: acorn.example.com\r\n\r\n"
    answer = await raw_answer(port, first + b"GET /robots.txt HTTP/1.1\r\nHost: birch.example.com\r\n" + _CLOSE)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert 0 < answer.index(b"https://acorn.example.com/sitemap.xml") < answer.index(b"https://birch.example.com/")


async def test_a_body_behind_a_page_request_is_no_request_of_its_own(port: int) -> None:
    """Were it one, whoever shares the connection would get its answer."""
    smuggled = b"GET /robots.txt HTTP/1.1\r\nHost: birch.example.com\r\n\r\n"
    asked = _GET + b"Content-Length: %d\r\n" % len(smuggled) + _CLOSE + smuggled
    answer = await raw_answer(port, asked)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


_REFUSED_EARLY = b"POST /robots.txt HTTP/1.1\r\nHost: acorn.example.com\r\n"


@pytest.mark.parametrize("rest", [b"half", b"the whole"])
async def test_a_client_that_is_silent_in_or_behind_a_body_is_let_go_once_it_is_answered(
    edge: Worker, rest: bytes
) -> None:
    async with listening(edge, edge_header_seconds=0.1) as port:
        answer = await raw_answer(port, _REFUSED_EARLY + b"Content-Length: 9\r\n\r\n", rest)
    assert answer.startswith(b"HTTP/1.1 405")
    assert answer.count(b"HTTP/1.1") == 1


async def test_a_body_that_comes_after_its_answer_costs_nobody_the_connection(port: int) -> None:
    answer = await raw_answer(port, _REFUSED_EARLY + b"Content-Length: 9\r\n\r\n", b"at leisure"[:9] + _GET + _CLOSE)
    assert answer.count(b"HTTP/1.1 405") == answer.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize("lines", [b"X: " + b"x" * 1000 + b"\r\n", b"X" * 1000])
@pytest.mark.parametrize("target", [b"/robots.txt", b"/cart/add"])
async def test_trailers_without_end_are_not_collected(port: int, target: bytes, lines: bytes) -> None:
    """Neither behind an answer nor before it."""
    head = b"POST " + target + b" HTTP/1.1\r\nHost: acorn.example.com\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    with pytest.raises(ConnectionError):
        for _ in range(200):
            writer.write(100 * lines)
            await writer.drain()
    writer.close()


async def test_a_body_in_small_chunks_is_a_body(port: int) -> None:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [b"x" * 100] * 2000) + b"0\r\n\r\n"
    head = b"POST /cart/add HTTP/1.1\r\nHost: acorn.example.com\r\nTransfer-Encoding: chunked\r\n"
    assert not (await raw_answer(port, head + _CLOSE + body)).startswith(b"HTTP/1.1 4")
