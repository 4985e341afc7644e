"""The page of a placed order, at an address that only its buyer knows."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from origin.api.dependencies import Db, Origin, StorefrontStore
from origin.api.storefront.pages import PRIVATE, problem_page, shop_page
from origin.errors import NotFound
from origin.orders.receipts import receipt_of_token
from origin.snapshots.shop import shop_part

router = APIRouter(include_in_schema=False)


@router.get("/orders/{token}")
async def order_status(request: Request, token: str, store_id: StorefrontStore, db: Db, origin: Origin) -> Response:
    wants_json = "application/json" in request.headers.get("Accept", "")
    try:
        async with db.tenant(store_id) as tx:
            shop = await shop_part(tx, store_id, origin.settings)
            receipt = await receipt_of_token(tx, store_id, token)
    except NotFound:
        if wants_json:
            raise
        return problem_page(404, "There is no order at this address. Please check the link in your e-mail.", PRIVATE)
    if wants_json:
        return JSONResponse({"order": receipt.data(shop.url)}, headers=PRIVATE)
    return shop_page("order.html", shop.part, {"order": receipt})
