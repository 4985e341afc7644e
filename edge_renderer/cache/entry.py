"""A cached answer: what it holds, how it is made once per fill, and how it travels to the cache server and back.

What comes back from there is a stranger's until its seal, key and shop are checked. A page travels as its gzip alone: a
fifth of the bytes to seal, to send and to keep.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from typing import Any

import brotli
import msgpack
from isal import igzip, isal_zlib
from isal.igzip_lib import IsalError

from contracts.events import Position, StreamId
from contracts.keys import shop_tag
from contracts.tenant import StoreId

HeaderLine = tuple[bytes, bytes]

MAX_ENTRY_BYTES = 16 * 1024 * 1024
STORABLE_STATUSES = frozenset((200, 301, 404))
LEAST_COMPRESSED_BYTES = 512
LARGE_BODY_BYTES = 128 * 1024
"""What is larger is compressed in a thread, both ways at once."""
OWN_HEADERS = frozenset((b"surrogate-key", b"location"))
"""What a page's headers do not share with other pages'."""
# Most pages of most shops are read once before they are purged, so a miss pays for gzip alone, and a cheap one: a
# seventh of gzip 6's time for an eighth more bytes. What is read again gets brotli, a fifth smaller (`refined`).
_GZIP_LEVEL = 2  # of ISA-L's 0 to 3
_GZIP_WINDOW_BITS = 31  # zlib's way of saying "with a gzip header"
_BROTLI_QUALITY, _BROTLI_WINDOW_BITS = 5, 18
_VERSION = 2
_SEAL_BYTES = 16
_COMPRESSIBLE = re.compile(rb"text/|application/(json|javascript|xml|[\w.+-]+\+(json|xml))|image/svg\+xml")
_HEADER_NAME = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


class EntryError(ValueError):
    """Not an entry, or not the one that was asked for. The text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`headers` are complete but for what differs per request or encoding: ETag, Content-Length, Content-Encoding,
    Cache-Status. `br` is there once the page has been read again. `position` is None when the follower was not
    following: such an entry proves nothing by itself."""

    key: str
    store_id: StoreId | None
    status: int
    headers: tuple[HeaderLine, ...]
    body: bytes
    gzip: bytes | None
    br: bytes | None
    etag: str
    tags: frozenset[str]
    position: Position | None
    snapshot_etag: str
    lifetime_ms: int

    def at(self, position: Position | None) -> "Entry":
        """The same answer, proven anew at `position`."""
        return Entry(
            self.key,
            self.store_id,
            self.status,
            self.headers,
            self.body,
            self.gzip,
            self.br,
            self.etag,
            self.tags,
            position,
            self.snapshot_etag,
            self.lifetime_ms,
        )


def build_entry(
    *,
    key: str,
    store_id: StoreId | None,
    status: int,
    headers: tuple[HeaderLine, ...],
    body: bytes,
    tags: frozenset[str],
    position: Position | None,
    snapshot_etag: str,
    lifetime_ms: int,
) -> Entry:
    """Compresses, and adds the shop's own tag, so that no page of a shop can escape a purge of the shop.
    Raises EntryError for headers that would break the answer apart."""
    _check_headers(headers)
    content_type = next((value for name, value in headers if name == b"content-type"), b"")
    is_worth_it = len(body) >= LEAST_COMPRESSED_BYTES and _COMPRESSIBLE.match(content_type) is not None
    return Entry(
        key=key,
        store_id=store_id,
        status=status,
        headers=headers,
        body=body,
        gzip=_if_smaller(igzip.compress(body, _GZIP_LEVEL, mtime=0), body) if is_worth_it else None,
        br=None,
        etag=_etag(status, headers, body),
        tags=tags | {shop_tag(store_id)} if store_id is not None else tags,
        position=position,
        snapshot_etag=snapshot_etag,
        lifetime_ms=lifetime_ms,
    )


def refined(entry: Entry) -> Entry:
    """With brotli, if compressing it is worth it: for what is read again."""
    if entry.gzip is None or entry.br is not None:
        return entry
    return replace(entry, br=brotli.compress(entry.body, quality=_BROTLI_QUALITY, lgwin=_BROTLI_WINDOW_BITS))


def encode_entry(entry: Entry, seal_key: bytes) -> bytes:
    """Raises EntryError for what may not be stored."""
    if entry.position is None or entry.status not in STORABLE_STATUSES:
        raise EntryError("only proven entries with a storable status travel")
    fields = [
        _VERSION,
        entry.key,
        entry.store_id,
        entry.status,
        [list(line) for line in entry.headers],
        entry.body if entry.gzip is None else len(entry.body),
        entry.gzip,
        entry.etag,
        sorted(entry.tags),
        [entry.position.epoch, entry.position.id.ms, entry.position.id.number],
        entry.snapshot_etag,
        entry.lifetime_ms,
    ]
    packed: bytes = msgpack.packb(fields)
    if len(packed) + len(entry.body) > MAX_ENTRY_BYTES:
        raise EntryError(f"{len(packed)} bytes are over the limit of {MAX_ENTRY_BYTES}")
    return _seal(packed, seal_key) + packed


def decode_entry(encoded: bytes, seal_key: bytes, key: str, store_id: StoreId | None) -> Entry:
    """Strict. Raises EntryError on anything but what an edge with the same seal key stored for `key` and `store_id`."""
    if len(encoded) > MAX_ENTRY_BYTES + _SEAL_BYTES:
        raise EntryError(f"{len(encoded)} bytes are over the limit of {MAX_ENTRY_BYTES}")
    seal, packed = encoded[:_SEAL_BYTES], encoded[_SEAL_BYTES:]
    if not hmac.compare_digest(seal, _seal(packed, seal_key)):
        raise EntryError("the seal is not ours")
    try:
        entry = _from_fields(msgpack.unpackb(packed, use_list=False))
    except (ValueError, TypeError) as error:
        raise EntryError(f"not an entry: {error}") from error
    if entry.key != key or entry.store_id != store_id:
        raise EntryError("it is another page's or another shop's")
    if entry.status not in STORABLE_STATUSES:
        raise EntryError(f"status {entry.status} is never stored")
    if not entry.tags or (store_id is not None and shop_tag(store_id) not in entry.tags):
        raise EntryError("an entry without its shop's tag could never be purged")
    _check_headers(entry.headers)
    return entry


def _from_fields(fields: Any) -> Entry:
    version, key, store_id, status, headers, body, zipped, etag, tags, position, snapshot_etag, life = fields
    if version != _VERSION:
        raise EntryError(f"version {version!r} is not {_VERSION}")
    epoch, ms, number = position
    return Entry(
        key=_a(str, key),
        store_id=None if store_id is None else StoreId(_a(int, store_id)),
        status=_a(int, status),
        headers=tuple(_line(_a(bytes, name), _a(bytes, value)) for name, value in headers),
        body=_a(bytes, body) if zipped is None else _unpacked(_a(bytes, zipped), _a(int, body)),
        gzip=zipped,
        br=None,
        etag=_a(str, etag),
        tags=frozenset(_a(str, tag) for tag in tags),
        position=Position(_a(str, epoch), StreamId(_a(int, ms), _a(int, number))),
        snapshot_etag=_a(str, snapshot_etag),
        lifetime_ms=_a(int, life),
    )


def _line(name: bytes, value: bytes) -> HeaderLine:
    return (name, value) if name in OWN_HEADERS else _shared_line(name, value)


@lru_cache(maxsize=512)
def _shared_line(name: bytes, value: bytes) -> HeaderLine:
    """One object for all the entries that have it: a dozen lines of each page's are the same as every page's."""
    return name, value


def _a(kind: type[Any], value: Any) -> Any:
    if type(value) is not kind:
        raise EntryError(f"{type(value).__name__} where {kind.__name__} belongs")
    return value


def _unpacked(zipped: bytes, body_bytes: int) -> bytes:
    if not 0 < body_bytes <= MAX_ENTRY_BYTES:
        raise EntryError(f"a body of {body_bytes} bytes is none")
    try:
        reader = isal_zlib.decompressobj(_GZIP_WINDOW_BITS)
        body: bytes = reader.decompress(zipped, body_bytes + 1)  # a few bytes can say millions
    except IsalError as error:  # type: ignore[misc]  # a class, whatever the library's stub says
        raise EntryError(f"what was compressed cannot be read: {error}") from error
    if len(body) != body_bytes or not reader.eof or reader.unused_data:
        raise EntryError("what was compressed is not what it was said to be")
    return body


def _check_headers(headers: tuple[HeaderLine, ...]) -> None:
    for line in headers:
        (_check_line if line[0] in OWN_HEADERS else _check_shared_line)(line)


def _check_line(line: HeaderLine) -> None:
    name, value = line
    if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
        raise EntryError(f"header {name!r} has characters no header may have")
    if name == b"set-cookie":
        raise EntryError("an answer with Set-Cookie is never stored")


_check_shared_line = lru_cache(maxsize=512)(_check_line)
"""That a line is sound is remembered; what is not is refused each time."""


def _if_smaller(compressed: bytes, body: bytes) -> bytes | None:
    return compressed if len(compressed) < len(body) else None


def _etag(status: int, headers: tuple[HeaderLine, ...], body: bytes) -> str:
    digest = hashlib.blake2b(body, digest_size=16, key=b"stoa")
    digest.update(b"\n".join((b"%d %d" % (len(body), status), *chain.from_iterable(headers))))
    return f'"{digest.hexdigest()}"'


def _seal(packed: bytes, seal_key: bytes) -> bytes:
    return hashlib.blake2b(packed, digest_size=_SEAL_BYTES, key=seal_key).digest()
