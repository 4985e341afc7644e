"""What a cache hit costs at the edge, beside nginx (static files, proxy_cache) and Varnish serving the same bytes.

One worker of ours and one of each peer on the first core, wrk on the second, in interleaved rounds. Every request is
another shopper's (loadtest/shoppers.py). That all servers answer alike is checked before the measuring and after it.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from loadtest.edge_worker import EdgeUnderTest, edge_worker
from loadtest.generator import Wrk
from loadtest.pages import Answered, ChosenPage, ask, choose_pages
from loadtest.peers import nginx
from loadtest.peers.programs import programs, two_cores
from loadtest.peers.varnish import varnish
from loadtest.pinned import Server
from loadtest.rounds import Rounds, described, interleaved, median, median_ratio, plot_of
from loadtest.shoppers import write_for_wrk
from standalone.errors import StandaloneError
from standalone.ready_file import read_ready

SATURATED_SHARE = 0.95
WARM_UP_SECONDS = 0.5
_PEERS = {"nginx_cache": "nginx-cache", "varnish": "varnish", "nginx_static": "nginx-static"}


@dataclass(frozen=True, slots=True)
class Bench:
    """What stands ready to be measured."""

    edge: EdgeUnderTest
    peers: tuple[Server, ...]
    empty: Server
    pages: list[tuple[ChosenPage, Answered]]
    wrk: Wrk
    client: httpx.AsyncClient

    @property
    def servers(self) -> list[Server]:
        return [self.edge.server, *self.peers]


async def run(
    data_dir: Path, console: Console, rounds: int = 7, seconds: float = 4.0, connections: int = 32, pages: int = 50
) -> dict[str, Any]:
    """Keys others rely on: ratio_nginx_cache, ratio_varnish, ratio_nginx_static, cpu_us_per_hit."""
    async with standing(data_dir, console, connections, pages) as bench:
        await check_alike(bench)
        for server in [*bench.servers, bench.empty]:
            await bench.wrk.measure(server, WARM_UP_SECONDS, seed=0)
        before = await bench.edge.counts(bench.client)
        measured = await interleaved(bench.wrk, bench.servers, rounds, seconds, console)
        hits = hits_only(before, await bench.edge.counts(bench.client), measured[bench.edge.server.name])
        await check_alike(bench)
        head_room = await bench.wrk.measure(bench.empty, seconds, seed=rounds + 1)
    ours = measured["stoa"]
    result = ratios(measured) | {
        "cpu_us_per_hit": median(ours, lambda it: it.cpu_us),
        "p50_ms": median(ours, lambda it: it.p50_ms, 3),
        "p99_ms": median(ours, lambda it: it.p99_ms, 3),
        "is_limited_by_wrk": any(it.wrk_share > SATURATED_SHARE for served in measured.values() for it in served),
        "errors": sum(it.errors for served in measured.values() for it in served),
        "hits": hits,
        "body_bytes": described_sizes([len(answer.body) for _, answer in bench.pages]),
        "servers": {name: described(served) for name, served in measured.items()},
        "wrk_alone": {"requests_per_s": head_room.requests_per_s, "wrk_share": head_room.wrk_share},
        "settings": {"rounds": rounds, "seconds": seconds, "connections": connections, "pages": pages},
        "plot": plot_of(measured, "Cache hits on one core"),
    }
    return result


@asynccontextmanager
async def standing(data_dir: Path, console: Console, connections: int, count: int) -> AsyncIterator[Bench]:
    """All servers up and warm; all gone, and the folder with them, when left."""
    found = programs(("nginx", "varnishd", "wrk", "taskset"))
    server_core, wrk_core = two_cores()
    ready = read_ready(data_dir)
    async with AsyncExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="stoa-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=30, trust_env=False))
        console.print("starting an edge worker, nginx and Varnish")
        edge = await stack.enter_async_context(edge_worker(data_dir, folder, server_core))
        chosen = await choose_pages(client, edge.server.url, [store.host for store in ready.stores], count)
        pages = [(page, await ask(client, edge.server.url, page)) for page in chosen]
        port = edge.server.port
        enter = stack.enter_async_context
        peers = (
            await enter(nginx.static_files(found["nginx"], folder / "static", server_core, pages)),
            await enter(nginx.caching_proxy(found["nginx"], folder / "cache", server_core, port)),
            await enter(varnish(found["varnishd"], folder / "varnish", server_core, port)),
        )
        empty = await enter(nginx.empty_answers(found["nginx"], folder / "empty", server_core))
        write_for_wrk(folder / "shoppers-data.lua", chosen)
        wrk = Wrk(found["wrk"], wrk_core, folder / "shoppers-data.lua", connections)
        yield Bench(edge, peers, empty, pages, wrk, client)


async def check_alike(bench: Bench) -> None:
    """Every server answers every page with the very bytes the edge gave at first. Raises StandaloneError."""
    for server in bench.servers:
        for page, expected in bench.pages:
            answer = await ask(bench.client, server.url, page)
            is_gzip = answer.headers.get("content-encoding") == "gzip"
            if answer.status != 200 or not is_gzip or answer.body != expected.body:
                raise StandaloneError(
                    f"{server.name} does not serve the same bytes for {page.host}{page.target}: status "
                    f"{answer.status}, {len(answer.body)} bytes, not {len(expected.body)}. Did a shop change?"
                )


def hits_only(before: dict[str, float], after: dict[str, float], served: Sequence[Any]) -> dict[str, int]:
    """How often the worker's own counters say a page came from its memory. Raises StandaloneError if any did not."""
    grown = {name: round(after[name] - before.get(name, 0)) for name in after}
    requests = sum(it.requests for it in served)
    cache = "stoa_edge_cache_"
    others = {
        name.removeprefix(cache): count
        for name, count in grown.items()
        if name.startswith(cache) and count and not name.endswith("hits_local")
    }
    from_memory = grown[f"{cache}hits_local"]
    if others or from_memory < requests:
        raise StandaloneError(f"Not all {requests} answers were plain hits: {from_memory} from memory, and {others}.")
    return {"requests": requests, "from_memory": from_memory}


def ratios(measured: Rounds) -> dict[str, float]:
    """Requests/s of ours to theirs, and the CPU time of theirs to ours: above 1 is better, either way."""
    ours = measured["stoa"]
    by_rate = {
        f"ratio_{key}": median_ratio(ours, measured[name], lambda it: it.requests_per_s) for key, name in _PEERS.items()
    }
    by_cpu = {
        f"cpu_ratio_{key}": median_ratio(measured[name], ours, lambda it: it.cpu_us) for key, name in _PEERS.items()
    }
    return by_rate | by_cpu


def described_sizes(sizes: Sequence[int]) -> dict[str, int]:
    return {"smallest": min(sizes), "mean": round(sum(sizes) / len(sizes)), "largest": max(sizes)}
