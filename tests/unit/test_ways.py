"""What the hit path keeps of an answer: small pages in one piece with their head, and that copy counted."""

from typing import Any

import pytest

from contracts.events import Position, StreamId
from contracts.tenant import StoreId
from edge_renderer.answer import Answer
from edge_renderer.cache.counters import CacheCounters
from edge_renderer.cache.entry import Entry, build_entry
from edge_renderer.cache.local import Held, LocalCache
from edge_renderer.heads import Heads
from edge_renderer.hit_path import MOST_JOINED_BYTES, MOST_WAYS, HitPath, Way
from edge_renderer.request import Request
from invalidation.lease import Lease
from tests.fixtures.bus import HandClock


def page_of(body: bytes) -> Entry:
    return build_entry(
        key="page",
        store_id=StoreId(1),
        status=200,
        headers=((b"content-type", b"image/png"),),
        body=body,
        tags=frozenset(),
        position=Position("epoch", StreamId(1, 0)),
        snapshot_etag="",
        lifetime_ms=1000,
    )


def way_of(body: bytes, *, is_head: bool = False) -> Way:
    entry = page_of(body)
    held = Held(entry, 0.0)
    way = Way(held, held, Answer(200, [*entry.headers], body), {entry.etag: Answer(304)}, is_head=is_head)
    way.turn([(b"date", b"now")])
    return way


@pytest.mark.parametrize(("body_bytes", "pieces"), [(1, 1), (MOST_JOINED_BYTES, 1), (MOST_JOINED_BYTES + 1, 2)])
def test_a_page_is_sent_in_one_piece_unless_it_is_large(body_bytes: int, pieces: int) -> None:
    body = b"x" * body_bytes
    way = way_of(body)
    head = b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-type: image/png\r\ncontent-length: %d\r\n\r\n" % body_bytes
    assert b"".join(way.found) == head + body
    assert len(way.found) == pieces


def test_only_the_copy_of_a_body_is_counted() -> None:
    small, large = way_of(b""), way_of(b"x" * MOST_JOINED_BYTES)
    assert MOST_JOINED_BYTES <= large.size_bytes - small.size_bytes < MOST_JOINED_BYTES + 100
    assert way_of(b"x" * (MOST_JOINED_BYTES + 1)).size_bytes < MOST_JOINED_BYTES
    assert way_of(b"x" * MOST_JOINED_BYTES, is_head=True).size_bytes < MOST_JOINED_BYTES


def test_a_way_that_takes_anothers_place_counts_what_it_weighs() -> None:
    """Or pages' copies would take the places of heads', which are small, and be counted as little."""
    local = LocalCache(10**7, 10**7, CacheCounters())
    path = HitPath(local, Lease(), HandClock(), Heads(100))
    with local.open_fill() as fill:
        page = local.put(page_of(b"x" * 50_000), fill, 0.0)
    alone_bytes = local.held_bytes

    def offer(method: str, number: int) -> None:
        async def receive() -> Any: ...

        path.offer(Request(method, f"/?{number}", "acorn.example.com", [], "", receive), page, page)

    def ways_bytes() -> int:
        ways = path.heads.meaning("acorn.example.com", frozenset()).ways
        return sum(len(line) + way.size_bytes for line, way in ways.items())

    for method in ("HEAD", "GET", "HEAD"):
        for number in range(MOST_WAYS):
            offer(method, number)
        assert len(path) == MOST_WAYS
        assert local.held_bytes - alone_bytes == ways_bytes()
    local.drop("page")
    assert local.held_bytes == 0
