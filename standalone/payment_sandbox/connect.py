"""Destination charges: the charge is the platform's, its amount goes to the shop's account, the fee comes back.

Every movement is a balance transaction, so that what the platform keeps and the account gets can be asked for:
`/v1/balance`, for an account with its id in the Stripe-Account header.
"""

from standalone.payment_sandbox.errors import invalid, no_such
from standalone.payment_sandbox.forms import whole_number
from standalone.payment_sandbox.resources import (
    Resource,
    new_application_fee,
    new_fee_refund,
    new_reversal,
    new_transfer,
)
from standalone.payment_sandbox.work import Params, Work

PLATFORM = ""


def read_terms(params: Params, amount: int) -> Resource:
    """The fields of an intent that say to whom its money goes. Raises ProviderError."""
    terms: Resource = {}
    if "transfer_data" in params:
        data = dict(params["transfer_data"])
        destination = str(data.get("destination", ""))
        if not destination.startswith("acct_"):
            raise no_such("destination", destination, "transfer_data[destination]", 400)
        if "amount" in data:
            data["amount"] = whole_number(data, "amount")
            if not 1 <= data["amount"] <= amount:
                raise invalid("The transfer amount must be at least 1 and at most the amount.", "transfer_data[amount]")
        terms["transfer_data"] = data
    if "application_fee_amount" in params:
        terms["application_fee_amount"] = read_fee(params, amount, is_connected="transfer_data" in terms)
        if "amount" in terms["transfer_data"]:
            raise invalid("`application_fee_amount` and `transfer_data[amount]` exclude each other.")
    return terms


def read_fee(params: Params, amount: int, *, is_connected: bool) -> int:
    fee = whole_number(params, "application_fee_amount")
    if not is_connected:
        raise invalid("An application fee needs a connected account: give `transfer_data`.", "application_fee_amount")
    if not 0 <= fee <= amount:
        raise invalid("The application fee must not be greater than the amount.", "application_fee_amount")
    return fee


def settle(work: Work, charge: Resource) -> None:
    """The captured amount arrives; changes `charge`, which the caller saves."""
    captured = charge["amount_captured"]
    charge["balance_transaction"] = work.move(PLATFORM, captured, "charge", charge)
    terms = charge["transfer_data"]
    if terms is None:
        return
    destination = terms["destination"]
    transfer = new_transfer(charge, min(terms.get("amount") or captured, captured), destination, work.second)
    transfer["balance_transaction"] = work.move(PLATFORM, -transfer["amount"], "transfer", transfer)
    work.move(destination, transfer["amount"], "payment", transfer)
    work.save(transfer)
    charge["transfer"] = transfer["id"]
    wanted_fee = min(charge["application_fee_amount"] or 0, captured)
    if wanted_fee:
        fee = new_application_fee(charge, wanted_fee, destination, work.second)
        work.move(destination, -wanted_fee, "application_fee", fee)
        fee["balance_transaction"] = work.move(PLATFORM, wanted_fee, "application_fee", fee)
        work.save(fee)
        charge["application_fee"] = fee["id"]


def reverse_transfer(work: Work, charge: Resource, refund: Resource) -> str:
    """Takes the refunded part of the transfer back from the account; the reversal's id."""
    if "transfer" not in charge:
        raise invalid("This charge has no transfer to reverse.", "reverse_transfer")
    transfer = work.load("transfer", charge["transfer"])
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = min(left, _part(transfer["amount"], refund, charge))
    reversal = new_reversal(transfer, amount, refund, work.second)
    work.move(transfer["destination"], -amount, "payment_refund", reversal)
    reversal["balance_transaction"] = work.move(PLATFORM, amount, "transfer_refund", reversal)
    transfer["amount_reversed"] += amount
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    transfer["reversals"]["data"].insert(0, reversal)
    work.save(transfer)
    return str(reversal["id"])


def return_fee(work: Work, charge: Resource, refund: Resource) -> None:
    """Gives the refunded part of the fee back to the account."""
    if not charge["application_fee"]:
        raise invalid("This charge has no application fee.", "refund_application_fee")
    fee = work.load("application_fee", charge["application_fee"])
    amount = min(fee["amount"] - fee["amount_refunded"], _part(fee["amount"], refund, charge))
    returned = new_fee_refund(fee, amount, work.second)
    work.move(fee["account"], amount, "application_fee_refund", returned)
    returned["balance_transaction"] = work.move(PLATFORM, -amount, "application_fee_refund", returned)
    fee["amount_refunded"] += amount
    fee["refunded"] = fee["amount_refunded"] == fee["amount"]
    fee["refunds"]["data"].insert(0, returned)
    work.save(fee)


def balance(work: Work) -> Resource:
    sums = [
        {"amount": amount, "currency": currency, "source_types": {"card": amount}}
        for currency, amount in work.ledger.balances(work.account).items()
    ]
    return {"object": "balance", "available": sums, "connect_reserved": [], "livemode": False, "pending": []}


def balance_transaction(work: Work, identifier: str) -> Resource:
    moved = work.ledger.movement(work.account, identifier)
    if moved is None:
        raise no_such("balance transaction", identifier)
    return {
        "id": moved.id,
        "object": "balance_transaction",
        "amount": moved.amount,
        "available_on": moved.created,
        "balance_type": "payments",
        "created": moved.created,
        "currency": moved.currency,
        "description": None,
        "exchange_rate": None,
        "fee": 0,
        "fee_details": [],
        "net": moved.amount,
        "reporting_category": moved.kind,
        "source": moved.source,
        "status": "available",
        "type": moved.kind,
    }


def _part(whole: int, refund: Resource, charge: Resource) -> int:
    """Of `whole`, in proportion to what is refunded of the charge; what rounding leaves goes with the last refund."""
    if charge["refunded"]:
        return whole
    return int(whole * refund["amount"] // charge["amount_captured"])
