"""The origin's internal routes (docs/snapshots.md) as the edge calls them: tenants, snapshots, carts, uploaded files.

Every way in which the origin can fail to answer becomes OriginUnavailable here, and nowhere else.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import msgpack

from contracts.keys import host_tag, shop_tag
from contracts.page import Page
from contracts.snapshot import MAX_SNAPSHOT_BYTES, Snapshot, SnapshotError
from contracts.tenant import StoreId, Tenant
from edge_renderer.errors import OriginUnavailable
from edge_renderer.settings import EdgeSettings

_MAX_TENANT_BYTES = 16 * 1024
_TAG_SEPARATOR = re.compile(r"[,\s]+")


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """Whose host it is, or that it is nobody's; with the tags of that knowledge."""

    tenant: Tenant | None
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class FetchedSnapshot:
    snapshot: Snapshot
    etag: str


@dataclass(frozen=True, slots=True)
class FetchedFile:
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: httpx.Headers
    body: bytes


def origin_client(settings: EdgeSettings) -> httpx.AsyncClient:
    """Kept-alive connections to the origin; proxies and credentials of the environment are none of its business."""
    connections = settings.edge_origin_connections
    limits = httpx.Limits(
        max_connections=connections,
        max_keepalive_connections=connections,
        keepalive_expiry=settings.edge_origin_keepalive_seconds,
    )
    seconds = settings.edge_read_seconds
    timeout = httpx.Timeout(seconds, connect=settings.edge_connect_seconds)
    return httpx.AsyncClient(
        base_url=settings.origin_url,
        limits=limits,
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        verify=settings.origin_url.startswith("https:"),  # to a plain origin, no certificates need to be read
    )


class OriginClient:
    def __init__(self, client: httpx.AsyncClient, settings: EdgeSettings) -> None:
        self._client = client
        self._headers = {"Stoa-Edge-Secret": settings.edge_secret, "Accept": "*/*"}
        self._seconds = settings.edge_read_seconds
        self._file_bytes = settings.edge_file_body_bytes

    async def host(self, host: str) -> HostAnswer:
        answer = await self._get(f"/internal/hosts/{quote(host, safe='')}", _MAX_TENANT_BYTES)
        tags = frozenset(filter(None, _TAG_SEPARATOR.split(answer.headers.get("Stoa-Tags", "")))) | {host_tag(host)}
        if answer.status == 404 and "Stoa-Tags" in answer.headers:
            return HostAnswer(None, tags)
        if answer.status != 200:
            raise OriginUnavailable(_explained(answer.status, "a host"))
        tenant = _decoded_tenant(answer.body)
        return HostAnswer(tenant, tags | {shop_tag(tenant.store_id)})

    async def snapshot(self, store_id: StoreId, page: Page, etag: str | None = None) -> FetchedSnapshot | None:
        """None: nothing has changed since the snapshot with that `etag`."""
        return await self._snapshot(store_id, "snapshot", {"target": page.url}, etag)

    async def missing(self, store_id: StoreId, path: str, etag: str | None = None) -> FetchedSnapshot | None:
        return await self._snapshot(store_id, "missing", {"path": path}, etag)

    async def cart(self, store_id: StoreId, token: str) -> Snapshot:
        fetched = await self._snapshot(store_id, "cart", {"token": token}, None)
        if fetched is None:
            raise OriginUnavailable("the origin answered 304 to a question about a cart")
        return fetched.snapshot

    async def file(self, store_id: StoreId, asset_id: int) -> FetchedFile | None:
        """None: the shop has no such file."""
        answer = await self._get(f"/internal/stores/{store_id}/files/{asset_id}", self._file_bytes)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise OriginUnavailable(_explained(answer.status, "a file"))
        return FetchedFile(answer.headers.get("Content-Type", "application/octet-stream"), answer.body)

    async def _snapshot(
        self, store_id: StoreId, kind: str, params: Mapping[str, str], etag: str | None
    ) -> FetchedSnapshot | None:
        path = f"/internal/stores/{store_id}/{kind}"
        answer = await self._get(path, MAX_SNAPSHOT_BYTES, params, {"If-None-Match": etag} if etag else {})
        if answer.status == 304 and etag:
            return None
        if answer.status != 200:
            raise OriginUnavailable(_explained(answer.status, f"a {kind}"))
        try:
            return FetchedSnapshot(Snapshot.decode(answer.body), answer.headers.get("ETag", ""))
        except SnapshotError as error:
            raise OriginUnavailable(f"the origin's {kind} cannot be read: {error}") from error

    async def _get(
        self,
        path: str,
        limit_bytes: int,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> _Answer:
        """Asks once more if a kept connection turns out dead: the origin was restarted, and asking is harmless."""
        try:
            async with asyncio.timeout(self._seconds):
                try:
                    return await self._get_once(path, limit_bytes, params, headers)
                except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                    return await self._get_once(path, limit_bytes, params, headers)
        except TimeoutError as error:
            raise OriginUnavailable(f"the origin took longer than {self._seconds} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OriginUnavailable(f"the origin cannot be reached: {type(error).__name__}") from error

    async def _get_once(
        self, path: str, limit_bytes: int, params: Mapping[str, str] | None, headers: Mapping[str, str] | None
    ) -> _Answer:
        request = self._client.build_request("GET", path, params=params, headers={**self._headers, **(headers or {})})
        response = await self._client.send(request, stream=True)
        try:
            return _Answer(response.status_code, response.headers, await read_capped(response, limit_bytes))
        finally:
            await response.aclose()


async def read_capped(response: httpx.Response, limit_bytes: int) -> bytes:
    """Raises OriginUnavailable as soon as the body is over the limit, without reading on."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > limit_bytes:
            raise OriginUnavailable(f"the origin's answer is over {limit_bytes} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _explained(status: int, asked_for: str) -> str:
    hint = "; is STOA_EDGE_SECRET the same on both sides?" if status == 404 else ""
    return f"the origin answered {status} when asked for {asked_for}{hint}"


def _decoded_tenant(encoded: bytes) -> Tenant:
    try:
        return Tenant.decode(msgpack.unpackb(encoded)["tenant"])
    except (KeyError, TypeError, ValueError) as error:
        raise OriginUnavailable("the origin's answer about a host cannot be read") from error
