"""What merchants ask of the payment provider once an order is placed: capture, void, give back."""

from collections.abc import Mapping
from dataclasses import dataclass

import stripe
import structlog
from stripe import StripeClient

from origin.errors import Unavailable
from origin.payments import FAILED_REFUND, Declined, Unknown, provider_amount, refund_params

log = structlog.get_logger()

_NO_PROVIDER = "no payment provider is configured"  # not a refusal: it may have been asked before it went


@dataclass(frozen=True, slots=True)
class Moved:
    """The provider has captured, voided or given back what it was asked for; `provider_id` is its record of that."""

    provider_id: str | None


@dataclass(frozen=True, slots=True)
class FailedRefund:
    """One that was accepted, and of which the money came back. `key`: ours, of a refund that a merchant asked for;
    `paid`: the metadata of the payment that it is of."""

    id: str
    intent_id: str
    key: str
    code: str
    paid: Mapping[str, str]


class PaymentMoves:
    def __init__(self, client: StripeClient | None) -> None:
        self._client = client

    async def capture(self, intent_id: str, amount_minor: int, currency: str, key: str) -> Moved | Declined | Unknown:
        """Takes that much of an authorised intent; the rest is released. The same key never captures twice."""
        if self._client is None:
            return Unknown(_NO_PROVIDER, intent_id)
        amount = provider_amount(amount_minor, currency)
        try:
            intent = await self._client.v1.payment_intents.capture_async(
                intent_id, {"amount_to_capture": amount}, {"idempotency_key": key}
            )
        except stripe.StripeError as error:
            return await self._after_refusal(error, intent_id, "succeeded", amount)
        return Moved(_id_of(intent.latest_charge))

    async def void(self, intent_id: str, key: str) -> Moved | Declined | Unknown:
        """Releases what an intent has authorised."""
        if self._client is None:
            return Unknown(_NO_PROVIDER, intent_id)
        try:
            intent = await self._client.v1.payment_intents.cancel_async(intent_id, {}, {"idempotency_key": key})
        except stripe.StripeError as error:
            return await self._after_refusal(error, intent_id, "canceled", 0)
        return Moved(_id_of(intent.latest_charge))

    async def give_back(self, intent_id: str, amount_minor: int, currency: str, key: str) -> Moved | Declined | Unknown:
        """Refunds that much of an intent. The same key never refunds twice, within the provider's 24 hours."""
        if self._client is None:
            return Unknown(_NO_PROVIDER, intent_id)
        wanted = {"amount": provider_amount(amount_minor, currency), "metadata": {"stoa_refund": key}}
        try:
            params = refund_params(await self._client.v1.payment_intents.retrieve_async(intent_id)) | wanted
            refund = await self._client.v1.refunds.create_async(params, {"idempotency_key": key})  # type: ignore[arg-type]
        except stripe.StripeError as error:
            return _refusal(error)
        return _refund_outcome(refund)

    async def find_refund(self, intent_id: str, key: str) -> Moved | Declined | Unknown:
        """What became of a refund that was asked for so long ago that its key is forgotten. Moves nothing."""
        if self._client is None:
            return Unknown(_NO_PROVIDER, intent_id)
        try:
            found = await self._client.v1.refunds.list_async({"payment_intent": intent_id, "limit": 100})
        except stripe.StripeError as error:
            return Unknown(str(error), intent_id)
        for refund in found.data:
            if _metadata(refund).get("stoa_refund") == key:
                return _refund_outcome(refund)
        return Declined("not_refunded", "The payment provider never gave this back. Please refund it again.", intent_id)

    async def failed_refund(self, refund_id: str) -> FailedRefund | None:
        """As it is now; None for one that has not failed, or is of no payment. Raises Unavailable."""
        if self._client is None:
            return None
        try:
            refund = await self._client.v1.refunds.retrieve_async(refund_id)
            if refund.status not in FAILED_REFUND or not refund.payment_intent:
                return None
            intent = await self._client.v1.payment_intents.retrieve_async(str(refund.payment_intent))
        except stripe.InvalidRequestError:
            return None
        except stripe.StripeError as error:
            raise Unavailable("the payment provider cannot be asked") from error
        key = _metadata(refund).get("stoa_refund", "")
        return FailedRefund(refund.id, intent.id, key, refund.failure_reason or "unknown", _metadata(intent))

    async def _after_refusal(
        self, error: stripe.StripeError, intent_id: str, wanted: str, amount: int
    ) -> Moved | Declined | Unknown:
        """It may be so already: an earlier request's answer was lost, and its key has been forgotten since."""
        assert self._client is not None
        if not isinstance(error, stripe.InvalidRequestError):
            return _refusal(error)
        try:
            intent = await self._client.v1.payment_intents.retrieve_async(intent_id)
        except stripe.StripeError:
            return _refusal(error)
        if intent.status == wanted and intent.amount_received == amount:
            return Moved(_id_of(intent.latest_charge))
        return _refusal(error)


def _refusal(error: stripe.StripeError) -> Declined | Unknown:
    """Declined only when the provider said no, so that nothing has moved."""
    match error:
        case stripe.IdempotencyError():
            log.error("payment key used twice", error=str(error))
            return Unknown(str(error))
        case stripe.CardError() | stripe.InvalidRequestError() | stripe.PermissionError():
            return Declined(error.code or "refused", error.user_message or "The payment provider refused this.")
        case _:
            return Unknown(str(error))


def _refund_outcome(refund: stripe.Refund) -> Moved | Declined:
    if refund.status in FAILED_REFUND:
        return Declined(refund.failure_reason or "failed", "The payment provider could not give this back.")
    return Moved(refund.id)


def _id_of(charge: "str | stripe.Charge | None") -> str | None:
    return charge.id if isinstance(charge, stripe.Charge) else charge


def _metadata(of: "stripe.Refund | stripe.PaymentIntent") -> dict[str, str]:
    return dict(of.metadata.to_dict()) if of.metadata else {}
