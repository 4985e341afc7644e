"""How much of a fleet's traffic L1 answers, with SIEVE and shares as it is, and what LRU and FIFO would make of it.

Needs no platform. The first third of the trace warms the memory; what is counted is the rest. A prefix goes through the
real LocalCache, too, and has to hit and miss exactly as the simulation of it does.
"""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console

from contracts.keys import shop_tag
from contracts.tenant import StoreId
from edge_renderer.cache.counters import CacheCounters
from edge_renderer.cache.entry import Entry
from edge_renderer.cache.local import LocalCache
from edge_renderer.cache.weight import weight
from edge_renderer.settings import EdgeSettings
from loadtest.evictions import FirstIn, LeastRecent, Rule, Sieving
from loadtest.traces import BUSY_SHOPS, SHOPS, Trace, is_small, shop_of, zipf_trace
from standalone.errors import StandaloneError

MEGABYTE = 1024 * 1024
DEFAULT_MEGABYTES = EdgeSettings.model_fields["edge_memory_bytes"].default // MEGABYTE
SHARE_PERCENT = EdgeSettings.model_fields["edge_memory_tenant_percent"].default
SIZES = (64, DEFAULT_MEGABYTES, 4 * DEFAULT_MEGABYTES)
PREFIX_MEGABYTES = 32
"""Small, so that a short prefix evicts plenty."""


async def run(data_dir: Path, console: Console, requests: int = 500_000, prefix: int = 20_000) -> dict[str, Any]:
    """Ratios are of requests. `most`: with room for everything; only what was never asked for before is a miss."""
    console.print(f"drawing {requests:,} requests to {SHOPS:,} shops")
    trace = zipf_trace(requests, seed=1)
    agreed_evictions = _agree(trace, min(prefix, requests))
    by_memory: dict[str, dict[str, float]] = {}
    for megabytes in SIZES:
        console.print(f"{megabytes} MB: SIEVE, LRU, FIFO")
        row: dict[str, float] = {}
        for name, make in _rules(megabytes * MEGABYTE).items():
            row[name], row[f"{name}_small_shops"] = _ratios(trace, make())
        by_memory[f"{megabytes} MB"] = row
    most, most_small = _ratios(trace, LeastRecent(sum(trace.bytes_of.values())))
    usual = by_memory[f"{DEFAULT_MEGABYTES} MB"]
    return {
        "sieve": usual["sieve"],
        "lru": usual["lru"],
        "fifo": usual["fifo"],
        "most": most,
        "most_small_shops": most_small,
        "requests": len(trace),
        "shops": SHOPS,
        "distinct_pages": len(trace.bytes_of),
        "busy_shops": BUSY_SHOPS,
        "busy_shops_share": round(trace.busy_share, 3),
        "memory_mb": DEFAULT_MEGABYTES,
        "share_percent": SHARE_PERCENT,
        "prefix_as_in_the_real_cache": min(prefix, requests),
        "prefix_evictions": agreed_evictions,
        "by_memory": by_memory,
    }


def _rules(max_bytes: int) -> dict[str, Callable[[], Rule]]:
    return {
        "sieve": lambda: Sieving(max_bytes, max_bytes * SHARE_PERCENT // 100),
        "lru": lambda: LeastRecent(max_bytes),
        "fifo": lambda: FirstIn(max_bytes),
    }


def _ratios(trace: Trace, rule: Rule) -> tuple[float, float]:
    """Of all requests, and of those to small shops."""
    warm_up = len(trace) // 3
    ask, bytes_of = rule.ask, trace.bytes_of
    hits = small = small_hits = 0
    for number, page in enumerate(trace.pages):
        is_hit = ask(page, bytes_of[page])
        if number >= warm_up:
            hits += is_hit
            if is_small(page):
                small += 1
                small_hits += is_hit
    return round(hits / (len(trace) - warm_up), 4), round(small_hits / max(small, 1), 4)


def _agree(trace: Trace, prefix: int) -> int:
    """How many evictions both made alike. Raises StandaloneError if the simulation is not what the edge does."""
    max_bytes = PREFIX_MEGABYTES * MEGABYTE
    share_bytes = max_bytes * SHARE_PERCENT // 100
    counters = CacheCounters()
    real, simulated = LocalCache(max_bytes, share_bytes, counters), Sieving(max_bytes, share_bytes)
    for number, page in enumerate(islice(trace.pages, prefix)):
        size = trace.bytes_of[page]
        if simulated.ask(page, size) != _really_ask(real, page, size):
            raise StandaloneError(
                f"Request {number} is a hit in the real cache or in its simulation, and not in the other."
            )
    return counters.evictions


def _really_ask(local: LocalCache, page: int, size: int) -> bool:
    if local.get(str(page), 0.0) is not None:
        return True
    entry = _entry(page, b"")
    with local.open_fill() as fill:
        local.put(_entry(page, bytes(size - weight(entry))), fill, 0.0)
    return False


def _entry(page: int, body: bytes) -> Entry:
    store_id = StoreId(shop_of(page) + 1)
    tags = frozenset({shop_tag(store_id)})
    return Entry(str(page), store_id, 200, (), body, None, None, "", tags, None, "", 86_400_000)
