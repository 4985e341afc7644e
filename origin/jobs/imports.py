"""The job behind an import's event, and the loop that takes up imports whose process died."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from contracts.tenant import StoreId
from invalidation.cancellation import end_if_cancelled
from origin.db import Database
from origin.imports.leases import resume_due
from origin.imports.running import run_import

RESUME_EVERY_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 30.0

log = structlog.get_logger()


async def handle_import_requested(db: Database, store_id: StoreId, payload: Mapping[str, Any]) -> None:
    """`payload` is {"import_id": int}. May come more than once; only the first finds something to do."""
    await run_import(db, store_id, int(payload["import_id"]))


async def keep_resuming(db: Database) -> None:
    """Until cancelled. Any number of processes may run it."""
    pause = RESUME_EVERY_SECONDS
    while True:
        end_if_cancelled()
        await asyncio.sleep(pause)
        try:
            await resume_due(db)
            pause = RESUME_EVERY_SECONDS
        except Exception as error:
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            log.error("looking for interrupted imports failed", error=repr(error), pause_seconds=pause)
