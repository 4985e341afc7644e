"""The hit path against the application it stands before: the same bytes on a socket of each, and the same answers.

Both sockets belong to one worker. One has the hit path, the other does not; every page was made before, so whatever the
two answer differently is the hit path's doing.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise, permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.keys import shop_tag
from edge_renderer.hit_path import MOST_WAYS, HitPath
from tests.fixtures.bus import HandRelay, bus_at
from tests.fixtures.edges import BOWL, TEA, Worker, listening, plain_socket, raw_answer, rest_of, worker
from tests.fixtures.made_up_shops import ACORN_ID
from tests.fixtures.scripted_origin import ScriptedOrigin, scripted_origin

CLOSE = b"Connection: close\r\n"
LAST = b"GET /robots.txt HTTP/1.1\r\nHost: birch.example.com\r\n" + CLOSE + b"\r\n"
"""What ends every conversation, so that its end can be waited for."""
BROWSER = (
    b"Host: acorn.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: text/html,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, br\r\n"
)
_REFUSED = b"Invalid HTTP request received."
_OF_THE_MOMENT = re.compile(rb"\r\n(date|x-request-id): [^\r]*")


@dataclass(frozen=True, slots=True)
class Twins:
    """One worker, and the ports that lead to it with the hit path and without."""

    worker: Worker
    relay: HandRelay
    origin: ScriptedOrigin
    quick: int
    slow: int
    last: bytes
    """The answer to the last request of every conversation."""

    @property
    def hit_path(self) -> HitPath:
        return self.worker.edge.hit_path

    @property
    def hits(self) -> int:
        return self.hit_path.counters.found + self.hit_path.counters.unchanged

    async def agree(self, conversation: bytes, *cuts: int) -> bytes:
        """Both answers to it, sent in pieces, are the same; returns it without what differs by the moment."""
        slow = await _converse(self.slow, conversation + LAST, cuts)
        quick = await _converse(self.quick, conversation + LAST, cuts)
        assert quick == slow
        return quick


async def _converse(port: int, conversation: bytes, cuts: tuple[int, ...]) -> bytes:
    """Whoever refuses a piece closes, and may do so before the next is sent."""
    edges = sorted({0, len(conversation), *(cut % len(conversation) for cut in cuts)})
    async with asyncio.timeout(10), plain_socket(port) as client:
        with suppress(ConnectionError):
            for start, end in pairwise(edges):
                await asyncio.get_running_loop().sock_sendall(client, conversation[start:end])
                await asyncio.sleep(0)
        return _OF_THE_MOMENT.sub(b"", await rest_of(client))


TARGETS = [BOWL, BOWL + "?variant=1&utm_source=x", BOWL + ".js", "/", "/collections", "/search?q=bowl", "/sitemap.xml"]
ODD_TARGETS = [
    "/Products/Bowl",
    "/nowhere",
    "//",
    "/%2e%2e/",
    "/a b",
    "/cart.js",
    "/files/5/x.svg",
    "*",
    BOWL + "#x",
    "",
]


@pytest.fixture
async def twins(state_url: str) -> AsyncIterator[Twins]:
    async with scripted_origin() as origin, bus_at(state_url) as bus, worker(origin, state_url=state_url) as made:
        relay = HandRelay(bus)
        for _ in range(2):
            await made.has_heard((await relay.drain()).position)
        async with listening(made) as quick, listening(made, has_hit_path=False) as slow:
            for target in [*TARGETS, TEA, *ODD_TARGETS, "/robots.txt"]:
                for host in (b"acorn", b"birch"):
                    lines = b" HTTP/1.1\r\nHost: " + host + b".example.com\r\n" + CLOSE + b"\r\n"
                    for _ in range(2):
                        await raw_answer(slow, b"GET " + target.encode() + lines)
            yield Twins(made, relay, origin, quick, slow, await _converse(slow, LAST, ()))


_TEXT = st.binary(max_size=12)
_COOKIE = st.one_of(
    st.sampled_from([b"cart=abc", b"a=1; b=2", b"", b" ", b"x\ty", b"\xff", b"\x00", b"a\rb", b"a\nb"]), _TEXT
)
_HOSTS = [b"acorn.example.com"] * 6 + [b"birch.example.com"] * 2
_ODD_HOSTS = [
    b"ACORN.example.com:80",
    b"acorn.example.com.",
    b"nobody.example.com",
    b"",
    b"a b",
    b"acorn.example.com, x",
]
_LINES = st.sampled_from(
    [
        b"User-Agent: Mozilla/5.0",
        b"Accept: */*",
        b"Accept-Language: de",
        b"Accept-Encoding: gzip",
        b"Accept-Encoding: br;q=0, *",
        b"accept-encoding: identity",
        b"Referer: https://acorn.example.com/",
        b"If-None-Match: *",
        b'If-None-Match: "x", W/"y"',
        b"IF-NONE-MATCH:*",
        b"If-Modified-Since: Mon, 01 Jan 2029 00:00:00 GMT",
        b"Range: bytes=0-3",
        b"Cache-Control: no-cache",
        b"Authorization: Basic eDp5",
        b"Connection: keep-alive",
        b"Connection: X-Odd",
        b"X-Forwarded-Host: birch.example.com",
        b"X-Http-Method-Override: POST",
    ]
)
_ODD_LINES = st.sampled_from(
    [
        b"Host: birch.example.com",
        b"Connection: close",
        b"Connection: Upgrade",
        b"Content-Length: 0",
        b"Content-Length: +1",
        b"Transfer-Encoding: chunked, identity",
        b"Expect: 100-continue",
        b" folded: into what was before",
        b"\tfolded too",
        b"no colon",
        b"Bad Name: x",
        b": no name",
        b"X-Bare: a\nCookie: b",
        b"X-Bare: a\rb",
    ]
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    is_odd = draw(st.integers(0, 3)) == 0
    target = draw(st.sampled_from(ODD_TARGETS if is_odd and draw(st.booleans()) else TARGETS)).encode()
    host = draw(st.sampled_from(_ODD_HOSTS if is_odd and draw(st.booleans()) else _HOSTS))
    method = draw(st.sampled_from([b"GET"] * 5 + [b"HEAD", b"POST", b"get", b"GETX"] if is_odd else [b"GET", b"HEAD"]))
    version = (
        draw(st.sampled_from([b"HTTP/1.1"] * 5 + [b"HTTP/1.0", b"HTTP/1.1 ", b"HTTP/2.0"])) if is_odd else b"HTTP/1.1"
    )
    name = draw(st.sampled_from([b"Cookie: ", b"cookie: ", b"COOKIE:", b"Referer: ", b"If-None-Match: "]))
    lines = [b"Host: " + host] if not is_odd or draw(st.integers(0, 5)) else [b"host:" + host]
    lines += draw(st.lists(_LINES, max_size=4))
    lines += [name + draw(_COOKIE if is_odd else st.from_regex(rb"[!-~ ]{0,20}", fullmatch=True))]
    lines += draw(st.lists(_ODD_LINES, max_size=2)) if is_odd else []
    return b"\r\n".join([b" ".join((method, target, version)), *draw(st.permutations(lines)), b"", b""])


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(asked=st.lists(requests(), min_size=1, max_size=4), cuts=st.lists(st.integers(0, 1500), max_size=3))
async def test_whatever_is_sent_both_answer_alike(twins: Twins, asked: list[bytes], cuts: list[int]) -> None:
    """Also with a memo: each conversation is had twice.

    At bytes it cannot parse uvicorn refuses at once and forgets what it has queued. The hit path has queued nothing:
    there the requests before may have been answered, each as if it had come alone.
    """
    conversation = b"".join(asked)
    for _ in range(2):
        slow = await _converse(twins.slow, conversation + LAST, tuple(cuts))
        quick = await _converse(twins.quick, conversation + LAST, tuple(cuts))
        if slow.endswith(_REFUSED) and quick != slow:
            alone = [(await _converse(twins.slow, request + LAST, ())).removesuffix(twins.last) for request in asked]
            assert quick in [
                b"".join(alone[:count]) + slow[slow.index(b"HTTP/1.1 400") :] for count in range(len(asked))
            ]
        else:
            assert quick == slow


def plain(target: str = BOWL, more: bytes = b"", method: bytes = b"GET") -> bytes:
    return method + b" " + target.encode() + b" HTTP/1.1\r\n" + BROWSER + more + b"\r\n"


async def test_a_browsers_requests_are_hits_whatever_its_cookies_are(twins: Twins) -> None:
    conversation = b"".join(plain(BOWL, b"Cookie: cart=%d\r\nSec-Fetch-Mode: navigate\r\n" % n) for n in range(50))
    before = twins.hits
    answer = await twins.agree(conversation)
    assert answer.count(b"HTTP/1.1 200 OK") == 51
    assert twins.hits - before == 50  # the last one asks to close
    assert answer.count(b"content-encoding: br") == 50


_VARYING = (b"Cookie: a=%d\r\n", b"Referer: https://acorn.example.com/%d\r\n", b'If-None-Match: "%d"\r\n')


@pytest.mark.parametrize("lines", list(permutations(_VARYING)))
async def test_what_varies_is_not_remembered_in_whatever_order_it_stands(
    twins: Twins, lines: tuple[bytes, ...]
) -> None:
    remembered = len(twins.hit_path.heads)
    before = twins.hits
    await twins.agree(b"".join(plain(BOWL, b"".join(lines) % (n, n, n)) for n in range(20)))
    assert twins.hits - before == 20
    assert len(twins.hit_path.heads) == remembered + 2  # the last request is one as well


async def test_one_request_cut_anywhere_is_one_request(twins: Twins) -> None:
    request = plain(BOWL, b"Cookie: cart=abc\r\nReferer: https://acorn.example.com/\r\n")
    expected = await twins.agree(request)
    for cut in range(1, len(request)):
        assert _OF_THE_MOMENT.sub(b"", await _converse(twins.quick, request + LAST, (cut,))) == expected


@pytest.mark.parametrize("taken", ["gzip", "br", "identity", "gzip, br"])
async def test_a_condition_is_met_by_a_copy_in_any_encoding_that_the_asker_takes(twins: Twins, taken: str) -> None:
    async def asked(encodings: str, condition: bytes = b"") -> tuple[bytes, bytes]:
        """Status and ETag."""
        lines = b"Host: acorn.example.com\r\nAccept-Encoding: " + encodings.encode() + b"\r\n" + condition
        answer = await twins.agree(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
        found = re.match(rb"HTTP/1.1 (\d+).*?\r\netag: ([^\r]*)", answer, re.DOTALL)
        assert found is not None
        return found[1], found[2]

    copies = {name: (await asked(name))[1] for name in ("identity", "gzip", "br")}
    assert len(set(copies.values())) == 3
    sent = (await asked(taken))[1]
    before = twins.hit_path.counters.unchanged
    for name, etag in copies.items():
        expected = (b"304", etag) if name in (*taken.split(", "), "identity") else (b"200", sent)
        for named in (etag, b"W/" + etag, b'"x", ' + etag):
            assert await asked(taken, b"If-None-Match: " + named + b"\r\n") == expected
    assert await asked(taken, b'If-None-Match: "x"\r\n') == (b"200", sent)
    assert await asked(taken, b"If-None-Match: *\r\n") == (b"304", sent)
    assert twins.hit_path.counters.unchanged - before == 3 * len({*taken.split(", "), "identity"}) + 1


async def test_a_head_says_the_length_and_sends_nothing(twins: Twins) -> None:
    before = twins.hits
    answer = await twins.agree(plain(method=b"HEAD") * 2)
    assert twins.hits - before == 2
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert b"<html" not in answer


@pytest.mark.parametrize(
    "more",
    [
        b"Cookie: a\r\n folded\r\n",
        b"Cookie: a\r\n\tfolded\r\n",
        b"Cookie: a\x00b\r\n",
        b"\x00cookie\r\n",
        b"Cookie: \xff\r\n",
        b"Cookie: a\nX: b\r\n",
        b"Cookie: a\r\nContent-Length: 3\r\n",
        b"Cookie: a\r\nTransfer-Encoding: chunked\r\n",
        b"Cookie: a\r\nHost: birch.example.com\r\n",
        b"Cookie: a\r\nConnection: close\r\n",
        b"Cookie: a\r\nExpect: 100-continue\r\n",
        b"Cookie: a\r\nUpgrade: websocket\r\n",
        b"If-None-Match: *\r\nIf-None-Match: x\r\n",
        b"Cookie: " + b"a" * 8000 + b"\r\n",
    ],
)
async def test_what_is_like_a_remembered_request_but_not_it_goes_the_slow_way(twins: Twins, more: bytes) -> None:
    """First the plain one, so that its block is remembered."""
    await twins.agree(plain(BOWL, b"Cookie: a\r\n"))
    before = twins.hits
    conversation = plain(BOWL, more)
    if b"Content-Length" in more or b"chunked" in more:
        conversation += b"0\r\n\r\n" if b"chunked" in more else b"abc"
    await twins.agree(conversation)
    assert twins.hits == before


@pytest.mark.parametrize(
    "first",
    [
        b" RTSP/1.1\r\nAccept-Encoding: br\r\nX: HTTP/1.1\r\n",
        b" HTTP/1.0\r\nX: HTTP/1.1\r\n",
        b" HTTP/1.0\r\nConnection: keep-alive\r\nX: HTTP/1.1\r\n",
    ],
)
async def test_what_stands_before_somebodys_block_of_headers_is_not_remembered_as_its_meaning(
    twins: Twins, first: bytes
) -> None:
    """What ends a first line may stand in a header's value; the block behind it is then not all of the headers."""
    block = b"Host: acorn.example.com\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"
    await raw_answer(twins.quick, b"GET " + BOWL.encode() + first + block + LAST)
    await twins.agree(plain())  # a page in brotli is ready
    before = twins.hits
    answer = await twins.agree(b"GET " + BOWL.encode() + b" HTTP/1.1\r\n" + block)
    assert b"content-encoding" not in answer.removesuffix(twins.last)
    await twins.agree(b"GET " + BOWL.encode() + b" HTTP/1.1\r\n" + block)
    assert twins.hits > before


async def test_one_shops_address_never_leads_to_the_others_page(twins: Twins) -> None:
    for _ in range(2):
        acorn = await twins.agree(plain("/"))
        birch = await twins.agree(plain("/").replace(b"acorn", b"birch"))
    etags = [re.findall(rb"\r\netag: ([^\r]*)", answer)[0] for answer in (acorn, birch)]
    assert etags[0] != etags[1]


async def test_a_purge_ends_what_was_prepared_and_leaves_the_other_shop_alone(twins: Twins) -> None:
    await twins.agree(plain() + plain(TEA).replace(b"acorn", b"birch"))
    hold = twins.origin.hold("breakfast-bowl")  # or the new page might be there already
    await twins.worker.has_heard((await twins.relay.drain((shop_tag(ACORN_ID),))).position)
    before = twins.hits
    answer = await _converse(twins.quick, plain() + LAST, ())
    assert b"cache-status: stoa-l1; hit; detail=stale" in answer  # the old page, while the new one is made
    assert twins.hits == before
    hold.release()
    await _converse(twins.quick, plain(TEA).replace(b"acorn", b"birch") + LAST, ())
    assert twins.hits == before + 1


async def test_without_a_lease_nothing_is_answered_here(twins: Twins) -> None:
    before = twins.hits
    twins.worker.clock.now += 60
    await _converse(twins.quick, plain() + LAST, ())
    assert twins.hits == before


async def test_addresses_and_variants_are_counted_and_go_with_their_page(twins: Twins) -> None:
    local, path = twins.worker.edge.tiers.local, twins.hit_path
    for number in range(100):
        await _converse(twins.quick, plain(f"{BOWL}?utm_source={number}") + LAST, ())
    assert MOST_WAYS <= len(path) < MOST_WAYS + 40
    assert local.held_bytes > 0
    for held in list(local):
        local.drop(held.entry.key)
    assert (len(path), local.held_bytes) == (0, 0)


async def test_a_connection_that_only_ever_sends_several_hits_at_once_may_idle_as_long_as_any(twins: Twins) -> None:
    limits = {"edge_header_seconds": 0.2, "edge_idle_seconds": 60}
    async with listening(twins.worker, **limits) as port, plain_socket(port) as client:
        await asyncio.get_running_loop().sock_sendall(client, plain() + plain())
        assert await asyncio.get_running_loop().sock_recv(client, 12) == b"HTTP/1.1 200"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await rest_of(client)
