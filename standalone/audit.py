"""A shop's books held against where its stock began and against what its payment provider says: nothing oversold,
nobody charged twice, no order lost. Tests, benchmarks and sales under load ask this of a shop once all is quiet.

What must hold inside the database alone is origin.checkout.invariants, which is asked along.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

from contracts.tenant import StoreId
from origin.checkout.invariants import Break, breaks
from origin.db import Tx
from origin.payments import provider_amount
from standalone.ready_file import Ready

ANSWER_SECONDS = 10.0
Intent = Mapping[str, Any]

_STOCK = b"""
    SELECT variant.id, (SELECT coalesce(sum(available), 0) FROM inventory_level AS level
                        WHERE level.store_id = variant.store_id
                          AND level.inventory_item_id = variant.inventory_item_id)::bigint AS available,
        coalesce(sum(quantity) FILTER (WHERE reservation.state = 'held'), 0)::bigint AS reserved,
        coalesce(sum(quantity) FILTER (WHERE reservation.state = 'sold'), 0)::bigint - (
            SELECT coalesce(sum(restocked), 0) FROM refund_line JOIN order_line
                ON order_line.store_id = refund_line.store_id AND order_line.id = refund_line.line_id
            WHERE refund_line.store_id = variant.store_id
              AND order_line.inventory_item_id = variant.inventory_item_id)::bigint AS sold
    FROM variant LEFT JOIN reservation
        ON reservation.store_id = variant.store_id AND reservation.inventory_item_id = variant.inventory_item_id
    WHERE variant.store_id = %(store_id)s AND variant.id = ANY(%(variants)s)
    GROUP BY variant.store_id, variant.id, variant.inventory_item_id"""

_PAID = b"""
    SELECT payment.payment_intent AS intent_id, payment.currency, count(DISTINCT payment.order_id) AS orders,
        bool_or(sales_order.state = 'placed') AS is_placed,
        coalesce(sum(amount_minor) FILTER (WHERE kind IN ('sale', 'capture')), 0)::bigint AS taken_minor,
        coalesce(sum(amount_minor) FILTER (WHERE kind = 'refund'), 0)::bigint AS returned_minor
    FROM payment JOIN sales_order ON sales_order.store_id = payment.store_id AND sales_order.id = payment.order_id
    WHERE payment.store_id = %(store_id)s AND payment.status = 'success' AND payment.payment_intent IS NOT NULL
      AND kind IN ('sale', 'capture', 'refund')
    GROUP BY payment.payment_intent, payment.currency"""

_ALWAYS = {
    "order numbers never repeat": """
        SELECT format('%%s orders have number %%s', count(*), number) AS what FROM sales_order
        WHERE store_id = %(store_id)s AND number IS NOT NULL GROUP BY number HAVING count(*) > 1""",
    "every checkout is finished": """
        SELECT format('attempt %%s is %%s', id, recovery_point) AS what FROM checkout_attempt
        WHERE store_id = %(store_id)s AND recovery_point <> 'finished'""",
}
_WITH_RELAY = {
    "every event was handed on": """
        SELECT format('outbox row %%s: %%s', id, coalesce(topic, 'tags')) AS what FROM outbox
        WHERE store_id = %(store_id)s"""
}
_WITH_MAIL = {
    "every buyer was told": """
        SELECT format('order %%s', number) AS what FROM sales_order
        WHERE store_id = %(store_id)s AND state = 'placed' AND cart_token IS NOT NULL
          AND confirmation_sent_at IS NULL AND cancelled_at IS NULL"""
}


async def audit(
    tx: Tx,
    store_id: StoreId,
    intents: Sequence[Intent],
    began_with: Mapping[int, int] | None = None,
    *,
    has_relay: bool = False,
    has_mail: bool = False,
) -> list[Break]:
    """Of a shop where nothing is under way. `intents`: all of the provider's, read before this transaction began.

    `began_with`: variant id -> units there were, of variants nobody restocked since. `has_relay` and `has_mail`: those
    were at work too and are done.
    """
    found = await breaks(tx, store_id)
    asked = _ALWAYS | (_WITH_RELAY if has_relay else {}) | (_WITH_MAIL if has_mail else {})
    for rule, statement in asked.items():
        cursor = await tx.execute(statement.encode(), {"store_id": store_id})
        found += [Break(rule, row["what"]) for row in await cursor.fetchall()]
    found += await _stock_breaks(tx, store_id, began_with or {})
    cursor = await tx.execute(_PAID, {"store_id": store_id})
    found += payment_breaks(await cursor.fetchall(), [intent for intent in intents if _is_of(intent, store_id)])
    return found


def payment_breaks(paid: Sequence[Mapping[str, Any]], intents: Sequence[Intent]) -> Iterator[Break]:
    """`paid`: our books by intent; `intents`: one shop's, as the provider has them."""
    books = {row["intent_id"]: row for row in paid}
    for intent in intents:
        yield from _intent_breaks(intent["id"], _moved(intent), books.pop(intent["id"], None))
    for intent_id in books:
        yield Break("what stands in our books is the provider's", f"{intent_id} is not known there")
    for key, times in Counter(_key(intent) for intent in intents if _moved(intent)[0]).items():
        if times > 1:
            yield Break("a key is charged at most once", f"{key}: {times} charges")


def _intent_breaks(intent_id: str, moved: tuple[int, int], row: Mapping[str, Any] | None) -> Iterator[Break]:
    taken, returned = (
        provider_amount(row[name], row["currency"]) if row else 0 for name in ("taken_minor", "returned_minor")
    )
    if moved != (taken, returned):
        yield Break(
            "what the provider took and gave back stands in our books",
            f"{intent_id}: {moved[0]} taken and {moved[1]} returned there, {taken} and {returned} here",
        )
    orders = row["orders"] if row and row["is_placed"] else 0
    if moved[0] != moved[1] and orders != 1:
        yield Break("a captured payment has one order, or was returned", f"{intent_id}: {orders} orders")


async def provider_intents(api_base: str, bearer: str = "sk_test_audit", *, page: int = 100) -> list[Intent]:
    """All of them, each with its charge; asked for a `page` at a time."""
    found: list[Intent] = []
    headers = {"Authorization": f"Bearer {bearer}"}
    async with httpx.AsyncClient(base_url=api_base, headers=headers, timeout=ANSWER_SECONDS, trust_env=False) as client:
        after: dict[str, str] = {}
        while True:
            question = {"limit": str(page), "expand[]": "data.latest_charge", **after}
            answer = await client.get("/v1/payment_intents", params=question)
            answer.raise_for_status()
            part = answer.json()
            found += part["data"]
            if not part["has_more"]:
                return found
            after = {"starting_after": part["data"][-1]["id"]}


async def audit_platform(
    ready: Ready, store_id: StoreId, began_with: Mapping[int, int] | None = None, *, has_mail: bool = True
) -> list[Break]:
    """Of a shop of the platform that runs, with its sandbox for a provider."""
    intents = await provider_intents(ready.stripe_url)
    async with await psycopg.AsyncConnection.connect(ready.database_url, row_factory=dict_row) as connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        return await audit(connection, store_id, intents, began_with, has_relay=True, has_mail=has_mail)


async def _stock_breaks(tx: Tx, store_id: StoreId, began_with: Mapping[int, int]) -> list[Break]:
    cursor = await tx.execute(_STOCK, {"store_id": store_id, "variants": list(began_with)})
    now = {row["id"]: (row["available"], row["reserved"], row["sold"]) for row in await cursor.fetchall()}
    return [
        Break(
            "what there was is available, reserved or sold",
            f"variant {variant_id}: {units} at first, now {' + '.join(map(str, now.get(variant_id, ())))}",
        )
        for variant_id, units in began_with.items()
        if sum(now.get(variant_id, ())) != units
    ]


def _is_of(intent: Intent, store_id: StoreId) -> bool:
    return str(intent["metadata"].get("stoa_store_id")) == str(store_id)


def _key(intent: Intent) -> str:
    return str(intent["metadata"]["stoa_attempt"])


def _moved(intent: Intent) -> tuple[int, int]:
    """What was captured of an intent, and what of that was given back."""
    if intent["status"] != "succeeded":
        return 0, 0
    return intent["latest_charge"]["amount_captured"], intent["latest_charge"]["amount_refunded"]
