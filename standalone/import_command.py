"""`stoa import`: uploads a product CSV, follows the job, and shows what became of each product."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from standalone.errors import OriginUnreachableError, StandaloneError, UnknownStoreError
from standalone.origin_client import OriginClient
from standalone.output import Output
from standalone.ready_file import Ready, read_ready
from standalone.settings import StandaloneSettings

POLL_SECONDS = 0.2
PATIENCE_SECONDS = 15
SHOWN_ROWS = 20
OUTCOMES = ("failed", "warning")


async def run_import(data_dir: Path, file: Path, store: str, token: str, output: Output, *, overwrite: bool) -> None:
    """Raises StandaloneError when the file, the shop or the job is not right."""
    ready = read_ready(data_dir)
    token = token or token_of(ready, store)
    if not await asyncio.to_thread(file.is_file):
        raise StandaloneError(f"There is no file {file}.")
    async with OriginClient(ready.origin, ready.platform_token) as origin:
        started = await origin.start_import(file, token, overwrite=overwrite)
        done = await _follow(origin, started["id"], token, output)
    if done["state"] == "failed":
        raise StandaloneError(f"The import failed: {done.get('error') or 'the log of the worker says why.'}")
    output.result({"import": done}, *summary_of(done))


def token_of(ready: Ready, store: str) -> str:
    """Of a shop we know, its own: one in the environment may be another shop's."""
    try:
        return ready.store_called(store).admin_token
    except UnknownStoreError:
        token = StandaloneSettings.read().admin_token
        if not token:
            raise
        return token


async def _follow(origin: OriginClient, import_id: int | str, token: str, output: Output) -> dict[str, Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=output.progress, transient=True) as progress:
        bar = progress.add_task("waiting for the worker", total=None)
        while True:
            seen = await patiently(lambda: origin.read_import(import_id, token))
            if seen["state"] != "queued":
                made = seen["products_created"] + seen["products_updated"]
                text = f"{seen['rows_read']} rows read, {made} products written"
                progress.update(bar, description=text, total=seen["bytes_total"], completed=seen["bytes_read"])
            if seen["state"] in ("done", "failed"):
                return seen
            await asyncio.sleep(POLL_SECONDS)


async def patiently(
    read: Callable[[], Awaitable[dict[str, Any]]], patience_seconds: float = PATIENCE_SECONDS
) -> dict[str, Any]:
    """The import does not need us, and an origin that died is back in a moment."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            return await read()
        except OriginUnreachableError as error:
            if time.monotonic() > deadline:
                raise StandaloneError(
                    f"{error} The import itself goes on; run the same command later to see that all is there."
                ) from error
        await asyncio.sleep(POLL_SECONDS)


def summary_of(done: dict[str, Any]) -> list[str]:
    """What happened in numbers, then the first rows that did not go well, failures before warnings."""
    counts = (
        f"{done['products_created']} created, {done['products_updated']} updated, "
        f"{done['products_skipped']} skipped, {done['rows_failed']} rows failed"
    )
    rows = [row for row in done.get("report", []) if row.get("outcome") in OUTCOMES]
    rows.sort(key=lambda row: OUTCOMES.index(row["outcome"]))
    lines = [
        f"  {row['outcome']}, line {row['line']} ({row.get('handle') or 'no handle'}): {row['reason']}" for row in rows
    ]
    hidden = len(lines) - SHOWN_ROWS
    more = [f"  and {hidden} more; `--json` prints the whole report"] if hidden > 0 else []
    return [counts, *lines[:SHOWN_ROWS], *more]
