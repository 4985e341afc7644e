"""What it costs this process's memory to keep an entry: the objects as they are allocated, not the bytes they say."""

from itertools import chain
from sys import getsizeof
from typing import Any

from edge_renderer.cache.entry import OWN_HEADERS, Entry

_GRAIN = 16  # Python's allocator and the C library's deal in these
_SMALL = 512  # beyond this an object comes from the C library, which keeps a word beside it
_PLACE_BYTES = 900
"""Held, its places in two SIEVEs and in the index of keys, the entry, its position and numbers. Measured:
tests/integration/test_memory_bound.py holds it to the process's memory."""
_CARRIED_BYTES = 120
"""A tag's place in the index: 100 for its only carrier, 190 each for two, 50 among many."""


def weight(entry: Entry) -> int:
    """Of the entry by itself: what all entries share is left out, such as the security headers."""
    own = (entry.key, entry.body, entry.gzip, entry.br, entry.etag, entry.snapshot_etag, entry.headers, entry.tags)
    values = (value for name, value in entry.headers if name in OWN_HEADERS)
    return _PLACE_BYTES + len(entry.tags) * _CARRIED_BYTES + sum(map(_allocated, chain(own, entry.tags, values)))


def _allocated(item: Any) -> int:
    size = getsizeof(item)
    return -(-(size + (8 if size > _SMALL else 0)) // _GRAIN) * _GRAIN
