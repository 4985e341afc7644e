"""Holds the payment provider's list against our books: settles what is open, counts and logs what cannot be settled.

Webhooks get lost, processes die, a search knows a payment later than its buyer: whatever all the others missed ends
here. It moves nothing by itself: a payment is settled as if its webhook had come now.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import structlog

from invalidation.cancellation import end_if_cancelled
from origin.checkout.books import Booked, Claim, Why, booked, difference, is_of, paid_for
from origin.checkout.flow import Checkouts
from origin.db import Database
from origin.errors import Unavailable
from origin.metrics import OriginMetrics
from origin.payment_list import Listed, PaymentList
from origin.sole_worker import SoleWorker

log = structlog.get_logger()

RECONCILER_LOCK = 0x53544F415245434F  # "STOARECO"
SLICE_SECONDS = 3600
"""So much of the lists is held in memory at a time."""
SLACK_SECONDS = 600


class ReconcilerSettings(Protocol):
    @property
    def reconcile_seconds(self) -> float: ...
    @property
    def reconcile_window_seconds(self) -> int: ...
    @property
    def reconcile_grace_seconds(self) -> int: ...
    @property
    def reservation_seconds(self) -> int: ...


class Reconciler:
    """`run` until cancelled; `run_once` is what one round does. `now`: seconds of the epoch."""

    def __init__(
        self,
        db: Database,
        checkouts: Checkouts,
        payments: PaymentList,
        metrics: OriginMetrics,
        settings: ReconcilerSettings,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._checkouts = checkouts
        self._payments = payments
        self._metrics = metrics
        self._settings = settings
        self._now = now
        self._began: int | None = None
        self._left: dict[str, Claim] = {}

    async def run(self, sole: SoleWorker) -> None:
        while True:
            end_if_cancelled()
            await asyncio.sleep(self._settings.reconcile_seconds)
            try:
                if await sole.is_ours():
                    await self.run_once()
                else:
                    self._metrics.is_not_reconciling()
            except Unavailable as error:
                log.warning("payments not reconciled", error=str(error))
            except Exception as error:
                log.error("reconciler failed", error=repr(error))

    async def run_once(self) -> Counter[Why]:
        """How many payments still differ, and why. Raises Unavailable; then what was known before stays."""
        began = int(self._now())
        suspects: dict[str, Claim] = dict(self._left)
        for since, until in self._slices(began):
            suspects |= await self._suspects(since, until, began - self._settings.reconcile_grace_seconds)
        left: Counter[Why] = Counter()
        still: dict[str, Claim] = {}
        for claim in suspects.values():
            why = await self._judge(claim)
            if why:
                left[why] += 1
                still[claim.intent_id] = claim
        self._began, self._left = began, still
        self._metrics.has_reconciled(left)
        return left

    def _slices(self, began: int) -> Iterator[tuple[int, int]]:
        """From where the last round began, less the time in which a payment may still change; at first, everything."""
        window = self._settings.reconcile_window_seconds
        undecided = 2 * self._settings.reservation_seconds + SLACK_SECONDS
        since = began - (window if self._began is None else min(window, began - self._began + undecided))
        for start in range(since, began + 1, SLICE_SECONDS):
            yield start, min(start + SLICE_SECONDS, began + 1)

    async def _suspects(self, since: int, until: int, ripe: int) -> dict[str, Claim]:
        """Of both lists, whatever is not the same in the other. What is younger than `ripe` may be under way."""
        seen: set[str] = set()
        suspects: dict[str, Claim] = {}
        after: str | None = None
        while True:
            page = await self._payments.page(since, until, after)
            claims = {each.intent_id: _claim(each) for each in page.payments}
            ours = await booked(self._db, list(claims.values()))
            for each in page.payments:
                if _differs(each, ours) and each.created <= ripe:
                    suspects[each.intent_id] = claims[each.intent_id]
            seen |= claims.keys()
            after = page.last
            if after is None:
                break
        unseen = [claim for claim in await paid_for(self._db, since, until) if claim.intent_id not in seen]
        return suspects | {claim.intent_id: claim for claim in unseen}

    async def _judge(self, claim: Claim) -> Why | None:
        """Asked anew, as the lists are older by now; settled, if it can be."""
        why = await self._difference(claim)
        if why is None:
            return None
        self._metrics.found(why)
        where = {"store_id": claim.store_id, "attempt_id": claim.attempt_id, "intent": claim.intent_id}
        if why is not Why.UNSETTLED:
            log.error("a payment differs from its order", why=why, **where)
            return why
        try:
            await self._checkouts.hear(claim.intent_id)
        except Exception as error:  # one that fails does not keep the others waiting
            log.error("a payment could not be settled", error=repr(error), **where)
            return why
        why = await self._difference(claim)
        log.warning("a payment was settled late" if why is None else "a payment is not settled yet", **where)
        return why

    async def _difference(self, claim: Claim) -> Why | None:
        listed = await self._payments.one(claim.intent_id)
        ours = (await booked(self._db, [claim])).get(claim.intent_id)
        if ours is None or (listed and not is_of(listed, ours, claim.store_id)):
            return None
        return difference(listed, ours)


def _claim(listed: Listed) -> Claim:
    return Claim(listed.store_id, listed.attempt_id, listed.intent_id)


def _differs(listed: Listed, ours: Mapping[str, Booked]) -> bool:
    mine = ours.get(listed.intent_id)
    return mine is not None and is_of(listed, mine, listed.store_id) and difference(listed, mine) is not None
