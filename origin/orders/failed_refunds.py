"""Refunds that the payment provider had accepted and that failed later: the money is here again, and not the buyer's.

The provider's message only names a refund; what counts is the refund as it is now, and whose it is by the payment's
metadata and our own keys. It may come twice, and before the answer to the question for the refund.
"""

from collections.abc import Mapping
from typing import Any

import structlog

from contracts.tenant import StoreId
from origin.checkout.billing import payment_key
from origin.db import Database, Tx
from origin.errors import NotFound, Unavailable
from origin.metrics import OriginMetrics
from origin.orders import ledger
from origin.orders.moves import move_key, reckon, sleep
from origin.payment_moves import FailedRefund, PaymentMoves
from origin.payments import Payments, payment_of

log = structlog.get_logger()

# Of one payment, of which refunds fail once in a long while: it is not worth an index of its own.
_REFUNDS = b"""
    SELECT payment.id, payment.order_id, payment.attempt_id, payment.provider_id, sales_order.token
    FROM payment JOIN sales_order ON sales_order.store_id = payment.store_id AND sales_order.id = payment.order_id
    WHERE payment.store_id = %(store)s AND payment.payment_intent = %(intent)s AND payment.kind = 'refund'
    ORDER BY payment.id
"""


class FailedRefunds:
    def __init__(self, db: Database, payments: Payments, metrics: OriginMetrics) -> None:
        self._db = db
        self._provider = PaymentMoves(payments.client)
        self._metrics = metrics

    async def hear_of(self, refund_id: str) -> bool:
        """Writes down that the money did not go back. False: it has not failed, or is not ours. Raises Unavailable when
        nobody can say that yet: the provider has to tell us again."""
        failed = await self._provider.failed_refund(refund_id)
        ours = payment_of(failed.paid) if failed else None
        if failed is None or ours is None:
            return False
        store_id, attempt_id = ours
        async with self._db.tenant(store_id, step="payment.come_back") as tx:
            found = await _find(tx, store_id, attempt_id, failed)
            if found is None:
                return False
            is_news = await _write(tx, store_id, found, failed)
        if is_news:
            self._metrics.refund_failed()
            about = {"store_id": store_id, "order_id": found["order_id"], "payment_id": found["id"]}
            log.error("a refund did not reach the buyer", **about, refund=failed.id, reason=failed.code)
        return True


async def _find(tx: Tx, store_id: StoreId, attempt_id: int, failed: FailedRefund) -> Mapping[str, Any] | None:
    """Our record of it: by the provider's id, by our key while its answer is on the way, or as what a payment that came
    too late gave back."""
    rows = await (await tx.execute(_REFUNDS, {"store": store_id, "intent": failed.intent_id})).fetchall()
    for row in rows:
        if row["provider_id"] == failed.id or move_key(store_id, row["id"], row["token"]) == failed.key:
            return row
    if failed.key:
        return None
    for row in rows:
        if row["attempt_id"] == attempt_id and _is_of(store_id, attempt_id, row["token"], failed):
            return row
    cursor = await tx.execute(
        """SELECT sales_order.token FROM checkout_attempt AS attempt
           JOIN sales_order ON sales_order.store_id = attempt.store_id AND sales_order.id = attempt.order_id
           WHERE attempt.store_id = %s AND attempt.id = %s AND recovery_point = 'authorised'""",
        [store_id, attempt_id],
    )
    returning = await cursor.fetchone()
    if returning and _is_of(store_id, attempt_id, returning["token"], failed):
        raise Unavailable("this refund is being written down")
    return None


def _is_of(store_id: StoreId, attempt_id: int, token: str, failed: FailedRefund) -> bool:
    """Another installation with the same account has the same numbers, but not the same keys."""
    return payment_key(store_id, attempt_id, token) == failed.paid.get("stoa_attempt")


async def _write(tx: Tx, store_id: StoreId, found: Mapping[str, Any], failed: FailedRefund) -> bool:
    """Whether that was news."""
    is_placed = True
    try:
        await ledger.lock(tx, store_id, found["order_id"])
    except NotFound:  # of a payment that came too late, or the merchant has deleted the order
        is_placed = False
    reason = failed.code.replace("_", " ")
    cursor = await tx.execute(
        """UPDATE payment SET status = 'failure', provider_id = %s, error_code = %s, message = %s
           WHERE store_id = %s AND id = %s AND status <> 'failure'""",
        [
            failed.id,
            failed.code,
            f"The buyer's bank sent this back: {reason}. The money is here again; give it back in another way.",
            store_id,
            found["id"],
        ],
    )
    if cursor.rowcount == 0:
        return False
    await sleep(tx, store_id, found["id"])
    if is_placed:
        await reckon(tx, store_id, found["order_id"])
    return True
