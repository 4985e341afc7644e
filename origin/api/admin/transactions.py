"""Transactions of the admin API: what was paid for an order, tried and given back; and capture, void, refund."""

from typing import Annotated

from fastapi import Body
from pydantic import Field
from starlette.responses import JSONResponse

from origin.api.admin.fields import Amount, Identifier, Input, Short
from origin.api.admin.merchant import Id, Merchant, OrderReader, OrderWriter
from origin.api.admin.refusals import admin_router
from origin.api.admin.shapes import Shown
from origin.api.admin.transaction_shapes import shown_transaction
from origin.errors import NotFound
from origin.orders import listing, transacting
from origin.orders.transacting import WantedMove

router = admin_router("transactions")


class TransactionInput(Input):
    """`capture` takes what was authorised, `void` releases it, `refund` gives back; `sale` was paid by other means."""

    kind: Short = Field(description="capture, void, refund or sale")
    amount: Amount | None = Field(None, description="unless said, all there is")
    parent_id: Identifier | None = Field(None, description="the transaction that is captured, voided or refunded")
    currency: Short | None = Field(None, description="of the amount: the order's")


@router.get("/orders/{order_id}/transactions.json")
async def transactions(order_id: Id, merchant: OrderReader) -> JSONResponse:
    """What was paid, tried and given back, oldest first."""
    async with merchant.begin() as (tx, shapes):
        rows = await listing.transactions(tx, merchant.store_id, order_id)
    return JSONResponse({"transactions": [shown_transaction(row, shapes) for row in rows]})


@router.get("/orders/{order_id}/transactions/count.json")
async def count_transactions(order_id: Id, merchant: OrderReader) -> dict[str, int]:
    async with merchant.begin() as (tx, _):
        return {"count": len(await listing.transactions(tx, merchant.store_id, order_id))}


@router.get("/orders/{order_id}/transactions/{transaction_id}.json")
async def show_transaction(order_id: Id, transaction_id: Id, merchant: OrderReader) -> JSONResponse:
    return merchant.one("transaction", await _transaction(order_id, transaction_id, merchant))


@router.post("/orders/{order_id}/transactions.json", status_code=201)
async def create_transaction(
    order_id: Id, transaction: Annotated[TransactionInput, Body(embed=True)], merchant: OrderWriter
) -> JSONResponse:
    """Is `pending` while the payment provider has not answered, and `failure` when it said no."""
    wanted = WantedMove(transaction.kind, transaction.amount, transaction.parent_id, transaction.currency)
    async with merchant.begin() as (tx, _):
        payment_id = await transacting.begin(tx, merchant.store_id, order_id, wanted)
    await merchant.origin.moves.finish(merchant.store_id, payment_id)
    return merchant.one("transaction", await _transaction(order_id, payment_id, merchant), status=201)


async def _transaction(order_id: int, transaction_id: int, merchant: Merchant) -> Shown:
    async with merchant.begin() as (tx, shapes):
        rows = await listing.transactions(tx, merchant.store_id, order_id)
    for row in rows:
        if row["id"] == transaction_id:
            return shown_transaction(row, shapes)
    raise NotFound("transaction")
