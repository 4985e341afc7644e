"""Refunds of the admin API: what one would come to, and making it."""

import hashlib
from typing import Annotated

from fastapi import Body, Header
from pydantic import AfterValidator, Field
from starlette.responses import JSONResponse

from origin.api.admin.fields import Amount, Flag, Identifier, Input, Short, Text, Whole
from origin.api.admin.merchant import Id, Merchant, OrderReader, OrderWriter
from origin.api.admin.order_shapes import shown_order
from origin.api.admin.refund_shapes import shown_plan
from origin.api.admin.refusals import admin_router
from origin.api.admin.shapes import Shown
from origin.errors import NotFound
from origin.orders import ledger, listing, refunds
from origin.orders.refunds import Asked, WantedLine, WantedPayment, WantedRefund

router = admin_router("refunds")
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", max_length=255, description="asked again under it, nothing happens twice"),
]


def _refund_kind(kind: str) -> str:
    """Clients send back what `calculate` has suggested."""
    if kind not in ("refund", "suggested_refund"):
        raise ValueError("must be refund")
    return kind


class RefundLineInput(Input):
    line_item_id: Identifier
    quantity: Whole = Field(ge=1)
    restock_type: Short | None = Field(None, description="no_restock; cancel (not sent) or return (sent): sold again")
    location_id: Identifier | None = Field(None, description="where to; unless said, where it was sold from")


class ShippingInput(Input):
    full_refund: Flag | None = None
    amount: Amount | None = None


class RefundPaymentInput(Input):
    """Money to give back: of one payment (`parent_id`), or of the oldest that has some left."""

    kind: Annotated[Short, AfterValidator(_refund_kind)] | None = Field(None, description="refund")
    parent_id: Identifier | None = None
    amount: Amount | None = Field(None, description="unless said, what the lines and the shipping had cost")


class RefundInput(Input):
    """Lines and shipping are taken out of the order; money moves only for what `transactions` names."""

    refund_line_items: list[RefundLineInput] | None = Field(None, max_length=1000)
    shipping: ShippingInput | None = None
    transactions: list[RefundPaymentInput] | None = Field(None, max_length=100)
    note: Annotated[Text, Field(max_length=5000)] | None = None
    restock: Flag | None = Field(None, description="for lines without a restock_type: cancel or, when sent, return")
    currency: Short | None = Field(None, description="of the amounts: the order's")
    notify: Flag | None = Field(None, description="tells the buyer by e-mail")

    def wanted(self) -> WantedRefund:
        shipping = self.shipping or ShippingInput()
        return WantedRefund(
            lines=[
                WantedLine(line.line_item_id, line.quantity, line.restock_type, line.location_id)
                for line in self.refund_line_items or ()
            ],
            shipping=shipping.amount,
            is_shipping_full=bool(shipping.full_refund),
            payments=[WantedPayment(each.parent_id, each.amount) for each in self.transactions or ()],
            note=self.note,
            is_restocking=self.restock,
            currency=self.currency,
            tells_buyer=bool(self.notify),
        )


@router.get("/orders/{order_id}/refunds.json")
async def index(order_id: Id, merchant: OrderReader) -> JSONResponse:
    """Oldest first."""
    return JSONResponse({"refunds": await _refunds(order_id, merchant)})


@router.get("/orders/{order_id}/refunds/{refund_id}.json")
async def show(order_id: Id, refund_id: Id, merchant: OrderReader) -> JSONResponse:
    return merchant.one("refund", await _refund(order_id, refund_id, merchant))


@router.post("/orders/{order_id}/refunds/calculate.json")
async def calculate(
    order_id: Id, refund: Annotated[RefundInput, Body(embed=True)], merchant: OrderReader
) -> JSONResponse:
    """What lines and shipping come to, and from which payments they would be given back. Changes nothing."""
    async with merchant.begin() as (tx, _):
        order = await ledger.lock(tx, merchant.store_id, order_id)
        plan = await refunds.plan(tx, merchant.store_id, order, refund.wanted())
    return merchant.one("refund", shown_plan(order, plan))


@router.post("/orders/{order_id}/refunds.json", status_code=201)
async def create(
    order_id: Id, refund: Annotated[RefundInput, Body(embed=True)], merchant: OrderWriter, key: Key = None
) -> JSONResponse:
    """Takes lines and shipping out of the order, restocks, and gives money back; never more than there is.

    Sent again, it is another refund, as clients of such an API know it, unless both come with one `Idempotency-Key`.

    A transaction is `pending` while the payment provider has not answered, and `failure` when it said no: then the
    money can be refunded again, the lines cannot.
    """
    asked = Asked(key, hashlib.sha256(refund.model_dump_json().encode()).digest()) if key else None
    async with merchant.begin() as (tx, _):
        made = await refunds.make(tx, merchant.store_id, order_id, refund.wanted(), asked)
    for payment_id in made.payment_ids:
        await merchant.origin.moves.finish(merchant.store_id, payment_id)
    return merchant.one("refund", await _refund(order_id, made.id, merchant), status=201)


async def _refund(order_id: int, refund_id: int, merchant: Merchant) -> Shown:
    for refund in await _refunds(order_id, merchant):
        if refund["id"] == refund_id:
            return refund
    raise NotFound("refund")


async def _refunds(order_id: int, merchant: Merchant) -> list[Shown]:
    async with merchant.begin() as (tx, shapes):
        order = await listing.find(tx, merchant.store_id, order_id)
    shown: list[Shown] = shown_order(order, shapes)["refunds"]
    return shown
