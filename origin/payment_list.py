"""The provider's payments as it lists them, by when they were made: what our own books are held against."""

from dataclasses import dataclass

import stripe
from stripe import StripeClient

from contracts.tenant import StoreId
from origin.errors import Unavailable

PAGE = 100


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
        params: stripe.params.PaymentIntentListParams = {
            "created": {"gte": since, "lt": until},
            "limit": self._page,
            "expand": ["data.latest_charge"],
        }
        if after:
            params["starting_after"] = after
        try:
            found = await self._provider().v1.payment_intents.list_async(params)
        except stripe.StripeError as error:
            raise Unavailable("the payment provider cannot be asked") from error
        ours = tuple(each for intent in found.data if (each := _listed(intent)))
        return Page(ours, found.data[-1].id if found.has_more and found.data else None)

    async def one(self, intent_id: str) -> Listed | None:
        """As it is now; None if the provider does not know it, or it does not say that it is ours."""
        try:
            intent = await self._provider().v1.payment_intents.retrieve_async(intent_id, {"expand": ["latest_charge"]})
        except stripe.InvalidRequestError:
            return None
        except stripe.StripeError as error:
            raise Unavailable("the payment provider cannot be asked") from error
        return _listed(intent)

    def _provider(self) -> StripeClient:
        if self._client is None:
            raise Unavailable("no payment provider is configured")
        return self._client


def _listed(intent: stripe.PaymentIntent) -> Listed | None:
    told = intent.metadata.to_dict() if intent.metadata else {}
    store, attempt = str(told.get("stoa_store_id", "")), str(told.get("stoa_attempt_id", ""))
    if not (store.isascii() and store.isdigit() and attempt.isascii() and attempt.isdigit()):
        return None
    has_succeeded = intent.status == "succeeded"
    charge = intent.latest_charge
    return Listed(
        intent.id,
        StoreId(int(store)),
        int(attempt),
        str(told.get("stoa_attempt", "")),
        intent.created,
        intent.currency.upper(),
        intent.amount_received if has_succeeded else 0,
        charge.amount_refunded if has_succeeded and isinstance(charge, stripe.Charge) else 0,
    )
