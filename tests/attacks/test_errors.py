"""E1 to E9: a request that goes wrong goes wrong for its sender alone."""

import gzip
import itertools
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import brotli
import pytest

from tests.attacks.arena import BROWSER, CANARY, PAGES, PRODUCT, REFUSALS, Arena, cold
from tests.attacks.lone_edge import LoneEdge, lone_edge
from tests.attacks.wire import Connection, request
from tests.fixtures.edges import BOWL


@pytest.mark.parametrize("size", [33_000, 60_000, 1_000_000])
def test_e1_an_oversized_header_is_refused_and_not_stored(arena: Arena, size: int) -> None:
    target = cold()
    assert arena.get(target, b"X-Oversized: " + b"x" * size).status == 431
    arena.everyone_is_served(target, PRODUCT)


def test_e1_what_the_edge_lets_through_the_origin_takes(arena: Arena) -> None:
    """Otherwise the origin's refusal would stand for the page."""
    for line in (b"Cookie: cart=" + b"x" * 31_000, b"User-Agent: " + b"x" * 31_000, b"X-Large: " + b"x" * 31_000):
        arena.attack(line)
        assert arena.get("/cart.js", line).status == 200
        assert arena.get("/cart", line).status == 200


def test_e1_very_many_headers_are_refused_or_harmless(arena: Arena) -> None:
    assert arena.attack(*(b"X-%d: x" % number for number in range(2000))).status == 200
    assert arena.attack(*(b"X-%d: x" % number for number in range(5000))).status == 431


@pytest.mark.parametrize(
    "character", [b"\a", b"\b", b"\x00", b"\n", b"\r", b"\x0b", b"\x0c", b"\x1b", b"\x7f", b"\x85"]
)
def test_e2_a_control_character_in_a_header_harms_nobody(arena: Arena, character: bytes) -> None:
    for line in (b"X-Meta: a%sb", b"X-Me%sta: a", b"User-Agent: %s", b"Cookie: cart=a%sb"):
        assert arena.attack(line.replace(b"%s", character)).status in {200, 400}


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"PURGE", b"PROPFIND"])
def test_e3_another_method_stores_nothing(arena: Arena, method: bytes) -> None:
    answer = arena.attack(method=method)
    assert answer.status in {400, 405}
    assert not answer.may_be_stored


@pytest.mark.parametrize("method", [b"FOO", b"get", b"GET\x00", b"", b"GETGET", b"H EAD"])
def test_e3_no_method_at_all_is_refused(arena: Arena, method: bytes) -> None:
    assert arena.attack(method=method).status in {400, 405}


def test_e4_what_a_request_did_wrong_is_not_kept_for_the_next(arena: Arena) -> None:
    wrong = [
        request(arena.acorn.host, f"{PRODUCT}%00"),
        request(arena.acorn.host, PRODUCT, b"Content-Length: 3", body=b"abc"),
        request(arena.acorn.host, PRODUCT, method=b"DELETE"),
        request(arena.acorn.host, f"{PRODUCT}?{'a' * 9000}"),
        request(arena.acorn.host, PRODUCT, b"Host: x"),
        request("nobody.example.com", PRODUCT),
        request(arena.acorn.host, "/cart/add.js", method=b"POST"),
    ]
    for raw in wrong:
        answer = arena.ask(raw)
        assert 400 <= answer.status < 500, raw[:80]
        assert not answer.may_be_stored, raw[:80]
    arena.every_page_is_clean()


def test_e4_missing_pages_are_kept_for_a_second_and_in_a_small_number() -> None:
    with lone_edge(edge_tenant_fills_burst=1000) as edge, Connection(edge.port) as attacker:
        for number in range(300):
            for target in (f"/nothing/{number}", f"/products/nothing-{number}"):
                assert attacker.ask(request("acorn.example.com", target)).status == 404
        missing = [held for held in edge.edge.tiers.local._held.values() if held.entry.status == 404]
        assert 0 < len(missing) <= 200
        assert {held.entry.lifetime_ms for held in missing} == {1000}
        assert edge.get(BOWL).status == 200


_CONDITIONS = [
    b"Range: bytes=0-0",
    b"Range: bytes=5-",
    b"Range: bytes=-1",
    b"Range: bytes=9999999-",
    b"Range: bytes=" + b",".join(b"%d-%d" % (n, n) for n in range(3000)),
    b"Range: bytes=" + b"0-," * 8000,
    b"Range: " + CANARY,
    b"If-Range: " + CANARY,
    b"If-Match: " + CANARY,
    b"If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
    b"If-Modified-Since: Thu, 31 Dec 2099 23:59:59 GMT",
    b"If-None-Match: W/" + CANARY,
    b"If-None-Match: " + b'"x",' * 7000,
]


@pytest.mark.parametrize("line", _CONDITIONS, ids=lambda line: line[:30].decode())
def test_e5_a_range_or_condition_gets_the_whole_page(arena: Arena, line: bytes) -> None:
    began = time.thread_time()
    assert arena.attack(line).status == 200
    assert time.thread_time() - began < 5


def test_e5_not_modified_is_for_those_who_have_it_and_is_not_stored(arena: Arena) -> None:
    target = cold()
    for line in (b"If-None-Match: *", b"If-None-Match: " + arena.clean().header(b"etag")):
        answer = arena.get(target, b"Accept-Encoding: gzip", line)
        assert (answer.status, answer.body) == (304, b"")
        arena.everyone_is_served(target, PRODUCT)


@pytest.mark.parametrize(
    "line",
    [
        b"Connection: close, X-Tenant, Cookie, Host, Accept-Encoding",
        b"Connection: Host",
        b"Connection: Content-Length\r\nContent-Length: 0",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13",
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        b"TE: trailers, deflate",
        b"Trailer: Host",
        b"Keep-Alive: timeout=1, max=1",
        b"Proxy-Connection: keep-alive",
        b"Max-Forwards: 0",
        b"Via: 1.1 x",
    ],
)
def test_e6_headers_between_neighbours_change_nothing(arena: Arena, line: bytes) -> None:
    assert arena.attack(line).status == 200


@pytest.mark.parametrize("expectation", [b"100-continue", b"200-ok", CANARY])
def test_e6_an_expectation_is_met_or_refused(arena: Arena, expectation: bytes) -> None:
    target = cold()
    with Connection(arena.ports[0]) as connection:
        connection.send(request(arena.acorn.host, target, b"Accept-Encoding: gzip", b"Expect: " + expectation))
        answer = connection.answer()
        while answer is not None and answer.status == 100:
            answer = connection.answer()
    assert answer is not None
    arena.judge(answer)
    arena.everyone_is_served(target, PRODUCT)


_ENCODINGS = {
    b"gzip": "gzip",
    b"br": "br",
    b"gzip, br": "br",
    b"": "",
    b"identity": "",
    b"gzip;q=0": "",
    b"br;q=0, gzip": "gzip",
    b"*": "br",
    b"*;q=0": "",
    b"zstd, deflate, compress": "",
    b"GZIP": "gzip",
    b"x-gzip": "gzip",
    b"gzip;q=0.0001": "gzip",
    b"gzip\xff, " + CANARY: "",
    b"," * 5000: "",
    b"gzip, " * 3000: "gzip",
}


@pytest.mark.parametrize("first", _ENCODINGS, ids=lambda line: repr(line[:20]))
def test_e7_each_client_gets_an_encoding_it_can_read(arena: Arena, first: bytes) -> None:
    """Whoever fills the page decides nothing about the next one's encoding. Brotli is there from the second reading."""
    target = cold()
    text = gzip.decompress(arena.clean().body)
    answer = arena.get(target, b"Accept-Encoding: " + first)
    encoding = answer.header(b"content-encoding").decode()
    assert encoding == {"br": "gzip" if first != b"br" else ""}.get(_ENCODINGS[first], _ENCODINGS[first])
    assert _DECODERS[encoding](answer.body) == text
    for accepted in (first, b"br", b"gzip", b"", first):
        answer = arena.get(target, b"Accept-Encoding: " + accepted)
        encoding = answer.header(b"content-encoding").decode()
        assert encoding == _ENCODINGS[accepted]
        assert _DECODERS[encoding](answer.body) == text
        assert answer.header(b"vary") == b"accept-encoding"
    arena.everyone_is_served(target, PRODUCT)


_DECODERS = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress}


def test_e8_a_head_stores_no_empty_page(arena: Arena) -> None:
    for target in (cold(), *PAGES):
        like = target if target in PAGES else PRODUCT
        head = arena.get(target, *BROWSER, method=b"HEAD")
        assert head.body == b""
        assert dict(head.headers)[b"content-length"] == str(len(arena.clean(like).body)).encode()
        arena.everyone_is_served(target, like)


IDLE = 3000
"""The limit on open files of the test and of the worker, which here live in one process, allows about twice that."""


def test_e9_slow_and_idle_clients_do_not_keep_others_waiting(arena: Arena) -> None:
    with lone_edge() as edge, _open_files(3 * IDLE), ExitStack() as stack:
        clean = edge.get(BOWL)
        crowd = [stack.enter_context(_silent(edge.port)) for _ in range(IDLE)]
        for number, one in enumerate(crowd):
            kind = number % 3
            if kind == 1:  # a head that never ends
                one.sendall(b"GET / HTTP/1.1\r\nHost: acorn.example.com\r\nX-Slow: ")
            elif kind == 2 and number < 300:  # answers that are never read
                one.sendall(request("acorn.example.com", BOWL) * 50)
        waits = [_seconds(edge, clean.body) for _ in range(50)]
        for one in crowd[1::3]:
            one.sendall(b"a")
        waits += [_seconds(edge, clean.body) for _ in range(50)]
    assert sorted(waits)[90] < 0.5, waits


@contextmanager
def _silent(port: int) -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.settimeout(20)
        made.connect(("127.0.0.1", port))
        yield made


@contextmanager
def _open_files(count: int) -> Iterator[None]:
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < count:
        pytest.skip(f"only {most} files may be open at once on this machine; {count} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before, count), most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


def _seconds(edge: LoneEdge, body: bytes) -> float:
    began = time.monotonic()
    assert edge.get(BOWL).body == body
    return time.monotonic() - began


def test_after_all_errors_every_page_is_clean(arena: Arena) -> None:
    arena.every_page_is_clean()
    assert all(400 <= status < 500 for status in REFUSALS)
    assert list(itertools.islice(PAGES, 1)) == ["/"]
