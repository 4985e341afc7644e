"""Finishes what a dead process began: reads the deadlines and drives each attempt on from its recovery point, and each
payment that the provider has not answered for."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import structlog

from contracts.tenant import StoreId
from invalidation.cancellation import end_if_cancelled
from origin.checkout import attempts
from origin.checkout.attempts import LEASE_SECONDS, Attempt
from origin.checkout.flow import Checkouts
from origin.db import Database, Tx
from origin.errors import NotFound, OriginError
from origin.orders import placing
from origin.orders.moves import Moves
from origin.orders.placing import CheckoutOrder
from origin.payments import Declined, Outcome, Payments, RequiresAction, Succeeded, Unknown

log = structlog.get_logger()

PAUSE_SECONDS = 0.3
"""So that stock whose time is over can be bought again within a second."""
BATCH = 100
AT_ONCE = 16
ASKING_AT_ONCE = 16  # a provider that does not answer takes each its whole time-out
PATIENCE_SECONDS = 0.3
"""For the provider's word on a payment whose time is over: without it the stock goes back; a success is a late one."""
ABANDONED = Declined("expired", "The payment was not completed in time. You have not been charged.")


Due = tuple[str, StoreId, int]
"""A kind of deadline, and whose it is."""
Errand = Callable[[], Awaitable[Any]]
"""What is left to do, and takes as long as the provider does: no stock waits for it."""


class Completer:
    """`run` until cancelled; `run_once` drives what is due now, to the end."""

    def __init__(self, db: Database, checkouts: Checkouts, payments: Payments, held_seconds: float) -> None:
        self._db = db
        self._checkouts = checkouts
        self._payments = payments
        self._held_seconds = held_seconds
        self._moves = Moves(db, payments)
        self._drivers = {"checkout": self._begin, "payment": self._begin_payment}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._asking = asyncio.Semaphore(ASKING_AT_ONCE)
        self._driven: dict[Due, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Nobody waits for who was due before: a provider slow about one would keep all stock from coming back."""
        pause = PAUSE_SECONDS
        try:
            while True:
                end_if_cancelled()
                await asyncio.sleep(pause)
                try:
                    await self._start()
                    pause = PAUSE_SECONDS
                except Exception as error:
                    pause = min(pause * 2, 30.0)
                    log.error("completer failed; trying again", error=repr(error), pause_seconds=pause)
        finally:
            for task in self._driven.values():
                task.cancel()
            await asyncio.gather(*self._driven.values(), return_exceptions=True)

    async def run_once(self) -> int:
        """How many were due. One that fails does not keep the others waiting."""
        started = await self._start()
        await asyncio.gather(*started)
        return len(started)

    async def _start(self) -> list[asyncio.Task[None]]:
        async with self._db.directory() as tx:
            cursor = await tx.execute(
                """SELECT store_id, kind, subject_id FROM deadline WHERE kind = ANY(%s) AND due_at <= now()
                   ORDER BY due_at LIMIT %s""",
                [list(self._drivers), BATCH + len(self._driven)],
            )
            found = [(row["kind"], StoreId(row["store_id"]), int(row["subject_id"])) for row in await cursor.fetchall()]
        started = []
        for due in found:
            if due not in self._driven:
                task = self._driven[due] = asyncio.create_task(self._try_to_drive(due))
                task.add_done_callback(lambda _, due=due: self._driven.pop(due))  # type: ignore[misc]
                started.append(task)
        return started

    async def _try_to_drive(self, due: Due) -> None:
        kind, store_id, subject_id = due
        about = {"kind": kind, "store_id": store_id, "subject_id": subject_id}
        try:
            async with self._places:
                errand = await self._drivers[kind](store_id, subject_id)
            if errand:
                began = time.monotonic()
                async with self._asking:
                    if time.monotonic() - began < LEASE_SECONDS / 2:  # or it is due again, and may be another's by now
                        await errand()
        except OriginError as error:
            log.warning("not driven", **about, error=str(error))
        except Exception as error:
            log.error("failed to drive", **about, error=repr(error))

    async def drive(self, store_id: StoreId, attempt_id: int) -> None:
        errand = await self._begin(store_id, attempt_id)
        if errand:
            await errand()

    async def _begin_payment(self, store_id: StoreId, payment_id: int) -> Errand:
        return partial(self._moves.finish, store_id, payment_id)

    async def _begin(self, store_id: StoreId, attempt_id: int) -> Errand | None:
        async with self._db.tenant(store_id, step="checkout.take_over") as tx:
            try:
                attempt = await attempts.load(tx, store_id, attempt_id, for_update=True)
            except NotFound:
                await attempts.sleep(tx, store_id, attempt_id)
                return None
            if attempt.is_finished:
                await attempts.forget_due(tx, store_id)
                return None
            if not await attempts.lease(tx, store_id, attempt_id):
                return None
            if attempt.recovery_point == "started":
                await attempts.release(tx, store_id, attempt_id)
                return None
            order = await self._order(tx, store_id, attempt)
        if attempt.recovery_point == "authorised" and attempt.intent_id:
            return partial(self._checkouts.refund, store_id, attempt_id, attempt.intent_id)
        if attempt.recovery_point == "requires_action" and attempt.intent_id:
            errand: Errand = partial(self._drive_action, store_id, attempt_id, attempt.intent_id, order)
        elif order.is_late:
            errand = partial(self._drive_late, store_id, attempt, order)
        else:
            return partial(self._checkouts.authorise, store_id, attempt_id)
        if order.is_late and order.state == "pending":
            await errand()  # its stock goes back now, whatever the provider does
            return None
        return errand

    async def _order(self, tx: Tx, store_id: StoreId, attempt: Attempt) -> CheckoutOrder:
        assert attempt.order_id is not None
        held = self._held_seconds * (2 if attempt.recovery_point == "requires_action" else 1)
        return await placing.checkout_order(tx, store_id, attempt.order_id, held)

    async def _drive_action(self, store_id: StoreId, attempt_id: int, intent_id: str, order: CheckoutOrder) -> None:
        """The buyer may never come back from the bank's page, and the webhook may be lost."""
        if order.is_late:
            outcome: Outcome | None = await self._word(
                store_id, attempt_id, order, partial(self._payments.cancel, intent_id)
            )
        else:
            outcome, _ = await self._payments.look_up(intent_id)
        if outcome:
            await self._checkouts.settle(store_id, attempt_id, outcome)

    async def _drive_late(self, store_id: StoreId, attempt: Attempt, order: CheckoutOrder) -> None:
        """Past the time stock is held, nothing new may be charged: the provider is asked what it knows, no more."""
        key = await self._checkouts.payment_key_of(store_id, attempt.id)
        if key is None:
            await self._checkouts.authorise(store_id, attempt.id)
            return
        outcome = await self._word(store_id, attempt.id, order, partial(self._ended, key))
        if isinstance(outcome, Succeeded):
            log.info("payment found late", store_id=store_id, attempt_id=attempt.id, intent=outcome.intent_id)
        if outcome:
            await self._checkouts.settle(store_id, attempt.id, outcome)

    async def _ended(self, key: str) -> Outcome:
        found = await self._payments.find(key)
        return await self._payments.cancel(found.intent_id) if isinstance(found, RequiresAction) else found or ABANDONED

    async def _word(
        self, store_id: StoreId, attempt_id: int, order: CheckoutOrder, ask: Callable[[], Awaitable[Outcome]]
    ) -> Outcome | None:
        """What the provider says of a payment whose time is over. The stock waits for it a moment and no longer; then
        None, and it is asked again when the lease is over: others' stock waits for this place."""
        if order.state != "pending":
            return await ask()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                outcome = await ask()
            if not isinstance(outcome, Unknown):
                return outcome
        await self._checkouts.give_up(store_id, attempt_id)
        return None
