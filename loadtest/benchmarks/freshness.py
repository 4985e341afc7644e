"""From a merchant's write to every edge worker: how long until a new price is on every page, in every variant.

A black box: it writes through the admin API, then asks each edge worker by itself for pages that show the price, in
every encoding, conditionally and by HEAD. Time runs from the moment the write was answered, until that version or a
later one is shown. Each shop is watched on some kinds of pages, always the same: a page that nobody has looked at since
the write before would be made anew by the first look, and flatter us. Together the shops have every kind.

The writes come at a rate that leaves the machine some room. A write, its four pages and the watching cost about a tenth
of a second of processor time (`cpu_ms_each_write`): at twenty a second two cores are full, and what is measured is the
queue for them, of which the watching is a part.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from loadtest.cpu_time import cpu_ms_each, cpu_seconds
from loadtest.meter import read_meter
from loadtest.subjects import PAGES, Subject, subjects, version_in
from loadtest.watching import VARIANTS, Connection, Watch
from standalone.ready_file import Ready, read_ready

WRITES = 10_000
SHOPS = len(PAGES)
PAGES_EACH = 2
WRITES_PER_SECOND = 10.0
MOST_WRITES_AT_ONCE = 3
GIVE_UP_SECONDS = 10.0
_LIMITS_SECONDS = (0.25, 1, 2, 5)


@dataclass(slots=True)
class Sightings:
    """Seconds by (page, variant); None: never seen. And the slowest sighting of each write."""

    delays: dict[tuple[str, str], list[float | None]] = field(default_factory=lambda: defaultdict(list))
    slowest: list[float | None] = field(default_factory=list)

    def add(self, pages: Iterable[str], seen: Iterable[Mapping[str, float | None]]) -> None:
        of_this_write: list[float | None] = []
        for page, variants in zip(pages, seen, strict=True):
            for variant, delay in variants.items():
                self.delays[page, variant].append(delay)
                of_this_write.append(delay)
        is_missed = None in of_this_write
        self.slowest.append(None if is_missed else max(delay for delay in of_this_write if delay is not None))

    def of(self, page: str | None = None, variant: str | None = None) -> list[float | None]:
        return [
            delay
            for (its_page, its_variant), delays in self.delays.items()
            if page in (None, its_page) and variant in (None, its_variant)
            for delay in delays
        ]


@dataclass(frozen=True, slots=True)
class Watched:
    """A shop, and the watch on each of its pages at each worker."""

    subject: Subject
    watches: list[tuple[str, Watch]]

    async def write_and_watch(self, sightings: Sightings) -> None:
        version = await self.subject.write()
        since = time.monotonic()
        seen = await asyncio.gather(*(watch.until(version, since, GIVE_UP_SECONDS) for _, watch in self.watches))
        sightings.add((page for page, _ in self.watches), seen)


async def run(
    data_dir: Path, console: Console, *, writes: int = WRITES, pages: int = PAGES_EACH, rate: float = WRITES_PER_SECOND
) -> dict[str, Any]:
    """`pages`: kinds watched in each shop; `rate`: writes a second. A write that would be the fourth at once waits.

    Keys: writes, p50_ms, p99_ms, max_ms, missed (sightings that took longer than ten seconds), fresh_within; the like
    by page, by variant and for the last sighting of each write; meter: what the edges' own histogram says;
    cpu_ms_each_write: by program, the watching as `generator`.
    """
    ready = read_ready(data_dir)
    async with AsyncExitStack() as opened:
        console.print(f"making {SHOPS} shops")
        made = await opened.enter_async_context(subjects(ready, SHOPS))
        watched = [_watched(ready, subject, kinds, opened) for subject, kinds in zip(made, _kinds(pages), strict=True)]
        for each in watched:
            await each.write_and_watch(Sightings())
        before, spent = await read_meter(ready), cpu_seconds(ready)
        began = time.monotonic()
        sightings = await _write_all(watched, writes, rate, console)
        seconds = time.monotonic() - began
        meter, cpu_ms = (await read_meter(ready)).since(before), cpu_ms_each(spent, cpu_seconds(ready), writes)
    return {
        "writes": writes,
        **summary(sightings.of()),
        "last_of_a_write": summary(sightings.slowest),
        "by_page": {page: summary(sightings.of(page=page)) for page in PAGES},
        "by_variant": {variant: summary(sightings.of(variant=variant)) for variant in VARIANTS},
        "meter": meter.as_dict(),
        "workers": len(ready.edge_workers),
        "sightings": len(sightings.of()),
        "poll_period_ms": _poll_period_ms([watch for each in watched for _, watch in each.watches]),
        "seconds": round(seconds, 1),
        "writes_per_s": round(writes / seconds, 1),
        "cpu_ms_each_write": cpu_ms,
    }


def _kinds(pages_each: int) -> list[list[str]]:
    """For each shop the kinds of pages it is watched on: each kind in as many shops."""
    kinds = list(PAGES)
    return [[kinds[(shop + step) % len(kinds)] for step in range(min(pages_each, len(kinds)))] for shop in range(SHOPS)]


def _watched(ready: Ready, subject: Subject, kinds: Iterable[str], opened: AsyncExitStack) -> Watched:
    watches = []
    for worker in ready.edge_workers:
        for page in kinds:
            connection = Connection(worker.url)
            opened.push_async_callback(connection.close)
            watches.append((page, Watch(connection, subject.host, PAGES[page], version_in)))
    return Watched(subject, watches)


async def _write_all(watched: list[Watched], writes: int, rate: float, console: Console) -> Sightings:
    """Each shop at its own uneven pace, so that nothing beats in time with the relay."""
    sightings = Sightings()
    numbers = iter(range(writes))
    turns = asyncio.Semaphore(MOST_WRITES_AT_ONCE)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("writing prices", total=writes)

        async def keep_writing(each: Watched) -> None:
            draw = random.Random(each.subject.store_id)  # noqa: S311
            for _ in numbers:
                due = time.monotonic() + draw.uniform(0.5, 1.5) * len(watched) / rate
                async with turns:
                    await each.write_and_watch(sightings)
                progress.advance(task)
                await asyncio.sleep(max(0.0, due - time.monotonic()))

        await asyncio.gather(*map(keep_writing, watched))
    return sightings


def summary(delays: list[float | None]) -> dict[str, Any]:
    """Percentiles are of what was seen; the shares are of all."""
    seen = sorted(delay for delay in delays if delay is not None)
    return {
        "p50_ms": _ms(_percentile(seen, 0.5)),
        "p99_ms": _ms(_percentile(seen, 0.99)),
        "max_ms": _ms(_percentile(seen, 1.0)),
        "missed": len(delays) - len(seen),
        "fresh_within": {
            f"{limit}s": round(sum(delay <= limit for delay in seen) / max(1, len(delays)), 5)
            for limit in _LIMITS_SECONDS
        },
    }


def _poll_period_ms(watches: list[Watch]) -> float:
    """From one look at a page to the next, on average: what the figures may be too long by."""
    return _ms(sum(watch.polling_seconds for watch in watches) / max(1, sum(watch.polls for watch in watches)))


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
