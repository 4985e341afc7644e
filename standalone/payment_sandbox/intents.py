"""Payment intents through their states: what a card's bank says to them, and the events this causes.

Every function works inside the request's transaction and answers a resource or raises ProviderError.
"""

import re
from typing import Any

from standalone.payment_sandbox import connect
from standalone.payment_sandbox.cards import DECLINES, TestCard, find_card
from standalone.payment_sandbox.errors import ProviderError, impossible, invalid
from standalone.payment_sandbox.forms import is_true, whole_number
from standalone.payment_sandbox.resources import (
    Resource,
    decline_charge,
    new_charge,
    new_payment_intent,
    shipping_of,
)
from standalone.payment_sandbox.work import Params, Work

MAX_AMOUNT = 99_999_999
_COPIED = (
    "description",
    "metadata",
    "on_behalf_of",
    "receipt_email",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
    "customer",
    "setup_future_usage",
    "payment_method",
    "capture_method",
)
_CAPTURE_METHODS = ("automatic", "automatic_async", "manual")
_CANCELLATION_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
_UNCONFIRMED = ("requires_payment_method", "requires_confirmation", "requires_action")


def create(work: Work, params: Params) -> Resource:
    intent = _new(work, params)
    if intent["payment_method"]:
        find_card(intent["payment_method"])
        intent["status"] = "requires_confirmation"
    work.save(intent)
    if is_true(params, "confirm"):
        _confirm(work, intent, params.get("return_url"))
    elif "return_url" in params:
        raise invalid("`return_url` can only be given together with `confirm`.", "return_url")
    return work.expanded(intent, params)


def confirm(work: Work, params: Params, identifier: str) -> Resource:
    intent = work.load("payment_intent", identifier, "intent")
    _need(intent, *_UNCONFIRMED)
    if "payment_method" in params:
        intent["payment_method"] = params["payment_method"]
    _confirm(work, intent, params.get("return_url"))
    return work.expanded(intent, params)


def cancel(work: Work, params: Params, identifier: str) -> Resource:
    reason = params.get("cancellation_reason")
    if reason not in (None, *_CANCELLATION_REASONS):
        raise invalid(f"Invalid cancellation_reason: must be one of {', '.join(_CANCELLATION_REASONS)}.")
    intent = work.load("payment_intent", identifier, "intent")
    _need(intent, *_UNCONFIRMED, "requires_capture", "processing")
    if intent["status"] == "requires_capture":
        _let_go(work, intent)
    intent.update(
        status="canceled",
        canceled_at=work.second,
        cancellation_reason=reason,
        next_action=None,
        amount_capturable=0,
    )
    work.save(intent)
    work.tell("payment_intent.canceled", intent)
    return work.expanded(intent, params)


def capture(work: Work, params: Params, identifier: str) -> Resource:
    """All that was authorised, or a part of it once; the rest is the buyer's again."""
    wanted = whole_number(params, "amount_to_capture") if "amount_to_capture" in params else None
    intent = work.load("payment_intent", identifier, "intent")
    _need(intent, "requires_capture")
    amount = intent["amount_capturable"] if wanted is None else wanted
    if not 1 <= amount <= intent["amount_capturable"]:
        raise impossible(
            f"The amount to capture must be at least 1 and at most {intent['amount_capturable']}.",
            "amount_to_capture",
            "amount_too_large" if amount > 0 else "amount_too_small",
        )
    charge = work.load("charge", intent["latest_charge"])
    if "application_fee_amount" in params:
        fee = connect.read_fee(params, amount, is_connected=bool(intent["transfer_data"]))
        intent["application_fee_amount"] = charge["application_fee_amount"] = fee
    charge.update(captured=True, amount_captured=amount)
    connect.settle(work, charge)
    intent.update(status="succeeded", amount_received=amount, amount_capturable=0)
    work.save(charge)
    work.save(intent)
    work.tell("charge.captured", charge)
    work.tell("payment_intent.succeeded", intent)
    return work.expanded(intent, params)


def authenticate(work: Work, identifier: str, *, succeeds: bool) -> Resource:
    """The buyer's answer on the bank's page. Answers the intent; its state says what became of it."""
    intent = work.load("payment_intent", identifier)
    if intent["status"] != "requires_action":
        return intent
    if not succeeds:
        message = "The card's bank could not confirm that it is you."
        code = "payment_intent_authentication_failure"
        intent.update(
            status="requires_payment_method",
            next_action=None,
            payment_method=None,
            last_payment_error={"type": "invalid_request_error", "code": code, "message": message},
        )
        work.save(intent)
        work.tell("payment_intent.payment_failed", intent)
        return intent
    try:
        _charge_card(work, intent, find_card(intent["payment_method"]), is_authenticated=True)
    except ProviderError:
        return intent  # the state says that the bank declined
    return intent


def _new(work: Work, params: Params) -> Resource:
    amount = whole_number(params, "amount")
    currency = str(params.get("currency", "")).lower()
    if not 1 <= amount <= MAX_AMOUNT:
        code = "amount_too_large" if amount > MAX_AMOUNT else "parameter_invalid_integer"
        raise invalid(f"The amount must be between 1 and {MAX_AMOUNT}.", "amount", code)
    if not re.fullmatch("[a-z]{3}", currency):
        raise invalid(f"Invalid currency: {currency}.", "currency")
    if params.get("capture_method", "automatic") not in _CAPTURE_METHODS:
        raise invalid(f"Invalid capture_method: must be one of {', '.join(_CAPTURE_METHODS)}.", "capture_method")
    intent = new_payment_intent(amount, currency, work.second)
    intent |= {name: params[name] for name in _COPIED if name in params}
    intent |= connect.read_terms(params, amount)
    if "shipping" in params:
        intent["shipping"] = shipping_of(params["shipping"])
    if "allowed_payment_method_types" in params:
        intent["payment_method_types"] = params["allowed_payment_method_types"]
    if "automatic_payment_methods" in params:
        intent["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "always"}
    return intent


def _confirm(work: Work, intent: Resource, return_url: str | None) -> None:
    if not intent["payment_method"]:
        raise impossible(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
        )
    card = find_card(intent["payment_method"])
    if not card.needs_authentication:
        _charge_card(work, intent, card)
        return
    page = f"{work.address}/sandbox/authenticate/{intent['id']}"
    action: Resource = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    if return_url:
        action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": page}}
    intent.update(status="requires_action", next_action=action)
    work.save(intent)
    work.tell("payment_intent.requires_action", intent)


def _charge_card(work: Work, intent: Resource, card: TestCard, *, is_authenticated: bool = False) -> None:
    charge = new_charge(intent, card, work.second, is_authenticated=is_authenticated)
    intent.update(latest_charge=charge["id"], next_action=None)
    if card.decline:
        _decline(work, intent, charge, card)
    is_manual = intent["capture_method"] == "manual"
    if is_manual:
        charge.update(captured=False, amount_captured=0)
    else:
        connect.settle(work, charge)
    intent.update(
        status="requires_capture" if is_manual else "succeeded",
        amount_capturable=intent["amount"] if is_manual else 0,
        amount_received=0 if is_manual else intent["amount"],
        last_payment_error=None,
    )
    work.save(charge)
    work.save(intent)
    work.tell("payment_intent.amount_capturable_updated" if is_manual else "payment_intent.succeeded", intent)


def _decline(work: Work, intent: Resource, charge: Resource, card: TestCard) -> None:
    code, decline_code, message = DECLINES[card.decline]
    decline_charge(charge, code, decline_code, message)
    problem: dict[str, Any] = {"code": code, "decline_code": decline_code, "charge": charge["id"]}
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        last_payment_error={"type": "card_error", "message": message, **problem},
    )
    work.save(charge)
    work.save(intent)
    work.tell("payment_intent.payment_failed", intent)
    raise ProviderError(402, "card_error", message, **problem, payment_intent=intent)


def _let_go(work: Work, intent: Resource) -> None:
    """What was authorised and will not be captured is the buyer's again."""
    charge = work.load("charge", intent["latest_charge"])
    charge.update(amount_refunded=charge["amount"], refunded=True)
    work.save(charge)
    work.tell("charge.refunded", charge)


def _need(intent: Resource, *statuses: str) -> None:
    if intent["status"] not in statuses:
        raise impossible(
            f"This PaymentIntent's status is {intent['status']}; this needs one of {', '.join(statuses)}.",
            code="payment_intent_unexpected_state",
            payment_intent=intent,
        )
