"""Money back, never more than was captured: in full, in part, several times. Some of it the bank sends back later."""

from functools import partial

from standalone.payment_sandbox import connect
from standalone.payment_sandbox.cards import find_card
from standalone.payment_sandbox.errors import impossible, invalid
from standalone.payment_sandbox.forms import is_true, whole_number
from standalone.payment_sandbox.resources import Resource, new_refund
from standalone.payment_sandbox.work import Params, Work

_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(work: Work, params: Params) -> Resource:
    if params.get("reason", "duplicate") not in _REASONS:
        raise invalid(f"Invalid reason: must be one of {', '.join(_REASONS)}.", "reason")
    wanted = whole_number(params, "amount") if "amount" in params else None
    if wanted is not None and wanted < 1:
        raise invalid("Invalid positive integer", "amount", "parameter_invalid_integer")
    charge = _charge(work, params)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left <= 0:
        raise impossible(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if wanted is not None and wanted > left:
        raise impossible(f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left}).", "amount")
    refund = new_refund(charge, wanted or left, work.second)
    refund |= {name: params[name] for name in ("metadata", "reason") if name in params}
    charge["amount_refunded"] += refund["amount"]
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    if is_true(params, "reverse_transfer"):
        refund["transfer_reversal"] = connect.reverse_transfer(work, charge, refund)
    if is_true(params, "refund_application_fee"):
        connect.return_fee(work, charge, refund)
    refund["balance_transaction"] = work.move(connect.PLATFORM, -refund["amount"], "refund", refund)
    charge["refunds"]["data"].insert(0, refund)
    work.save(charge)
    work.save(refund)
    work.tell("refund.created", refund)
    work.tell("charge.refunded", charge)
    if find_card(charge["payment_method"]).loses_refunds:
        work.later.append(partial(fail, identifier=refund["id"]))
    return refund


def fail(work: Work, identifier: str) -> Resource:
    """The bank sends back what it had taken: the money is the platform's again, also what an account had paid of it."""
    refund = work.load("refund", identifier)
    if refund["status"] == "failed":
        return refund
    refund.update(status="failed", failure_reason="expired_or_canceled_card")
    refund["failure_balance_transaction"] = work.move(connect.PLATFORM, refund["amount"], "refund_failure", refund)
    charge = work.load("charge", refund["charge"])
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    charge["refunds"]["data"] = [refund if each["id"] == identifier else each for each in charge["refunds"]["data"]]
    work.save(charge)
    work.save(refund)
    for kind in ("refund.updated", "refund.failed", "charge.refund.updated"):
        work.tell(kind, refund)
    return refund


def _charge(work: Work, params: Params) -> Resource:
    """The captured charge that is meant. Raises ProviderError."""
    if "payment_intent" in params:
        identifier = work.load("payment_intent", params["payment_intent"], "payment_intent")["latest_charge"]
        if identifier is None:
            raise impossible(f"The PaymentIntent {params['payment_intent']} has no successful charge to refund.")
    elif "charge" in params:
        identifier = params["charge"]
    else:
        raise invalid("One of the following params should be provided: charge or payment_intent.")
    charge = work.load("charge", identifier, "charge")
    if not (charge["paid"] and charge["captured"]):
        raise impossible(f"Charge {identifier} has not been captured; there is nothing to refund.")
    return charge
