"""Card payments through the stripe library: what a checkout asks of the provider, and its answers as typed outcomes.

The library never retries here: what did not answer is Unknown, and the completer asks again with the same key.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import stripe
import structlog
from aiohttp import ClientError, ClientTimeout, TCPConnector
from stripe import AIOHTTPClient, StripeClient

from contracts import crash_points
from contracts.crash_points import LineBroken
from contracts.money import decimals
from contracts.tenant import StoreId
from origin.errors import OriginError

log = structlog.get_logger()

TIMEOUT_SECONDS = 10.0
SIGNATURE_SECONDS = 300
FAILED_REFUND = frozenset({"failed", "canceled"})
_REFUND_EVENTS = frozenset({"refund.failed", "refund.updated", "charge.refund.updated"})
_INTENTS = "/v1/payment_intents"
NOT_NOW = "This shop cannot take card payments at the moment. You have not been charged."

# https://docs.stripe.com/currencies: what the provider counts in whole units or in thousandths; all else in hundredths.
_WHOLE = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())
_THOUSANDTHS = frozenset("BHD JOD KWD OMR TND".split())


@dataclass(frozen=True, slots=True)
class Succeeded:
    intent_id: str
    charge_id: str | None
    amount: int  # in the provider's units
    currency: str
    card: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RequiresAction:
    """The buyer has to confirm at `url`."""

    intent_id: str
    url: str


@dataclass(frozen=True, slots=True)
class Declined:
    """Nothing was taken. `message` is for the buyer."""

    code: str
    message: str
    intent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can say yet whether money moved. `is_answer`: the provider itself said so, as far as it knows."""

    reason: str
    intent_id: str | None = None
    is_answer: bool = True


@dataclass(frozen=True, slots=True)
class Told:
    """Of an intent that something happened to, as the provider's signed message has it."""

    intent_id: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ToldOfRefund:
    """Of a refund that is said to have failed after it was accepted."""

    refund_id: str


Outcome = Succeeded | RequiresAction | Declined | Unknown


class BadSignature(OriginError):
    """A webhook that the provider did not send, or not now."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What is to be paid. `key` and `metadata` come from our own rows, never from a client."""

    key: str
    amount_minor: int
    currency: str
    payment_method: str
    return_url: str
    description: str
    metadata: Mapping[str, str]
    shipping: Mapping[str, Any] | None = None
    destination: str | None = None  # the shop's connected account
    fee_minor: int = 0


class _PaymentSettings(Protocol):
    @property
    def stripe_secret_key(self) -> str: ...
    @property
    def stripe_api_base(self) -> str: ...
    @property
    def stripe_webhook_secret(self) -> str: ...


class HttpClient(AIOHTTPClient):
    """The library's own: over aiohttp a payment costs the origin 1.3 ms of processor time, over httpx 7.1.

    Where `api_base` is plain http, the tenth of a second is saved in which the library reads its certificates.
    """

    def __init__(self, timeout_seconds: float, api_base: str = "") -> None:
        connector = TCPConnector() if api_base.startswith("http:") else None
        super().__init__(timeout=ClientTimeout(total=timeout_seconds), connector=connector)

    async def request_async(self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None) -> Any:
        try:
            if method == "post":
                crash_points.reached("provider.ask")
            answer = await super().request_async(method, url, headers, post_data)
            if method == "post":
                crash_points.reached("provider.answered")
        except (LineBroken, ClientError, TimeoutError) as error:  # the library looks after the first byte's errors only
            self._handle_request_error(error)
        return answer


class Payments:
    """One client for the program's lifetime; `close` it at the end."""

    def __init__(self, settings: _PaymentSettings, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._webhook_secret = settings.stripe_webhook_secret
        self._http = HttpClient(timeout_seconds, settings.stripe_api_base)
        self._client: StripeClient | None = None
        if settings.stripe_secret_key:
            self._client = StripeClient(
                settings.stripe_secret_key,
                base_addresses={"api": settings.stripe_api_base} if settings.stripe_api_base else {},
                max_network_retries=0,
                http_client=self._http,
            )

    @property
    def client(self) -> StripeClient | None:
        """The provider's library; None where no provider is configured."""
        return self._client

    async def close(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def charge(self, wanted: Charge) -> Outcome:
        """Creates and confirms a payment intent. The same key never charges twice."""
        if self._client is None:
            return Declined("payments_unavailable", NOT_NOW)
        params = _intent_params(wanted)
        try:
            return outcome_of(await self._ask("post", _INTENTS, params | {"idempotency_key": wanted.key}))
        except stripe.StripeError as error:
            return _failure(error)

    async def look_up(self, intent_id: str) -> tuple[Outcome, Mapping[str, str]]:
        """An intent as it is now, and its metadata."""
        if self._client is None:
            return Unknown("no payment provider is configured", intent_id), {}
        try:
            intent = await self._ask("get", f"{_INTENTS}/{quote(intent_id, safe='')}", {"expand": ["latest_charge"]})
        except stripe.StripeError as error:
            return Unknown(str(error), intent_id, is_answer=isinstance(error, stripe.InvalidRequestError)), {}
        return outcome_of(intent), intent.get("metadata") or {}

    async def find(self, attempt: str) -> Outcome | None:
        """The intent whose metadata names this attempt; None if the provider has never heard of it."""
        if self._client is None:
            return None
        query = f"metadata['stoa_attempt']:'{attempt}'"
        try:
            found = await self._ask(
                "get", f"{_INTENTS}/search", {"query": query, "limit": 1, "expand": ["data.latest_charge"]}
            )
        except stripe.StripeError as error:
            return Unknown(str(error))
        return outcome_of(found["data"][0]) if found["data"] else None

    async def cancel(self, intent_id: str) -> Outcome:
        """Ends an intent nobody will confirm any more. What had already succeeded stays so, and that is answered."""
        if self._client is None:
            return Unknown("no payment provider is configured", intent_id)
        try:
            intent = await self._ask(
                "post",
                f"{_INTENTS}/{quote(intent_id, safe='')}/cancel",
                {"cancellation_reason": "abandoned", "expand": ["latest_charge"]},
            )
        except stripe.InvalidRequestError:
            return (await self.look_up(intent_id))[0]
        except stripe.StripeError as error:
            return Unknown(str(error), intent_id)
        return outcome_of(intent)

    async def refund(self, intent_id: str, key: str) -> bool:
        """Gives all of it back. False: ask again later with the same key."""
        if self._client is None:
            return False
        try:
            intent = await self._client.v1.payment_intents.retrieve_async(intent_id)
            await self._client.v1.refunds.create_async(refund_params(intent), {"idempotency_key": key})  # type: ignore[arg-type]
        except stripe.InvalidRequestError as error:
            return error.code == "charge_already_refunded"
        except stripe.StripeError as error:
            log.warning("refund not confirmed", intent=intent_id, error=str(error))
            return False
        return True

    async def _ask(self, method: str, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The provider's JSON: the library's objects of it would cost as much again as asking. Raises StripeError."""
        assert self._client is not None
        answer = await self._client.raw_request_async(method, path, **params)
        found: dict[str, Any] = answer.data
        return found

    def told(self, payload: bytes, signature: str | None) -> Told | ToldOfRefund | None:
        """The payment or refund a webhook is about; None if there is nothing to do about it. Raises BadSignature."""
        try:
            text = payload.decode()
            stripe.WebhookSignature.verify_header(text, signature or "", self._webhook_secret, SIGNATURE_SECONDS)
            event: dict[str, Any] = json.loads(text)
        except (stripe.SignatureVerificationError, ValueError) as error:
            raise BadSignature("the webhook's signature does not match or is too old") from error
        about = event["data"]["object"]
        if event["type"] in _REFUND_EVENTS:
            return ToldOfRefund(str(about["id"])) if about.get("status") in FAILED_REFUND else None
        if not event["type"].startswith("payment_intent.") or event["type"] == "payment_intent.created":
            return None
        return Told(str(about["id"]), about.get("metadata") or {})


def payment_of(metadata: Mapping[str, str]) -> tuple[StoreId, int] | None:
    """The store and the attempt that a payment is for; None if it came from elsewhere."""
    store, attempt = metadata.get("stoa_store_id", ""), metadata.get("stoa_attempt_id", "")
    return (StoreId(int(store)), int(attempt)) if store.isdigit() and attempt.isdigit() else None


def provider_amount(minor: int, currency: str) -> int:
    """Our minor units (ISO 4217) in the provider's: they differ for a few currencies."""
    theirs = 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else 2
    step = theirs - decimals(currency)
    return int(minor * 10**step) if step >= 0 else minor // int(10**-step)


def refund_params(intent: stripe.PaymentIntent) -> dict[str, Any]:
    """What was paid on to the shop's account comes back from there, and its share of the fee with it."""
    params: dict[str, Any] = {"payment_intent": intent.id}
    if intent.transfer_data:
        params["reverse_transfer"] = True
        if intent.application_fee_amount:
            params["refund_application_fee"] = True
    return params


def outcome_of(intent: Mapping[str, Any]) -> Outcome:
    """https://docs.stripe.com/payments/paymentintents/lifecycle"""
    intent_id = str(intent["id"])
    match intent["status"]:
        case "succeeded":
            charge = intent["latest_charge"]
            is_expanded = isinstance(charge, Mapping)
            return Succeeded(
                intent_id,
                charge["id"] if is_expanded else charge,
                intent["amount_received"],
                intent["currency"].upper(),
                _card(charge) if is_expanded else None,
            )
        case "requires_action":
            url = ((intent["next_action"] or {}).get("redirect_to_url") or {}).get("url")
            if not url:
                return Unknown("the payment requires an action without an address", intent_id)
            return RequiresAction(intent_id, url)
        case "canceled":
            return Declined("expired", "The payment was not completed in time. You have not been charged.", intent_id)
        case "requires_payment_method":
            error = intent["last_payment_error"] or {}
            message = error.get("message") or "The payment was declined."
            return Declined(error.get("code") or "payment_failed", message, intent_id)
        case status:
            return Unknown(f"the payment is {status}", intent_id)


def _intent_params(wanted: Charge) -> dict[str, Any]:
    params: dict[str, Any] = {
        "amount": provider_amount(wanted.amount_minor, wanted.currency),
        "currency": wanted.currency.lower(),
        "payment_method": wanted.payment_method,
        "allowed_payment_method_types": ["card"],
        "confirm": True,
        "return_url": wanted.return_url,
        "description": wanted.description[:500],
        "metadata": dict(wanted.metadata),
        "expand": ["latest_charge"],
    }
    if wanted.shipping:
        params["shipping"] = dict(wanted.shipping)
    if wanted.destination:
        # A destination charge: settled in the shop's name, paid on to its account less the platform's share.
        params["transfer_data"] = {"destination": wanted.destination}
        params["on_behalf_of"] = wanted.destination
        if wanted.fee_minor:
            params["application_fee_amount"] = provider_amount(wanted.fee_minor, wanted.currency)
    return params


def _failure(error: stripe.StripeError) -> Outcome:
    match error:
        case stripe.CardError():
            intent = getattr(error.error, "payment_intent", None) if error.error else None
            code = (getattr(error.error, "decline_code", None) if error.error else None) or error.code
            message = error.user_message or "Your card was declined."
            return Declined(code or "card_declined", message, intent.id if intent else None)
        case stripe.IdempotencyError():
            log.error("payment key used twice", error=str(error))
            return Unknown(str(error))
        case stripe.InvalidRequestError() if error.param == "payment_method":
            return Declined("invalid_payment_method", "This payment method is not known. Please choose another.")
        case stripe.InvalidRequestError() | stripe.AuthenticationError() | stripe.PermissionError():
            log.error("payment refused by the provider", error=str(error))
            return Declined("payments_unavailable", NOT_NOW)
        case _:  # connection, time-out, rate limit, conflict, 5xx
            log.warning("payment not answered", cause=repr(error.__cause__ or error))
            return Unknown(str(error))


def _card(charge: Mapping[str, Any]) -> Mapping[str, Any] | None:
    card = (charge.get("payment_method_details") or {}).get("card")
    return {name: card[name] for name in ("brand", "last4", "exp_month", "exp_year")} if card else None
