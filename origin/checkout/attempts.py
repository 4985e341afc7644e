"""The rows of checkout attempts: the claim by key, the lease of who works on one, the recovery point, the answer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from contracts.tenant import StoreId
from origin.asked import Asked
from origin.checkout.answers import Answer
from origin.checkout.submission import Submission
from origin.db import Database, Tx
from origin.errors import NotFound

# Longer than a provider's time-out, so that a lease seldom ends under a working process. If it does, the provider's
# key and the row's lock still let only one of the two have an effect.
LEASE_SECONDS = 12.0
KEPT_SECONDS = 72 * 3600
FORGOTTEN_AT_ONCE = 1000
EXPIRY_MARGIN_SECONDS = 0.05
"""After it nobody can take a reservation for one that holds."""


@dataclass(frozen=True, slots=True)
class Attempt:
    id: int
    recovery_point: str
    order_id: int | None
    payment_method: str
    intent_id: str | None
    cart_token: str | None
    cart_generation: str | None
    fingerprint: bytes
    is_leased: bool
    created_at: datetime
    answer: Answer | None

    @property
    def is_finished(self) -> bool:
        return self.recovery_point == "finished"


_COLUMNS = """id, recovery_point, order_id, payment_method, intent_id, cart_token, cart_generation, fingerprint,
    coalesce(locked_until > now(), false) AS is_leased, created_at, response_body"""

# In the order of their keys, so that two who claim the same ones cannot wait for each other.
_CLAIM = b"""
    WITH claimed AS (
        INSERT INTO checkout_attempt (store_id, idempotency_key, fingerprint, cart_token, payment_method, locked_until)
        SELECT %(store)s, key, decode(fingerprint, 'hex'), cart, payment, now() + make_interval(secs => %(seconds)s)
        FROM jsonb_to_recordset(%(claims)s) AS new (key text, fingerprint text, cart text, payment text) ORDER BY key
        ON CONFLICT (store_id, idempotency_key) DO NOTHING RETURNING store_id, id, idempotency_key, created_at
    ), woken AS (
        INSERT INTO deadline (store_id, kind, subject_id, due_at)
        SELECT store_id, 'checkout', id, now() + make_interval(secs => %(seconds)s) FROM claimed
    )
    SELECT id, idempotency_key AS key, created_at FROM claimed
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """`fingerprint`: of what is wanted; one key, one submission."""

    key: str
    wanted: Submission
    fingerprint: bytes

    @classmethod
    def of(cls, key: str, wanted: Submission) -> "Claim":
        return cls(key, wanted, wanted.fingerprint())


async def claim_new(tx: Tx, store_id: StoreId, claims: Sequence[Claim]) -> Asked[list[Attempt | None]]:
    """The attempt of each claim that is its key's first, for the caller to work on now."""
    firsts = {claim.key: claim for claim in reversed(claims)}
    rows = [
        {
            "key": key,
            "fingerprint": claim.fingerprint.hex(),
            "cart": claim.wanted.cart_token,
            "payment": claim.wanted.payment_method,
        }
        for key, claim in firsts.items()
    ]
    values = {"store": store_id, "claims": Jsonb(rows), "seconds": LEASE_SECONDS}
    cursor = await tx.execute(_CLAIM, values)

    def claimed(rows: Sequence[Mapping[str, Any]]) -> list[Attempt | None]:
        new = {row["key"]: row for row in rows}
        return [
            _new(new[claim.key], claim) if claim.key in new and firsts[claim.key] is claim else None for claim in claims
        ]

    return Asked(cursor, claimed)


def _new(row: Mapping[str, Any], claim: Claim) -> Attempt:
    return Attempt(
        id=row["id"],
        recovery_point="started",
        order_id=None,
        payment_method=claim.wanted.payment_method,
        intent_id=None,
        cart_token=claim.wanted.cart_token,
        cart_generation=None,
        fingerprint=claim.fingerprint,
        is_leased=True,
        created_at=row["created_at"],
        answer=None,
    )


async def claim_again(db: Database, store_id: StoreId, claim: Claim) -> tuple[Attempt, bool]:
    """The attempt of a key that came before, and whether the caller is the one to work on it now. Raises NotFound for a
    key that was released at this very moment: the client asks again."""
    async with db.tenant(store_id, step="checkout.claim_again") as tx:
        return await _claim_again(tx, store_id, claim)


async def _claim_again(tx: Tx, store_id: StoreId, claim: Claim) -> tuple[Attempt, bool]:
    cursor = await tx.execute(
        f"SELECT {_COLUMNS} FROM checkout_attempt WHERE store_id = %s AND idempotency_key = %s FOR UPDATE".encode(),
        [store_id, claim.key],
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("attempt")
    found = _attempt(row)
    is_ours = not found.is_leased and found.recovery_point in ("started", "reserved")
    if is_ours and found.fingerprint == claim.fingerprint:
        await lease(tx, store_id, found.id)
        return found, True
    return found, False


async def load(tx: Tx, store_id: StoreId, attempt_id: int, *, for_update: bool = False) -> Attempt:
    """Locked, when the caller is going to settle it: browser, webhook and completer meet here. Raises NotFound."""
    lock = "FOR UPDATE" if for_update else ""
    cursor = await tx.execute(
        f"SELECT {_COLUMNS} FROM checkout_attempt WHERE store_id = %s AND id = %s {lock}".encode(),
        [store_id, attempt_id],
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("attempt")
    return _attempt(row)


async def lock_all(tx: Tx, store_id: StoreId, attempt_ids: Collection[int]) -> Asked[dict[int, Attempt]]:
    """Those there are, by id; locked in that order, so that two who want the same cannot wait for each other."""
    cursor = await tx.execute(
        f"SELECT {_COLUMNS} FROM checkout_attempt WHERE store_id = %s AND id = ANY(%s) ORDER BY id FOR UPDATE".encode(),
        [store_id, sorted(attempt_ids)],
    )
    return Asked(cursor, lambda rows: {row["id"]: _attempt(row) for row in rows})


async def needs_nobody(db: Database, store_id: StoreId, attempt_id: int, intent_id: str) -> bool:
    """Whether the payment has become an order already or was returned; or somebody is at work on it right now, after
    whom the completer comes if they die. Not after an answer that left it open: whoever asks again under the same key
    may be told the same, and the message be the only one to say more."""
    row = await db.read_row(
        store_id,
        b"""SELECT recovery_point = 'reserved' AND response_body IS NULL AND coalesce(locked_until > now(), false)
                OR recovery_point = 'finished' AND intent_id = %(intent)s
                   AND response_body ->> 'kind' IN ('placed', 'refunded') AS is_cared_for
            FROM checkout_attempt WHERE store_id = %(store)s AND id = %(attempt)s""",
        {"store": store_id, "attempt": attempt_id, "intent": intent_id},
    )
    return row is not None and bool(row["is_cared_for"])


async def with_cart(tx: Tx, store_id: StoreId, token: str, generation: str) -> Attempt | None:
    """The attempt whose order has this filling of the cart, pending or placed."""
    cursor = await tx.execute(
        f"""SELECT {_COLUMNS} FROM checkout_attempt WHERE store_id = %(store_id)s AND order_id = (
                SELECT id FROM sales_order WHERE store_id = %(store_id)s AND cart_token = %(token)s
                AND cart_generation = %(generation)s AND state IN ('pending', 'placed'))""".encode(),
        {"store_id": store_id, "token": token, "generation": generation},
    )
    row = await cursor.fetchone()
    return _attempt(row) if row else None


async def lease(tx: Tx, store_id: StoreId, attempt_id: int) -> bool:
    """Whether nobody else works on it; then it is the caller's for LEASE_SECONDS."""
    cursor = await tx.execute(
        """UPDATE checkout_attempt SET locked_until = now() + make_interval(secs => %s), updated_at = now()
           WHERE store_id = %s AND id = %s AND (locked_until IS NULL OR locked_until <= now())""",
        [LEASE_SECONDS, store_id, attempt_id],
    )
    if cursor.rowcount == 0:
        return False
    await wake(tx, store_id, attempt_id, LEASE_SECONDS)
    return True


async def reached(
    tx: Tx,
    store_id: StoreId,
    attempt_id: int,
    point: str,
    *,
    order_id: int | None = None,
    intent_id: str | None = None,
    cart_generation: str | None = None,
    answer: Answer | None = None,
) -> None:
    """Writes the recovery point, and what is known by then. What is None stays as it was."""
    await tx.execute(
        """UPDATE checkout_attempt
           SET recovery_point = %s, order_id = coalesce(%s, order_id), intent_id = coalesce(%s, intent_id),
               cart_generation = coalesce(%s, cart_generation), response_status = coalesce(%s, response_status),
               response_body = coalesce(%s, response_body), updated_at = now(),
               locked_until = CASE WHEN %s IN ('finished', 'requires_action') THEN NULL ELSE locked_until END
           WHERE store_id = %s AND id = %s""",
        [
            point,
            order_id,
            intent_id,
            cart_generation,
            answer.status if answer else None,
            Jsonb(answer.encode()) if answer else None,
            point,
            store_id,
            attempt_id,
        ],
    )


async def reserved(tx: Tx, store_id: StoreId, orders: Mapping[int, tuple[int, str]]) -> None:
    """That these attempts have their stock: by attempt, its order and the filling of the cart that it is of."""
    await tx.execute(
        """UPDATE checkout_attempt AS attempt
           SET recovery_point = 'reserved', order_id = now_has.order_id, cart_generation = now_has.generation,
               updated_at = now()
           FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS now_has (attempt_id, order_id, generation)
           WHERE attempt.store_id = %s AND attempt.id = now_has.attempt_id""",
        [list(orders), [of[0] for of in orders.values()], [of[1] for of in orders.values()], store_id],
    )


async def finish(tx: Tx, store_id: StoreId, attempt_id: int, answer: Answer, intent_id: str | None = None) -> None:
    """The answer is kept for as long as a client may ask again."""
    await reached(tx, store_id, attempt_id, "finished", intent_id=intent_id, answer=answer)
    await wake(tx, store_id, attempt_id, KEPT_SECONDS)


async def finish_all(tx: Tx, store_id: StoreId, answers: Sequence[tuple[int, Answer, str | None]]) -> None:
    """The same of several: attempt, answer, intent."""
    rows = [
        {"attempt_id": attempt_id, "intent_id": intent_id, "status": answer.status, "body": answer.encode()}
        for attempt_id, answer, intent_id in answers
    ]
    await tx.execute(
        """WITH told AS (
               SELECT * FROM jsonb_to_recordset(%(rows)s)
                   AS told (attempt_id bigint, intent_id text, status integer, body jsonb)
           ), finished AS (
               UPDATE checkout_attempt AS attempt
               SET recovery_point = 'finished', intent_id = coalesce(told.intent_id, attempt.intent_id),
                   response_status = told.status, response_body = told.body, locked_until = NULL, updated_at = now()
               FROM told WHERE attempt.store_id = %(store)s AND attempt.id = told.attempt_id
           )
           INSERT INTO deadline (store_id, kind, subject_id, due_at)
           SELECT %(store)s, 'checkout', attempt_id, now() + make_interval(secs => %(seconds)s)
           FROM told ORDER BY attempt_id
           ON CONFLICT (store_id, kind, subject_id) DO UPDATE SET due_at = excluded.due_at""",
        {"store": store_id, "rows": Jsonb(rows), "seconds": KEPT_SECONDS},
    )


async def refuse(tx: Tx, store_id: StoreId, attempt_id: int, answer: Answer) -> None:
    """Finishes an attempt that reserved nothing, unless somebody took it over meanwhile and got further."""
    attempt = await load(tx, store_id, attempt_id, for_update=True)
    if attempt.recovery_point == "started":
        await finish(tx, store_id, attempt_id, answer)


async def release(tx: Tx, store_id: StoreId, attempt_id: int) -> None:
    """Forgets a claim that had no effect: the key is free again."""
    cursor = await tx.execute(
        "DELETE FROM checkout_attempt WHERE store_id = %s AND id = %s AND order_id IS NULL", [store_id, attempt_id]
    )
    if cursor.rowcount:
        await sleep(tx, store_id, attempt_id)


async def forget_due(tx: Tx, store_id: StoreId) -> None:
    """What was finished KEPT_SECONDS ago, of the whole shop; the orders stay. A sale's answers all run out within
    minutes: one at a time they would keep the completer from all that ran out after them.

    1. A completer finds an open attempt due; 2. somebody else finishes it; 3. the completer's turn comes: not yet.
    """
    await tx.execute(
        """WITH due AS (
               SELECT attempt.id FROM checkout_attempt AS attempt JOIN deadline
                   ON deadline.store_id = attempt.store_id AND deadline.kind = 'checkout'
                  AND deadline.subject_id = attempt.id
               WHERE attempt.store_id = %(store)s AND attempt.recovery_point = 'finished' AND deadline.due_at <= now()
               LIMIT %(most)s FOR UPDATE OF attempt SKIP LOCKED
           ), gone AS (
               DELETE FROM checkout_attempt USING due
               WHERE checkout_attempt.store_id = %(store)s AND checkout_attempt.id = due.id
           )
           DELETE FROM deadline USING due
           WHERE deadline.store_id = %(store)s AND kind = 'checkout' AND subject_id = due.id""",
        {"store": store_id, "most": FORGOTTEN_AT_ONCE},
    )


async def wake(tx: Tx, store_id: StoreId, attempt_id: int, seconds: float) -> None:
    """The completer looks at it then, unless it is told otherwise before; and when the stock it holds may go back."""
    await tx.execute(
        """INSERT INTO deadline (store_id, kind, subject_id, due_at)
           SELECT %(store)s, 'checkout', %(attempt)s, least(now() + make_interval(secs => %(seconds)s), (
               SELECT min(expires_at) + make_interval(secs => %(margin)s) FROM reservation
               WHERE reservation.store_id = %(store)s AND state = 'held' AND expires_at > now() AND order_id = (
                   SELECT order_id FROM checkout_attempt WHERE store_id = %(store)s AND id = %(attempt)s)))
           ON CONFLICT (store_id, kind, subject_id) DO UPDATE SET due_at = excluded.due_at""",
        {"store": store_id, "attempt": attempt_id, "seconds": seconds, "margin": EXPIRY_MARGIN_SECONDS},
    )


async def sleep(tx: Tx, store_id: StoreId, attempt_id: int) -> None:
    await tx.execute(
        "DELETE FROM deadline WHERE store_id = %s AND kind = 'checkout' AND subject_id = %s", [store_id, attempt_id]
    )


def _attempt(row: Mapping[str, Any]) -> Attempt:
    return Attempt(
        id=row["id"],
        recovery_point=row["recovery_point"],
        order_id=row["order_id"],
        payment_method=row["payment_method"] or "",
        intent_id=row["intent_id"],
        cart_token=row["cart_token"],
        cart_generation=row["cart_generation"],
        fingerprint=bytes(row["fingerprint"]),
        is_leased=row["is_leased"],
        created_at=row["created_at"],
        answer=Answer.decode(row["response_body"], row["id"]) if row["response_body"] else None,
    )
