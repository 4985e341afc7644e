"""The page of a placed order, at an address that only its buyer knows."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from contracts.tenant import StoreId
from origin.api.storefront.pages import PRIVATE, problem_page, shop_page
from origin.api.storefront.shop_routes import shop_routes
from origin.collaborators import Collaborators
from origin.errors import NotFound
from origin.orders.receipts import receipt_of_token
from origin.snapshots.shop import shop_part


async def order_status(request: Request, store_id: StoreId, origin: Collaborators) -> Response:
    wants_json = "application/json" in request.headers.get("Accept", "")
    try:
        async with origin.db.tenant(store_id) as tx:
            shop = await shop_part(tx, store_id, origin.settings)
            receipt = await receipt_of_token(tx, store_id, request.path_params["token"])
    except NotFound:
        if wants_json:
            raise
        return problem_page(404, "There is no order at this address. Please check the link in your e-mail.", PRIVATE)
    if wants_json:
        return JSONResponse({"order": receipt.data(shop.url)}, headers=PRIVATE)
    return shop_page("order.html", shop.part, {"order": receipt})


ROUTES = shop_routes("GET", order_status, "/orders/{token}")
