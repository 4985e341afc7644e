"""Who works on an import, and how far it is: claimed, moved forward, finished, taken up again after a crash.

A claim is a lease: who holds it works, who finds it lapsed takes over. Two may believe they hold it (1. A pauses past
its lease; 2. B takes over; 3. A wakes), so every step forward names the position it starts from, and one of them fails.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from contracts.events import Topic
from contracts.tenant import StoreId
from invalidation import outbox
from origin.db import Database, Tx
from origin.imports.products import Finding

LEASE_SECONDS = 10
WAITING_SECONDS = 180  # an import that was handed out may wait its turn for long; handing it out is a job each time
MAX_ATTEMPTS = 5
_DEADLINE = "import"


@dataclass(frozen=True, slots=True)
class Claim:
    """What whoever works on an import needs to know."""

    import_id: int
    body: bytes
    overwrites: bool
    bytes_read: int
    attempts: int
    report: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction did: from one position in the file to the next."""

    from_byte: int
    to_byte: int
    rows: int = 0
    created: int = 0
    updated: int = 0
    skipped: int = 0
    rows_failed: int = 0
    findings: Sequence[Finding] = ()


class Overtaken(Exception):
    """Somebody else took this import over; what this transaction did must not be kept."""


async def claim(db: Database, store_id: StoreId, import_id: int) -> Claim | None:
    """None if there is nothing to do: it is finished, or somebody is at it."""
    async with db.tenant(store_id, step="import.claim") as tx:
        cursor = await tx.execute(
            """UPDATE product_import
               SET state = 'running', attempts = attempts + 1, started_at = coalesce(started_at, now()),
                   locked_until = now() + make_interval(secs => %s)
               WHERE store_id = %s AND id = %s AND state IN ('queued', 'running')
                 AND (locked_until IS NULL OR locked_until < now())
               RETURNING id AS import_id, body, overwrites, bytes_read, attempts, report""",
            [LEASE_SECONDS, store_id, import_id],
            binary=True,
        )
        row = await cursor.fetchone()
        if row is None:
            await _forget_finished(tx, store_id, import_id)
            return None
        await look_again(tx, store_id, import_id, LEASE_SECONDS)
        return Claim(**{**row, "body": bytes(row["body"] or b"")})


async def _forget_finished(tx: Tx, store_id: StoreId, import_id: int) -> None:
    await tx.execute(
        """DELETE FROM deadline WHERE store_id = %(store_id)s AND kind = %(kind)s AND subject_id = %(id)s
           AND NOT EXISTS (SELECT FROM product_import WHERE store_id = %(store_id)s AND id = %(id)s
                           AND state IN ('queued', 'running'))""",
        {"store_id": store_id, "kind": _DEADLINE, "id": import_id},
    )


async def tell_total(db: Database, store_id: StoreId, import_id: int, rows: int) -> None:
    """How many rows the file has; whoever takes the import over says the same."""
    async with db.tenant(store_id, step="import.total") as tx:
        await tx.execute(
            "UPDATE product_import SET rows_total = %s WHERE store_id = %s AND id = %s", [rows, store_id, import_id]
        )


async def advance(tx: Tx, store_id: StoreId, import_id: int, step: Step) -> None:
    """Within the transaction that did the work, before it: raises Overtaken if another has done it."""
    cursor = await tx.execute(
        """UPDATE product_import
           SET bytes_read = %(to_byte)s, rows_read = rows_read + %(rows)s, attempts = 0,
               locked_until = now() + make_interval(secs => %(lease)s)
           WHERE store_id = %(store_id)s AND id = %(id)s AND state = 'running' AND bytes_read = %(from_byte)s""",
        {
            "store_id": store_id,
            "id": import_id,
            "from_byte": step.from_byte,
            "to_byte": step.to_byte,
            "rows": step.rows,
            "lease": LEASE_SECONDS,
        },
    )
    if cursor.rowcount != 1:
        raise Overtaken
    await look_again(tx, store_id, import_id, LEASE_SECONDS)


async def count(tx: Tx, store_id: StoreId, import_id: int, step: Step) -> None:
    """What came of the work, in the same transaction."""
    await tx.execute(
        """UPDATE product_import
           SET products_created = products_created + %(created)s, products_updated = products_updated + %(updated)s,
               products_skipped = products_skipped + %(skipped)s, rows_failed = rows_failed + %(rows_failed)s,
               report = report || %(findings)s
           WHERE store_id = %(store_id)s AND id = %(id)s""",
        {
            "store_id": store_id,
            "id": import_id,
            "created": step.created,
            "updated": step.updated,
            "skipped": step.skipped,
            "rows_failed": step.rows_failed,
            "findings": Jsonb([finding.encode() for finding in step.findings]),
        },
    )


async def finish(db: Database, store_id: StoreId, import_id: int, from_byte: int, error: str | None = None) -> None:
    """Done, or failed with a sentence. The file is let go. Raises Overtaken."""
    async with db.tenant(store_id, step="import.finish") as tx:
        cursor = await tx.execute(
            """UPDATE product_import
               SET state = %s, error = %s, body = NULL, locked_until = NULL, finished_at = now(),
                   bytes_read = CASE WHEN %s THEN body_bytes ELSE bytes_read END
               WHERE store_id = %s AND id = %s AND state = 'running' AND bytes_read = %s""",
            [
                "failed" if error else "done",
                error,
                error is None,
                store_id,
                import_id,
                from_byte,
            ],
        )
        if cursor.rowcount != 1:
            raise Overtaken
        await tx.execute(
            "DELETE FROM deadline WHERE store_id = %s AND kind = %s AND subject_id = %s",
            [store_id, _DEADLINE, import_id],
        )


async def resume_due(db: Database, *, at_most: int = 100) -> int:
    """Hands imports whose process died, or whose event got lost, to the job queue again; returns how many.

    One whose lease lapsed is handed out at once, and again only after minutes, should nobody have come to it. Any
    number of processes may call this: the deadline is moved in the transaction that writes the event.
    """
    async with db.directory() as directory:
        cursor = await directory.execute(
            """SELECT store_id, subject_id FROM deadline WHERE kind = %s AND due_at < now()
               ORDER BY due_at LIMIT %s""",
            [_DEADLINE, at_most],
        )
        due = await cursor.fetchall()
    resumed = 0
    for row in due:
        resumed += await _resume(db, StoreId(row["store_id"]), row["subject_id"])
    return resumed


async def _resume(db: Database, store_id: StoreId, import_id: int) -> bool:
    async with db.tenant(store_id, step="import.resume") as tx:
        cursor = await tx.execute(
            """UPDATE deadline SET due_at = now() + make_interval(secs => %s)
               WHERE store_id = %s AND kind = %s AND subject_id = %s AND due_at < now()""",
            [WAITING_SECONDS, store_id, _DEADLINE, import_id],
        )
        if cursor.rowcount:
            await outbox.add_event(tx, store_id, Topic.IMPORT_REQUESTED, {"import_id": import_id})
        return bool(cursor.rowcount)


async def release(db: Database, store_id: StoreId, import_id: int, from_byte: int) -> None:
    """Lets somebody else go on from here at once, and does not count as an attempt."""
    async with db.tenant(store_id, step="import.release") as tx:
        await tx.execute(
            """UPDATE product_import SET locked_until = NULL, attempts = greatest(attempts - 1, 0)
               WHERE store_id = %s AND id = %s AND state = 'running' AND bytes_read = %s""",
            [store_id, import_id, from_byte],
        )


async def look_again(tx: Tx, store_id: StoreId, import_id: int, seconds: float) -> None:
    """When `resume_due` is to take the import for dead, unless somebody says so again."""
    await tx.execute(
        """INSERT INTO deadline (store_id, kind, subject_id, due_at)
           VALUES (%s, %s, %s, now() + make_interval(secs => %s))
           ON CONFLICT (store_id, kind, subject_id) DO UPDATE SET due_at = excluded.due_at""",
        [store_id, _DEADLINE, import_id, seconds],
    )
