"""C1 to C5: what runs the platform cannot be reached from a shop, and what comes from its caches is not believed."""

import asyncio
import gc
import gzip
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
import pytest
import redis

from contracts.events import BUS_KEY, BusMessage
from contracts.keys import page_key, product_tag, shop_tag
from contracts.tenant import StoreId
from edge_renderer.cache.entry import MAX_ENTRY_BYTES, EntryError, _seal, decode_entry
from tests.attacks.arena import BROWSER, PRODUCT, Arena, cold
from tests.attacks.lone_edge import LoneEdge, lone_edge, publish
from tests.attacks.wire import Connection, request
from tests.fixtures import snapshots
from tests.fixtures.bus import HandRelay, bus_at
from tests.fixtures.edges import BOWL, TEA, page_of, worker
from tests.fixtures.scripted_origin import scripted_origin

_INTERNAL = (
    "/internal/hosts/acorn.stoa.localhost",
    "/internal/stores/1/snapshot?target=/",
    "/internal/stores/1/cart?token=x",
    "/platform/stores",
    "/admin/api/2024-10/products.json",
    "/metrics",
    "/health",
    "/docs",
    "/openapi.json",
    "/.env",
    "/.git/config",
    "/server-status",
    "/stripe/webhook",
)


@pytest.mark.parametrize("path", _INTERNAL)
def test_c1_what_is_internal_is_behind_no_shops_host(arena: Arena, path: str) -> None:
    """Nor behind any other, nor with what an edge would send; at a shop it is a page that does not exist."""
    secret = b"Stoa-Edge-Secret: " + arena.edge_secret.encode()
    token = b"Authorization: Bearer " + arena.platform.ready.platform_token.encode()
    merchant = b"X-Stoa-Access-Token: " + arena.acorn.token.encode()
    for host in (arena.acorn.host, "localhost", "127.0.0.1", "stoa.localhost", "origin"):
        for method in (b"GET", b"POST"):
            answer = arena.get(path, secret, token, merchant, host=host, method=method)
            assert answer.status in {400, 404, 405}, (host, method)
    arena.everyone_is_served()


@pytest.mark.parametrize("method", [b"PURGE", b"BAN", b"REFRESH", b"INVALIDATE", b"PURGEKEYS", b"DELETE", b"PUT"])
def test_c1_nobody_can_purge_by_asking(arena: Arena, method: bytes) -> None:
    target = cold()
    arena.everyone_is_served(target, PRODUCT)
    for line in (b"X-Purge: 1", b"Surrogate-Key: t/1/shop", b"Cache-Control: no-cache", b"Pragma: no-cache"):
        assert arena.get(target, line, method=method).status in {400, 405}
        after = arena.get(target, *BROWSER, line)
        assert b"stoa-l1; hit" in after.header(b"cache-status")
        after.assert_is(arena.clean())


def test_c2_a_forged_purge_costs_a_fill_and_changes_no_page(state_url: str, cache_url: str) -> None:
    """Whoever can write to the state server can make pages stale and late, not other than they are."""
    with lone_edge(state_url=state_url, cache_url=cache_url) as edge:
        publish(edge, state_url)
        clean = {host: edge.get("/", host=host).lasting for host in ("acorn.example.com", "birch.example.com")}
        acorn, birch = (snapshots.tenant(name).store_id for name in ("acorn", "birch"))
        forged = (shop_tag(acorn), product_tag(birch, 7), "t/x/y", "h/", "", "\x00", "t/" + "9" * 400 + "/shop", "*")
        with redis.Redis.from_url(state_url) as state:
            for tag in forged:
                state.xadd(BUS_KEY, {"m": BusMessage((tag,)).encode()})
        publish(edge, state_url)
        assert {host: edge.get("/", host=host).lasting for host in clean} == clean


_RUBBISH = (
    b"",
    b"\xc1",
    b"\x91" * 100_000,
    b"\xdd\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    msgpack.packb([1, [msgpack.ExtType(5, b"x")], None]),
    msgpack.packb([1, {"a": 1}, 0]),
    msgpack.packb([1, ["t/1/shop"], -1]),
    msgpack.packb([99, [], 0]),
    msgpack.packb([1, [b"\xff"], 0]),
)


@pytest.mark.parametrize("rubbish", _RUBBISH, ids=range(len(_RUBBISH)))
async def test_c2_a_message_that_cannot_be_read_ends_the_lease_and_not_the_freshness(
    state_url: str, rubbish: bytes
) -> None:
    """The edge does not go past it; from then on it asks the origin, so the next change is seen all the same."""
    async with scripted_origin() as origin, bus_at(state_url) as bus, worker(origin, state_url=state_url) as edge:
        relay = HandRelay(bus)
        await relay.drain()
        await _until(lambda: edge.edge.follower.position is not None)
        await edge.has_heard((await relay.drain()).position)
        before = await edge.at("acorn").get(BOWL)
        with redis.Redis.from_url(state_url) as state:
            state.xadd(BUS_KEY, {"m": rubbish})
        await relay.drain((product_tag(snapshots.tenant("acorn").store_id, 7),))
        origin.retitle("acorn", page_of(BOWL), "Another bowl")
        await _until(lambda: edge.edge.follower.counters.unreadable > 0)
        edge.clock.now += 5
        after = await edge.at("acorn").get(BOWL)
        assert ("Another bowl" in before.text, "Another bowl" in after.text) == (False, True)


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.005)


class Cached:
    """Two edges' common cache server, as somebody who can write to it sees it. The first edge has filled it."""

    def __init__(self, first: LoneEdge, state_url: str, cache_url: str) -> None:
        self.first = first
        self.cache = redis.Redis.from_url(cache_url)
        self._urls = {"state_url": state_url, "cache_url": cache_url}
        self._origin_url = first.origin.url if first.origin else ""

    def name_of(self, shop: str, target: str) -> bytes:
        key = page_key(snapshots.tenant(shop), page_of(target)).encode()
        (name,) = {name for name in self.cache.scan_iter() if name.endswith(b":" + key)}  # a scan may say one twice
        return bytes(name)

    def read_by_another(self, target: str, shop: str = "acorn") -> tuple[Any, LoneEdge]:
        with lone_edge(self._origin_url, **self._urls) as edge:
            publish(edge, self._urls["state_url"])
            return edge.get(target, host=f"{shop}.example.com"), edge


@pytest.fixture
def cached(state_url: str, cache_url: str) -> Iterator[Cached]:
    with lone_edge(state_url=state_url, cache_url=cache_url) as first:
        publish(first, state_url)
        made = Cached(first, state_url, cache_url)
        for shop, product in (("acorn", BOWL), ("birch", TEA)):
            for target in ("/", product, "/robots.txt"):
                assert first.get(target, host=f"{shop}.example.com").status == 200
        first.do(first.edge.tiers.settle())
        yield made
        made.cache.close()


def test_c3_an_entry_of_our_own_making_is_taken(cached: Cached) -> None:
    """The positive twin: what the tests below refuse is not refused for another reason."""
    answer, edge = cached.read_by_another(BOWL)
    assert b"stoa-l2; hit" in answer.header(b"cache-status")
    assert edge.edge.counters.shared_garbage == 0


def test_c3_whatever_else_stands_under_a_key_is_not_served(cached: Cached) -> None:
    """Another shop's entry, another page's, an altered one, half of one, a list: each is a miss."""
    name = cached.name_of("acorn", BOWL)
    ours = cached.cache.get(name)
    assert isinstance(ours, bytes)
    clean = cached.first.get(BOWL)
    cached.first.do(cached.first.edge.tiers.settle())  # it may have had to ask anew, and then writes the entry anew
    forgeries = [
        cached.cache.get(cached.name_of("acorn", "/robots.txt")),
        cached.cache.get(cached.name_of("acorn", "/")),
        ours[:-1],
        ours + b"\x00",
        ours[:16],
        b"",
        bytes([ours[0] ^ 1]) + ours[1:],
        ours.replace(b"product", b"protect"),
        b"\x00" * 16 + ours[16:],
        b"x" * (MAX_ENTRY_BYTES + 17),
    ]
    assert len(set(forgeries)) == len(forgeries)
    for forgery in forgeries:
        cached.cache.set(name, forgery or b"")
        answer, edge = cached.read_by_another(BOWL)
        answer.assert_is(clean)
        assert b"stoa-l2; hit" not in answer.header(b"cache-status")
        assert edge.edge.counters.shared_garbage + edge.edge.counters.shared_errors > 0
    cached.cache.delete(name)
    cached.cache.rpush(name, "a list")
    cached.read_by_another(BOWL)[0].assert_is(clean)


def test_c3_another_shops_sealed_entry_is_not_served(cached: Cached) -> None:
    cached.cache.copy(cached.name_of("birch", "/"), cached.name_of("acorn", "/"), replace=True)
    answer, edge = cached.read_by_another("/")
    assert answer.says(b"Acorn Pottery")
    assert edge.edge.counters.shared_garbage == 1
    hosts = [name for name in cached.cache.scan_iter() if b":h/" in name]
    birchs = next(name for name in hosts if b"birch" in name)
    cached.cache.copy(birchs, next(name for name in hosts if b"acorn" in name), replace=True)
    assert cached.read_by_another("/")[0].says(b"Acorn Pottery")


def test_c3_an_old_entry_put_back_is_not_served(cached: Cached, state_url: str) -> None:
    """It is sealed, but what it shows has changed since its position; that is kept elsewhere, at the state server."""
    name = cached.name_of("acorn", BOWL)
    old = cached.cache.get(name)
    origin = cached.first.origin
    assert origin is not None
    assert isinstance(old, bytes)
    origin.retitle("acorn", page_of(BOWL), "Another bowl")
    publish(cached.first, state_url, shop_tag(snapshots.tenant("acorn").store_id))
    cached.cache.set(name, old)
    assert cached.read_by_another(BOWL)[0].says(b"Another bowl")


_KEY = b"k" * 32
_FIELDS: list[Any] = [2, "p/1/x", 1, 200, [[b"content-type", b"text/html"]], b"body", None, '"e"', ["t/1/shop"]]
_FIELDS += [["epoch", 1, 0], "", 1000]


def _with(index: int, value: Any) -> bytes:
    fields = list(_FIELDS)
    fields[index] = value
    packed: bytes = msgpack.packb(fields)
    return packed


def _with_gzip(zipped: Any, body_bytes: Any) -> bytes:
    fields = list(_FIELDS)
    fields[5:7] = body_bytes, zipped
    packed: bytes = msgpack.packb(fields)
    return packed


_BOMBS: list[bytes] = [
    b"\x91" * 1_000_000 + b"\xc0",
    b"\x81\xa1a" * 500_000 + b"\xc0",
    b"\xdd\xff\xff\xff\xff" + b"\xc0" * 20,
    b"\xdf\xff\xff\xff\xff" + b"\xc0" * 20,
    b"\xdb\xff\xff\xff\xff" + b"x" * 20,
    b"\xc6\xff\xff\xff\xff" + b"x" * 20,
    b"\xc9\xff\xff\xff\xff\x05" + b"x" * 20,
    b"\xdd\x00\x00\x00\x0d" * 3,
    b"\xc1",
    b"",
    _with(0, 1),
    _with(1, b"p/1/x"),
    _with(1, "p/2/x"),
    _with(2, 2),
    _with(2, None),
    _with(2, True),
    _with(3, 500),
    _with(3, 206),
    _with(4, [[b"set-cookie", b"a=b"]]),
    _with(4, [[b"x", b"a\r\nb: c"]]),
    _with(4, [[b"x: y\r\nz", b"a"]]),
    _with(4, {b"content-type": b"text/html"}),
    _with(5, "text"),
    _with(5, msgpack.ExtType(1, b"x" * 100)),
    _with(5, msgpack.Timestamp(1, 1)),
    _with_gzip(gzip.compress(b"body"), b"body"),
    _with_gzip(gzip.compress(b"body"), 3),
    _with_gzip(gzip.compress(b"body"), 5),
    _with_gzip(gzip.compress(b"body")[:-1], 4),
    _with_gzip(gzip.compress(b"body"), 2**40),
    _with_gzip(gzip.compress(bytes(64 * 1024 * 1024)), 4),
    _with_gzip("body", 4),
    _with(8, []),
    _with(8, ["t/2/shop"]),
    _with(8, "t/1/shop"),
    _with(9, ["epoch", 1]),
    _with(9, ["epoch", 2**70 % 2**63, -1.5]),
    _with(11, "for ever"),
    msgpack.packb([*_FIELDS, "one more"]),
    msgpack.packb(dict(enumerate(_FIELDS))),
    msgpack.packb(_FIELDS) + b"\xc0",
]


def test_c3_a_bomb_with_a_good_seal_is_refused_in_little_memory() -> None:
    """As if the edges' secret were known: types, sizes, shop and headers are looked at all the same."""
    good: bytes = msgpack.packb(_FIELDS)
    assert decode_entry(_seal(good, _KEY) + good, _KEY, "p/1/x", StoreId(1)).body == b"body"
    gc.collect()
    tracemalloc.start()
    for bomb in _BOMBS:
        with pytest.raises(EntryError):
            decode_entry(_seal(bomb, _KEY) + bomb, _KEY, "p/1/x", StoreId(1))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 32 * 1024 * 1024


def test_c4_a_claimed_shop_does_not_reach_the_origin(arena: Arena) -> None:
    """Birch's cart, asked for at acorn with all that an edge would say for birch."""
    variant = arena.birch.get(f"{PRODUCT}.js").json()["variants"][0]["id"]
    added = arena.birch.post("/cart/add.js", {"id": variant, "quantity": 5})
    cookie = b"Cookie: cart=" + added.cookies["cart"].encode()
    birch_id = str(arena.platform.ready.store_called(arena.birch.host).store_id).encode()
    lines = [
        b"Stoa-Store-Id: " + birch_id,
        b"stoa_store_id: " + birch_id,
        b"X-Tenant: " + birch_id,
        b"X-Store-Id: " + birch_id,
        b"Stoa-Edge-Secret: " + arena.edge_secret.encode(),
        b"Stoa-Client-Address: 127.0.0.1",
        b"Connection: Stoa-Store-Id",
    ]
    at_acorn = arena.get("/cart.js", cookie, *lines)
    assert b'"item_count":0' in at_acorn.body.replace(b" ", b"")
    at_birch = arena.get("/cart.js", cookie, host=arena.birch.host)
    assert b'"item_count":5' in at_birch.body.replace(b" ", b"")
    arena.attack(*lines)


def test_c5_cache_status_tells_nothing_of_another_shop(arena: Arena) -> None:
    """Whether birch's page is held cannot be seen at acorn, and no key or tag but acorn's own is ever named."""
    held, not_held = cold(), cold()
    with Connection(arena.ports[0]) as client:
        for _ in range(2):
            client.ask(request(arena.birch.host, held))
        first, second = (client.ask(request(arena.acorn.host, target)) for target in (held, not_held))
        assert first.header(b"cache-status") == second.header(b"cache-status")
        acorn_id, birch_id = (arena.platform.ready.store_called(shop.host).store_id for shop in arena.shops)
        for target in (held, "/", "/search?q=mug", "/nowhere", "/sitemap.xml"):
            answer = client.ask(request(arena.acorn.host, target))
            keys = answer.header(b"surrogate-key").decode().split()
            assert all(key.startswith((f"t/{acorn_id}/", "h/")) for key in keys), keys
            assert not any(b"/%d/" % birch_id in value for _, value in answer.headers)
            assert b"?" not in answer.header(b"cache-status")
        unknown = client.ask(request("nobody.stoa.localhost", "/"))
        assert not unknown.header(b"cache-status")
