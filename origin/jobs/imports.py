"""The job behind an import's event, and the loop that takes up imports whose process died."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from contracts.tenant import StoreId
from origin.db import Database
from origin.errors import Unavailable
from origin.imports.leases import resume_due
from origin.imports.running import run_import

RESUME_EVERY_SECONDS = 2.0

log = structlog.get_logger()


async def handle_import_requested(db: Database, store_id: StoreId, payload: Mapping[str, Any]) -> None:
    """`payload` is {"import_id": int}. May come more than once; only the first finds something to do."""
    await run_import(db, store_id, int(payload["import_id"]))


async def keep_resuming(db: Database) -> None:
    """Until cancelled. Any number of processes may run it."""
    while True:
        try:
            await resume_due(db)
        except Unavailable as error:
            log.warning("looking for interrupted imports failed", reason=str(error))
        await asyncio.sleep(RESUME_EVERY_SECONDS)
