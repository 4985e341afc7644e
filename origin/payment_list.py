"""The provider's payments as it lists them, by when they were made: what our own books are held against.

Read as plain JSON: the library's objects of one page kept the origin from everything else for a third of a second.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import stripe
from stripe import StripeClient

from contracts.tenant import StoreId
from origin.errors import Unavailable

PAGE = 100
_INTENTS = "/v1/payment_intents"


@dataclass(frozen=True, slots=True)
class Listed:
    """A payment that says it is ours, in the provider's units. Nothing is taken of one that has not succeeded."""

    intent_id: str
    store_id: StoreId
    attempt_id: int
    key: str
    created: int
    currency: str
    taken: int
    returned: int


@dataclass(frozen=True, slots=True)
class Page:
    """`last` leads to the next one; None: that was all."""

    payments: tuple[Listed, ...]
    last: str | None


class PaymentList:
    """Every method raises Unavailable when the provider does not answer, or there is none."""

    def __init__(self, client: StripeClient | None, *, page: int = PAGE) -> None:
        self._client = client
        self._page = page

    async def page(self, since: int, until: int, after: str | None) -> Page:
        """Made in [since, until), in seconds of the epoch; the newest first."""
        params: dict[str, Any] = {
            "created": {"gte": since, "lt": until},
            "limit": self._page,
            "expand": ["data.latest_charge"],
        }
        if after:
            params["starting_after"] = after
        try:
            found = await self._ask(_INTENTS, params)
        except stripe.StripeError as error:
            raise Unavailable("the payment provider cannot be asked") from error
        intents = found["data"]
        ours = tuple(each for intent in intents if (each := _listed(intent)))
        return Page(ours, intents[-1]["id"] if found["has_more"] and intents else None)

    async def one(self, intent_id: str) -> Listed | None:
        """As it is now; None if the provider does not know it, or it does not say that it is ours."""
        try:
            intent = await self._ask(f"{_INTENTS}/{quote(intent_id, safe='')}", {"expand": ["latest_charge"]})
        except stripe.InvalidRequestError:
            return None
        except stripe.StripeError as error:
            raise Unavailable("the payment provider cannot be asked") from error
        return _listed(intent)

    async def _ask(self, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
        if self._client is None:
            raise Unavailable("no payment provider is configured")
        answer = await self._client.raw_request_async("get", path, **params)
        found: dict[str, Any] = answer.data
        return found


def _listed(intent: Mapping[str, Any]) -> Listed | None:
    told = intent.get("metadata") or {}
    store, attempt = str(told.get("stoa_store_id", "")), str(told.get("stoa_attempt_id", ""))
    if not (store.isascii() and store.isdigit() and attempt.isascii() and attempt.isdigit()):
        return None
    has_succeeded = intent["status"] == "succeeded"
    charge = intent["latest_charge"]
    return Listed(
        str(intent["id"]),
        StoreId(int(store)),
        int(attempt),
        str(told.get("stoa_attempt", "")),
        intent["created"],
        intent["currency"].upper(),
        intent["amount_received"] if has_succeeded else 0,
        charge["amount_refunded"] if has_succeeded and isinstance(charge, Mapping) else 0,
    )
