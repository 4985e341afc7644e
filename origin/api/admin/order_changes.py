"""Orders of the admin API, to write: made, changed, closed, opened, cancelled, deleted."""

from typing import Annotated, Any

from fastapi import Body, Query
from starlette.responses import JSONResponse

from origin.api.admin.merchant import GONE, Id, Merchant, OrderWriter
from origin.api.admin.order_inputs import CancelInput, CancelQuery, OrderChangeInput, OrderInput
from origin.api.admin.order_shapes import shown_order
from origin.api.admin.refusals import admin_router
from origin.orders import cancelling, editing, listing, writing

router = admin_router("orders")


@router.post("/orders.json", status_code=201)
async def create(order: Annotated[OrderInput, Body(embed=True)], merchant: OrderWriter) -> JSONResponse:
    """An order that a merchant writes, placed at once."""
    async with merchant.begin() as (tx, shapes):
        order_id = await writing.write(tx, merchant.store_id, order.wanted(), shapes.currency)
    return await _shown(order_id, merchant, status=201)


@router.put("/orders/{order_id}.json")
async def update(
    order_id: Id, order: Annotated[OrderChangeInput, Body(embed=True)], merchant: OrderWriter
) -> JSONResponse:
    """Changes what is given of note, tags, email, phone, note_attributes and shipping_address."""
    async with merchant.begin() as (tx, _):
        await editing.change(tx, merchant.store_id, order_id, order.change())
    return await _shown(order_id, merchant)


@router.post("/orders/{order_id}/close.json")
async def close(order_id: Id, merchant: OrderWriter) -> JSONResponse:
    """Done with: no longer among the open ones."""
    async with merchant.begin() as (tx, _):
        await editing.close(tx, merchant.store_id, order_id)
    return await _shown(order_id, merchant)


@router.post("/orders/{order_id}/open.json")
async def reopen(order_id: Id, merchant: OrderWriter) -> JSONResponse:
    """Among the open ones again."""
    async with merchant.begin() as (tx, _):
        await editing.reopen(tx, merchant.store_id, order_id)
    return await _shown(order_id, merchant)


@router.post("/orders/{order_id}/cancel.json")
async def cancel(
    order_id: Id, query: Annotated[CancelQuery, Query()], merchant: OrderWriter, body: CancelInput | None = None
) -> JSONResponse:
    """Takes all that is left out of the order. What was authorised is voided; what was paid is given back, all of it
    unless `amount` or `refund` says otherwise. Units can be sold again if `restock` says so."""
    wanted = (body or CancelInput()).cancellation(query)
    async with merchant.begin() as (tx, _):
        payment_ids = await cancelling.cancel(tx, merchant.store_id, order_id, wanted)
    for payment_id in payment_ids:
        await merchant.origin.moves.finish(merchant.store_id, payment_id)
    return await _shown(order_id, merchant)


@router.delete("/orders/{order_id}.json")
async def delete(order_id: Id, merchant: OrderWriter) -> dict[str, Any]:
    """Only an order that no payment provider has had a part in. Its number is not given again."""
    async with merchant.begin() as (tx, _):
        await editing.delete(tx, merchant.store_id, order_id)
    return GONE


async def _shown(order_id: int, merchant: Merchant, *, status: int = 200) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        order = await listing.find(tx, merchant.store_id, order_id)
    return merchant.one("order", shown_order(order, shapes), status=status)
