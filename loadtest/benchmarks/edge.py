"""What a cache hit costs at the edge, beside nginx (static files, proxy_cache) and Varnish serving the same bytes.

One worker of ours and one of each peer on the first core, wrk on the second, in interleaved rounds. Every request is
another shopper's (loadtest/shoppers.py). That all servers answer alike is checked before the measuring and after it.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from loadtest.peers import nginx
from loadtest.peers.varnish import varnish
from loadtest.pinned import Server
from loadtest.rounds import Rounds, described, interleaved, is_undisturbed, median, median_ratio, plot_of
from loadtest.stage import Pages, Stage, stage

WARM_UP_SECONDS = 0.5
FEW_CONNECTIONS = 32
_PEERS = {"nginx_cache": "nginx-cache", "varnish": "varnish", "nginx_static": "nginx-static"}


async def run(
    data_dir: Path, console: Console, rounds: int = 7, seconds: float = 4.0, connections: int = 128, pages: int = 50
) -> dict[str, Any]:
    """Keys others rely on: ratio_nginx_cache, ratio_varnish, ratio_nginx_static, cpu_us_per_hit. `by_connections`: they
    and the same with FEW_CONNECTIONS, measured in rounds of their own."""
    async with stage(data_dir, ("nginx", "varnishd", "wrk", "taskset")) as here:
        console.print("starting an edge worker, nginx and Varnish")
        edge = await here.edge("stoa")
        chosen = await here.pages(edge, pages)
        servers = [edge.server, *await peers(here, edge.server.port, chosen)]
        empty = await here.stack.enter_async_context(
            nginx.empty_answers(here.programs["nginx"], here.folder / "empty", here.server_core)
        )
        wrk, wrk_of_few = here.wrk(chosen, connections), here.wrk(chosen, FEW_CONNECTIONS)
        await here.check_alike(servers, chosen)
        for server in [*servers, empty]:
            await wrk.measure(server, min(seconds, WARM_UP_SECONDS), seed=0)
        before = await edge.counts(here.client)
        measured = await interleaved(wrk, servers, rounds, seconds, console)
        of_few = await interleaved(wrk_of_few, servers, rounds, seconds, console)
        hits = await edge.hits_since(before, here.client, sum(it.requests for it in measured["stoa"] + of_few["stoa"]))
        await here.check_alike(servers, chosen)
        alone = await wrk.measure(empty, seconds, seed=rounds + 1)
    return figures(measured) | {
        "errors": sum(it.errors for all_served in (measured, of_few) for it in itertools.chain(*all_served.values())),
        "is_undisturbed": is_undisturbed(measured),
        "hits": hits,
        "body_bytes": sizes([len(answer.body) for _, answer in chosen]),
        "by_connections": {str(connections): figures(measured), str(FEW_CONNECTIONS): figures(of_few)},
        "servers": {name: described(served) for name, served in measured.items()},
        "wrk_asking_for_nothing": {"requests_per_s": alone.requests_per_s, "wrk_share": alone.wrk_share},
        "settings": {"rounds": rounds, "seconds": seconds, "connections": connections, "pages": pages},
        "plot": plot_of(measured, "Cache hits on one core"),
    }


def figures(measured: Rounds) -> dict[str, float]:
    """What is read first."""
    ours = measured["stoa"]
    return ratios(measured) | {
        "cpu_us_per_hit": median(ours, lambda it: it.cpu_us),
        "p50_ms": median(ours, lambda it: it.p50_ms, 3),
        "p99_ms": median(ours, lambda it: it.p99_ms, 3),
    }


async def peers(here: Stage, edge_port: int, pages: Pages) -> list[Server]:
    enter, core = here.stack.enter_async_context, here.server_core
    return [
        await enter(nginx.static_files(here.programs["nginx"], here.folder / "static", core, pages)),
        await enter(nginx.caching_proxy(here.programs["nginx"], here.folder / "cache", core, edge_port)),
        await enter(varnish(here.programs["varnishd"], here.folder / "varnish", core, edge_port)),
    ]


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


def sizes(lengths: Sequence[int]) -> dict[str, int]:
    return {"smallest": min(lengths), "mean": round(sum(lengths) / len(lengths)), "largest": max(lengths)}
