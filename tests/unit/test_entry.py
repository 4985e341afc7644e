"""Entries: made once, compressed once, and nothing but what was stored comes back from the cache server."""

import gzip
from dataclasses import replace
from typing import Any

import brotli
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as some

from contracts.events import Position, StreamId
from edge_renderer.cache.entry import (
    MAX_ENTRY_BYTES,
    Entry,
    EntryError,
    _seal,
    build_entry,
    decode_entry,
    encode_entry,
    refined,
)
from edge_renderer.cache.weight import weight
from tests.fixtures.bus import ACORN, ACORN_PRODUCT, ACORN_SHOP, BIRCH

KEY = "p/41/v1/en/EUR/product.html/mug?"
SEAL = b"k" * 32
PAGE = b"<p>a mug</p>" * 200
HTML = ((b"content-type", b"text/html; charset=utf-8"),)


def entry(**changes: Any) -> Entry:
    values: dict[str, Any] = {
        "key": KEY,
        "store_id": ACORN,
        "status": 200,
        "headers": HTML,
        "body": PAGE,
        "tags": frozenset((ACORN_PRODUCT,)),
        "position": Position("e1", StreamId(5, 1)),
        "snapshot_etag": '"s1"',
        "lifetime_ms": 60_000,
    }
    return build_entry(**(values | changes))


def test_a_page_is_compressed_once_and_better_when_it_is_read_again() -> None:
    made = entry()
    again = refined(made)
    assert made.gzip is not None
    assert again.br is not None
    assert gzip.decompress(made.gzip) == PAGE == brotli.decompress(again.br)
    assert again == replace(made, br=again.br)
    assert refined(again) is again
    assert weight(again) > len(PAGE) + len(made.gzip) + len(again.br)


@pytest.mark.parametrize(
    "changes",
    [{"body": b"short"}, {"headers": ((b"content-type", b"image/png"),)}, {"headers": ()}],
    ids=["short", "image", "untyped"],
)
def test_what_gains_nothing_is_not_compressed(changes: dict[str, Any]) -> None:
    made = entry(**changes)
    assert made.gzip is None
    assert refined(made) is made


def test_every_entry_of_a_shop_carries_the_shops_tag() -> None:
    assert entry().tags == {ACORN_PRODUCT, ACORN_SHOP}
    assert entry(store_id=None, tags=frozenset(("h/a.example.com",))).tags == {"h/a.example.com"}


def test_the_etag_follows_body_status_and_headers_and_nothing_else() -> None:
    assert entry().etag == entry(position=None, snapshot_etag="", tags=frozenset()).etag
    others = [entry(body=PAGE + b"."), entry(status=404), entry(headers=(*HTML, (b"link", b"x")))]
    assert len({made.etag for made in [entry(), *others]}) == 4


@pytest.mark.parametrize(
    "line",
    [(b"x-a", b"1\r\nset-cookie: a=b"), (b"x a", b"1"), (b"x-a\n", b"1"), (b"set-cookie", b"a=b"), (b"x-a", b"\x00")],
)
def test_headers_that_would_break_the_answer_apart_are_refused(line: tuple[bytes, bytes]) -> None:
    with pytest.raises(EntryError):
        entry(headers=(line,))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"body": b"", "status": 301, "headers": ((b"location", b"/a"),)},
        {"store_id": None, "tags": frozenset(("h/x.y",))},
    ],
)
def test_an_entry_comes_back_as_it_went(changes: dict[str, Any]) -> None:
    made = entry(**changes)
    assert decode_entry(encode_entry(made, SEAL), SEAL, KEY, made.store_id) == made


def test_what_is_compressed_travels_once() -> None:
    body = bytes(range(32, 127)) * 40
    assert len(encode_entry(entry(body=body), SEAL)) < len(body) / 4


@pytest.mark.parametrize("body_bytes", [0, -1, len(PAGE) - 1, len(PAGE) + 1, MAX_ENTRY_BYTES + 1])
def test_a_body_of_another_length_than_it_says_is_refused(body_bytes: int) -> None:
    fields = msgpack.unpackb(encode_entry(entry(), SEAL)[16:])
    assert fields[5] == len(PAGE)
    with pytest.raises(EntryError, match=r"body|compressed"):
        decode_entry(sealed([*fields[:5], body_bytes, *fields[6:]]), SEAL, KEY, ACORN)


@given(some.binary(min_size=1, max_size=200))
def test_a_body_that_cannot_be_unpacked_is_refused(zipped: bytes) -> None:
    fields = msgpack.unpackb(encode_entry(entry(), SEAL)[16:])
    with pytest.raises(EntryError):
        decode_entry(sealed([*fields[:6], zipped, *fields[7:]]), SEAL, KEY, ACORN)


def test_an_entry_of_another_shop_or_page_is_refused() -> None:
    encoded = encode_entry(entry(), SEAL)
    with pytest.raises(EntryError, match="another"):
        decode_entry(encoded, SEAL, KEY, BIRCH)
    with pytest.raises(EntryError, match="another"):
        decode_entry(encoded, SEAL, KEY.replace("mug", "cup"), ACORN)


def test_an_entry_that_another_secret_sealed_is_refused() -> None:
    with pytest.raises(EntryError, match="seal"):
        decode_entry(encode_entry(entry(), b"x" * 32), SEAL, KEY, ACORN)


@pytest.mark.parametrize("changes", [{"position": None}, {"status": 500}, {"status": 302}])
def test_what_proves_nothing_or_is_an_error_does_not_travel(changes: dict[str, Any]) -> None:
    with pytest.raises(EntryError):
        encode_entry(entry(**changes), SEAL)


def test_an_entry_over_the_limit_does_not_travel() -> None:
    huge = replace(entry(), body=bytes(MAX_ENTRY_BYTES))
    with pytest.raises(EntryError, match="limit"):
        encode_entry(huge, SEAL)
    with pytest.raises(EntryError, match="limit"):
        decode_entry(bytes(MAX_ENTRY_BYTES + 17), SEAL, KEY, ACORN)


def sealed(fields: Any) -> bytes:
    packed = msgpack.packb(fields)
    return _seal(packed, SEAL) + packed


def test_even_under_our_seal_every_field_has_its_type() -> None:
    fields = msgpack.unpackb(encode_entry(entry(), SEAL)[16:])
    assert decode_entry(sealed(fields), SEAL, KEY, ACORN) == entry()
    for index in range(len(fields)):
        for wrong in (1.5, {"a": 1}, [[1]]):
            with pytest.raises(EntryError):
                decode_entry(sealed([*fields[:index], wrong, *fields[index + 1 :]]), SEAL, KEY, ACORN)


def test_an_entry_without_its_shops_tag_is_refused() -> None:
    made = replace(entry(), tags=frozenset((ACORN_PRODUCT,)))
    with pytest.raises(EntryError, match="tag"):
        decode_entry(encode_entry(made, SEAL), SEAL, KEY, ACORN)


@given(some.binary(max_size=400))
def test_garbage_is_refused_and_nothing_else_happens(garbage: bytes) -> None:
    with pytest.raises(EntryError):
        decode_entry(garbage, SEAL, KEY, ACORN)


@given(some.data())
def test_one_changed_byte_is_noticed(data: some.DataObject) -> None:
    encoded = bytearray(encode_entry(entry(), SEAL))
    index = data.draw(some.integers(0, len(encoded) - 1))
    encoded[index] ^= data.draw(some.integers(1, 255))
    with pytest.raises(EntryError):
        decode_entry(bytes(encoded), SEAL, KEY, ACORN)
