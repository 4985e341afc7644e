"""A flash sale against the platform that runs: everybody wants one product of one shop while others trade as always.

It makes its own shops and takes them away again. The buyers are locust's (loadtest/locustfile.py); beside them the
books of the product are read twice a second, and when all is quiet they are held against the provider's. What came of
it is one page that a merchant can read (loadtest/sale_report.py).
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from contracts.tenant import StoreId
from loadtest.rest import QUIET_SECONDS, breaks_at_rest
from loadtest.sale_figures import PAGES, Figures, Sample, percentile
from loadtest.sale_report import Sale, page
from loadtest.scenarios.arrivals import Crowd
from loadtest.scenarios.journal import Ended, read_journal
from loadtest.shops import LoadShop, made_up_shops
from standalone.errors import StandaloneError
from standalone.ready_file import Ready, read_ready

OTHER_SHOPS = 8
SAMPLE_SECONDS = 0.5
LOCUSTFILE = Path(__file__).parent.parent / "locustfile.py"

_BOOKS = """
    SELECT (SELECT sum(available)::int FROM inventory_level
            WHERE store_id = %(store)s AND inventory_item_id = %(item)s) AS available,
        coalesce(sum(quantity) FILTER (WHERE state = 'held'), 0)::int AS reserved,
        coalesce(sum(quantity) FILTER (WHERE state = 'sold'), 0)::int AS sold
    FROM reservation WHERE store_id = %(store)s AND inventory_item_id = %(item)s"""


@dataclass(frozen=True, slots=True)
class Offered:
    """The product that everybody wants. `path` is its page."""

    store_id: StoreId
    host: str
    path: str
    variant_id: int
    item_id: int
    title: str


async def run(
    data_dir: Path,
    console: Console,
    *,
    buyers: int = 10_000,
    units: int = 1_000,
    seconds: float = 300.0,
    patience: float = 180.0,
    other_rate: float = 5.0,
    seed: int = 1,
    report: str = "flash-sale.html",
) -> dict[str, Any]:
    """`seconds`: over which the buyers come; each gives up after `patience` seconds. `other_rate`: visits a second of
    the other shops. `report`: the file that is written.

    Keys: sold, breaks (what does not hold of the books; must be empty), how the buyers ended, times in ms, others' p99.
    """
    ready = read_ready(data_dir)
    if not ready.stripe_url:
        raise StandaloneError("A sale in play money needs the payment sandbox; this platform has a real provider.")
    crowd = Crowd(buyers, seconds)
    with tempfile.TemporaryDirectory(prefix="stoa-sale-") as folder:
        async with _shops(ready, units, seed) as (offered, others):
            console.print(f"{offered.title} at http://{offered.host}: {units} units, {buyers} buyers in {seconds:g} s")
            journal = Path(folder) / "journal"
            figures = Figures(crowd.opens_at)
            options: dict[str, Any] = {"buyers": buyers, "seconds": seconds, "patience": patience, "seed": seed}
            options |= {"other-rate": other_rate, "other-hosts": ",".join(shop.host for shop in others)}
            options |= {"sale-host": offered.host, "sale-path": offered.path, "journal": journal}
            async with _locust(ready, options, seconds + patience + QUIET_SECONDS, Path(folder) / "log") as locust:
                await _watch(ready, offered, figures, journal, buyers, locust, console)
            figures.add(read_journal(journal))
            if not figures.ended:
                raise StandaloneError(f"Locust let nobody in:\n{(Path(folder) / 'log').read_text()[-2000:]}")
            console.print("waiting until all is quiet, then holding the books against the provider's")
            breaks = await breaks_at_rest(ready, offered.store_id, {offered.variant_id: units}, console)
    sale = Sale(offered.title, buyers, units, seconds, datetime.now().astimezone(), figures, breaks)
    _write(Path(report), page(sale))
    console.print(f"report: {report}")
    return result_of(figures, breaks) | {"report": report}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def result_of(figures: Figures, breaks: list[str]) -> dict[str, Any]:
    placed = [event.ms for event in figures.of("sale", "checkout", status=201)]
    pages, gone = [event.ms for event in figures.of("sale", *PAGES)], figures.sold_out_at()
    return {
        "sold": figures.samples[-1].sold if figures.samples else 0,
        "breaks": breaks,
        "endings": dict(figures.endings),
        "waited_in_line": figures.waited_in_line,
        "sold_out_after_s": None if gone is None else round(gone - figures.opens_at, 1),
        "placed_p50_ms": round(percentile(placed, 0.5), 1),
        "placed_p95_ms": round(percentile(placed, 0.95), 1),
        "placed_p99_ms": round(percentile(placed, 0.99), 1),
        "page_p99_ms": round(percentile(pages, 0.99), 1),
        "others_p99_before_ms": round(percentile(figures.of_others(lambda at: at < figures.opens_at), 0.99), 1),
        "others_p99_during_ms": round(percentile(figures.of_others(lambda at: at >= figures.opens_at), 0.99), 1),
        "server_errors": sum(event.status >= 500 or event.status == 0 for event in figures.asked),
        "generator_late_p99_ms": round(figures.late_p99_ms, 1),
    }


@asynccontextmanager
async def _shops(ready: Ready, units: int, seed: int) -> AsyncIterator[tuple[Offered, list[LoadShop]]]:
    batch = f"sale-{token_hex(3)}"
    async with made_up_shops(ready.database_url, batch, 1 + OTHER_SHOPS, seed=seed) as shops:
        offered = await _offer(ready, shops[0], units)
        async with httpx.AsyncClient(base_url=ready.edge, timeout=30, trust_env=False) as client:
            for shop in shops:  # the first look at a shop is nobody's sale
                for path in ("/", offered.path if shop is shops[0] else "/products.json?limit=5"):
                    (await client.get(path, headers={"Host": shop.host})).raise_for_status()
        yield offered, shops[1:]


async def _offer(ready: Ready, shop: LoadShop, units: int) -> Offered:
    async with await psycopg.AsyncConnection.connect(ready.database_url, autocommit=True) as connection:
        cursor = await connection.execute(
            """SELECT product.handle, variant.id, variant.inventory_item_id, product.title
               FROM variant JOIN product ON product.store_id = variant.store_id AND product.id = variant.product_id
               WHERE variant.store_id = %s ORDER BY variant.product_id, variant.position LIMIT 1""",
            [shop.store_id],
        )
        row = await cursor.fetchone()
        if row is None:
            raise StandaloneError("The shop of the sale has no product.")
        await connection.execute(
            "UPDATE inventory_level SET available = %s WHERE store_id = %s AND inventory_item_id = %s",
            [units, shop.store_id, row[2]],
        )
    return Offered(shop.store_id, shop.host, f"/products/{row[0]}", row[1], row[2], row[3])


@asynccontextmanager
async def _locust(
    ready: Ready, options: dict[str, Any], most_seconds: float, log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Ends by itself when the last buyer is through, and at the latest after `most_seconds`."""
    argv = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--host", ready.edge, "--users", "2"]
    argv += ["--spawn-rate", "2", "--only-summary", "--run-time", f"{most_seconds:.0f}s", "--stop-timeout", "1"]
    argv += [f"--{name}={value}" for name, value in options.items()]
    with log.open("wb") as output:
        locust = await asyncio.create_subprocess_exec(*argv, stdout=output, stderr=output, cwd=LOCUSTFILE.parents[1])
    try:
        yield locust
    finally:
        if locust.returncode is None:
            locust.terminate()
        await locust.wait()


async def _watch(
    ready: Ready,
    offered: Offered,
    figures: Figures,
    journal: Path,
    buyers: int,
    locust: asyncio.subprocess.Process,
    console: Console,
) -> None:
    """Reads the books until locust has ended, and shows how it goes."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[books]}"), TimeElapsedColumn())
    async with await psycopg.AsyncConnection.connect(ready.database_url, autocommit=True) as connection:
        with Progress(*columns, console=console) as progress:
            shown = progress.add_task("buyers through", total=buyers, books="")
            while locust.returncode is None:
                sample = await _sample(connection, offered)
                figures.samples.append(sample)
                through = _through(journal) if len(figures.samples) % 4 == 0 else None
                books = f"{sample.sold} sold, {sample.reserved} being paid, {sample.available} left"
                progress.update(shown, completed=through, books=books)
                await asyncio.sleep(SAMPLE_SECONDS)
        figures.samples.append(await _sample(connection, offered))


async def _sample(connection: psycopg.AsyncConnection[Any], offered: Offered) -> Sample:
    cursor = await connection.execute(_BOOKS, {"store": offered.store_id, "item": offered.item_id})
    row = await cursor.fetchone()
    available, reserved, sold = row or (0, 0, 0)
    return Sample(time.monotonic(), available, reserved, sold)


def _through(journal: Path) -> int:
    return sum(isinstance(event, Ended) for event in read_journal(journal)) if journal.exists() else 0
