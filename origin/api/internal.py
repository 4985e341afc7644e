"""What edges ask for: whose host it is, and the data to make a page from (docs/snapshots.md)."""

from typing import Annotated

import msgpack
from fastapi import APIRouter, Depends, Header, Query
from starlette.responses import Response

from contracts import keys
from contracts.page import BadTarget, NoPage, Page, parse_target
from contracts.snapshot import Snapshot, snapshot_etag
from contracts.tenant import StoreId
from origin.api.dependencies import Db, Origin, is_edge
from origin.errors import NotFound
from origin.snapshots import build, files
from origin.tenants import tenant_of_host

router = APIRouter(prefix="/internal", include_in_schema=False, dependencies=[Depends(is_edge)])

MSGPACK = "application/msgpack"


@router.get("/hosts/{host}")
async def host_record(host: str, db: Db) -> Response:
    tenant = await tenant_of_host(db, host)
    if tenant is None:
        return Response(status_code=404, headers={"Stoa-Tags": keys.host_tag(host)})
    tags = f"{keys.host_tag(host)} {keys.shop_tag(tenant.store_id)}"
    return Response(msgpack.packb({"tenant": tenant.encode()}), media_type=MSGPACK, headers={"Stoa-Tags": tags})


@router.get("/stores/{store_id}/snapshot")
async def snapshot(
    store_id: int,
    target: Annotated[str, Query()],
    db: Db,
    origin: Origin,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    try:
        page = parse_target(target)
    except (BadTarget, NoPage) as error:
        raise NotFound(target) from error
    if not isinstance(page, Page):
        raise NotFound(target)
    made = await build.page_snapshot(db, StoreId(store_id), page, origin.settings)
    return _answer(made, if_none_match)


@router.get("/stores/{store_id}/missing")
async def missing(
    store_id: int,
    path: Annotated[str, Query()],
    db: Db,
    origin: Origin,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    return _answer(await build.missing_snapshot(db, StoreId(store_id), path, origin.settings), if_none_match)


@router.get("/stores/{store_id}/files/{asset_id}")
async def file(store_id: int, asset_id: int, db: Db) -> Response:
    found = await files.read(db, StoreId(store_id), asset_id)
    return Response(found.body, media_type=found.content_type, headers={"ETag": f'"{found.sha256}"'})


def _answer(made: Snapshot, if_none_match: str | None) -> Response:
    encoded = made.encode()
    etag = snapshot_etag(encoded)
    if if_none_match == etag:
        return Response(status_code=304, headers={"ETag": etag})
    return Response(encoded, media_type=MSGPACK, headers={"ETag": etag})
