"""What each trick of the hit path buys: the same worker with one of them switched off (loadtest/ablation.py)."""

from pathlib import Path
from typing import Any

from rich.console import Console

from loadtest.ablation import VARIANTS, WHOLE
from loadtest.rounds import described, interleaved, is_undisturbed, median_difference, median_ratio, plot_of
from loadtest.stage import stage

WARM_UP_SECONDS = 0.5


async def run(
    data_dir: Path, console: Console, rounds: int = 5, seconds: float = 2.0, connections: int = 32, pages: int = 50
) -> dict[str, Any]:
    """`variants`: for each, its rate and CPU time, what it costs more than the whole, and its rate as a share of it."""
    async with stage(data_dir, ("wrk", "taskset")) as here:
        console.print(f"starting {len(VARIANTS)} edge workers")
        edges = [await here.edge(name, ("loadtest.ablation", name)) for name in VARIANTS]
        chosen = await here.pages(edges[0], pages)
        servers = [edge.server for edge in edges]
        wrk = here.wrk(chosen, connections)
        await here.check_alike(servers, chosen)
        for server in servers:
            await wrk.measure(server, min(seconds, WARM_UP_SECONDS), seed=0)
        before = [await edge.counts(here.client) for edge in edges]
        measured = await interleaved(wrk, servers, rounds, seconds, console)
        for edge, counts in zip(edges, before, strict=True):
            requests = sum(it.requests for it in measured[edge.server.name])
            await edge.hits_since(counts, here.client, requests)
    whole = measured[WHOLE]
    variants = {
        name: {
            "requests_per_s": (row := described(served))["requests_per_s"],
            "rate_of_whole": median_ratio(served, whole, lambda it: it.requests_per_s),
            "cpu_us": row["cpu_us"],
            "cpu_us_more": median_difference(served, whole, lambda it: it.cpu_us),
            "errors": row["errors"],
        }
        for name, served in measured.items()
    }
    return {
        "is_undisturbed": is_undisturbed(measured),
        "variants": variants,
        "settings": {"rounds": rounds, "seconds": seconds, "connections": connections, "pages": pages},
        "plot": plot_of(measured, "The hit path less one trick"),
    }
