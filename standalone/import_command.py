"""`stoa import`: uploads a product CSV, follows the job, and shows what became of each product."""

import asyncio
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from standalone.errors import StandaloneError
from standalone.origin_client import OriginClient
from standalone.output import Output
from standalone.ready_file import read_ready

POLL_SECONDS = 0.2
SHOWN_ROWS = 20


async def run_import(data_dir: Path, file: Path, store: str, token: str, output: Output, *, overwrite: bool) -> None:
    """Raises StandaloneError when the file, the shop or the job is not right."""
    ready = read_ready(data_dir)
    token = token or ready.store_called(store).admin_token
    if not await asyncio.to_thread(file.is_file):
        raise StandaloneError(f"There is no file {file}.")
    async with OriginClient(ready.origin, ready.platform_token) as origin:
        started = await origin.start_import(file, token, overwrite=overwrite)
        done = await _follow(origin, started["id"], token, output)
    if done["state"] == "failed":
        raise StandaloneError(f"The import failed: {done.get('error') or 'the log of the worker says why.'}")
    output.result({"import": done}, *_summary(done))


async def _follow(origin: OriginClient, import_id: int | str, token: str, output: Output) -> dict[str, Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=output.progress, transient=True) as progress:
        bar = progress.add_task("waiting for the worker", total=None)
        while True:
            seen = await origin.read_import(import_id, token)
            if seen["state"] != "queued":
                made = seen["products_created"] + seen["products_updated"]
                text = f"{seen['rows_read']} rows read, {made} products written"
                progress.update(bar, description=text, total=seen["bytes_total"], completed=seen["bytes_read"])
            if seen["state"] in ("done", "failed"):
                return seen
            await asyncio.sleep(POLL_SECONDS)


def _summary(done: dict[str, Any]) -> list[str]:
    counts = (
        f"{done['products_created']} created, {done['products_updated']} updated, "
        f"{done['products_skipped']} skipped, {done['rows_failed']} rows failed"
    )
    failed = [row for row in done.get("report", []) if row.get("outcome") == "failed"]
    lines = [f"  line {row['line']} ({row.get('handle') or 'no handle'}): {row['reason']}" for row in failed]
    more = ["  and more; `--json` prints the whole report"] if len(lines) > SHOWN_ROWS else []
    return [counts, *lines[:SHOWN_ROWS], *more]
