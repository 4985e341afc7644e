"""A batch of parsed products into the shop, in the caller's transaction: made, overwritten or left as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
import structlog

from contracts.tenant import StoreId
from origin.catalog.changes import products_changed
from origin.catalog.handles import Handled, unique
from origin.db import Tx
from origin.errors import Conflict
from origin.imports.dialects import Header
from origin.imports.errors import ProductError
from origin.imports.merging import Merger
from origin.imports.products import Finding, ImportedProduct
from origin.imports.stored import (
    IMAGE,
    ITEM,
    OPTION,
    PRODUCT,
    VARIANT,
    Changes,
    Ids,
    StoredProduct,
    load,
    new_ids,
    write,
)

log = structlog.get_logger()


@dataclass(slots=True)
class Outcome:
    """What came of a batch."""

    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: list[ImportedProduct] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def include(self, other: "Outcome") -> None:
        self.created += other.created
        self.updated += other.updated
        self.skipped += other.skipped
        self.failed += other.failed
        self.findings += other.findings

    def fail(self, product: ImportedProduct, reason: str) -> None:
        self.failed.append(product)
        self.report(product, "failed", reason)

    def report(self, product: ImportedProduct, outcome: str, reason: str) -> None:
        self.findings.append(Finding(product.line, product.handle, outcome, reason))


class HandlesTaken(Conflict):
    """Somebody made a product with one of the batch's handles meanwhile: do the batch again."""


@dataclass(frozen=True, slots=True)
class Writer:
    store_id: StoreId
    header: Header
    overwrites: bool

    async def write(self, tx: Tx, products: Sequence[ImportedProduct]) -> Outcome:
        """Handles must not repeat within a batch. Raises HandlesTaken; then the transaction must be rolled back."""
        outcome = Outcome()
        there = await self._ids_by_handle(tx, products)
        new = [product for product in products if product.handle not in there]
        old = [product for product in products if product.handle in there]
        if not self.overwrites:
            for product in old:
                outcome.skipped += 1
                outcome.report(product, "skipped", "a product with this handle exists; overwriting was not asked for")
            old = []
        if not new and not old:
            return outcome
        merger = await self._merger(tx)
        ids = await _enough_ids(tx, [*new, *old])
        changed: list[int] = []
        changes = Changes()
        await self._create(tx, new, merger, ids, changes, outcome)
        changed += [row["id"] for row in changes.rows[PRODUCT.table]]
        stored = await load(tx, self.store_id, [there[product.handle] for product in old], merger.location_id)
        changed += self._overwrite(old, stored, merger, ids, changes, outcome)
        if changes:
            await write(tx, self.store_id, changes)
            await products_changed(tx, self.store_id, changed)
        return outcome

    async def write_one_by_one(self, tx: Tx, products: Sequence[ImportedProduct]) -> Outcome:
        """Those that cannot be written are reported as failed, and the others are written all the same."""
        total = Outcome()
        for product in sorted(products, key=lambda product: product.handle):  # as `write` locks them: no deadlock
            try:
                async with tx.transaction():
                    total.include(await self.write(tx, [product]))
            except (psycopg.IntegrityError, psycopg.DataError) as error:
                log.warning("the database refused a product", handle=product.handle, reason=str(error))
                total.fail(product, "the product cannot be stored as it is")
            except HandlesTaken as error:
                total.fail(product, f"{error}; import the file again")
        return total

    async def _ids_by_handle(self, tx: Tx, products: Sequence[ImportedProduct]) -> Mapping[str, int]:
        cursor = await tx.execute(
            "SELECT handle, id FROM product WHERE store_id = %s AND handle = ANY(%s)",
            [self.store_id, [product.handle for product in products]],
        )
        return {row["handle"]: row["id"] for row in await cursor.fetchall()}

    async def _merger(self, tx: Tx) -> Merger:
        cursor = await tx.execute(
            """SELECT shop.weight_unit, now() AS now,
                      (SELECT id FROM location WHERE store_id = shop.store_id AND is_primary) AS location_id
               FROM shop WHERE store_id = %s""",
            [self.store_id],
        )
        row = await cursor.fetchone()
        if row is None or row["location_id"] is None:
            raise Conflict("the shop has no primary location to keep stock at; add one and import again")
        return Merger(self.header, row["location_id"], row["weight_unit"], row["now"])

    async def _create(
        self,
        tx: Tx,
        products: Sequence[ImportedProduct],
        merger: Merger,
        ids: Ids,
        changes: Changes,
        outcome: Outcome,
    ) -> None:
        if not products:
            return
        # Holds the handles against the admin API, which gives out free ones in the same way.
        handles = [product.handle for product in products]
        if await unique(tx, self.store_id, Handled.PRODUCT, handles) != handles:
            raise HandlesTaken("a product with this handle was made meanwhile")
        for product in products:
            changes.include(merger.create(product, ids))
            outcome.created += 1

    def _overwrite(
        self,
        products: Sequence[ImportedProduct],
        stored: Sequence[StoredProduct],
        merger: Merger,
        ids: Ids,
        changes: Changes,
        outcome: Outcome,
    ) -> list[int]:
        by_handle = {current.product["handle"]: current for current in stored}
        changed = []
        for product in products:
            try:
                found, warnings = merger.overwrite(product, by_handle[product.handle], ids)
            except ProductError as error:
                outcome.failed.append(product)
                outcome.findings.append(Finding(error.line, product.handle, "failed", error.reason))
                continue
            except KeyError as error:
                raise HandlesTaken("the product was renamed or deleted meanwhile") from error
            for warning in warnings:
                outcome.report(product, "warning", warning)
            if found:
                changes.include(found)
                changed.append(by_handle[product.handle].product["id"])
                outcome.updated += 1
            else:
                outcome.skipped += 1
                outcome.report(product, "skipped", "nothing in the file differs from the product")
        return changed


async def _enough_ids(tx: Tx, products: Sequence[ImportedProduct]) -> Ids:
    variants = sum(len(product.variants) for product in products)
    counts = {
        PRODUCT.table: len(products),
        OPTION.table: sum(len(product.option_names) for product in products),
        IMAGE.table: sum(len(product.images) for product in products),
        ITEM.table: variants,
        VARIANT.table: variants,
    }
    return await new_ids(tx, counts)
