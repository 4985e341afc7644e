"""Refuses what the provider would refuse: parameters that the stripe library's own typed parameters do not name.

The shapes are read from the library when the sandbox starts, so they are those of the installed version.
"""

import sys
import types
import typing
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from stripe._request_options import RequestOptions
from stripe.params._application_fee_list_params import ApplicationFeeListParams
from stripe.params._application_fee_retrieve_params import ApplicationFeeRetrieveParams
from stripe.params._balance_retrieve_params import BalanceRetrieveParams
from stripe.params._balance_transaction_retrieve_params import BalanceTransactionRetrieveParams
from stripe.params._charge_list_params import ChargeListParams
from stripe.params._charge_retrieve_params import ChargeRetrieveParams
from stripe.params._event_list_params import EventListParams
from stripe.params._payment_intent_cancel_params import PaymentIntentCancelParams
from stripe.params._payment_intent_capture_params import PaymentIntentCaptureParams
from stripe.params._payment_intent_confirm_params import PaymentIntentConfirmParams
from stripe.params._payment_intent_create_params import PaymentIntentCreateParams
from stripe.params._payment_intent_list_params import PaymentIntentListParams
from stripe.params._payment_intent_retrieve_params import PaymentIntentRetrieveParams
from stripe.params._payment_intent_search_params import PaymentIntentSearchParams
from stripe.params._refund_create_params import RefundCreateParams
from stripe.params._refund_list_params import RefundListParams
from stripe.params._refund_retrieve_params import RefundRetrieveParams
from stripe.params._transfer_list_params import TransferListParams
from stripe.params._transfer_retrieve_params import TransferRetrieveParams

from standalone.payment_sandbox.errors import invalid


@dataclass(frozen=True, slots=True)
class Shape:
    """What may stand somewhere: named fields, items of a list, or (neither) anything, as in metadata."""

    fields: dict[str, "Shape"] = field(default_factory=dict)
    item: "Shape | None" = None


ANYTHING = Shape()
_OPERATIONS: dict[str, Any] = {
    "payment_intent.create": PaymentIntentCreateParams,
    "payment_intent.confirm": PaymentIntentConfirmParams,
    "payment_intent.cancel": PaymentIntentCancelParams,
    "payment_intent.capture": PaymentIntentCaptureParams,
    "payment_intent.retrieve": PaymentIntentRetrieveParams,
    "payment_intent.list": PaymentIntentListParams,
    "payment_intent.search": PaymentIntentSearchParams,
    "refund.create": RefundCreateParams,
    "refund.list": RefundListParams,
    "refund.retrieve": RefundRetrieveParams,
    "charge.list": ChargeListParams,
    "charge.retrieve": ChargeRetrieveParams,
    "transfer.list": TransferListParams,
    "transfer.retrieve": TransferRetrieveParams,
    "application_fee.list": ApplicationFeeListParams,
    "application_fee.retrieve": ApplicationFeeRetrieveParams,
    "balance.retrieve": BalanceRetrieveParams,
    "balance_transaction.retrieve": BalanceTransactionRetrieveParams,
    "event.list": EventListParams,
}


class KnownParameters:
    def __init__(self) -> None:
        self._shapes = {name: _shape_of_class(params) for name, params in _OPERATIONS.items()}

    def check(self, operation: str, params: dict[str, Any]) -> None:
        """Raises ProviderError with code parameter_unknown for the first unknown one, wherever it is nested."""
        _check(self._shapes[operation], params, "")


def _check(shape: Shape, value: Any, path: str) -> None:
    if isinstance(value, list):
        for index, child in enumerate(value):
            _check(shape.item or ANYTHING, child, f"{path}[{index}]")
    elif isinstance(value, dict) and shape.fields:
        for name, child in value.items():
            child_path = f"{path}[{name}]" if path else name
            if name not in shape.fields:
                raise invalid(f"Received unknown parameter: {child_path}", child_path, "parameter_unknown")
            _check(shape.fields[name], child, child_path)


@cache
def _shape_of_class(params: Any) -> Shape:
    own = {name: hint for name, hint in params.__annotations__.items() if name not in RequestOptions.__annotations__}
    # The library writes its hints as texts; those of RequestOptions name things it imports for checkers only.
    holder = type("Own", (), {"__annotations__": own})
    hints = typing.get_type_hints(holder, globalns=vars(sys.modules[params.__module__]))
    return Shape({name: _shape_of(hint) for name, hint in hints.items()})


def _shape_of(hint: Any) -> Shape:
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        shapes = [_shape_of(argument) for argument in arguments]
        return next((shape for shape in shapes if shape != ANYTHING), ANYTHING)
    if origin is list:
        return Shape(item=_shape_of(arguments[0]))
    if isinstance(hint, type) and hasattr(hint, "__required_keys__"):
        return _shape_of_class(hint)
    return ANYTHING
