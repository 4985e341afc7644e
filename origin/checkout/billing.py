"""What an attempt asks of the payment provider: the order's amount, to whom it goes, under which key."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.tenant import StoreId
from origin.asked import Asked
from origin.db import Database, Tx
from origin.errors import NotFound
from origin.payments import Charge


@dataclass(frozen=True, slots=True)
class Due:
    """What an attempt's order comes to, in our own rows; `destination` is where the shop's money goes."""

    url: str
    shop_name: str
    destination: str | None
    payment_method: str
    state: str
    token: str
    total_minor: int
    currency: str
    shipping_address: Mapping[str, str] | None


_DUE = b"""
    SELECT attempt.id AS attempt_id, host.name AS host, store.name AS shop_name, shop.stripe_account_id AS destination,
           coalesce(attempt.payment_method, '') AS payment_method, sales_order.state, sales_order.token,
           sales_order.total_minor, sales_order.currency, sales_order.shipping_address
    FROM checkout_attempt AS attempt
    JOIN sales_order ON sales_order.store_id = attempt.store_id AND sales_order.id = attempt.order_id
    JOIN shop ON shop.store_id = attempt.store_id
    JOIN store ON store.id = shop.store_id
    JOIN host ON host.store_id = shop.store_id AND host.is_primary
    WHERE attempt.store_id = %(store)s AND attempt.id = ANY(%(attempts)s)
"""


async def read_due(db: Database, store_id: StoreId, attempt_id: int, url_of: Callable[[str], str]) -> Due:
    """`url_of` makes a host's address. Raises NotFound for an attempt without an order."""
    row = await db.read_row(store_id, _DUE, {"store": store_id, "attempts": [attempt_id]})
    if row is None:
        raise NotFound("attempt")
    return _due(row, url_of)


async def ask_dues(
    tx: Tx, store_id: StoreId, attempt_ids: Collection[int], url_of: Callable[[str], str]
) -> Asked[dict[int, Due]]:
    """The same of several that have one, in a transaction that is open already."""
    cursor = await tx.execute(_DUE, {"store": store_id, "attempts": list(attempt_ids)})
    return Asked(cursor, lambda rows: {row["attempt_id"]: _due(row, url_of) for row in rows})


def _due(row: Mapping[str, Any], url_of: Callable[[str], str]) -> Due:
    rest = {name: value for name, value in row.items() if name not in ("attempt_id", "host")}
    return Due(url_of(row["host"]), **rest)


def charge_for(due: Due, store_id: StoreId, attempt_id: int, return_path: str, fee_basis_points: int) -> Charge:
    """The same for whoever asks, at any time: the provider refuses a key that comes with something else."""
    key = payment_key(store_id, attempt_id, due.token)
    return Charge(
        key=key,
        amount_minor=due.total_minor,
        currency=due.currency,
        payment_method=due.payment_method,
        return_url=due.url + return_path,
        description=f"Order at {due.shop_name}",
        metadata={"stoa_store_id": str(store_id), "stoa_attempt_id": str(attempt_id), "stoa_attempt": key},
        shipping=_provider_address(due.shipping_address) if due.shipping_address else None,
        destination=due.destination,
        fee_minor=due.total_minor * fee_basis_points // 10_000 if due.destination else 0,
    )


def payment_key(store_id: StoreId, attempt_id: int, order_token: str) -> str:
    """The provider's idempotency key: of our attempt, and different in another installation with the same account."""
    return f"stoa-{store_id}-{attempt_id}-{hashlib.sha256(order_token.encode()).hexdigest()[:20]}"


def _provider_address(address: Mapping[str, str]) -> dict[str, object]:
    fields = {
        "line1": address.get("address1"),
        "line2": address.get("address2"),
        "city": address.get("city"),
        "postal_code": address.get("zip"),
        "state": address.get("province"),
        "country": address.get("country_code"),
    }
    return {"name": address.get("name") or "-", "address": {name: text for name, text in fields.items() if text}}
