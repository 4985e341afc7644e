"""The routes of a shop's host: who asks is known by what the edge says, what they work with are the collaborators.

Plain ones: what a framework does for a request with declared parameters costs as much as filling a cart.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.tenant import StoreId
from origin.api.dependencies import storefront_store
from origin.cart.shopping import Shopping
from origin.carts import Carts
from origin.collaborators import Collaborators

ShopAnswer = Callable[[Request, StoreId, Collaborators], Awaitable[Response]]
CartAnswer = Callable[[Request, StoreId, Shopping, Collaborators], Awaitable[Response]]


def cart_desk(origin: Collaborators) -> Shopping:
    return Shopping(origin.db, Carts(origin.state))


def shop_routes(method: str, answer: ShopAnswer, *paths: str) -> list[Route]:
    async def endpoint(request: Request) -> Response:
        origin: Collaborators = request.app.state.collaborators
        return await answer(request, await storefront_store(request, origin), origin)

    return [Route(path, endpoint, methods=[method], include_in_schema=False) for path in paths]


def cart_routes(method: str, answer: CartAnswer, *paths: str) -> list[Route]:
    async def at_desk(request: Request, store_id: StoreId, origin: Collaborators) -> Response:
        return await answer(request, store_id, cart_desk(origin), origin)

    return shop_routes(method, at_desk, *paths)
