"""What `stoa bench freshness` sees: versions in pages, the edges' meter, and a page watched until it changes."""

import asyncio
import gzip
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import brotli
import pytest

from loadtest.benchmarks.freshness import _kinds, summary
from loadtest.meter import Meter
from loadtest.subjects import PAGES, version_in
from loadtest.watching import VARIANTS, Connection, Watch


@pytest.mark.parametrize(
    "body",
    [b"<s>$10,000.17</s> and $7.50", b'{"price":1000017,"id":1999999}', b'{"price":"10000.17","price_min":"7.50"}'],
    ids=["a page", "cents", "decimals"],
)
def test_a_version_is_read_from_a_price_in_every_notation(body: bytes) -> None:
    assert version_in(body) == 17


def test_a_page_is_as_old_as_the_oldest_price_on_it() -> None:
    assert version_in(b"$10,000.17 ... $10,000.16") == 16
    assert version_in(b"$7.50") == 0


def test_each_kind_of_page_is_watched_in_as_many_shops() -> None:
    for pages_each in (1, 2, len(PAGES), 99):
        watched = Counter(kind for kinds in _kinds(pages_each) for kind in kinds)
        assert watched.keys() == PAGES.keys()
        assert len(set(watched.values())) == 1


def test_the_meter_reads_between_its_bounds_and_says_when_it_cannot() -> None:
    before = Meter(Counter({0.01: 4, 0.02: 4, math.inf: 4}))
    after = Meter(Counter({0.01: 4, 0.02: 14, math.inf: 15}))
    assert after.since(before).percentile_ms(0.5) == 15.5
    assert after.since(before).percentile_ms(0.99) is None
    assert before.since(before).percentile_ms(0.5) is None


def test_what_was_never_seen_counts_against_every_share() -> None:
    found = summary([0.1, 0.3, None, 0.2])
    assert (found["p50_ms"], found["max_ms"], found["missed"]) == (200.0, 300.0, 1)
    assert found["fresh_within"] == {"0.25s": 0.5, "1s": 0.75, "2s": 0.75, "5s": 0.75}


class ScriptedPage:
    """Shows version 1, and after `stale_polls` conditional questions, version 2; HEAD lags behind by one question."""

    def __init__(self, stale_polls: int) -> None:
        self.asked: list[str] = []
        self.not_modified = 0
        self._stale_polls = stale_polls
        self._heads = 0

    def answer(self, request: str) -> bytes:
        version = 1 if self.not_modified < self._stale_polls else 2
        method, encoding = request.partition(" ")[0], _header(request, "accept-encoding")
        self.asked.append(f"{method} {encoding}")
        if method == "HEAD":
            self._heads += 1
            version = min(version, self._heads)
        etag = f'"{version}-{encoding}"'
        if _header(request, "if-none-match") == etag:
            self.not_modified += 1
            return f"HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\n\r\n".encode()
        encode: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "br": brotli.compress}
        body = encode.get(encoding, bytes)(f"now $10,000.0{version}".encode())
        head = f"HTTP/1.1 200 OK\r\nETag: {etag}\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + (b"" if method == "HEAD" else body)


def _header(request: str, name: str) -> str:
    lines = (line.partition(": ") for line in request.split("\r\n"))
    return next((value for found, _, value in lines if found.lower() == name), "")


@asynccontextmanager
async def served(page: ScriptedPage, *, answers_a_connection: int = 1000) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(answers_a_connection):
            try:
                request = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            writer.write(page.answer(request.decode()))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_an_unchanged_page_is_polled_by_304_and_then_every_variant_is_asked() -> None:
    page = ScriptedPage(stale_polls=2)
    async with served(page) as url:
        connection = Connection(url)
        watch = Watch(connection, "acorn.example", "/", version_in)
        began = time.monotonic()
        seen = await watch.until(2, began, give_up_seconds=10)
        await connection.close()
    assert page.not_modified == 2
    assert page.asked == ["GET gzip"] * 4 + ["GET identity", "GET br", "HEAD gzip", "HEAD gzip"]
    assert list(seen) == list(VARIANTS)
    assert all(delay is not None for delay in seen.values())


async def test_a_page_that_never_changes_is_missed_in_the_variants_that_do_not_show_it() -> None:
    async with served(ScriptedPage(stale_polls=10**9)) as url:
        connection = Connection(url)
        watch = Watch(connection, "acorn.example", "/", version_in)
        seen = await watch.until(2, time.monotonic(), give_up_seconds=0.01)
        await connection.close()
    assert set(seen.values()) == {None}


async def test_a_connection_that_the_server_has_closed_is_opened_again() -> None:
    page = ScriptedPage(stale_polls=0)
    async with served(page, answers_a_connection=1) as url:
        connection = Connection(url)
        request = b"GET / HTTP/1.1\r\nHost: acorn.example\r\nAccept-Encoding: gzip\r\n\r\n"
        for _ in range(2):
            [reply] = await connection.ask(request)
            assert reply.status == 200
            while not connection.is_closed:  # noqa: ASYNC110 - the server's end of it arrives on its own
                await asyncio.sleep(0)
        await connection.close()
