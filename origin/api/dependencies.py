"""How a route asks for what it needs: the collaborators, the caller's grant, the shop an edge speaks for.

All are coroutines, those too that await nothing: FastAPI would run plain functions in threads, one hop each.
"""

import base64
import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from contracts.tenant import StoreId, StoreStatus
from origin.api.errors import AdminError, HiddenRoute
from origin.auth import Grant, find_grant
from origin.collaborators import Collaborators
from origin.db import Database

EDGE_SECRET_HEADER = "Stoa-Edge-Secret"  # noqa: S105 - the header's name
STORE_ID_HEADER = "Stoa-Store-Id"


async def collaborators(request: Request) -> Collaborators:
    found: Collaborators = request.app.state.collaborators
    return found


Origin = Annotated[Collaborators, Depends(collaborators)]


async def database(origin: Origin) -> Database:
    return origin.db


Db = Annotated[Database, Depends(database)]


def _presented_token(request: Request) -> str | None:
    """Our own header, the ecosystem's, a bearer token, or the password of HTTP Basic; in this order."""
    for name in ("X-Stoa-Access-Token", "X-Shopify-Access-Token"):
        if request.headers.get(name):
            return str(request.headers[name])
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except ValueError:  # not base64, or not text
            return None
    return None


async def _grant(request: Request, db: Db) -> Grant:
    token = _presented_token(request)
    grant = await find_grant(db, token) if token else None
    if grant is None:
        raise AdminError(401, "[API] Invalid API key or access token (unrecognized login or wrong password)")
    if grant.status == StoreStatus.SUSPENDED:
        raise AdminError(402, "This shop is suspended")
    if grant.status == StoreStatus.CLOSED:
        raise AdminError(423, "This shop is unavailable")
    return grant


AnyGrant = Annotated[Grant, Depends(_grant)]


def granted(scope: str) -> Callable[[AnyGrant], Awaitable[StoreId]]:
    """A dependency that gives the caller's store if its token has `scope`; 401, 403 otherwise."""

    async def check(grant: AnyGrant) -> StoreId:
        if not grant.allows(scope):
            raise AdminError(403, f"[API] This action requires merchant approval for {scope} scope.")
        return grant.store_id

    return check


async def is_edge(request: Request, origin: Origin) -> None:
    """Only an edge knows the secret; to everybody else the internal routes do not exist."""
    presented = request.headers.get(EDGE_SECRET_HEADER, "")
    if not hmac.compare_digest(presented.encode(), origin.settings.edge_secret.encode()):
        raise HiddenRoute


async def storefront_store(request: Request, origin: Origin) -> StoreId:
    """The shop on whose host the shopper is: said by the edge that looked the host up, never by the client."""
    await is_edge(request, origin)
    raw = request.headers.get(STORE_ID_HEADER, "")
    if not (raw.isascii() and raw.isdigit()):
        raise HiddenRoute
    return StoreId(int(raw))
