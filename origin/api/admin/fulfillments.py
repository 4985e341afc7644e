"""Fulfillments of the admin API: what is to be sent, from where, and that it was sent."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Body
from pydantic import Field
from starlette.responses import JSONResponse

from origin.api.admin.fields import Flag, Identifier, Input, Short, Whole
from origin.api.admin.fulfillment_shapes import shown_fulfillment_order
from origin.api.admin.merchant import Id, Merchant, OrderReader, OrderWriter
from origin.api.admin.order_shapes import shown_order
from origin.api.admin.refusals import admin_router
from origin.api.admin.shapes import Shown
from origin.catalog import locations
from origin.errors import NotFound
from origin.orders import dispatch, fulfilling, listing
from origin.orders.fulfilling import Tracking, WantedLine, WantedPart

router = admin_router("fulfillments")
Texts = Annotated[list[Short], Field(max_length=50)]
Notify = Annotated[Flag | None, Field(description="tells the buyer by e-mail")]


def _tracking(
    company: str | None, numbers: Sequence[str | None], urls: Sequence[str | None], notify: bool | None
) -> Tracking:
    return Tracking(company, [each for each in numbers if each], [each for each in urls if each], bool(notify))


class TrackingInput(Input):
    """Where the parcel can be followed. One or several numbers and addresses."""

    company: Short | None = None
    number: Short | None = None
    numbers: Texts | None = None
    url: Short | None = None
    urls: Texts | None = None

    def tracking(self, notify: bool | None) -> Tracking:
        return _tracking(self.company, self.numbers or [self.number], self.urls or [self.url], notify)


class PartLineInput(Input):
    id: Identifier = Field(description="of the fulfillment order's line item")
    quantity: Whole | None = Field(None, ge=1)


class PartInput(Input):
    fulfillment_order_id: Identifier
    fulfillment_order_line_items: list[PartLineInput] | None = Field(None, max_length=1000)


class FulfillmentInput(Input):
    """What was sent from one location: all that is still to be sent of its fulfillment orders, or some lines."""

    line_items_by_fulfillment_order: list[PartInput] = Field(max_length=50)
    tracking_info: TrackingInput | None = None
    notify_customer: Notify = None

    def parts(self) -> list[WantedPart]:
        return [
            WantedPart(
                part.fulfillment_order_id,
                [WantedLine(line.id, line.quantity) for line in part.fulfillment_order_line_items or ()],
            )
            for part in self.line_items_by_fulfillment_order
        ]


class OrderFulfillmentInput(Input):
    """The older way: by the order's own lines; without any, all that is still to be sent."""

    location_id: Identifier | None = None
    line_items: list[PartLineInput] | None = Field(None, max_length=1000)
    tracking_company: Short | None = None
    tracking_number: Short | None = None
    tracking_numbers: Texts | None = None
    tracking_url: Short | None = None
    tracking_urls: Texts | None = None
    notify_customer: Notify = None

    def tracking(self) -> Tracking:
        return _tracking(
            self.tracking_company,
            self.tracking_numbers or [self.tracking_number],
            self.tracking_urls or [self.tracking_url],
            self.notify_customer,
        )


class TrackedInput(Input):
    tracking_info: TrackingInput
    notify_customer: Notify = None


@router.get("/orders/{order_id}/fulfillment_orders.json")
async def of_order(order_id: Id, merchant: OrderReader) -> JSONResponse:
    """One for each location that the order's lines were sold from."""
    return JSONResponse({"fulfillment_orders": await _orders(order_id, merchant)})


@router.get("/fulfillment_orders/{fulfillment_order_id}.json")
async def show_order(fulfillment_order_id: Id, merchant: OrderReader) -> JSONResponse:
    async with merchant.begin() as (tx, _):
        order_id = await dispatch.order_id_of(tx, merchant.store_id, fulfillment_order_id)
    return merchant.one("fulfillment_order", _with_id(await _orders(order_id, merchant), fulfillment_order_id))


@router.get("/fulfillment_orders/{fulfillment_order_id}/fulfillments.json")
async def of_fulfillment_order(fulfillment_order_id: Id, merchant: OrderReader) -> JSONResponse:
    """What was sent of it."""
    async with merchant.begin() as (tx, shapes):
        order_id = await dispatch.order_id_of(tx, merchant.store_id, fulfillment_order_id)
        order = await listing.find(tx, merchant.store_id, order_id)
    sent = {
        fulfillment.row["id"]
        for fulfillment in order.fulfillments
        if any(line["fulfillment_order_id"] == fulfillment_order_id for line in fulfillment.lines)
    }
    shown = shown_order(order, shapes)["fulfillments"]
    return JSONResponse({"fulfillments": [each for each in shown if each["id"] in sent]})


@router.get("/orders/{order_id}/fulfillments.json")
async def index(order_id: Id, merchant: OrderReader) -> JSONResponse:
    """Oldest first."""
    return JSONResponse({"fulfillments": await _fulfillments(order_id, merchant)})


@router.get("/orders/{order_id}/fulfillments/count.json")
async def count(order_id: Id, merchant: OrderReader) -> dict[str, int]:
    return {"count": len(await _fulfillments(order_id, merchant))}


@router.get("/orders/{order_id}/fulfillments/{fulfillment_id}.json")
async def show(order_id: Id, fulfillment_id: Id, merchant: OrderReader) -> JSONResponse:
    return merchant.one("fulfillment", _with_id(await _fulfillments(order_id, merchant), fulfillment_id))


@router.post("/fulfillments.json", status_code=201)
async def create(fulfillment: Annotated[FulfillmentInput, Body(embed=True)], merchant: OrderWriter) -> JSONResponse:
    """Something was sent. Never more of a line than is still to be sent, whoever presses at the same time."""
    tracking = (fulfillment.tracking_info or TrackingInput()).tracking(fulfillment.notify_customer)
    async with merchant.begin() as (tx, _):
        made = await fulfilling.fulfill(tx, merchant.store_id, fulfillment.parts(), tracking)
    return await _shown(made.order_id, made.id, merchant, status=201)


@router.post("/orders/{order_id}/fulfillments.json", status_code=201)
async def create_of_order(
    order_id: Id, fulfillment: Annotated[OrderFulfillmentInput, Body(embed=True)], merchant: OrderWriter
) -> JSONResponse:
    """The same by the order's own lines."""
    lines = [WantedLine(line.id, line.quantity) for line in fulfillment.line_items or ()]
    async with merchant.begin() as (tx, _):
        made = await fulfilling.fulfill_lines(
            tx, merchant.store_id, order_id, lines, fulfillment.location_id, fulfillment.tracking()
        )
    return await _shown(made.order_id, made.id, merchant, status=201)


@router.post("/fulfillments/{fulfillment_id}/update_tracking.json")
async def update_tracking(
    fulfillment_id: Id, fulfillment: Annotated[TrackedInput, Body(embed=True)], merchant: OrderWriter
) -> JSONResponse:
    """Where the parcel can be followed now; what is left out is no longer known."""
    tracking = fulfillment.tracking_info.tracking(fulfillment.notify_customer)
    async with merchant.begin() as (tx, _):
        made = await fulfilling.track(tx, merchant.store_id, fulfillment_id, tracking)
    return await _shown(made.order_id, made.id, merchant)


@router.post("/fulfillments/{fulfillment_id}/cancel.json")
async def cancel(fulfillment_id: Id, merchant: OrderWriter) -> JSONResponse:
    """It was not sent after all: what was in it is to be sent again. Stock does not change."""
    async with merchant.begin() as (tx, _):
        made = await fulfilling.cancel(tx, merchant.store_id, fulfillment_id)
    return await _shown(made.order_id, made.id, merchant)


@router.post("/orders/{order_id}/fulfillments/{fulfillment_id}/cancel.json")
async def cancel_of_order(order_id: Id, fulfillment_id: Id, merchant: OrderWriter) -> JSONResponse:
    """The same at its older address."""
    async with merchant.begin() as (tx, _):
        made = await fulfilling.cancel(tx, merchant.store_id, fulfillment_id, order_id)
    return await _shown(made.order_id, made.id, merchant)


async def _orders(order_id: int, merchant: Merchant) -> list[Shown]:
    async with merchant.begin() as (tx, shapes):
        order = await listing.find(tx, merchant.store_id, order_id)
        wanted = await dispatch.fulfillment_orders(tx, merchant.store_id, order_id)
        places = {each.location_id: await locations.find(tx, merchant.store_id, each.location_id) for each in wanted}
    return [shown_fulfillment_order(each, order, places[each.location_id], shapes) for each in wanted]


async def _fulfillments(order_id: int, merchant: Merchant) -> list[Shown]:
    async with merchant.begin() as (tx, shapes):
        order = await listing.find(tx, merchant.store_id, order_id)
    shown: list[Shown] = shown_order(order, shapes)["fulfillments"]
    return shown


async def _shown(order_id: int, fulfillment_id: int, merchant: Merchant, *, status: int = 200) -> JSONResponse:
    found = _with_id(await _fulfillments(order_id, merchant), fulfillment_id)
    return merchant.one("fulfillment", found, status=status)


def _with_id(found: list[Shown], identifier: int) -> Shown:
    """Raises NotFound."""
    for each in found:
        if each["id"] == identifier:
            return each
    raise NotFound("fulfillment")
