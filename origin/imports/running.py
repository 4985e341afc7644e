"""Works an import off, batch by batch: each batch's products, counts and position are one transaction.

So a crash loses nothing and repeats nothing: whoever takes the import up again starts behind the last batch that
was committed.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg
import structlog

from contracts.tenant import StoreId
from origin.db import Database
from origin.errors import Conflict, OriginError, Unavailable
from origin.imports import leases
from origin.imports.dialects import Header, read_header
from origin.imports.errors import FileError, ProductError
from origin.imports.grouping import Group, group_rows
from origin.imports.parsing import Parser
from origin.imports.products import Finding, ImportedProduct
from origin.imports.reading import check_file, read_rows
from origin.imports.writing import HandlesTaken, Writer

BATCH_PRODUCTS = 200
BATCH_ROWS = 500
TRIES = 3
# The report is read by people: enough of each kind, and what is merely skipped must not crowd out what failed.
REPORTED_AT_MOST = {"failed": 600, "warning": 200, "skipped": 200}
_IMAGES_NOT_FETCHED = "image addresses were kept as they are; the images were not fetched, so nobody has looked at them"

log = structlog.get_logger()


async def run_import(db: Database, store_id: StoreId, import_id: int) -> None:
    """Does what is left of it, or nothing if it is finished or somebody is at it. Can be called any number of times."""
    claim = await leases.claim(db, store_id, import_id)
    if claim is None:
        return
    run = _Run(db, store_id, claim)
    try:
        if claim.attempts > leases.MAX_ATTEMPTS:
            raise FileError(f"the import was interrupted {leases.MAX_ATTEMPTS} times at byte {claim.bytes_read}")
        await run.work()
        await leases.finish(db, store_id, import_id, run.position)
    except (FileError, Conflict) as error:
        await leases.finish(db, store_id, import_id, run.position, str(error))
    except Unavailable:
        # Nobody's fault: whoever runs the job again need not wait for the lease to lapse.
        with suppress(OriginError):
            await leases.release(db, store_id, import_id, run.position)
        raise
    except leases.Overtaken:
        log.warning("import was taken over", store_id=store_id, import_id=import_id)


@dataclass(slots=True)
class _Batch:
    """Products that go in together, and what happened to the rows between them."""

    to_byte: int = 0
    rows: int = 0
    rows_failed: int = 0
    products: list[ImportedProduct] = field(default_factory=list)
    row_counts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        return len(self.products) >= BATCH_PRODUCTS or self.rows >= BATCH_ROWS

    def take(self, group: Group) -> None:
        self.to_byte = group.end_byte
        self.rows += len(group.rows)
        self.row_counts[group.handle] = len(group.rows)

    def fail(self, group: Group, error: ProductError) -> None:
        self.rows_failed += len(group.rows)
        self.findings.append(Finding(error.line, group.handle or None, "failed", error.reason))


class _Run:
    def __init__(self, db: Database, store_id: StoreId, claim: leases.Claim) -> None:
        self._db, self._store_id, self._claim = db, store_id, claim
        self._reported = Counter(str(entry["outcome"]) for entry in claim.report)
        self._said_images = any(entry["reason"] == _IMAGES_NOT_FETCHED for entry in claim.report)
        self.position = claim.bytes_read

    async def work(self) -> None:
        """Raises FileError before anything is written, Conflict when the shop cannot take products, Overtaken."""
        rows_total = await asyncio.to_thread(check_file, self._claim.body)
        rows = read_rows(self._claim.body)
        header = read_header(next(rows).cells)
        await leases.tell_total(self._db, self._store_id, self._claim.import_id, rows_total)
        parser = Parser(header, await self._currency())
        writer = Writer(self._store_id, header, self._claim.overwrites)
        batches = self._batches(header, group_rows(header, rows), parser)
        following = asyncio.create_task(_next(batches))
        try:
            while batch := await following:
                # The next batch is parsed while the database is busy with this one.
                following = asyncio.create_task(_next(batches))
                await self._commit(writer, batch)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _currency(self) -> str:
        async with self._db.tenant(self._store_id) as tx:
            cursor = await tx.execute("SELECT currency FROM shop WHERE store_id = %s", [self._store_id])
            row = await cursor.fetchone()
        if row is None:
            raise Conflict("the shop does not exist any more")
        return str(row["currency"])

    async def _batches(self, header: Header, groups: Iterator[Group], parser: Parser) -> AsyncIterator[_Batch]:
        """Lets others work after each product: the database's answers must not wait for the parser."""
        batch = _Batch()
        if self.position == 0 and header.warning:
            batch.findings.append(Finding(1, None, "warning", header.warning))
        seen: dict[str, int] = {}
        for group in groups:
            first_line = seen.setdefault(group.handle, group.line)
            if group.end_byte <= self.position and not batch.rows:
                continue  # committed before a crash
            batch.take(group)
            try:
                if group.handle and first_line != group.line:
                    reason = (
                        f"the handle is already on line {first_line}; the lines of a product must follow one another"
                    )
                    raise ProductError(group.line, reason)
                product, warnings = parser.parse(group)
            except ProductError as error:
                batch.fail(group, error)
            else:
                batch.products.append(product)
                batch.findings += warnings
                self._mention_images(batch, product)
            await asyncio.sleep(0)
            if batch.is_full:
                yield batch
                batch = _Batch()
        if batch.rows or batch.findings:
            yield batch

    def _mention_images(self, batch: _Batch, product: ImportedProduct) -> None:
        if product.images and not self._said_images:
            self._said_images = True
            batch.findings.append(Finding(product.line, None, "warning", _IMAGES_NOT_FETCHED))

    async def _commit(self, writer: Writer, batch: _Batch) -> None:
        """All at once; product by product when that fails, so that one of them does not take the others along."""
        for _ in range(TRIES):
            try:
                return await self._write(writer, batch, one_by_one=False)
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure, HandlesTaken):
                continue
            except (psycopg.IntegrityError, psycopg.DataError):
                break  # something the parser does not know refuses one of them
        await self._write(writer, batch, one_by_one=True)

    async def _write(self, writer: Writer, batch: _Batch, *, one_by_one: bool) -> None:
        # A file may end with a batch that has no rows of its own, only a remark.
        to_byte = max(batch.to_byte, self.position)
        async with self._db.tenant(self._store_id, step="import.batch") as tx:
            step = leases.Step(self.position, to_byte, rows=batch.rows)
            await leases.advance(tx, self._store_id, self._claim.import_id, step)
            if one_by_one:
                outcome = await writer.write_one_by_one(tx, batch.products)
            else:
                outcome = await writer.write(tx, batch.products)
            reported, kept = self._within_limits([*batch.findings, *outcome.findings])
            step = leases.Step(
                self.position,
                to_byte,
                rows=batch.rows,
                created=outcome.created,
                updated=outcome.updated,
                skipped=outcome.skipped,
                rows_failed=batch.rows_failed + sum(batch.row_counts[product.handle] for product in outcome.failed),
                findings=kept,
            )
            await leases.count(tx, self._store_id, self._claim.import_id, step)
        self.position, self._reported = to_byte, reported

    def _within_limits(self, findings: list[Finding]) -> tuple[Counter[str], list[Finding]]:
        """In the file's order; the counter is only kept if the transaction is."""
        reported, kept = self._reported.copy(), []
        for finding in sorted(findings, key=lambda finding: finding.line):
            if reported[finding.outcome] < REPORTED_AT_MOST[finding.outcome]:
                reported[finding.outcome] += 1
                kept.append(finding)
        return reported, kept


async def _next(batches: AsyncIterator[_Batch]) -> _Batch | None:
    return await anext(batches, None)
