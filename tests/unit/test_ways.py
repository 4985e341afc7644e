"""What the hit path keeps of an answer: small pages in one piece with their head, and that copy counted."""

import pytest

from contracts.events import Position, StreamId
from contracts.tenant import StoreId
from edge_renderer.answer import Answer
from edge_renderer.cache.entry import build_entry
from edge_renderer.cache.local import Held
from edge_renderer.hit_path import MOST_JOINED_BYTES, Way


def way_of(body: bytes, *, is_head: bool = False) -> Way:
    entry = build_entry(
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
