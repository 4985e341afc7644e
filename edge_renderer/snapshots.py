"""The origin's internal routes (docs/snapshots.md) as the edge calls them: tenants, snapshots, carts, uploaded files.

Every way in which the origin can fail to answer becomes OriginUnavailable here, and nowhere else.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import msgpack

from contracts.keys import host_tag, shop_tag
from contracts.page import Page
from contracts.snapshot import MAX_SNAPSHOT_BYTES, Snapshot, SnapshotError
from contracts.tenant import StoreId, Tenant
from edge_renderer.errors import OriginUnavailable
from edge_renderer.metrics import EdgeMetrics
from edge_renderer.origin_lines import OriginLines, Reply
from edge_renderer.origin_reach import OriginReach
from edge_renderer.settings import EdgeSettings

_MAX_HEALTH_BYTES = 64 * 1024
_TAG_SEPARATOR = re.compile(r"[,\s]+")
_TIMING = re.compile(r"db;dur=([0-9.]+), origin;dur=([0-9.]+)")


@dataclass(frozen=True, slots=True)
class FetchedSnapshot:
    snapshot: Snapshot
    etag: str


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """Whose host it is, or that it is nobody's; with the tags of that knowledge. `snapshot`: of the page that was asked
    for along with it, if there is such a page."""

    tenant: Tenant | None
    tags: frozenset[str]
    snapshot: FetchedSnapshot | None = None


@dataclass(frozen=True, slots=True)
class FetchedFile:
    content_type: str
    body: bytes


def lines_to_origin(settings: EdgeSettings) -> OriginLines:
    return OriginLines(
        settings.origin_url,
        {"stoa-edge-secret": settings.edge_secret},
        most=settings.edge_origin_connections,
        connect_seconds=settings.edge_connect_seconds,
        idle_seconds=settings.edge_origin_keepalive_seconds,
    )


class OriginClient:
    def __init__(self, lines: OriginLines, metrics: EdgeMetrics, settings: EdgeSettings) -> None:
        self._lines = lines
        self._metrics = metrics
        self._seconds = settings.edge_read_seconds
        self._file_bytes = settings.edge_file_body_bytes
        self.reach = OriginReach(self._is_there, settings.edge_look_seconds)

    async def host(self, host: str, target: str = "") -> HostAnswer:
        """`target`: what a shopper wants of this host. Its snapshot comes along, so that a page of a shop that this
        edge has not met costs one request."""
        path = f"/internal/hosts/{quote(host, safe='')}"
        answer = await self._get(path, MAX_SNAPSHOT_BYTES, {"target": target} if target else None)
        tags = frozenset(filter(None, _TAG_SEPARATOR.split(answer.headers.get("stoa-tags", "")))) | {host_tag(host)}
        if answer.status == 404 and "stoa-tags" in answer.headers:
            return HostAnswer(None, tags)
        if answer.status != 200:
            raise OriginUnavailable(_explained(answer.status, "a host"))
        tenant, snapshot = _decoded_host(answer.body)
        return HostAnswer(tenant, tags | {shop_tag(tenant.store_id)}, snapshot)

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
        return FetchedFile(answer.headers.get("content-type", "application/octet-stream"), answer.body)

    async def _snapshot(
        self, store_id: StoreId, kind: str, params: Mapping[str, str], etag: str | None
    ) -> FetchedSnapshot | None:
        path = f"/internal/stores/{store_id}/{kind}"
        answer = await self._get(path, MAX_SNAPSHOT_BYTES, params, {"if-none-match": etag} if etag else {})
        if answer.status == 304 and etag:
            return None
        if answer.status != 200:
            raise OriginUnavailable(_explained(answer.status, f"a {kind}"))
        return _decoded_snapshot(answer.body, answer.headers.get("etag", ""))

    async def _get(
        self,
        path: str,
        limit_bytes: int,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        if self.reach.is_away:
            raise OriginUnavailable("the origin has been silent")
        target = f"{path}?{urlencode(params)}" if params else path
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._seconds):
                reply = await self._lines.get(target, limit_bytes, headers)
        except TimeoutError as error:
            self.reach.suspect()
            raise OriginUnavailable(f"the origin took longer than {self._seconds} s") from error
        except ConnectionError as error:
            raise OriginUnavailable(f"the origin cannot be reached: {error}") from error
        finally:
            self._metrics.ask_seconds.observe(time.perf_counter() - began)
        timing = _TIMING.fullmatch(reply.headers.get("server-timing", ""))
        if timing:
            self._metrics.database_seconds.inc(float(timing[1]) / 1000)
            self._metrics.origin_seconds.inc(float(timing[2]) / 1000)
        return reply

    async def _is_there(self) -> bool:
        try:
            async with asyncio.timeout(self._seconds):
                return (await self._lines.get("/health", _MAX_HEALTH_BYTES)).status < 500
        except (ConnectionError, TimeoutError):
            return False


def _explained(status: int, asked_for: str) -> str:
    hint = "; is STOA_EDGE_SECRET the same on both sides?" if status == 404 else ""
    return f"the origin answered {status} when asked for {asked_for}{hint}"


def _decoded_host(encoded: bytes) -> tuple[Tenant, FetchedSnapshot | None]:
    try:
        record = msgpack.unpackb(encoded)
        tenant = Tenant.decode(record["tenant"])
        snapshot, etag = record.get("snapshot"), str(record.get("etag", ""))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise OriginUnavailable("the origin's answer about a host cannot be read") from error
    return tenant, _decoded_snapshot(snapshot, etag) if isinstance(snapshot, bytes) else None


def _decoded_snapshot(encoded: bytes, etag: str) -> FetchedSnapshot:
    try:
        return FetchedSnapshot(Snapshot.decode(encoded), etag)
    except SnapshotError as error:
        raise OriginUnavailable(f"the origin's snapshot cannot be read: {error}") from error
