"""Looks at one shop's books after the other while they are being written: what must always hold is said when it does
not, and counted, before a merchant finds out.

It mends nothing: a sentence that does not hold is a mistake in a program, and its rows are what shows which.
"""

import asyncio
import time
from typing import Protocol

import structlog

from contracts.tenant import StoreId
from invalidation.cancellation import end_if_cancelled
from origin.checkout.invariants import Break, breaks
from origin.db import Database
from origin.errors import OriginError
from origin.metrics import OriginMetrics
from origin.sole_worker import SoleWorker

log = structlog.get_logger()

WATCHMAN_LOCK = 0x53544F41424F4F4B  # "STOABOOK"
MOST_MS = 5000
"""For one statement: of a shop too large to be looked at within it, the log says so."""
REST_TIMES = 100
"""A look is followed by so many times its own time, so that looking takes PostgreSQL a hundredth of a core at most."""
# All of a shop's rows are read. Not knowing how many there are, PostgreSQL might go through one table for each row of
# another; by hash, it goes through each once.
_LIMITS = b"SET LOCAL enable_nestloop = off; SET LOCAL statement_timeout = %d" % MOST_MS


class WatchmanSettings(Protocol):
    @property
    def book_check_seconds(self) -> float: ...


class Watchman:
    """`run` until cancelled; `look` is one shop's turn. Shops with a checkout in the last days, in the order of ids."""

    def __init__(self, db: Database, metrics: OriginMetrics, settings: WatchmanSettings) -> None:
        self._db = db
        self._metrics = metrics
        self._settings = settings
        self._last = StoreId(0)
        self._broken: dict[StoreId, int] = {}

    async def run(self, sole: SoleWorker) -> None:
        pause = self._settings.book_check_seconds
        while True:
            end_if_cancelled()
            await asyncio.sleep(pause)
            began = time.monotonic()
            try:
                if await sole.is_ours():
                    await self.look()
                else:
                    self._broken.clear()
                    self._metrics.is_not_checking_books()
            except OriginError as error:
                log.warning("books not looked at", store_id=self._last, error=str(error))
            except Exception as error:
                log.error("looking at the books failed", store_id=self._last, error=repr(error))
            pause = max(self._settings.book_check_seconds, REST_TIMES * (time.monotonic() - began))

    async def look(self) -> list[Break]:
        """What does not hold in the next shop. Raises Unavailable, also when its books take too long to read."""
        store_id = await self._next()
        self._broken = {id: count for id, count in self._broken.items() if not self._is_gone(id, store_id)}
        if store_id is None:
            self._tell()
            return []
        self._last = store_id
        async with self._db.moment(store_id) as tx:
            await tx.execute(_LIMITS)
            found = await breaks(tx, store_id)
        for each in found:
            log.error("the books do not hold", store_id=store_id, rule=each.rule, what=each.what)
        self._broken.pop(store_id, None)
        if found:
            self._broken[store_id] = len(found)
        self._tell()
        return found

    def _is_gone(self, store_id: StoreId, following: StoreId | None) -> bool:
        """Whether it was its turn between the last shop and the following one: it has no checkouts any more."""
        if following is None:
            return True
        if following > self._last:
            return self._last < store_id < following
        return store_id > self._last or store_id < following

    def _tell(self) -> None:
        self._metrics.has_checked_books(sum(self._broken.values()))

    async def _next(self) -> StoreId | None:
        """Each has a deadline for as long as a client may ask for a checkout's answer again."""
        async with self._db.directory() as tx:
            for after in dict.fromkeys((self._last, 0)):
                cursor = await tx.execute(
                    "SELECT min(store_id) AS id FROM deadline WHERE store_id > %s AND kind = 'checkout'", [after]
                )
                row = await cursor.fetchone()
                if row and row["id"] is not None:
                    return StoreId(row["id"])
        return None
