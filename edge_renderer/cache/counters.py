"""What the cache counts. Plain numbers, so that counting costs nothing; the edge's metrics export them by name."""

from dataclasses import dataclass


@dataclass(slots=True)
class CacheCounters:
    """`hits_*`: answers by tier. `stale` and `unverified` answers are counted beside their tier."""

    hits_local: int = 0
    hits_shared: int = 0
    fills: int = 0
    compress_seconds: float = 0.0
    revalidated: int = 0
    coalesced: int = 0
    stale_served: int = 0
    unverified_served: int = 0
    lapsed_reads: int = 0
    renewals: int = 0
    """Fills begun by a purge, not by a request."""
    stale_fills: int = 0
    """Fills that a change of one of their tags overtook: answered, not stored as fresh."""
    origin_failures: int = 0
    failed_fills: int = 0
    lock_waits: int = 0
    purged_entries: int = 0
    evictions: int = 0
    refused: int = 0
    """Entries too large to be kept in memory."""
    shared_errors: int = 0
    shared_garbage: int = 0
    shared_stale: int = 0
    """Entries of the cache server that the tags' positions ruled out."""
    shared_writes: int = 0
    shared_writes_skipped: int = 0
    position_errors: int = 0
