"""What edges ask for: whose host it is, and the data to make a page from (docs/snapshots.md).

Plain routes: edges ask here for every page that is in no cache, and what a framework does for a request with declared
parameters costs as much as making the answer.
"""

import hmac
import time
from collections.abc import Awaitable, Callable

import msgpack
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts import keys
from contracts.page import BadTarget, NoPage, Page, parse_target
from contracts.snapshot import Part, Snapshot, snapshot_etag
from contracts.tenant import StoreId, StoreStatus, Tenant
from origin.api.dependencies import EDGE_SECRET_HEADER
from origin.api.errors import HiddenRoute
from origin.api.storefront.desk import cart_desk
from origin.collaborators import Collaborators
from origin.errors import NotFound
from origin.snapshots import build, files
from origin.snapshots.shop import shop_part
from origin.tenants import Owner, owner_of_host, tenant_of

MSGPACK = "application/msgpack"

Answer = Callable[[Request, Collaborators], Awaitable[Response]]


def _for_edges(path: str, answer: Answer) -> Route:
    """Only an edge knows the secret; to everybody else the internal routes do not exist."""

    async def endpoint(request: Request) -> Response:
        began = time.perf_counter()
        origin: Collaborators = request.app.state.collaborators
        presented = request.headers.get(EDGE_SECRET_HEADER, "")
        if not hmac.compare_digest(presented.encode(), origin.settings.edge_secret.encode()):
            raise HiddenRoute
        response = await answer(request, origin)
        response.headers["Server-Timing"] = f"origin;dur={(time.perf_counter() - began) * 1000:.3f}"
        return response

    return Route(f"/internal{path}", endpoint, methods=["GET"], include_in_schema=False)


async def host_record(request: Request, origin: Collaborators) -> Response:
    """With `target`, the page's snapshot comes along: an edge that meets a shop for the first time asks once."""
    host = request.path_params["host"]
    owner = await owner_of_host(origin.db, host)
    found = None if owner is None else await _tenant_and_snapshot(origin, owner, request.query_params.get("target"))
    if found is None:
        return Response(status_code=404, headers={"Stoa-Tags": keys.host_tag(host)})
    tenant, made = found
    tags = f"{keys.host_tag(host)} {keys.shop_tag(tenant.store_id)}"
    record: dict[str, object] = {"tenant": tenant.encode()}
    if made is not None:
        encoded = made.encode()
        record |= {"snapshot": encoded, "etag": snapshot_etag(encoded)}
    return Response(msgpack.packb(record), media_type=MSGPACK, headers={"Stoa-Tags": tags})


async def _tenant_and_snapshot(
    origin: Collaborators, owner: Owner, target: str | None
) -> tuple[Tenant, Snapshot | None] | None:
    page = _page(target) if target and owner.status is StoreStatus.ACTIVE else None
    if page is None:
        tenant = await tenant_of(origin.db, owner)
        return (tenant, None) if tenant else None
    try:
        made, row = await build.page_document(origin.db, owner.store_id, page, origin.settings)
    except NotFound:
        return None
    return owner.tenant(row), made


async def snapshot(request: Request, origin: Collaborators) -> Response:
    target = request.query_params.get("target", "")
    page = _page(target)
    if page is None:
        raise NotFound(target)
    return _answer(request, await build.page_snapshot(origin.db, _store(request), page, origin.settings))


async def missing(request: Request, origin: Collaborators) -> Response:
    path = request.query_params.get("path", "/")
    return _answer(request, await build.missing_snapshot(origin.db, _store(request), path, origin.settings))


async def file(request: Request, origin: Collaborators) -> Response:
    found = await files.read(origin.db, _store(request), request.path_params["asset_id"])
    return Response(found.body, media_type=found.content_type, headers={"ETag": f'"{found.sha256}"'})


async def cart(request: Request, origin: Collaborators) -> Response:
    """One shopper's; an unknown token is an empty cart."""
    store_id, desk = _store(request), await cart_desk(origin)
    priced = await desk.show(store_id, request.query_params.get("token", ""))
    async with origin.db.tenant(store_id) as tx:
        shop = await shop_part(tx, store_id, origin.settings)
    await desk.forget_notice(store_id, priced.cart)
    made = Snapshot(parts={"shop": shop.part, "cart": Part(priced.data())})
    return Response(made.encode(), media_type=MSGPACK)


def _store(request: Request) -> StoreId:
    return StoreId(request.path_params["store_id"])


def _page(target: str) -> Page | None:
    try:
        page = parse_target(target)
    except (BadTarget, NoPage):
        return None
    return page if isinstance(page, Page) else None


def _answer(request: Request, made: Snapshot) -> Response:
    encoded = made.encode()
    etag = snapshot_etag(encoded)
    if request.headers.get("If-None-Match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    return Response(encoded, media_type=MSGPACK, headers={"ETag": etag})


ROUTES = (
    _for_edges("/hosts/{host}", host_record),
    _for_edges("/stores/{store_id:int}/snapshot", snapshot),
    _for_edges("/stores/{store_id:int}/missing", missing),
    _for_edges("/stores/{store_id:int}/cart", cart),
    _for_edges("/stores/{store_id:int}/files/{asset_id:int}", file),
)
