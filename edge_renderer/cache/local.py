"""L1: the entries in this process's memory, bounded in bytes, each known to be fresh, stale or unproven.

Pure bookkeeping between awaits: no I/O, and time is an argument. It listens to the follower; who may be served what is
decided in `tiers`.

The race the fill guard prevents: 1. a fill reads the old row; 2. the merchant commits; 3. the purge is applied here and
finds nothing to mark; 4. the fill stores the old page as fresh. So every fill is open here while it runs and collects
what is applied meanwhile.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from sys import getsizeof

from contracts.events import Position
from contracts.tenant import StoreId
from edge_renderer.cache.counters import CacheCounters
from edge_renderer.cache.entry import LARGE_BODY_BYTES, Entry, refined
from edge_renderer.cache.sieve import Node, Sieve
from edge_renderer.cache.tag_index import TagIndex
from edge_renderer.cache.weight import weight

STALE_SECONDS = 1.0
"""How long after a purge its old page may still be served while the new one is made."""


class Held:
    """An entry and what is known of it. `is_fresh`: no change of it has been heard, and everything has been heard since
    its position as far as the lease goes. It is False for ever once the entry is stale, unproven, replaced or gone, so
    whoever keeps a reference (the hit path) needs to look at nothing else but the lease and `expires_at`."""

    __slots__ = (
        "checked_until",
        "entry",
        "excused_until",
        "expires_at",
        "is_fresh",
        "node",
        "on_gone",
        "renew",
        "share_node",
        "size_bytes",
        "stale_until",
        "visited",
    )

    def __init__(self, entry: Entry, now: float) -> None:
        self.entry = entry
        self.size_bytes = weight(entry)
        self.expires_at = now + entry.lifetime_ms / 1000
        self.is_fresh = False
        self.stale_until: float | None = None
        """Set once a change was heard: it may be served while a refill runs until then."""
        self.checked_until = float("-inf")
        """The origin's word that it is true is good until then, lease or not."""
        self.excused_until = float("-inf")
        """The origin could not be asked; it is served unverified until then without asking again."""
        self.visited = False
        self.on_gone: Callable[[], None] | None = None
        """Told when it goes, by whoever hung something on it."""
        self.renew: Callable[[], None] | None = None
        """Told when it is purged, if somebody has asked for it since it was put here. Must not change what is held."""
        self.node: Node[Held] | None = None
        self.share_node: Node[Held] | None = None


class OpenFill:
    """The changes heard while a fill runs: tag -> its last position, and since when at the latest its first is known: a
    page overtaken twice has been wrong since the first time."""

    __slots__ = ("changes", "is_distrusted")

    def __init__(self) -> None:
        self.changes: dict[str, tuple[Position, float]] = {}
        self.is_distrusted = False

    def note(self, tags: tuple[str, ...], position: Position, heard_at: float) -> None:
        for tag in tags:
            _, first_heard_at = self.changes.get(tag, (position, heard_at))
            self.changes[tag] = (position, min(first_heard_at, heard_at))

    def heard_since(self, entry: Entry) -> float | None:
        """Since when it is known that the entry was overtaken; None if it was not."""
        overtaken = [
            heard_at
            for tag in entry.tags & self.changes.keys()
            for position, heard_at in (self.changes[tag],)
            if _is_news(position, entry)
        ]
        return min(overtaken, default=None)


class _Share:
    """What one tenant has here."""

    __slots__ = ("held_bytes", "missing", "sieve")

    def __init__(self) -> None:
        self.sieve: Sieve[Held] = Sieve()
        self.held_bytes = 0
        self.missing: OrderedDict[str, None] = OrderedDict()


class LocalCache:
    """`share_bytes`: the most one tenant may have, so that a flood of one shop's URLs evicts only that shop's pages.
    `most_missing`: a tenant's 404s at once."""

    def __init__(self, max_bytes: int, share_bytes: int, counters: CacheCounters, *, most_missing: int = 200) -> None:
        self._max_bytes = max_bytes
        self._share_bytes = min(share_bytes, max_bytes)
        self._most_missing = most_missing
        self._counters = counters
        self._held: dict[str, Held] = {}
        self._by_tag: TagIndex[Held] = TagIndex()
        self._sieve: Sieve[Held] = Sieve()
        self._shares: dict[StoreId | None, _Share] = {}
        self._open: set[OpenFill] = set()
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held.values())

    def get(self, key: str, now: float) -> Held | None:
        held = self._held.get(key)
        if held is None:
            return None
        if now >= held.expires_at:
            self._remove(held)
            return None
        held.visited = True
        return held

    @contextmanager
    def open_fill(self) -> Iterator[OpenFill]:
        """Open it before the fill notes its position; put what came of it before it closes."""
        fill = OpenFill()
        self._open.add(fill)
        try:
            yield fill
        finally:
            self._open.discard(fill)

    def put(
        self,
        entry: Entry,
        fill: OpenFill,
        now: float,
        *,
        is_proven: bool = True,
        checked_until: float = float("-inf"),
    ) -> Held:
        """Keeps `entry` in place of what its key had, if there is room for it at all. Not proven: nobody has said that
        it is true at its position; it is kept for the day the origin cannot be asked."""
        held = Held(entry, now)
        held.is_fresh = is_proven and entry.position is not None and not fill.is_distrusted
        held.checked_until = checked_until
        heard_at = fill.heard_since(entry)
        if heard_at is not None:
            self._make_stale(held, heard_at)
            self._counters.stale_fills += 1
        self.drop(entry.key)
        if held.size_bytes > self._share_bytes:
            self._counters.refused += 1
            return held
        self._make_room(held, held.size_bytes)
        self._insert(held)
        return held

    def grow(self, held: Held, more_bytes: int) -> bool:
        """Makes room for what somebody hangs on `held`, such as an answer made in advance. Others go for it, never
        `held` itself; less than 0 bytes: what hung there was heavier. False: it is gone, or would be over its share;
        then nothing may be hung on it."""
        if held.node is None or held.size_bytes + more_bytes > self._share_bytes:
            return False
        self._make_room(held, more_bytes)
        held.size_bytes += more_bytes
        self._shares[held.entry.store_id].held_bytes += more_bytes
        self.held_bytes += more_bytes
        return True

    def refine(self, held: Held) -> bool:
        """Somebody reads it again: from now on it is sent smaller. False: nothing has changed."""
        better = refined(held.entry) if len(held.entry.body) < LARGE_BODY_BYTES else held.entry
        if better is held.entry or not self.grow(held, getsizeof(better.br)):
            return False
        held.entry = better
        return True

    def drop(self, key: str) -> None:
        held = self._held.get(key)
        if held is not None:
            self._remove(held)

    def apply(self, tags: tuple[str, ...], position: Position, heard_at: float) -> None:
        """These tags changed: entries made before `position` that carry one are stale."""
        for fill in self._open:
            fill.note(tags, position, heard_at)
        for tag in tags:
            for held in self._by_tag.carriers(tag):
                if _is_news(position, held.entry):
                    is_read = held.is_fresh and held.visited
                    self._counters.purged_entries += held.is_fresh
                    self._make_stale(held, heard_at)
                    if is_read and held.renew is not None:
                        held.renew()

    def distrust(self) -> None:
        """Something may have been missed: everything held, and everything being made, is unproven."""
        for fill in self._open:
            fill.is_distrusted = True
        for held in self._held.values():
            held.is_fresh = False

    def _make_stale(self, held: Held, heard_at: float) -> None:
        """Only what was fresh until now may be served a moment longer: 1. the bus loses a change of a page; 2. the page
        is unproven; 3. another change of it is heard. Since the first it has been untrue, nobody knows how long."""
        if held.is_fresh:
            held.stale_until = heard_at + STALE_SECONDS
        elif held.stale_until is not None:
            held.stale_until = min(held.stale_until, heard_at + STALE_SECONDS)
        held.is_fresh = False
        held.checked_until = float("-inf")

    def _insert(self, held: Held) -> None:
        entry = held.entry
        share = self._shares.setdefault(entry.store_id, _Share())
        self._held[entry.key] = held
        held.node = self._sieve.add(held)
        held.share_node = share.sieve.add(held)
        share.held_bytes += held.size_bytes
        self.held_bytes += held.size_bytes
        if entry.status == 404:
            share.missing[entry.key] = None
        for tag in entry.tags:
            self._by_tag.add(tag, held)

    def _remove(self, held: Held) -> None:
        entry = held.entry
        share = self._shares[entry.store_id]
        assert held.node is not None
        assert held.share_node is not None
        held.is_fresh = False
        if held.on_gone is not None:
            held.on_gone()
        del self._held[entry.key]
        self._sieve.remove(held.node)
        share.sieve.remove(held.share_node)
        held.node = held.share_node = None
        share.held_bytes -= held.size_bytes
        self.held_bytes -= held.size_bytes
        share.missing.pop(entry.key, None)
        if not share.held_bytes:
            del self._shares[entry.store_id]
        for tag in entry.tags:
            self._by_tag.discard(tag, held)

    def _make_room(self, held: Held, more_bytes: int) -> None:
        share = self._shares.get(held.entry.store_id)
        while share is not None and share.held_bytes + more_bytes > self._share_bytes:
            self._evict(share.sieve, held)
        if share is not None and held.node is None and held.entry.status == 404:
            while len(share.missing) >= self._most_missing:
                self.drop(next(iter(share.missing)))
        while self.held_bytes + more_bytes > self._max_bytes:
            self._evict(self._sieve, held)

    def _evict(self, sieve: Sieve[Held], spared: Held) -> None:
        victim = sieve.next_to_go(spared)
        assert victim is not None, "bytes are counted but nothing is held"
        self._remove(victim)
        self._counters.evictions += 1


def _is_news(position: Position, entry: Entry) -> bool:
    """An entry made by an edge that was ahead of this one may know more than the message."""
    return entry.position is None or position.epoch != entry.position.epoch or position.is_beyond(entry.position)
