"""Orders of the admin API, to read. Only placed ones: a checkout in progress is not an order yet."""

from starlette.responses import JSONResponse

from origin.api.admin.lists import Listed
from origin.api.admin.merchant import Id, OrderReader
from origin.api.admin.order_shapes import shown_order
from origin.api.admin.refusals import admin_router
from origin.orders import listing

router = admin_router("orders")
ORDERS = Listed("orders", listing.FILTERS, is_descending=True, defaults={"status": "open"})


@router.get("/orders.json", openapi_extra=ORDERS.documented)
async def index(merchant: OrderReader) -> JSONResponse:
    """Newest first (oldest first with `since_id`). Only open ones unless `status` says otherwise."""
    asked = merchant.asked(ORDERS)
    async with merchant.begin() as (tx, shapes):
        found, orders = await listing.page(tx, merchant.store_id, asked.conditions, asked.window)
    return merchant.listed(ORDERS, asked, found, [shown_order(order, shapes) for order in orders])


@router.get("/orders/count.json", openapi_extra=ORDERS.counted)
async def count(merchant: OrderReader) -> dict[str, int]:
    async with merchant.begin() as (tx, _):
        return {"count": await listing.count(tx, merchant.store_id, ORDERS.conditions(merchant.request))}


@router.get("/orders/{order_id}.json")
async def show(order_id: Id, merchant: OrderReader) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        order = await listing.find(tx, merchant.store_id, order_id)
    return merchant.one("order", shown_order(order, shapes))
