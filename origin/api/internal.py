"""What edges ask for: whose host it is, and the data to make a page from (docs/snapshots.md).

These routes stand in front of the framework. Edges ask here for every page that is in no cache, and what the framework
does for each request and each layer that an answer passes through would be a third of what the answer costs.
"""

import hmac
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgpack
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from contracts import keys
from contracts.page import BadTarget, NoPage, Page, parse_target
from contracts.snapshot import Part, Snapshot, snapshot_etag
from contracts.tenant import StoreId, StoreStatus
from origin.api.dependencies import EDGE_SECRET_HEADER
from origin.api.errors import HiddenRoute, hidden_route, origin_error
from origin.api.storefront.shop_routes import cart_desk
from origin.collaborators import Collaborators
from origin.errors import NotFound, OriginError
from origin.snapshots import build, files
from origin.snapshots.build import Document
from origin.snapshots.shop import shop_part
from origin.tenants import Owner, owner_of_host, tenant_of

Headers = list[tuple[bytes, bytes]]

_MSGPACK = (b"content-type", b"application/msgpack")
_SECRET = EDGE_SECRET_HEADER.lower().encode()


@dataclass(frozen=True, slots=True)
class Asked:
    """`about`: the host or store's number in the path, and what follows it."""

    origin: Collaborators
    about: tuple[str, ...]
    query: dict[str, str]
    if_none_match: bytes

    @property
    def store_id(self) -> StoreId:
        return StoreId(int(self.about[0]))


@dataclass(frozen=True, slots=True)
class Answer:
    """`read_seconds`: of the time it took, waiting for PostgreSQL."""

    status: int
    headers: Headers
    body: bytes = b""
    read_seconds: float = 0.0


Route = Callable[[Asked], Awaitable[Answer]]


class InternalRoutes:
    """Answers edges, who know the secret; to everybody else these routes do not exist."""

    def __init__(self, origin: Collaborators) -> None:
        self._origin = origin
        self._edge_secret = origin.settings.edge_secret.encode()

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """False: this is not one of these routes, and nothing was sent."""
        found = _route(scope)
        if found is None:
            return False
        try:
            began = time.perf_counter()
            given = await self._given(scope, *found)
            await _send(send, given, time.perf_counter() - began)
        except OriginError as error:
            await (await origin_error(Request(scope), error))(scope, receive, send)
        except HiddenRoute as error:
            await (await hidden_route(Request(scope), error))(scope, receive, send)
        return True

    async def _given(self, scope: Scope, route: Route, about: tuple[str, ...]) -> Answer:
        headers = dict(scope["headers"])
        if not hmac.compare_digest(headers.get(_SECRET, b""), self._edge_secret):
            raise HiddenRoute
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        return await route(Asked(self._origin, about, query, headers.get(b"if-none-match", b"")))


async def host_record(asked: Asked) -> Answer:
    """With `target`, the page's snapshot comes along: an edge that meets a shop for the first time asks once."""
    origin, host = asked.origin, asked.about[0]
    owner = await owner_of_host(origin.db, host)
    nobodys = Answer(404, [(b"stoa-tags", keys.host_tag(host).encode())])
    if owner is None:
        return nobodys
    page = _page(asked.query.get("target", "")) if owner.status is StoreStatus.ACTIVE else None
    if page is None:
        tenant = await tenant_of(origin.db, owner)
        return nobodys if tenant is None else _record(host, owner, {"tenant": tenant.encode()})
    try:
        made = await build.page_document(origin.db, owner.store_id, page, origin.settings)
    except NotFound:
        return nobodys
    encoded = made.snapshot.encode()
    record = {"tenant": owner.tenant(made.row).encode(), "snapshot": encoded, "etag": snapshot_etag(encoded)}
    return _record(host, owner, record, made.read_seconds)


def _record(host: str, owner: Owner, record: dict[str, Any], read_seconds: float = 0.0) -> Answer:
    tags = f"{keys.host_tag(host)} {keys.shop_tag(owner.store_id)}".encode()
    return Answer(200, [_MSGPACK, (b"stoa-tags", tags)], msgpack.packb(record), read_seconds)


async def snapshot(asked: Asked) -> Answer:
    page = _page(asked.query.get("target", ""))
    if page is None:
        raise NotFound("page")
    return _answer(asked, await build.page_document(asked.origin.db, asked.store_id, page, asked.origin.settings))


async def missing(asked: Asked) -> Answer:
    path, origin = asked.query.get("path", "/"), asked.origin
    return _answer(asked, await build.missing_document(origin.db, asked.store_id, path, origin.settings))


async def file(asked: Asked) -> Answer:
    found = await files.read(asked.origin.db, asked.store_id, int(asked.about[1]))
    headers = [(b"content-type", found.content_type.encode()), (b"etag", f'"{found.sha256}"'.encode())]
    return Answer(200, headers, found.body)


async def cart(asked: Asked) -> Answer:
    """One shopper's; an unknown token is an empty cart."""
    origin, store_id, desk = asked.origin, asked.store_id, cart_desk(asked.origin)
    priced = await desk.show(store_id, asked.query.get("token", ""))
    async with origin.db.tenant(store_id) as tx:
        shop = await shop_part(tx, store_id, origin.settings)
    await desk.forget_notice(store_id, priced.cart)
    made = Snapshot(parts={"shop": shop.part, "cart": Part(priced.data())})
    return Answer(200, [_MSGPACK], made.encode())


def _page(target: str) -> Page | None:
    try:
        page = parse_target(target)
    except (BadTarget, NoPage):
        return None
    return page if isinstance(page, Page) else None


def _answer(asked: Asked, made: Document) -> Answer:
    encoded = made.snapshot.encode()
    etag = snapshot_etag(encoded).encode()
    if asked.if_none_match == etag:
        return Answer(304, [(b"etag", etag)], read_seconds=made.read_seconds)
    return Answer(200, [_MSGPACK, (b"etag", etag)], encoded, made.read_seconds)


async def _send(send: Send, answer: Answer, seconds: float) -> None:
    timing = b"db;dur=%.3f, origin;dur=%.3f" % (answer.read_seconds * 1000, seconds * 1000)
    headers = [*answer.headers, (b"server-timing", timing)]
    if answer.status != 304:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


_ROUTES: tuple[tuple[re.Pattern[str], Route], ...] = (
    (re.compile(r"/internal/stores/([0-9]{1,16})/snapshot"), snapshot),
    (re.compile(r"/internal/hosts/([^/]+)"), host_record),
    (re.compile(r"/internal/stores/([0-9]{1,16})/missing"), missing),
    (re.compile(r"/internal/stores/([0-9]{1,16})/cart"), cart),
    (re.compile(r"/internal/stores/([0-9]{1,16})/files/([0-9]{1,16})"), file),
)


def _route(scope: Scope) -> tuple[Route, tuple[str, ...]] | None:
    if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith("/internal/"):
        return None
    for pattern, answer in _ROUTES:
        found = pattern.fullmatch(scope["path"])
        if found:
            return answer, found.groups()
    return None
