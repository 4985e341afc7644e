"""What a page costs that is in no cache: distinct pages of many small shops, from one edge worker and the origin.

The shops are made for this run, under host names that nobody has used before, and each page is asked for once: nothing
of them can be in any cache. One half of the shops gives the rate at saturation (as many requests at once as there are
connections), the other half the latencies at half of that rate (open loop, from the intended start). Each half is asked
first for one page of every shop, whose host the edge does not know yet, and then for the other pages.
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

from loadtest.open_loop import Address, Report, Request, get, open_loop
from loadtest.shops import LoadShop, made_up_shops
from standalone.ready_file import Ready, read_ready

CONNECTIONS = 16
CHUNK = 400
"""Requests offered at once; few enough to be answered within the generator's patience on a slow machine."""
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
class Tally:
    """What the edge and PostgreSQL have counted so far."""

    at: float
    edge: dict[str, float]
    transactions: float
    active_ms: float

    def since(self, before: "Tally", name: str) -> float:
        return self.edge.get(name, 0.0) - before.edge.get(name, 0.0)


async def run(data_dir: Path, console: Console, *, shops: int = 2000, seed: int = 1) -> dict[str, Any]:
    """Keys: pages_per_s, p50_ms, p95_ms, p99_ms (of cold hosts: the worst case), failed, cold_host, known_host,
    round_trips, breakdown_ms. The last two are per page of a known host, at half of saturation."""
    ready = read_ready(data_dir)
    console.print(f"making {shops} shops")
    async with made_up_shops(ready.database_url, secrets.token_hex(3), shops + WARM_UP_SHOPS, seed=seed) as made:
        chance = Random(seed)  # noqa: S311 - an order, not a secret
        address = _address(ready)
        warm_up = Half.of(made[:WARM_UP_SHOPS], chance)
        await _saturated(address, warm_up.cold + warm_up.known)
        middle = WARM_UP_SHOPS + shops // 2
        busy, calm = Half.of(made[WARM_UP_SHOPS:middle], chance), Half.of(made[middle:], chance)
        return await _measured(ready, address, busy, calm, console)


async def _measured(ready: Ready, address: Address, busy: Half, calm: Half, console: Console) -> dict[str, Any]:
    console.print(f"{len(busy.cold)} pages of unknown hosts, {len(busy.known)} of known ones, at saturation")
    cold_rate, cold_failed = await _saturated(address, busy.cold)
    known_rate, known_failed = await _saturated(address, busy.known)
    console.print(f"at half of it: {cold_rate / 2:.0f}/s, {known_rate / 2:.0f}/s")
    cold = await open_loop(address, calm.cold, cold_rate / 2, 600, CONNECTIONS * 4)
    idle, before = await _idle_rates(ready)
    known = await open_loop(address, calm.known, known_rate / 2, 600, CONNECTIONS * 4)
    after = await _tally(ready)
    failed = cold_failed + known_failed + _failed(cold) + _failed(known)
    rows = {"cold_host": _row(cold_rate, cold), "known_host": _row(known_rate, known)}
    round_trips, breakdown = _explained(before, after, idle, len(calm.known))
    return {**rows["cold_host"], "failed": failed, **rows, "round_trips": round_trips, "breakdown_ms": breakdown}


def _address(ready: Ready) -> Address:
    parts = urlsplit(ready.edge_workers[0].url)
    return parts.hostname or "127.0.0.1", parts.port or 80


async def _saturated(address: Address, requests: Sequence[Request]) -> tuple[float, int]:
    """Pages a second, and how many were no pages."""
    seconds, failed = 0.0, 0
    for begin in range(0, len(requests), CHUNK):
        began = time.perf_counter()
        report = await open_loop(address, requests[begin : begin + CHUNK], 1e9, 600, CONNECTIONS)
        seconds += time.perf_counter() - began
        failed += _failed(report)
    return (len(requests) - failed) / seconds, failed


def _failed(report: Report) -> int:
    return report.errors.total() + sum(count for status, count in report.statuses.items() if status != 200)


def _row(rate: float, report: Report) -> dict[str, float]:
    shown = report.as_dict()
    return {"pages_per_s": round(rate, 1), **{name: shown[name] for name in ("p50_ms", "p95_ms", "p99_ms")}}


async def _idle_rates(ready: Ready) -> tuple[tuple[float, float], Tally]:
    """Transactions and active milliseconds a second while nobody asks for anything: the relay's and the workers'; and
    the tally at the end of that time."""
    before, after = await _tally(ready), await _tally(ready)
    seconds = after.at - before.at
    rates = (after.transactions - before.transactions) / seconds, (after.active_ms - before.active_ms) / seconds
    return rates, after


async def _tally(ready: Ready) -> Tally:
    await asyncio.sleep(STATISTICS_SECONDS)
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        text = (await client.get(f"{ready.edge_workers[0].ops_url}/metrics")).raise_for_status().text
    edge = {name: float(value) for name, value in re.findall(r"^(stoa_\w+) ([\d.e+-]+)$", text, re.MULTILINE)}
    async with await psycopg.AsyncConnection.connect(ready.database_url) as connection:
        cursor = await connection.execute(
            "SELECT xact_commit, active_time FROM pg_stat_database WHERE datname = current_database()"
        )
        row = await cursor.fetchone()
    assert row is not None
    return Tally(time.perf_counter(), edge, float(row[0]), float(row[1]))


def _explained(
    before: Tally, after: Tally, idle: tuple[float, float], pages: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Round trips, and milliseconds by step. `sql`: while PostgreSQL was at work; `origin_and_network`: the rest of
    asking the origin."""
    seconds = after.at - before.at

    def per_page_ms(name: str) -> float:
        return after.since(before, name) * 1000 / pages

    asked, fill = per_page_ms("stoa_edge_ask_seconds_sum"), per_page_ms("stoa_edge_fill_seconds_sum")
    render = per_page_ms("stoa_edge_render_seconds_sum")
    sql = max(0.0, (after.active_ms - before.active_ms - idle[1] * seconds) / pages)
    steps = {
        "origin_and_network": asked - sql,
        "sql": sql,
        "decode": fill - asked - render,
        "render": render,
        "compress": per_page_ms("stoa_edge_cache_compress_seconds_total"),
    }
    transactions = (after.transactions - before.transactions - idle[0] * seconds) / pages
    round_trips = {
        "http": round(after.since(before, "stoa_edge_ask_seconds_count") / pages, 3),
        "postgres": round(transactions, 2),
    }
    return round_trips, {name: round(value, 3) for name, value in steps.items()}
