"""What the provider does: payment intents through their states, charges, refunds, and the events these cause."""

import re
import time
from typing import Any

from standalone.payment_sandbox.cards import DECLINES, TestCard, find_card
from standalone.payment_sandbox.errors import ProviderError, invalid, no_such
from standalone.payment_sandbox.forms import is_true, whole_number
from standalone.payment_sandbox.ledger import Ledger
from standalone.payment_sandbox.resources import (
    Resource,
    decline_charge,
    new_charge,
    new_event,
    new_payment_intent,
    new_refund,
)

Params = dict[str, Any]

MAX_AMOUNT = 99_999_999
_COPIED = (
    "description",
    "metadata",
    "on_behalf_of",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
    "customer",
    "setup_future_usage",
    "payment_method",
    "capture_method",
)
_QUERY = re.compile(r"metadata\[['\"]([^'\"]+)['\"]\]:\s*['\"]([^'\"]*)['\"]")


class Intents:
    """Every method works inside the caller's transaction and answers a resource or raises ProviderError."""

    def __init__(self, ledger: Ledger, address: str, api_version: str) -> None:
        self._ledger = ledger
        self._address = address
        self._api_version = api_version
        self.new_events: list[Resource] = []

    def create(self, params: Params, key: str | None) -> Resource:
        amount = whole_number(params, "amount")
        currency = str(params.get("currency", "")).lower()
        if not 1 <= amount <= MAX_AMOUNT:
            raise invalid("This value must be greater than or equal to 1.", "amount", "parameter_invalid_integer")
        if not re.fullmatch("[a-z]{3}", currency):
            raise invalid(f"Invalid currency: {currency}.", "currency")
        intent = new_payment_intent(amount, currency, int(time.time()))
        intent |= {name: params[name] for name in _COPIED if name in params}
        if "allowed_payment_method_types" in params:
            intent["payment_method_types"] = params["allowed_payment_method_types"]
        if "transfer_data" in params:
            intent["transfer_data"] = params["transfer_data"]
        if "application_fee_amount" in params:
            intent["application_fee_amount"] = whole_number(params, "application_fee_amount")
        if "automatic_payment_methods" in params:
            intent["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "always"}
        if intent["payment_method"]:
            find_card(intent["payment_method"])
            intent["status"] = "requires_confirmation"
        self._save(intent)
        if is_true(params, "confirm"):
            self._confirm(intent, params.get("return_url"), key)
        elif "return_url" in params:
            raise invalid("`return_url` can only be given together with `confirm`.", "return_url")
        return self._expanded(intent, params)

    def confirm(self, identifier: str, params: Params, key: str | None) -> Resource:
        intent = self._intent(identifier)
        self._need(intent, "requires_payment_method", "requires_confirmation", "requires_action")
        if "payment_method" in params:
            intent["payment_method"] = params["payment_method"]
        self._confirm(intent, params.get("return_url"), key)
        return self._expanded(intent, params)

    def retrieve(self, identifier: str, params: Params) -> Resource:
        return self._expanded(self._intent(identifier), params)

    def list(self, params: Params) -> Resource:
        limit = min(max(int(params.get("limit", 10)), 1), 100)
        found = self._ledger.newest("payment_intent")
        if "starting_after" in params:
            ids = [intent["id"] for intent in found]
            found = found[ids.index(params["starting_after"]) + 1 :] if params["starting_after"] in ids else []
        return {
            "object": "list",
            "url": "/v1/payment_intents",
            "has_more": len(found) > limit,
            "data": [self._expanded(intent, _list_expansion(params)) for intent in found[:limit]],
        }

    def search(self, params: Params) -> Resource:
        """Clauses of the form metadata['name']:'value', joined by AND."""
        wanted = dict(_QUERY.findall(str(params.get("query", ""))))
        if not wanted:
            raise invalid("The search query must name metadata.", "query")
        found = [
            intent
            for intent in self._ledger.newest("payment_intent")
            if wanted.items() <= {name: str(value) for name, value in intent["metadata"].items()}.items()
        ]
        return {
            "object": "search_result",
            "url": "/v1/payment_intents/search",
            "has_more": False,
            "next_page": None,
            "data": [self._expanded(intent, _list_expansion(params)) for intent in found[:100]],
        }

    def cancel(self, identifier: str, params: Params, key: str | None) -> Resource:
        intent = self._intent(identifier)
        self._need(
            intent,
            "requires_payment_method",
            "requires_confirmation",
            "requires_action",
            "requires_capture",
            "processing",
        )
        intent.update(
            status="canceled",
            canceled_at=int(time.time()),
            cancellation_reason=params.get("cancellation_reason"),
            next_action=None,
            amount_capturable=0,
        )
        self._save(intent)
        self._event("payment_intent.canceled", intent, key)
        return self._expanded(intent, params)

    def capture(self, identifier: str, params: Params, key: str | None) -> Resource:
        intent = self._intent(identifier)
        self._need(intent, "requires_capture")
        amount = whole_number(params, "amount_to_capture") if "amount_to_capture" in params else intent["amount"]
        if not 1 <= amount <= intent["amount"]:
            raise invalid("The amount to capture is over the authorised amount.", "amount_to_capture")
        charge = self._charge(intent["latest_charge"])
        charge.update(captured=True, amount_captured=amount)
        self._save(charge)
        intent.update(status="succeeded", amount_received=amount, amount_capturable=0)
        self._save(intent)
        self._event("payment_intent.succeeded", intent, key)
        return self._expanded(intent, params)

    def authenticate(self, identifier: str, succeeds: bool) -> Resource:
        """The buyer's answer on the bank's page. Answers the intent; its state says what became of it."""
        intent = self._intent(identifier)
        if intent["status"] != "requires_action":
            return intent
        if not succeeds:
            intent.update(
                status="requires_payment_method",
                next_action=None,
                payment_method=None,
                last_payment_error={
                    "type": "card_error",
                    "code": "payment_intent_authentication_failure",
                    "message": "The card's bank could not confirm that it is you.",
                },
            )
            self._save(intent)
            self._event("payment_intent.payment_failed", intent, None)
            return intent
        try:
            self._charge_card(intent, find_card(intent["payment_method"]), None)
        except ProviderError:
            return intent  # the state says that the bank declined
        return intent

    def refund(self, params: Params, key: str | None) -> Resource:
        if "payment_intent" in params:
            charge_id = self._intent(params["payment_intent"])["latest_charge"]
        else:
            charge_id = params.get("charge")
        if not charge_id:
            raise invalid("One of the following params should be provided: charge or payment_intent.")
        charge = self._charge(charge_id)
        left = charge["amount_captured"] - charge["amount_refunded"]
        amount = whole_number(params, "amount") if "amount" in params else left
        if left <= 0:
            raise invalid(f"Charge {charge_id} has already been refunded.", code="charge_already_refunded")
        if not 1 <= amount <= left:
            raise invalid("Refund amount is greater than unrefunded amount on charge.", "amount")
        refund = new_refund(charge, amount, int(time.time()))
        refund |= {name: params[name] for name in ("metadata", "reason") if name in params}
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self._save(charge)
        self._save(refund)
        self._event("charge.refunded", charge, key)
        return refund

    def charge(self, identifier: str) -> Resource:
        return self._charge(identifier)

    def events(self, params: Params) -> Resource:
        limit = min(max(int(params.get("limit", 10)), 1), 100)
        found = [event for event in self._ledger.newest("event") if params.get("type") in (None, event["type"])]
        return {"object": "list", "url": "/v1/events", "has_more": len(found) > limit, "data": found[:limit]}

    def _confirm(self, intent: Resource, return_url: str | None, key: str | None) -> None:
        if not intent["payment_method"]:
            raise invalid("You cannot confirm this PaymentIntent because it's missing a payment method.")
        card = find_card(intent["payment_method"])
        if not card.needs_authentication:
            self._charge_card(intent, card, key)
            return
        page = f"{self._address}/sandbox/authenticate/{intent['id']}"
        action: Resource = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
        if return_url:
            action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": page}}
        intent.update(status="requires_action", next_action=action)
        self._save(intent)
        self._event("payment_intent.requires_action", intent, key)

    def _charge_card(self, intent: Resource, card: TestCard, key: str | None) -> None:
        charge = new_charge(intent, card, int(time.time()))
        intent.update(latest_charge=charge["id"], next_action=None)
        if card.decline:
            self._decline(intent, charge, card, key)
        is_manual = intent["capture_method"] == "manual"
        if is_manual:
            charge.update(captured=False, amount_captured=0)
        intent.update(
            status="requires_capture" if is_manual else "succeeded",
            amount_capturable=intent["amount"] if is_manual else 0,
            amount_received=0 if is_manual else intent["amount"],
            last_payment_error=None,
        )
        self._save(charge)
        self._save(intent)
        self._event(
            "payment_intent.amount_capturable_updated" if is_manual else "payment_intent.succeeded", intent, key
        )

    def _decline(self, intent: Resource, charge: Resource, card: TestCard, key: str | None) -> None:
        code, decline_code, message = DECLINES[card.decline]
        decline_charge(charge, code, decline_code, message)
        problem = {"code": code, "decline_code": decline_code, "charge": charge["id"]}
        intent.update(
            status="requires_payment_method",
            payment_method=None,
            last_payment_error={"type": "card_error", "message": message, **problem},
        )
        self._save(charge)
        self._save(intent)
        self._event("payment_intent.payment_failed", intent, key)
        raise ProviderError(402, "card_error", message, **problem, payment_intent=intent)

    def _need(self, intent: Resource, *statuses: str) -> None:
        if intent["status"] not in statuses:
            raise ProviderError(
                400,
                "invalid_request_error",
                f"This PaymentIntent's status is {intent['status']}; this needs one of {', '.join(statuses)}.",
                code="payment_intent_unexpected_state",
                payment_intent=intent,
            )

    def _intent(self, identifier: str) -> Resource:
        intent = self._ledger.get("payment_intent", identifier)
        if intent is None:
            raise no_such("payment_intent", identifier, "intent")
        return intent

    def _charge(self, identifier: str) -> Resource:
        charge = self._ledger.get("charge", identifier)
        if charge is None:
            raise no_such("charge", identifier)
        return charge

    def _save(self, resource: Resource) -> None:
        self._ledger.put(resource, time.time())

    def _event(self, kind: str, subject: Resource, key: str | None) -> None:
        event = new_event(kind, dict(subject), self._api_version, key, int(time.time()))
        self._save(event)
        self.new_events.append(event)

    def _expanded(self, intent: Resource, params: Params) -> Resource:
        if "latest_charge" in params.get("expand", []) and intent["latest_charge"]:
            return intent | {"latest_charge": self._charge(intent["latest_charge"])}
        return intent


def _list_expansion(params: Params) -> Params:
    return {"expand": [path.removeprefix("data.") for path in params.get("expand", [])]}
