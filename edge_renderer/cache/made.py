"""What passes between the tiers and those who use them: what a fill made, and the answer a request gets."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from contracts.events import Position
from edge_renderer.cache.entry import Entry, HeaderLine
from edge_renderer.cache.local import Held


@dataclass(frozen=True, slots=True)
class Built:
    """A new page. `made_from`: the position of the oldest cached thing it was made from, if any. `lifetime_ms`: less
    than a page of its status lives otherwise."""

    status: int
    headers: tuple[HeaderLine, ...]
    body: bytes
    tags: frozenset[str]
    snapshot_etag: str = ""
    is_cacheable: bool = True
    lifetime_ms: int | None = None
    made_from: Position | None = None


@dataclass(frozen=True, slots=True)
class NotModified:
    """The origin says that the snapshot the previous entry was made from is still true."""


Fill = Callable[[Entry | None], Awaitable[Built | NotModified]]
"""Asks the origin, with the previous entry's `snapshot_etag` as the condition if there is one. Raises OriginUnavailable
when it could not be asked: then what there is is served; and Overloaded when this edge had no turn for it: then not."""


class Source(StrEnum):
    LOCAL = "l1"
    SHARED = "l2"
    FILL = "fill"


class Standing(StrEnum):
    FRESH = "fresh"
    STALE = "stale"
    """A change of it was heard less than a second ago; the new page is being made."""
    REVALIDATED = "revalidated"
    """The origin said within the last second that it is true."""
    UNVERIFIED = "unverified"
    """It should have been asked for, and the origin could not be reached."""


class Why(StrEnum):
    """Why a tier had to ask further, in the words of RFC 9211."""

    MISS = "uri-miss"
    STALE = "stale"
    """It had the page, and could not prove that it is still true."""
    BYPASS = "bypass"
    """Without a lease nothing on the cache server can be proven, so it was not looked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`held` is the entry's place in memory, for the hit path to keep; None if it is not kept."""

    entry: Entry
    source: Source
    state: Standing
    held: Held | None = None
    is_coalesced: bool = False
    local_why: Why = Why.MISS
    shared_why: Why = Why.MISS

    @property
    def is_kept(self) -> bool:
        """False also for what was too large to be kept."""
        return self.held is not None and self.held.node is not None
