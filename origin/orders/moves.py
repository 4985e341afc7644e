"""Money of a placed order on its way: captures, voids and refunds that the payment provider is asked for.

1. The intention is a pending payment, written with a deadline; 2. the provider is asked with no transaction open, under
a key made of the payment's id; 3. what it said is written. A process that dies in between leaves the deadline: the
completer asks again under the same key, so nothing happens twice.
"""

import hashlib
from dataclasses import dataclass

import structlog

from contracts.events import Topic
from contracts.tenant import StoreId
from invalidation import outbox
from origin.db import Database, Tx
from origin.orders import ledger
from origin.orders.ledger import MANUAL, OrderMoney, Payment
from origin.payment_moves import Moved, PaymentMoves
from origin.payments import Declined, Payments, Unknown

log = structlog.get_logger()

LEASE_SECONDS = 12.0  # longer than the provider's time-out: until then, who wrote the intention is asking
LOOK_AGAIN_SECONDS = 5.0
# The provider forgets keys after 24 h; asking again after that could move money a second time.
KEY_SECONDS = 23 * 3600.0


@dataclass(frozen=True, slots=True)
class Move:
    """`parent` is what is captured, voided or given back; without one, the merchant has done it by other means."""

    kind: str
    amount_minor: int
    parent: Payment | None = None
    refund_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Question:
    """What the provider is asked for; the same whoever asks."""

    kind: str
    key: str
    payment_intent: str
    amount_minor: int
    currency: str
    age_seconds: float


async def intend(tx: Tx, store_id: StoreId, order: OrderMoney, move: Move) -> int:
    """Writes a pending payment of the locked order, and returns its id for `Moves.finish`.

    What the provider has no part in has happened with this; call `reckon` then.
    """
    parent = move.parent
    intent = parent.payment_intent if parent else None
    cursor = await tx.execute(
        """INSERT INTO payment (store_id, order_id, parent_id, refund_id, kind, status, gateway, payment_intent,
               amount_minor, currency)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id""",
        [
            store_id,
            order.id,
            parent.id if parent else None,
            move.refund_id,
            move.kind,
            "pending" if intent else "success",
            parent.gateway if parent else MANUAL,
            intent,
            move.amount_minor,
            order.currency,
        ],
    )
    row = await cursor.fetchone()
    assert row is not None
    if intent:
        await _wake(tx, store_id, row["id"], LEASE_SECONDS)
    return int(row["id"])


async def reckon(tx: Tx, store_id: StoreId, order_id: int) -> None:
    """After an order's payments have changed: its financial status, and whoever listens is told."""
    order = await ledger.lock(tx, store_id, order_id)
    status = order.status()
    await tx.execute(
        "UPDATE sales_order SET financial_status = %s, updated_at = now() WHERE store_id = %s AND id = %s",
        [status, store_id, order_id],
    )
    await outbox.add_event(tx, store_id, Topic.ORDER_UPDATED, {"order_id": order_id})
    # A refund that failed makes an order paid that was so before: nobody has paid it now.
    if status == "paid" and order.financial_status not in ("paid", "partially_refunded", "refunded"):
        await outbox.add_event(tx, store_id, Topic.ORDER_PAID, {"order_id": order_id})


class Moves:
    def __init__(self, db: Database, payments: Payments) -> None:
        self._db = db
        self._provider = PaymentMoves(payments.client)

    async def finish(self, store_id: StoreId, payment_id: int) -> None:
        """Asks the provider and writes what it said. Does nothing for what has been decided; may be called again."""
        async with self._db.tenant(store_id, step="payment.take_over") as tx:
            question = await _question(tx, store_id, payment_id)
            if question is None:
                await sleep(tx, store_id, payment_id)
                return
        answer = await self._ask(question)
        async with self._db.tenant(store_id, step="payment.settle") as tx:
            if isinstance(answer, Unknown):
                log.warning("payment not decided yet", store_id=store_id, payment_id=payment_id, reason=answer.reason)
                await _look_again(tx, store_id, payment_id, max(LOOK_AGAIN_SECONDS, question.age_seconds / 4))
            else:
                await _settle(tx, store_id, payment_id, answer)

    async def _ask(self, question: _Question) -> Moved | Declined | Unknown:
        intent, amount, currency = question.payment_intent, question.amount_minor, question.currency
        match question.kind:
            case "capture":
                return await self._provider.capture(intent, amount, currency, question.key)
            case "void":
                return await self._provider.void(intent, question.key)
            case _ if question.age_seconds > KEY_SECONDS:
                return await self._provider.find_refund(intent, question.key)
            case _:
                return await self._provider.give_back(intent, amount, currency, question.key)


async def _question(tx: Tx, store_id: StoreId, payment_id: int) -> _Question | None:
    """None for a payment that is decided, or not there."""
    cursor = await tx.execute(
        """SELECT payment.kind, payment.payment_intent, payment.amount_minor, payment.currency, sales_order.token,
                  extract(epoch FROM now() - payment.created_at)::float8 AS age_seconds
           FROM payment JOIN sales_order
               ON sales_order.store_id = payment.store_id AND sales_order.id = payment.order_id
           WHERE payment.store_id = %s AND payment.id = %s AND payment.status = 'pending'
             AND payment.payment_intent IS NOT NULL""",
        [store_id, payment_id],
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return _Question(key=move_key(store_id, payment_id, row.pop("token")), **row)


def move_key(store_id: StoreId, payment_id: int, order_token: str) -> str:
    """The order's secret token tells installations apart that share an account at the provider."""
    return f"stoa-{store_id}-payment-{payment_id}-{hashlib.sha256(order_token.encode()).hexdigest()[:20]}"


async def _settle(tx: Tx, store_id: StoreId, payment_id: int, answer: Moved | Declined) -> None:
    """Whoever comes second, of a request and the completer, changes nothing."""
    cursor = await tx.execute("SELECT order_id FROM payment WHERE store_id = %s AND id = %s", [store_id, payment_id])
    row = await cursor.fetchone()
    assert row is not None
    await ledger.lock(tx, store_id, row["order_id"])
    is_done = isinstance(answer, Moved)
    cursor = await tx.execute(
        """UPDATE payment SET status = %s, provider_id = %s, error_code = %s, message = %s
           WHERE store_id = %s AND id = %s AND status = 'pending'""",
        [
            "success" if is_done else "failure",
            answer.provider_id if isinstance(answer, Moved) else None,
            None if isinstance(answer, Moved) else answer.code,
            None if isinstance(answer, Moved) else answer.message,
            store_id,
            payment_id,
        ],
    )
    if cursor.rowcount:
        await reckon(tx, store_id, row["order_id"])
    await sleep(tx, store_id, payment_id)


async def _look_again(tx: Tx, store_id: StoreId, payment_id: int, seconds: float) -> None:
    cursor = await tx.execute(
        "SELECT FROM payment WHERE store_id = %s AND id = %s AND status = 'pending' FOR UPDATE", [store_id, payment_id]
    )
    if await cursor.fetchone() is not None:
        await _wake(tx, store_id, payment_id, seconds)


async def _wake(tx: Tx, store_id: StoreId, payment_id: int, seconds: float) -> None:
    await tx.execute(
        """INSERT INTO deadline (store_id, kind, subject_id, due_at)
           VALUES (%s, 'payment', %s, now() + make_interval(secs => %s))
           ON CONFLICT (store_id, kind, subject_id) DO UPDATE SET due_at = excluded.due_at""",
        [store_id, payment_id, seconds],
    )


async def sleep(tx: Tx, store_id: StoreId, payment_id: int) -> None:
    """Nobody has to look at this payment again."""
    await tx.execute(
        "DELETE FROM deadline WHERE store_id = %s AND kind = 'payment' AND subject_id = %s", [store_id, payment_id]
    )
