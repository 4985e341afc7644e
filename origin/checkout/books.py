"""Our own books of payments, and in what they may differ from the provider's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.tenant import StoreId
from origin.checkout.attempts import KEPT_SECONDS
from origin.checkout.billing import payment_key
from origin.db import Database, Tx
from origin.payment_list import Listed
from origin.payments import provider_amount


class Why(StrEnum):
    """UNSETTLED: the provider took money, and there is neither an order nor a refund. NOT_PAID: there is an order that
    the provider has no money for. AMOUNT: both have it, and not the same."""

    UNSETTLED = "unsettled"
    AMOUNT = "amount"
    NOT_PAID = "not_paid"


@dataclass(frozen=True, slots=True)
class Claim:
    """That a payment belongs to an attempt: the provider's metadata say so, or our own rows do."""

    store_id: StoreId
    attempt_id: int
    intent_id: str


@dataclass(frozen=True, slots=True)
class Booked:
    """An attempt's order and what we have written down of one payment for it. `is_moving`: more is on its way."""

    attempt_id: int
    intent_id: str
    token: str
    state: str
    currency: str
    total_minor: int
    taken_minor: int
    returned_minor: int
    is_moving: bool


_BOOKED = b"""
    SELECT attempt.id AS attempt_id, asked.intent_id, sales_order.token, sales_order.state, sales_order.currency,
        sales_order.total_minor,
        coalesce(sum(amount_minor) FILTER (WHERE kind IN ('sale', 'capture') AND status = 'success'), 0)::bigint
            AS taken_minor,
        coalesce(sum(amount_minor) FILTER (WHERE kind = 'refund' AND status = 'success'), 0)::bigint AS returned_minor,
        coalesce(bool_or(status = 'pending'), false) AS is_moving
    FROM unnest(%(attempts)s::bigint[], %(intents)s::text[]) AS asked (attempt_id, intent_id)
    JOIN checkout_attempt AS attempt ON attempt.store_id = %(store)s AND attempt.id = asked.attempt_id
    JOIN sales_order ON sales_order.store_id = attempt.store_id AND sales_order.id = attempt.order_id
    LEFT JOIN payment ON payment.store_id = attempt.store_id AND payment.order_id = sales_order.id
        AND payment.payment_intent = asked.intent_id
    GROUP BY attempt.id, asked.intent_id, sales_order.token, sales_order.state, sales_order.currency,
        sales_order.total_minor"""

_PAID = b"""
    SELECT DISTINCT attempt.id AS attempt_id, payment_intent AS intent_id
    FROM checkout_attempt AS attempt JOIN payment
        ON payment.store_id = attempt.store_id AND payment.order_id = attempt.order_id
    WHERE attempt.store_id = %(store)s AND attempt.id = ANY(%(attempts)s) AND payment.status = 'success'
      AND kind IN ('sale', 'capture') AND payment_intent IS NOT NULL"""


async def booked(db: Database, claims: Sequence[Claim]) -> dict[str, Booked]:
    """By intent. What is not there is not ours, or its attempt has been forgotten."""
    found: dict[str, Booked] = {}
    for store_id in {claim.store_id for claim in claims}:
        mine = [claim for claim in claims if claim.store_id == store_id]
        async with db.tenant(store_id) as tx:
            cursor = await tx.execute(
                _BOOKED,
                {
                    "store": store_id,
                    "attempts": [claim.attempt_id for claim in mine],
                    "intents": [claim.intent_id for claim in mine],
                },
            )
            found |= {row["intent_id"]: Booked(**row) for row in await cursor.fetchall()}
    return found


async def paid_for(db: Database, since: int, until: int) -> list[Claim]:
    """The payments of what was finished in [since, until), all shops': a finished attempt is forgotten KEPT_SECONDS
    later, and that is in the directory."""
    async with db.directory() as tx:
        cursor = await tx.execute(
            """SELECT store_id, array_agg(subject_id) AS attempts FROM deadline
               WHERE kind = 'checkout' AND due_at >= to_timestamp(%(since)s) AND due_at < to_timestamp(%(until)s)
               GROUP BY store_id""",
            {"since": since + KEPT_SECONDS, "until": until + KEPT_SECONDS},
        )
        finished: Mapping[int, Sequence[int]] = {row["store_id"]: row["attempts"] for row in await cursor.fetchall()}
    claims: list[Claim] = []
    for store, attempt_ids in finished.items():
        store_id = StoreId(store)
        async with db.tenant(store_id) as tx:
            claims += await _paid(tx, store_id, attempt_ids)
    return claims


async def _paid(tx: Tx, store_id: StoreId, attempt_ids: Sequence[int]) -> list[Claim]:
    cursor = await tx.execute(_PAID, {"store": store_id, "attempts": list(attempt_ids)})
    return [Claim(store_id, row["attempt_id"], row["intent_id"]) for row in await cursor.fetchall()]


def is_of(listed: Listed, ours: Booked, store_id: StoreId) -> bool:
    """Another installation with the same account has the same numbers, but not the same keys."""
    return listed.key == payment_key(store_id, ours.attempt_id, ours.token)


def difference(listed: Listed | None, ours: Booked) -> Why | None:
    """Between what the provider says (None: it knows nothing) and what we have written down."""
    total, taken, returned = (
        provider_amount(minor, ours.currency) for minor in (ours.total_minor, ours.taken_minor, ours.returned_minor)
    )
    if listed is None or not listed.taken:
        return Why.NOT_PAID if taken else None
    if listed.currency != ours.currency or listed.taken != total:
        return Why.AMOUNT
    if not taken or (ours.state != "placed" and taken != returned):
        return Why.UNSETTLED
    if ours.is_moving or (listed.taken, listed.returned) == (taken, returned):
        return None
    return Why.AMOUNT
