"""What a page costs that is in no cache: distinct pages of many small shops, from one edge worker and the origin.

The worker has a core of its own, and all else has the other one. The shops are made for this run, under host names that
nobody has used before, and each page is asked for once: nothing of them can be in any cache. One half of the shops
gives the rate at saturation and the processor time (closed loop: a few requests at once, so that nothing is refused for
the worker's lateness), the other half the latencies at half of that rate (open loop, from the intended start). Each
half is asked first for one page of every shop, whose host the edge does not know yet, and then for the other pages.
Only pages count: what was refused or failed is told beside them.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
from rich.console import Console

from loadtest.closed_loop import closed_loop
from loadtest.cpu_time import cpu_ms_each, cpu_seconds
from loadtest.open_loop import Address, Report, Request, get, open_loop_apart
from loadtest.own_core import OTHER_CORE, core_of_its_own
from loadtest.shops import LoadShop, made_up_shops
from standalone.ready_file import Ready, read_ready

AT_ONCE = 8
"""Enough to keep the edge's core busy; more would only wait."""
CONNECTIONS = 64
WARM_UP_SHOPS = 40
PAGES_OF_KNOWN_HOSTS = 4000
HEADERS = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br, zstd",
)
STATISTICS_SECONDS = 11.0
"""PostgreSQL's sessions report what they did once a second while busy, and within ten once they are idle."""


@dataclass(frozen=True, slots=True)
class Half:
    """Of the shops: the requests for their first pages, and for the others."""

    cold: list[Request]
    known: list[Request]

    @classmethod
    def of(cls, shops: Sequence[LoadShop], chance: Random) -> "Half":
        cold, known = [], []
        for shop in shops:
            paths = chance.sample(shop.paths, len(shop.paths))
            cold.append(get(shop.host, paths[0], *HEADERS))
            known += [get(shop.host, path, *HEADERS) for path in paths[1:]]
        chance.shuffle(known)
        return cls(cold, known[:PAGES_OF_KNOWN_HOSTS])


@dataclass(frozen=True, slots=True)
class Saturation:
    """`failed`: requests that were answered with something else than a page, or not at all."""

    pages_per_s: float
    failed: int
    cpu_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Tally:
    """What the edge and PostgreSQL have counted so far."""

    at: float
    edge: dict[str, float]
    transactions: float

    def since(self, before: "Tally", name: str) -> float:
        return self.edge.get(name, 0.0) - before.edge.get(name, 0.0)


async def run(data_dir: Path, console: Console, *, shops: int = 2000, seed: int = 1) -> dict[str, Any]:
    """Keys: pages_per_s, p50_ms, p95_ms, p99_ms (of cold hosts: the worst case), failed, cold_host and known_host (the
    same of each), cpu_ms (of each, by program, per page at saturation); and per page of a known host at half of
    saturation: round_trips, breakdown_ms."""
    ready = read_ready(data_dir)
    console.print(f"making {shops} shops")
    async with made_up_shops(ready.database_url, secrets.token_hex(3), shops + WARM_UP_SHOPS, seed=seed) as made:
        chance = Random(seed)  # noqa: S311 - an order, not a secret
        warm_up = Half.of(made[:WARM_UP_SHOPS], chance)
        middle = WARM_UP_SHOPS + shops // 2
        busy, calm = Half.of(made[WARM_UP_SHOPS:middle], chance), Half.of(made[middle:], chance)
        with core_of_its_own(ready, ready.edge_workers[0]):
            await _saturated(ready, warm_up.cold + warm_up.known)
            return await _measured(ready, busy, calm, console)


async def _measured(ready: Ready, busy: Half, calm: Half, console: Console) -> dict[str, Any]:
    console.print(f"{len(busy.cold)} pages of unknown hosts, {len(busy.known)} of known ones, at saturation")
    most_cold, most_known = await _saturated(ready, busy.cold), await _saturated(ready, busy.known)
    console.print(f"at half of it: {most_cold.pages_per_s / 2:.0f}/s, {most_known.pages_per_s / 2:.0f}/s")
    cold = await _at_half(ready, calm.cold, most_cold)
    idle, before = await _idle_rate(ready)
    known = await _at_half(ready, calm.known, most_known)
    after = await _tally(ready)
    failed = most_cold.failed + most_known.failed + cold.failures(200).total() + known.failures(200).total()
    rows = {"cold_host": _row(most_cold, cold), "known_host": _row(most_known, known)}
    round_trips, breakdown = _explained(before, after, idle, known.statuses[200])
    return {
        **rows["cold_host"],
        "failed": failed,
        "pages": rows,
        "cpu_ms": {"cold_host": most_cold.cpu_ms, "known_host": most_known.cpu_ms},
        "round_trips": round_trips,
        "breakdown_ms": breakdown,
    }


def _address(ready: Ready) -> Address:
    parts = urlsplit(ready.edge_workers[0].url)
    return parts.hostname or "127.0.0.1", parts.port or 80


async def _saturated(ready: Ready, requests: Sequence[Request]) -> Saturation:
    before = cpu_seconds(ready)
    report = await closed_loop(_address(ready), requests, AT_ONCE)
    pages = report.statuses[200]
    return Saturation(
        pages / report.seconds, report.failures(200).total(), cpu_ms_each(before, cpu_seconds(ready), pages)
    )


async def _at_half(ready: Ready, requests: Sequence[Request], most: Saturation) -> Report:
    return await open_loop_apart({OTHER_CORE}, _address(ready), requests, most.pages_per_s / 2, 600, CONNECTIONS)


def _row(most: Saturation, report: Report) -> dict[str, float]:
    shown = report.as_dict()
    return {"pages_per_s": round(most.pages_per_s, 1), **{name: shown[name] for name in ("p50_ms", "p95_ms", "p99_ms")}}


async def _idle_rate(ready: Ready) -> tuple[float, Tally]:
    """Transactions a second while nobody asks for anything: the relay's and the workers'; and the tally at the end of
    that time."""
    before, after = await _tally(ready), await _tally(ready)
    return (after.transactions - before.transactions) / (after.at - before.at), after


async def _tally(ready: Ready) -> Tally:
    await asyncio.sleep(STATISTICS_SECONDS)
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        text = (await client.get(f"{ready.edge_workers[0].ops_url}/metrics")).raise_for_status().text
    edge = {name: float(value) for name, value in re.findall(r"^(stoa_\w+) ([\d.e+-]+)$", text, re.MULTILINE)}
    async with await psycopg.AsyncConnection.connect(ready.database_url) as connection:
        cursor = await connection.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        row = await cursor.fetchone()
    assert row is not None
    return Tally(time.perf_counter(), edge, float(row[0]))


def _explained(before: Tally, after: Tally, idle: float, pages: int) -> tuple[dict[str, float], dict[str, float]]:
    """Round trips, and milliseconds by step, waiting for a turn on a processor included. `sql`: while the origin waited
    for PostgreSQL, by its own clock; `origin`: the rest of its work; `network`: the rest of asking it;
    `turn_and_decode`: of making a page, what is neither asking nor rendering."""
    asks = after.since(before, "stoa_edge_ask_seconds_count")

    def mean_ms(name: str) -> float:
        times = after.since(before, f"{name}_count")
        return after.since(before, f"{name}_sum") * 1000 / times if times else 0.0

    def of_an_ask_ms(name: str) -> float:
        return after.since(before, f"{name}_total") * 1000 / asks if asks else 0.0

    asked, render = mean_ms("stoa_edge_ask_seconds"), mean_ms("stoa_edge_render_seconds")
    origin, sql = of_an_ask_ms("stoa_edge_origin_seconds"), of_an_ask_ms("stoa_edge_database_seconds")
    steps = {
        "network": asked - origin,
        "origin": origin - sql,
        "sql": sql,
        "turn_and_decode": mean_ms("stoa_edge_fill_seconds") - asked - render,
        "render": render,
        "compress": after.since(before, "stoa_edge_cache_compress_seconds_total") * 1000 / pages,
    }
    transactions = (after.transactions - before.transactions - idle * (after.at - before.at)) / pages
    return {"http": round(asks / pages, 3), "postgres": round(transactions, 2)}, {
        name: round(value, 3) for name, value in steps.items()
    }
