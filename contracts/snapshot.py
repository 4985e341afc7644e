"""The data a theme is given: what the origin answers an edge that has to make a page.

A snapshot is a set of named *parts*. Each part is plain data (dict, list, str, int, float, bool, None) and carries the
tags of what it was read from. Templates reach data only through part names, so that recording which parts a render
looked at gives the tags of the page: it cannot depend on what it is not tagged with.

Parts by page kind (docs/snapshots.md gives the fields):

    every page     shop
    home           featured, collections
    product        product, related
    collection     collection, products
    collections    collections
    listing        products
    search         search, products
    suggest        search, products
    static         page
    sitemap        sitemap
    (no page)      missing
    cart           cart           (never cached; made per request)
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import msgpack

MAX_SNAPSHOT_BYTES = 8 * 1024 * 1024


class SnapshotError(ValueError):
    """The bytes are not a snapshot this version can read."""


@dataclass(frozen=True, slots=True)
class Part:
    data: Any
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`status` is the page's HTTP status: 200, 301 (with `location`), 404 or 410."""

    status: int = 200
    location: str = ""
    parts: dict[str, Part] = field(default_factory=dict)

    def encode(self) -> bytes:
        parts = {name: [part.data, list(part.tags)] for name, part in self.parts.items()}
        encoded: bytes = msgpack.packb([1, self.status, self.location, parts])
        return encoded

    @classmethod
    def decode(cls, encoded: bytes) -> "Snapshot":
        if len(encoded) > MAX_SNAPSHOT_BYTES:
            raise SnapshotError(f"{len(encoded)} bytes are over the limit of {MAX_SNAPSHOT_BYTES}")
        try:
            version, status, location, raw = msgpack.unpackb(encoded, strict_map_key=True)
            parts = {name: Part(data, tuple(tags)) for name, (data, tags) in raw.items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise SnapshotError("not a snapshot") from error
        if version != 1 or not isinstance(status, int) or not isinstance(location, str):
            raise SnapshotError(f"snapshot version {version!r} is not 1")
        return cls(status, location, parts)


def snapshot_etag(encoded: bytes) -> str:
    """Equal bytes, equal page: what an edge sends back to ask whether its page is still true."""
    return f'"{hashlib.blake2b(encoded, digest_size=16).hexdigest()}"'
