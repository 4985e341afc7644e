"""The hit path (design, section 7): the bytes of a plain GET or HEAD -> the bytes of a page held fresh, without ASGI.

Two look-ups and a look at the lease. The first says what a block of headers means, the second what page a host and a
target have led to before. Whatever is not found there is not answered here: the application answers it, and offers
what may be answered here from then on. So nothing is decided twice, and a shortcut can only be the same answer sooner.
"""

from dataclasses import dataclass
from functools import partial

from edge_renderer.answer import Answer, HeaderLine
from edge_renderer.cache.counters import CacheCounters
from edge_renderer.cache.local import Held, LocalCache
from edge_renderer.heads import Heads
from edge_renderer.responses import LOCAL_HIT, is_match, respond
from invalidation.lease import Clock, Lease

MOST_ADDRESSES = 16
"""Spellings of one page that are kept: query strings that mean nothing (utm_source=...) can be invented for ever."""
MOST_ADDRESS_BYTES = 500
"""Also what each is counted as: no shorter one weighs more with its objects around it."""
_VARIANT_BYTES = 600
"""What a variant weighs besides its heads' text, measured roughly."""


@dataclass(slots=True)
class HitCounters:
    """Answers of the hit path. Plain numbers, so that counting costs nothing."""

    found: int = 0
    unchanged: int = 0
    body_bytes: int = 0


class Variant:
    """One encoding of a page as it is sent: head and body to a GET, the head alone to a HEAD, or that nothing changed.

    The heads begin with the date, so they are put together once a second, and only if somebody asks.
    """

    __slots__ = ("_found", "_unchanged", "body", "date", "etag", "found", "named", "unchanged")

    def __init__(self, found: Answer, unchanged: Answer) -> None:
        self._found = _lines(found.lines()) + b"\r\n"
        self._unchanged = _lines(unchanged.lines()) + b"\r\n"
        self.etag = (found.header(b"etag") or b"").decode("ascii")
        self.body = found.body
        self.date: list[HeaderLine] | None = None
        self.found = self.named = self.unchanged = (b"", b"")

    @property
    def size_bytes(self) -> int:
        return 2 * (len(self._found) + len(self._unchanged)) + _VARIANT_BYTES

    def turn(self, date: list[HeaderLine]) -> None:
        lines = _lines(date)
        head = b"HTTP/1.1 200 OK\r\n" + lines + self._found
        self.found, self.named = (head, self.body), (head, b"")
        self.unchanged = (b"HTTP/1.1 304 Not Modified\r\n" + lines + self._unchanged, b"")
        self.date = date


class Prepared:
    """What is kept for an entry as long as it is in memory: its variants, and the addresses that led to it."""

    __slots__ = ("addresses", "variants")

    def __init__(self) -> None:
        self.addresses: list[bytes] = []
        self.variants: dict[frozenset[str], Variant] = {}


class Way:
    """An address that led to a page: the page, and the record that says whose host it is. Both have to be fresh."""

    __slots__ = ("expires_at", "is_head", "page", "record", "variants")

    def __init__(self, page: Held, record: Held, variants: dict[frozenset[str], Variant], *, is_head: bool) -> None:
        self.is_head = is_head
        self.page = page
        self.record = record
        self.variants = variants
        self.expires_at = min(page.expires_at, record.expires_at)


class HitPath:
    def __init__(self, local: LocalCache, lease: Lease, clock: Clock, heads: Heads, cache: CacheCounters) -> None:
        self._local = local
        self._lease = lease
        self._clock = clock
        self._heads = heads
        self._cache = cache
        self._ways: dict[bytes, Way] = {}
        self._prepared: dict[Held, Prepared] = {}
        self.counters = HitCounters()

    def __len__(self) -> int:
        return len(self._ways)

    def answer(self, request: bytes, date: list[HeaderLine]) -> tuple[bytes, bytes] | None:
        """Head and body, if this is one whole request that is a hit; None: the application has to be asked.

        `date`: the lines every answer begins with; another list when they have changed, which is once a second.
        """
        asked = self._heads.read(request)
        if asked is None:
            return None
        line, meaning, condition = asked
        way = self._ways.get(meaning.host + line)
        if way is None:
            return None
        page, record, now = way.page, way.record, self._clock()
        if not (page.is_fresh and record.is_fresh and now < self._lease.until and now < way.expires_at):
            return None
        page.visited = record.visited = True
        variant = way.variants.get(meaning.encodings) or self._prepare(way, meaning.encodings)
        if variant.date is not date:
            variant.turn(date)
        counters = self.counters
        self._cache.hits_local += 1
        if condition and is_match(condition.decode("ascii"), variant.etag):
            counters.unchanged += 1
            return variant.unchanged
        counters.found += 1
        if way.is_head:
            return variant.named
        counters.body_bytes += len(variant.body)
        return variant.found

    def offer(self, host: str, line: str, record: Held | None, page: Held | None) -> None:
        """What the application has just answered from memory: next time it is answered here. `line`: "GET /cart"."""
        if record is None or page is None or page.node is None or page.entry.status != 200:
            return
        prepared = self._prepared.get(page)
        if prepared is None:
            prepared = self._prepared[page] = Prepared()
            page.on_gone = partial(self._forget, page)
        is_head = line.startswith("HEAD ")
        address = (host + line).encode("latin-1")
        if address in prepared.addresses or self._add(address, prepared, page):
            self._ways[address] = Way(page, record, prepared.variants, is_head=is_head)

    def _forget(self, page: Held) -> None:
        for address in self._prepared.pop(page).addresses:
            self._ways.pop(address, None)

    def _add(self, address: bytes, prepared: Prepared, page: Held) -> bool:
        if len(address) > MOST_ADDRESS_BYTES:
            return False
        if len(prepared.addresses) == MOST_ADDRESSES:
            self._ways.pop(prepared.addresses.pop(0), None)
        elif not self._local.grow(page, MOST_ADDRESS_BYTES):
            return False
        prepared.addresses.append(address)
        return True

    def _prepare(self, way: Way, encodings: frozenset[str]) -> Variant:
        """From the very answers the application gives."""
        entry = way.page.entry
        variant = Variant(respond(encodings, "", entry, LOCAL_HIT), respond(encodings, "*", entry, LOCAL_HIT))
        if self._local.grow(way.page, variant.size_bytes):
            way.variants[encodings] = variant
        return variant


def _lines(lines: list[HeaderLine]) -> bytes:
    return b"".join(b"%s: %s\r\n" % line for line in lines)
