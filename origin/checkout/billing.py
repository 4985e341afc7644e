"""What an attempt asks of the payment provider: the order's amount, to whom it goes, under which key."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from contracts.tenant import StoreId
from origin.checkout.attempts import Attempt
from origin.db import Tx
from origin.errors import NotFound
from origin.orders.placing import CheckoutOrder
from origin.payments import Charge


@dataclass(frozen=True, slots=True)
class Terms:
    """Of one shop: where it is, and where its money goes."""

    url: str
    name: str
    destination: str | None


async def read_terms(tx: Tx, store_id: StoreId, url_of: Callable[[str], str]) -> Terms:
    """`url_of` makes a host's address. Raises NotFound."""
    cursor = await tx.execute(
        """SELECT store.name, host.name AS host, shop.stripe_account_id
           FROM shop JOIN store ON store.id = shop.store_id
           JOIN host ON host.store_id = shop.store_id AND host.is_primary
           WHERE shop.store_id = %s""",
        [store_id],
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("store")
    return Terms(url_of(row["host"]), row["name"], row["stripe_account_id"])


def charge_for(
    terms: Terms, store_id: StoreId, attempt: Attempt, order: CheckoutOrder, return_path: str, fee_basis_points: int
) -> Charge:
    """The same for whoever asks, at any time: the provider refuses a key that comes with something else."""
    key = payment_key(store_id, attempt.id, order.token)
    address = order.shipping_address
    return Charge(
        key=key,
        amount_minor=order.total_minor,
        currency=order.currency,
        payment_method=attempt.payment_method,
        return_url=terms.url + return_path,
        description=f"Order at {terms.name}",
        metadata={"stoa_store_id": str(store_id), "stoa_attempt_id": str(attempt.id), "stoa_attempt": key},
        shipping=_provider_address(dict(address)) if address else None,
        destination=terms.destination,
        fee_minor=order.total_minor * fee_basis_points // 10_000 if terms.destination else 0,
    )


def payment_key(store_id: StoreId, attempt_id: int, order_token: str) -> str:
    """The provider's idempotency key: of our attempt, and different in another installation with the same account."""
    return f"stoa-{store_id}-{attempt_id}-{hashlib.sha256(order_token.encode()).hexdigest()[:20]}"


def _provider_address(address: dict[str, str]) -> dict[str, object]:
    fields = {
        "line1": address.get("address1"),
        "line2": address.get("address2"),
        "city": address.get("city"),
        "postal_code": address.get("zip"),
        "state": address.get("province"),
        "country": address.get("country_code"),
    }
    return {"name": address.get("name") or "-", "address": {name: text for name, text in fields.items() if text}}
