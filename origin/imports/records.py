"""An import as its merchant sees it: asked for, looked at, listed. How it is worked off is the leases' business."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from contracts.events import Topic
from contracts.tenant import StoreId
from invalidation import outbox
from origin.db import Database, Tx
from origin.errors import Conflict, NotFound
from origin.imports.leases import WAITING_SECONDS, look_again


class ImportState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ImportRecord:
    id: int
    filename: str
    state: ImportState
    overwrites: bool
    body_bytes: int
    bytes_read: int
    rows_total: int | None
    rows_read: int
    products_created: int
    products_updated: int
    products_skipped: int
    rows_failed: int
    report: Sequence[Mapping[str, Any]]
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


_SHOWN = """id, filename, state, overwrites, body_bytes, bytes_read, rows_total, rows_read, products_created,
            products_updated, products_skipped, rows_failed, error, created_at, started_at, finished_at"""


async def request_import(
    db: Database, store_id: StoreId, *, filename: str, body: bytes, overwrites: bool, at_most: int
) -> ImportRecord:
    """Stores the file and hands it to the job queue, both or neither. Raises Conflict if `at_most` are unfinished."""
    async with db.tenant(store_id, step="import.request") as tx:
        await _refuse_too_many(tx, store_id, at_most)
        cursor = await tx.execute(
            f"""INSERT INTO product_import (store_id, filename, body, body_bytes, overwrites)
                VALUES (%s, %s, %b, %s, %s) RETURNING {_SHOWN}, report""".encode(),
            [store_id, filename, body, len(body), overwrites],
        )
        record = _record(await cursor.fetchone())
        await look_again(tx, store_id, record.id, WAITING_SECONDS)
        await outbox.add_event(tx, store_id, Topic.IMPORT_REQUESTED, {"import_id": record.id})
        return record


async def _refuse_too_many(tx: Tx, store_id: StoreId, at_most: int) -> None:
    """Of a shop's requests one at a time: otherwise each of many at once would find room for one more."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('imports', %s))", [store_id])
    cursor = await tx.execute(
        "SELECT count(*) AS n FROM product_import WHERE store_id = %s AND state IN ('queued', 'running')", [store_id]
    )
    row = await cursor.fetchone()
    if row is not None and row["n"] >= at_most:
        raise Conflict(
            f"This shop has {row['n']} imports that are not finished, and may have {at_most} at most; "
            "wait until one is done, then send the file again"
        )


async def find_import(db: Database, store_id: StoreId, import_id: int) -> ImportRecord:
    """Raises NotFound."""
    async with db.tenant(store_id) as tx:
        cursor = await tx.execute(
            f"SELECT {_SHOWN}, report FROM product_import WHERE store_id = %s AND id = %s".encode(),
            [store_id, import_id],
        )
        row = await cursor.fetchone()
    if row is None:
        raise NotFound("import")
    return _record(row)


async def list_imports(db: Database, store_id: StoreId, *, limit: int, before_id: int) -> list[ImportRecord]:
    """The newest first, without their reports."""
    async with db.tenant(store_id) as tx:
        cursor = await tx.execute(
            f"""SELECT {_SHOWN}, '[]'::jsonb AS report FROM product_import
                WHERE store_id = %s AND id < %s ORDER BY id DESC LIMIT %s""".encode(),
            [store_id, before_id, limit],
        )
        return [_record(row) for row in await cursor.fetchall()]


def _record(row: Mapping[str, Any] | None) -> ImportRecord:
    assert row is not None
    return ImportRecord(**{**row, "state": ImportState(row["state"])})
