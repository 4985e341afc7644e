"""Interleaved rounds: every server has its turn in each, so that what else the machine does meets all alike."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import track

from loadtest.generator import Measured, Wrk
from loadtest.pinned import Server

Rounds = dict[str, list[Measured]]
"""By the server's name, in the order of the rounds."""

BUSY_SHARE = 0.9

Figure = Callable[[Measured], float]


async def interleaved(wrk: Wrk, servers: Sequence[Server], rounds: int, seconds: float, console: Console) -> Rounds:
    """Each round begins with another server. In one round all get the same stream of requests."""
    measured: Rounds = {server.name: [] for server in servers}
    turns = [
        (number, servers[(number + step) % len(servers)]) for number in range(rounds) for step in range(len(servers))
    ]
    for number, server in track(turns, "measuring", console=console, transient=True):
        measured[server.name].append(await wrk.measure(server, seconds, seed=number + 1))
    return measured


def median(rounds: Sequence[Measured], figure: Figure, digits: int = 2) -> float:
    return round(statistics.median(map(figure, rounds)), digits)


def median_ratio(above: Sequence[Measured], below: Sequence[Measured], figure: Figure) -> float:
    """The median of the rounds' own ratios, not the ratio of two medians: a slow round is slow for both."""
    return round(statistics.median(figure(a) / figure(b) for a, b in zip(above, below, strict=True)), 3)


def median_difference(of: Sequence[Measured], less: Sequence[Measured], figure: Figure) -> float:
    return round(statistics.median(figure(a) - figure(b) for a, b in zip(of, less, strict=True)), 2)


def is_undisturbed(measured: Rounds) -> bool:
    """Whether in every round the server or wrk had its core to itself. If not, something else ran there: go by the
    CPU times, which it moves little, and not by the rates."""
    return all(max(it.server_share, it.wrk_share) >= BUSY_SHARE for served in measured.values() for it in served)


def described(rounds: Sequence[Measured]) -> dict[str, Any]:
    """One server's row."""
    return {
        "requests_per_s": median(rounds, lambda it: it.requests_per_s, 0),
        "p50_ms": median(rounds, lambda it: it.p50_ms, 3),
        "p99_ms": median(rounds, lambda it: it.p99_ms, 3),
        "cpu_us": median(rounds, lambda it: it.cpu_us),
        "server_share": median(rounds, lambda it: it.server_share, 3),
        "wrk_share": median(rounds, lambda it: it.wrk_share, 3),
        "bytes_each": median(rounds, lambda it: it.bytes_each, 1),
        "errors": sum(it.errors for it in rounds),
    }


def plot_of(measured: Rounds, title: str) -> dict[str, Any]:
    """For the picture beside a kept result."""
    lines = {name: [it.requests_per_s for it in rounds] for name, rounds in measured.items()}
    return {"title": title, "x": "round", "y": "requests/s", "lines": lines}
