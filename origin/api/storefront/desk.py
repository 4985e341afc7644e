"""Who serves a shopper: the cart and the checkout, put together from the origin's collaborators."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.tenant import StoreId
from origin.api.dependencies import Origin, storefront_store
from origin.cart.shopping import Shopping
from origin.carts import Carts
from origin.checkout.flow import Checkouts
from origin.collaborators import Collaborators


async def cart_desk(origin: Origin) -> Shopping:
    return Shopping(origin.db, Carts(origin.state))


async def checkout_desk(origin: Origin) -> Checkouts:
    return origin.checkouts


CartDesk = Annotated[Shopping, Depends(cart_desk)]
CheckoutDesk = Annotated[Checkouts, Depends(checkout_desk)]

CartAnswer = Callable[[Request, StoreId, Shopping, Collaborators], Awaitable[Response]]


def cart_routes(method: str, answer: CartAnswer, *paths: str) -> list[Route]:
    """Plain ones: what a framework does for a request with declared parameters costs as much as filling a cart."""

    async def endpoint(request: Request) -> Response:
        origin: Collaborators = request.app.state.collaborators
        store_id = await storefront_store(request, origin)
        return await answer(request, store_id, await cart_desk(origin), origin)

    return [Route(path, endpoint, methods=[method], include_in_schema=False) for path in paths]
