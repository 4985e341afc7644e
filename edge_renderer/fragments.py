"""Texts that themes have made and need not make again: the least recently used go when there are too many."""

import sys
from collections import OrderedDict
from dataclasses import dataclass

from markupsafe import Markup

_OWN_BYTES = 200  # of an entry, besides its text


@dataclass(slots=True)
class FragmentCounters:
    found: int = 0
    made: int = 0


class Fragments:
    """Texts by digest, `limit_bytes` of them."""

    def __init__(self, limit_bytes: int = 32 * 1024 * 1024) -> None:
        self._limit_bytes = limit_bytes
        self._texts: OrderedDict[bytes, Markup] = OrderedDict()
        self.held_bytes = 0
        self.counters = FragmentCounters()

    def get(self, digest: bytes) -> Markup | None:
        text = self._texts.get(digest)
        if text is not None:
            self._texts.move_to_end(digest)
            self.counters.found += 1
        return text

    def put(self, digest: bytes, text: Markup) -> None:
        """`digest` must be new."""
        self.counters.made += 1
        self._texts[digest] = text
        self.held_bytes += _weight(text)
        while self.held_bytes > self._limit_bytes:
            self.held_bytes -= _weight(self._texts.popitem(last=False)[1])


def _weight(text: Markup) -> int:
    return sys.getsizeof(text) + _OWN_BYTES
