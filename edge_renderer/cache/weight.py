"""What it costs this process's memory to keep an entry: the objects as Python makes them, not the bytes they say.

The two numbers were measured, with what allocators round up; tests/integration/test_memory_bound.py holds the sum to
what the process has.
"""

from sys import getsizeof

from edge_renderer.cache.entry import OWN_HEADERS, Entry

_PLACE_BYTES = 1500
"""Held, its places in two SIEVEs and in the index of keys, the entry, its position and numbers, how to make it anew."""
_CARRIED_BYTES = 70
"""A tag's place in the index: 50 for its only carrier, 150 each for two, 50 among many."""


def weight(entry: Entry) -> int:
    """Of the entry by itself: what all entries share is left out, such as the security headers."""
    own = [entry.key, entry.body, entry.gzip, entry.br, entry.etag, entry.snapshot_etag, entry.headers, entry.tags]
    own += entry.tags
    own += [value for name, value in entry.headers if name in OWN_HEADERS]
    return _PLACE_BYTES + len(entry.tags) * _CARRIED_BYTES + sum(map(getsizeof, own))
