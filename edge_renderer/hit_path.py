"""The hit path (design, section 7): the bytes of a plain GET or HEAD -> the bytes of a page held fresh, without ASGI.

Two look-ups and a look at the lease. The first says what a block of headers means, the second what page a host and a
target have led to before. Whatever is not found there is not answered here: the application answers it, and offers
what may be answered here from then on. So nothing is decided twice, and a shortcut can only be the same answer sooner.
"""

from dataclasses import dataclass
from functools import partial

from edge_renderer.answer import Answer, HeaderLine
from edge_renderer.cache.local import Held, LocalCache
from edge_renderer.heads import COOKIE, MOST_REQUEST_BYTES, NO_COOKIE, UNPRINTABLE_TO_ZERO, VERSION, Heads, Meaning
from edge_renderer.request import Request
from edge_renderer.responses import LOCAL_HIT, confirmed, current_etags, respond
from invalidation.lease import Clock, Lease

MOST_WAYS = 16
"""Kept for one page: query strings that mean nothing (utm_source=...) can be invented for ever."""
MOST_LINE_BYTES = 500
MOST_JOINED_BYTES = 64 * 1024
"""Pages up to here are kept with their head before them: to send one piece costs half a microsecond less than two."""
_WAY_BYTES = 2500
"""What a way weighs besides the text of its line and heads, measured roughly."""


Pieces = tuple[bytes, ...]
"""Of an answer as it is sent: mostly one."""


@dataclass(slots=True)
class HitCounters:
    """Answers of the hit path. Plain numbers, so that counting costs nothing."""

    found: int = 0
    unchanged: int = 0
    body_bytes: int = 0

    @property
    def hits(self) -> int:
        return self.found + self.unchanged


class Way:
    """How one request line from one kind of asker is answered: with a page, as long as it and the record that says
    whose host it is are fresh. The heads begin with the date, so they are put together once a second, if at all.

    `etags`: of the copies that are as good as what would be sent."""

    __slots__ = (
        "body",
        "body_bytes",
        "confirmations",
        "date",
        "etags",
        "expires_at",
        "found",
        "found_lines",
        "is_joined",
        "page",
        "record",
        "unchanged_lines",
    )

    def __init__(self, page: Held, record: Held, found: Answer, unchanged: dict[str, Answer], *, is_head: bool) -> None:
        self.page = page
        self.record = record
        self.expires_at = min(page.expires_at, record.expires_at)
        self.etags = tuple(unchanged)
        self.body = b"" if is_head else found.body
        self.body_bytes = len(self.body)
        self.is_joined = self.body_bytes <= MOST_JOINED_BYTES
        self.found_lines = found.lines()
        self.unchanged_lines = {etag: answer.lines() for etag, answer in unchanged.items()}
        self.date: list[HeaderLine] = []
        self.found: Pieces = ()
        self.confirmations: dict[str, Pieces] = {}

    @property
    def size_bytes(self) -> int:
        copy_bytes = self.body_bytes if self.is_joined else 0
        kept = (self.found_lines, *self.unchanged_lines.values())
        return 2 * sum(len(_lines(lines)) for lines in kept) + copy_bytes + _WAY_BYTES

    def turn(self, date: list[HeaderLine]) -> None:
        head = b"HTTP/1.1 200 OK\r\n" + _lines([*date, *self.found_lines]) + b"\r\n"
        self.found = (head + self.body,) if self.is_joined else (head, self.body)
        self.confirmations.clear()
        self.date = date

    def unchanged(self, condition: str) -> Pieces | None:
        """What confirms the copy that is named; None: it names none that is still good."""
        known = self.confirmations.get(condition)  # a browser names just the one it has
        if known is not None:
            return known
        etag = confirmed(condition, self.etags)
        if etag is None:
            return None
        lines = _lines([*self.date, *self.unchanged_lines[etag]])
        pieces = self.confirmations[etag] = (b"HTTP/1.1 304 Not Modified\r\n" + lines + b"\r\n",)
        return pieces


class HitPath:
    def __init__(self, local: LocalCache, lease: Lease, clock: Clock, heads: Heads) -> None:
        self._local = local
        self._lease = lease
        self._clock = clock
        self._kept: dict[Held, list[tuple[Meaning, bytes, int]]] = {}
        """Of a page its ways' meanings and lines, the oldest first, and what each weighs."""
        self.heads = heads
        self.counters = HitCounters()

    def __len__(self) -> int:
        return sum(len(ways) for ways in self._kept.values())

    def answer(self, request: bytes, date: list[HeaderLine]) -> Pieces | None:
        """The bytes to send, if this is one whole request that is a hit; None: the application has to be asked.

        `date`: the lines every answer begins with; another list when they have changed, which is once a second.
        """
        if len(request) > MOST_REQUEST_BYTES:
            return None
        line, _, block = request.partition(VERSION)
        # As `read` does it, but here: nearly all requests get no further, and a call costs as much as a look-up.
        before, cookie, after = block.rpartition(COOKIE)
        if cookie:
            value, _, after = after.partition(b"\r\n")
            if 0 in value.translate(UNPRINTABLE_TO_ZERO):
                return None
            block = NO_COOKIE.join((before, after))
        try:
            meaning, condition = self.heads.whole.young[block]
        except KeyError:
            meaning, condition = self.heads.read(block, request)
        try:
            way = meaning.ways[line]
        except KeyError:
            return None
        page, record, now = way.page, way.record, self._clock()
        if not (page.is_fresh and record.is_fresh and now < self._lease.until and now < way.expires_at):
            return None
        page.visited = record.visited = True
        if way.date is not date:
            way.turn(date)
        counters = self.counters
        if condition:
            unchanged = way.unchanged(condition.decode("ascii"))
            if unchanged is not None:
                counters.unchanged += 1
                return unchanged
        counters.found += 1
        counters.body_bytes += way.body_bytes
        return way.found

    def offer(self, request: Request, record: Held | None, page: Held | None) -> None:
        """What the application has just answered from memory: next time it is answered here, in the same words."""
        if request.host is None or record is None or page is None or page.node is None or page.entry.status != 200:
            return
        line = f"{request.method} {request.target}".encode("latin-1")
        meaning = self.heads.meaning(request.host, request.encodings)
        known = meaning.ways.get(line)
        is_kept = known is not None and known.page is page
        if known is not None and is_kept and known.record is record:
            return  # asked in a way that is never plain, such as with Connection: close
        etags = current_etags(request.encodings, page.entry)
        found, *unchanged = (respond(request.encodings, given, page.entry, LOCAL_HIT) for given in ("", *etags))
        way = Way(page, record, found, dict(zip(etags, unchanged, strict=True)), is_head=request.is_head)
        if is_kept or self._make_room(way, meaning, line):
            meaning.ways[line] = way

    def _make_room(self, way: Way, meaning: Meaning, line: bytes) -> bool:
        kept = self._kept.get(way.page)
        if kept is None:
            kept = self._kept[way.page] = []
            way.page.on_gone = partial(self._forget, way.page)
        if len(line) > MOST_LINE_BYTES:
            return False
        size_bytes = len(line) + way.size_bytes
        is_full = len(kept) == MOST_WAYS
        if not self._local.grow(way.page, size_bytes - kept[0][2] if is_full else size_bytes):
            return False
        if is_full:
            old_meaning, old_line, _ = kept.pop(0)
            old_meaning.ways.pop(old_line, None)
        kept.append((meaning, line, size_bytes))
        return True

    def _forget(self, page: Held) -> None:
        for meaning, line, _ in self._kept.pop(page):
            way = meaning.ways.get(line)
            if way is not None and way.page is page:  # not another page's that has taken the line over
                del meaning.ways[line]


def _lines(lines: list[HeaderLine]) -> bytes:
    return b"".join(b"%s: %s\r\n" % line for line in lines)
