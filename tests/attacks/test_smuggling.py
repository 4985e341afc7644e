"""S1 to S10: where a request ends is read in one way by the edge, by what stands in front of it, and by the origin."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgpack
import pytest

from contracts.snapshot import Snapshot
from tests.attacks.framing import CASES, HOST, LAST, SMUGGLED, Case
from tests.attacks.lone_edge import LoneEdge, lone_edge, publish
from tests.attacks.peers import PEERS, peer, program
from tests.attacks.wire import Connection, request
from tests.fixtures import snapshots
from tests.fixtures.edges import BOWL, page_of
from tests.fixtures.scripted_origin import PassedAnswer, serving

QUIET_SECONDS = 0.3
_HOST_LINE = b"Host: " + HOST + b"\r\n"
_ACORN = HOST.decode()


@pytest.fixture(scope="module")
def edge() -> Iterator[LoneEdge]:
    with lone_edge() as made:
        yield made


def _seen(edge: LoneEdge) -> tuple[str, ...]:
    assert edge.origin is not None
    return tuple(f"{one.method} {one.target} {one.body.decode('latin-1')}" for one in edge.origin.passed)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_s1_to_s8_a_request_is_read_in_one_way_or_refused(edge: LoneEdge, case: Case) -> None:
    assert edge.origin is not None
    clean = edge.get(BOWL)
    edge.origin.passed.clear()
    with Connection(edge.port) as attacker:
        attacker.send(case.raw)
        statuses = [answer.status for answer in attacker.answers(QUIET_SECONDS if case.waits else 10)]
        assert attacker.is_closed is not case.waits
    assert _seen(edge) == case.seen
    assert statuses.count(400) == case.is_refused
    assert len(statuses) == len(case.seen) + case.is_refused
    edge.get(BOWL).assert_is(clean)


@pytest.fixture
def warm_edge(state_url: str) -> Iterator[LoneEdge]:
    """Its hit path knows the page, and the header blocks of `_WARM`."""
    with lone_edge(state_url=state_url) as edge:
        publish(edge, state_url)
        with Connection(edge.port) as browser:
            for raw in _WARM * 3:
                assert browser.ask(raw).status == 200
        assert edge.edge.hit_path.counters.found > 0
        yield edge


_PLAIN = request(_ACORN, BOWL, b"User-Agent: a browser", b"Accept-Encoding: gzip")
_COOKIE = request(_ACORN, BOWL, b"User-Agent: a browser", b"Cookie: cart=1", b"Accept-Encoding: gzip")
_WARM = [_PLAIN, _COOKIE]


def test_s6_a_hit_split_at_every_byte_is_the_same_hit(warm_edge: LoneEdge) -> None:
    with Connection(warm_edge.port) as browser:
        clean = browser.ask(_COOKIE)
        for at in range(1, len(_COOKIE), 3):
            browser.send(_COOKIE[:at], _COOKIE[at:])
            answer = browser.answer()
            assert answer is not None
            answer.assert_is(clean)


def test_s6_hits_in_one_packet_are_as_many_answers(warm_edge: LoneEdge) -> None:
    with Connection(warm_edge.port) as browser:
        clean = browser.ask(_PLAIN)
        browser.send(_PLAIN + _COOKIE + SMUGGLED + _PLAIN + _COOKIE + LAST)
        answers = browser.answers()
    assert [answer.body == clean.body for answer in answers] == [True, True, False, True, True, False]
    assert _seen(warm_edge) == ("GET /cart.js?smuggled ", "GET /cart.js?last ")


@pytest.mark.parametrize("begun", [b"GET /cart.js?two HTTP/1.1\r\nX: ", b"GET /cart.js?two HTTP/1.1\r\nHost: x\r\nX:"])
def test_s6_a_head_begun_behind_another_request_is_not_forgotten(warm_edge: LoneEdge, begun: bytes) -> None:
    """The bytes of a known request are the value of a header, if a header was begun before them."""
    with Connection(warm_edge.port) as attacker:
        attacker.send(b"GET /cart.js?one HTTP/1.1\r\n" + _HOST_LINE + b"\r\n" + begun)
        answers = [attacker.answer()]
        attacker.send(_PLAIN)
        answers.append(attacker.answer())
        clean = attacker.ask(_PLAIN) if not attacker.is_closed and answers[1] and answers[1].status == 200 else None
    assert not any(answer.header(b"etag") for answer in answers if answer is not None)
    assert clean is None or clean.header(b"etag")


@pytest.mark.parametrize("begun", [b"G", b"GET ", b"GET /cart.js?two", b"GET /cart.js?two HTTP/1.1\r\n", b"GET / HTTP"])
def test_s6_half_a_request_line_behind_another_is_no_beginning_of_a_known_one(
    warm_edge: LoneEdge, begun: bytes
) -> None:
    with Connection(warm_edge.port) as attacker:
        attacker.send(b"GET /cart.js?one HTTP/1.1\r\n" + _HOST_LINE + b"\r\n" + begun)
        attacker.answer()
        attacker.send(_PLAIN)
        answer = attacker.answer()
    assert answer is None or not answer.header(b"etag")


def _variant(*, drop: bytes = b"", add: bytes = b"", after: bytes = b"Cookie: cart=1\r\n") -> bytes:
    return _COOKIE.replace(drop, b"").replace(after, after + add) if drop else _COOKIE.replace(after, after + add)


_REFUSED_VARIANTS = [
    _variant(add=b"Content-Length: 3\r\n") + b"abc",
    _variant(add=b"Transfer-Encoding: chunked\r\n") + b"3\r\nabc\r\n0\r\n\r\n",
    _variant(add=b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n",
    _variant(add=b"Content-Length: +3\r\n") + b"abc",
    _variant(add=b"Host: birch.example.com\r\n"),
    _variant(drop=_HOST_LINE),
    _variant(add=b" folded: x\r\n"),
    _variant(add=b"\tfolded\r\n"),
    _variant(add=b"no colon\r\n"),
    _variant(add=b"X: y\rz\r\n"),
    _variant(add=b"X: \x00\r\n"),
    _COOKIE.replace(b"cart=1", b"cart=\x00"),
    _COOKIE.replace(b"cart=1", b"cart=1\r"),
    _COOKIE.replace(b"cart=1", b"cart=1\nHost: birch.example.com"),
    _COOKIE.replace(b"Cookie: ", b"Cookie : "),
    _COOKIE.replace(b"Cookie: ", b"\x0bCookie: "),
    _COOKIE.replace(b"\r\nCookie", b"\nCookie"),
    _COOKIE.replace(b"\r\nCookie", b"\rCookie"),
    _COOKIE.replace(b"HTTP/1.1", b"HTTP/1.1 "),
    _COOKIE.replace(b"GET /", b"GET\t/"),
]
_SAME_VARIANTS = [
    _variant(add=b"Cookie: cart=2\r\n"),
    _variant(add=b"cookie: cart=2\r\nCOOKIE:cart=3\r\n"),
    _COOKIE.replace(b"cart=1", b"cart=\xff\xfe; \x80=\x81"),
    _COOKIE.replace(b"cart=1", b""),
    _COOKIE.replace(b"cart=1", b"cart=1\t"),
    _COOKIE.replace(b"cart=1", b"cart=1; Host: birch.example.com"),
    _COOKIE.replace(b"Cookie: cart=1", b"Cookie:cart=1"),
    _COOKIE.replace(b"Cookie: cart=1\r\n", b""),
    _variant(add=b"Referer: https://x.example/\r\n"),
    _variant(add=b"Expect: nothing\r\n"),
    _variant(add=b"Connection: upgrade\r\nUpgrade: h2c\r\n"),
    b"\r\n" + _COOKIE,
]


@pytest.mark.parametrize("variant", _REFUSED_VARIANTS, ids=range(len(_REFUSED_VARIANTS)))
def test_s6_what_a_known_request_is_changed_into_is_still_refused(warm_edge: LoneEdge, variant: bytes) -> None:
    """Sent behind the request that it resembles, whose meaning is remembered by now."""
    with Connection(warm_edge.port) as attacker:
        clean = attacker.ask(_COOKIE)
        answer = attacker.ask(variant)
        assert answer.status == 400, variant
    warm_edge.get(BOWL, b"Accept-Encoding: gzip").assert_is(clean)


def test_s6_what_changes_nothing_in_a_known_request_brings_the_same_page(warm_edge: LoneEdge) -> None:
    for variant in _SAME_VARIANTS:
        with Connection(warm_edge.port) as attacker:
            clean = attacker.ask(_COOKIE)
            attacker.ask(variant).assert_is(clean, variant)
            attacker.ask(_COOKIE).assert_is(clean, variant)


def test_s6_the_other_shop_is_asked_by_its_own_host_line(warm_edge: LoneEdge) -> None:
    with Connection(warm_edge.port) as browser:
        for _ in range(3):
            acorn = browser.ask(request(_ACORN, "/robots.txt"))
            birch = browser.ask(request("birch.example.com", "/robots.txt"))
            assert (b"acorn" in acorn.body, b"birch" in acorn.body) == (True, False)
            assert (b"acorn" in birch.body, b"birch" in birch.body) == (False, True)


@pytest.mark.parametrize("header", [b"location", b"set-cookie", b"content-language", b"link"])
def test_s9_no_header_of_the_origin_splits_an_answer(edge: LoneEdge, header: bytes) -> None:
    """Line ends cannot come over HTTP; what looks like them, percent-encoded or in another alphabet, stays text."""
    assert edge.origin is not None
    for value in (b"/x%0d%0aSet-Cookie:%20a=b", "/x嘊嘍".encode(), b"/x\x85y", b"/x\tSet-Cookie: a=b"):
        edge.origin.passed_answer = PassedAnswer(302, [(b"content-type", b"text/html"), (header, value)], b"")
        with Connection(edge.port) as connection:
            connection.send(request(_ACORN, "/cart.js", b"Connection: close"))
            answers = connection.answers()
        assert len(answers) == 1
        assert {name for name, _ in answers[0].headers if name == b"set-cookie"} <= {header}
    edge.origin.passed_answer = PassedAnswer()


def test_s9_a_redirect_from_the_database_splits_no_answer(edge: LoneEdge) -> None:
    assert edge.origin is not None
    store_id = snapshots.tenant("acorn").store_id
    shop = {"shop": snapshots.shop_part("acorn")}
    for number, location in enumerate(
        ("/x\r\nSet-Cookie: a=b", "/x\n\n<script>", "//evil.example", "/\\evil", "http:x")
    ):
        target = f"/products/moved-{number}"
        edge.origin.overrides[store_id, page_of(target).url] = Snapshot(301, location=location, parts=shop)
        answer = edge.get(target)
        assert not answer.header(b"set-cookie")
        assert b"evil" not in answer.header(b"location")
        assert answer.status in {301, 503}


def test_s10_the_origin_gets_lengths_and_headers_that_the_edge_made(edge: LoneEdge) -> None:
    raw: list[bytes] = []
    with _listening(raw) as port, lone_edge(f"http://127.0.0.1:{port}") as alone:
        chunked = b"Transfer-Encoding: chunked"
        lines = (chunked, b"Trailer: X", b"TE: trailers", b"Connection: keep-alive, X-Hop", b"X-Hop: 1")
        body = b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX: trailer\r\n\r\n"
        with Connection(alone.port) as connection:
            connection.send(request(_ACORN, "/cart/add.js", *lines, method=b"POST", body=body))
            answer = connection.answer()
        assert answer is not None
    passed = next(head for head in raw if head.startswith(b"POST "))
    head, _, sent = passed.partition(b"\r\n\r\n")
    names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    assert sent == b"abcde"
    assert names.count(b"content-length") == 1
    assert b"content-length: 5" in head.lower()
    assert not {b"transfer-encoding", b"trailer", b"te", b"x-hop"} & set(names)
    assert len(names) == len(set(names))


@contextmanager
def _listening(raw: list[bytes]) -> Iterator[int]:
    """An origin that keeps what it got to the byte. It knows acorn's host, and says yes to all else."""
    record = msgpack.packb({"tenant": snapshots.tenant("acorn").encode()})

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read(65536)
        while data.startswith(b"POST") and not data.endswith(b"abcde"):
            data += await reader.read(65536)
        raw.append(data)
        body = record if b"/internal/hosts/" in data else b"{}"
        writer.write(b"HTTP/1.1 200 OK\r\nStoa-Tags: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        writer.write(body)
        await writer.drain()
        writer.close()

    with _looping() as loop:
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(talk, "127.0.0.1", 0), loop).result(20)
        yield server.sockets[0].getsockname()[1]
        loop.call_soon_threadsafe(server.close)


@contextmanager
def _looping() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    asyncio.run_coroutine_threadsafe(_all_done(), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(20)
    loop.close()


async def _all_done() -> None:
    """They hang up by themselves. What is open when its loop ends is what the collector finds in a later test."""
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)


class _Recorder:
    """What stands behind a peer: remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        self.seen.append(f"{scope['method']} {(scope['raw_path'] + query).decode()} {body.decode('latin-1')}")
        headers = [(b"content-length", b"2"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.mark.parametrize("name", PEERS)
def test_s1_to_s8_the_edge_is_as_strict_as_its_peers(name: str) -> None:
    """What a peer refuses the edge refuses, and what both read they read alike. What the edge itself does with each
    case is in the table, and tested above."""
    if program(name) is None:
        pytest.skip(f"{name} is not installed: its reading of ambiguous requests is NOT compared with the edge's")
    recorder = _Recorder()
    laxer = []
    with _served(recorder) as backend, peer(name, backend) as port:
        for case in CASES:
            if case.is_refused or case.waits:
                continue
            recorder.seen.clear()
            with Connection(port) as client:
                client.send(case.raw)
                said = client.everything()  # whoever reads LAST closes, and so does who refuses
            if re.search(rb"HTTP/1\.[01] [45]\d\d ", said):
                laxer.append(f"{case.name}: {name} says {said[:40]!r}, the edge reads {case.seen}")
            elif tuple(recorder.seen) != case.seen:
                laxer.append(f"{case.name}: {name} reads {recorder.seen}, the edge {case.seen}")
    assert laxer == []


@contextmanager
def _served(app: Any) -> Iterator[int]:
    with _looping() as loop:
        context = serving(app)
        url = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(20)
        yield int(url.rpartition(":")[2])
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(20)
