"""The origin with its outbox, and the cache server, in miniature. What may go wrong is in `wire` and `events`."""

from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from contracts.events import StreamId
from contracts.keys import host_tag, listing_tag, product_tag, shop_tag
from contracts.tenant import StoreId, StoreStatus, Tenant
from edge_renderer.cache.entry import Entry
from edge_renderer.cache.made import Built, NotModified
from edge_renderer.cache.shared import Found
from edge_renderer.errors import OriginUnavailable
from edge_renderer.snapshots import HostAnswer
from invalidation.coalesce import Row
from invalidation.errors import OutboxUnavailable
from tests.model.reference import Reference
from tests.model.virtual_time import VirtualLoop
from tests.model.wire import Server, Wire, WireError

NOBODYS = "nobody's"
LISTING = 0


class Origin(Server):
    """Shops with products and hosts. Every change and its outbox row are one step, and the reference is told of it."""

    def __init__(self, loop: VirtualLoop, reference: Reference, stores: Sequence[StoreId], products: int) -> None:
        super().__init__()
        self._loop = loop
        self._reference = reference
        self._row_ids = 0
        self._version = 0
        self.outbox: dict[int, Row] = {}
        self.relay_with_lock: object | None = None
        self.hosts: dict[str, StoreId | None] = {}
        self.themes = dict.fromkeys(stores, "1")
        self.texts = {store_id: dict.fromkeys(range(products + 1), "") for store_id in stores}
        for store_id in stores:
            self.change(store_id, *self.texts[store_id], tags=())

    def change(self, store_id: StoreId, *handles: int, tags: tuple[str, ...]) -> None:
        """New texts for these pages of a shop."""
        self._version += 1
        for handle in handles:
            self.texts[store_id][handle] = f"{store_id}/{handle}/{self._version}"
            self._reference.became(f"{store_id}/{handle}", self.texts[store_id][handle])
        self._emit(store_id, tags)

    def edit(self, store_id: StoreId, handle: int) -> None:
        self.change(store_id, handle, LISTING, tags=(product_tag(store_id, handle), listing_tag(store_id)))

    def unpublish(self, store_id: StoreId, handle: int) -> None:
        self.edit(store_id, handle)
        self.texts[store_id][handle] += "/gone"
        self._reference.became(f"{store_id}/{handle}", self.texts[store_id][handle])

    def change_theme(self, store_id: StoreId) -> None:
        self.themes[store_id] = str(self._version)
        self.change(store_id, *self.texts[store_id], tags=(shop_tag(store_id),))
        for host, owner in self.hosts.items():
            if owner == store_id:
                self._reference.became(host, self.host_text(host))

    def change_in_bulk(self, store_id: StoreId, products: int) -> None:
        """As an import: more tags than a message takes, so the relay makes it the whole shop."""
        self.change(store_id, *self.texts[store_id], tags=(product_tag(store_id, 1), listing_tag(store_id)))
        for begin in range(2, products, 300):
            self._emit(store_id, tuple(product_tag(store_id, begin + i) for i in range(300)))

    def move_host(self, host: str, store_id: StoreId | None) -> None:
        before, self.hosts[host] = self.hosts.get(host), store_id
        self._reference.became(host, self.host_text(host))
        self._emit(store_id or before or next(iter(self.themes)), (host_tag(host),))

    def host_text(self, host: str) -> str:
        store_id = self.hosts[host]
        return NOBODYS if store_id is None else f"{store_id}/{self.themes[store_id]}"

    def _emit(self, store_id: StoreId, tags: tuple[str, ...]) -> None:
        if tags:
            self._row_ids += 1
            self.outbox[self._row_ids] = Row(store_id, self._row_ids, tags)

    def tenant(self, host: str) -> Tenant | None:
        store_id = self.hosts[host]
        if store_id is None:
            return None
        return Tenant(store_id, host, "shop", StoreStatus.ACTIVE, "EUR", "en", "plain", self.themes[store_id])


class OriginClient:
    """What an edge has for `edge_renderer.snapshots.OriginClient`, and for making a page of what it says."""

    def __init__(self, origin: Origin, wire: Wire, clock: Callable[[], float]) -> None:
        self._origin = origin
        self._wire = wire
        self._clock = clock
        self.failed_at: list[float] = []

    async def host(self, host: str) -> HostAnswer:
        tenant = await self._ask(lambda: self._origin.tenant(host))
        return HostAnswer(tenant, frozenset({host_tag(host)} | ({shop_tag(tenant.store_id)} if tenant else set())))

    async def page(self, tenant: Tenant, handle: int, previous: Entry | None) -> Built | NotModified:
        store_id = tenant.store_id
        text = await self._ask(lambda: self._origin.texts[store_id][handle])
        if previous is not None and previous.snapshot_etag == text:
            return NotModified()
        tag = listing_tag(store_id) if handle == LISTING else product_tag(store_id, handle)
        is_gone = text.endswith("/gone")
        tags = frozenset((tag, listing_tag(store_id))) if is_gone else frozenset((tag,))
        return Built(404 if is_gone else 200, (), text.encode(), tags, snapshot_etag=text)

    async def _ask(self, work: Callable[[], Any]) -> Any:
        try:
            return await self._wire.ask(work)
        except WireError as error:
            self.failed_at.append(self._clock())
            raise OriginUnavailable(str(error)) from error


class OutboxClient:
    """What the relay has for its `OutboxReader`."""

    def __init__(self, origin: Origin, wire: Wire) -> None:
        self._origin = origin
        self._wire = wire
        self._is_open = False

    async def try_lock(self) -> bool:
        def at_database() -> bool:
            if self._origin.relay_with_lock is None and self._is_open:
                self._origin.relay_with_lock = self
            return self._origin.relay_with_lock is self

        return bool(await self._ask(at_database))

    async def read(self, limit: int) -> list[Row]:
        rows: list[Row] = await self._ask(lambda: list(self._origin.outbox.values())[:limit])
        return rows

    async def delete(self, rows: Sequence[Row]) -> None:
        def at_database() -> None:
            for row in rows:
                self._origin.outbox.pop(row.id, None)

        await self._ask(at_database)

    async def depth(self) -> tuple[int, float]:
        return len(self._origin.outbox), 0.0

    @asynccontextmanager
    async def connection(self) -> Any:
        """In place of `invalidation.relay.outbox_connection`. The lock goes with the connection."""
        self._is_open = True
        try:
            await self._ask(lambda: None)
            yield self
        finally:
            self._is_open = False
            if self._origin.relay_with_lock is self:
                self._origin.relay_with_lock = None

    async def _ask(self, work: Callable[[], Any]) -> Any:
        try:
            return await self._wire.ask(work)
        except WireError as error:
            raise OutboxUnavailable(str(error)) from error


@dataclass(slots=True)
class CacheServer(Server):
    """Entries with the time they live until, and the locks of who is making what."""

    entries: dict[str, tuple[Entry, float]] = field(default_factory=dict)
    locks: dict[str, tuple[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Server.__init__(self)


class SimulatedShared:
    """What `edge_renderer.cache.shared.SharedCache` is to the tiers."""

    def __init__(self, loop: VirtualLoop, rng: Random, server: CacheServer, wire: Wire) -> None:
        self._loop = loop
        self._rng = rng
        self._server = server
        self._wire = wire

    async def get(self, key: str, store_id: StoreId | None) -> Entry | None:
        def at_server() -> Entry | None:
            entry, until = self._server.entries.get(key, (None, 0.0))
            return entry if self._loop.now < until else None

        try:
            entry = await self._wire.ask(at_server)
        except WireError:
            return None
        assert entry is None or (isinstance(entry, Entry) and entry.store_id == store_id)
        return entry

    async def get_or_lock(self, key: str, store_id: StoreId | None, least: StreamId | None) -> Found:
        token = f"{self._rng.getrandbits(32):x}"

        def at_server() -> Found:
            entry, until = self._server.entries.get(key, (None, 0.0))
            if entry is None or self._loop.now >= until:
                return Found(token=self._lock(key, token))
            assert entry.position is not None
            is_new_enough = least is None or entry.position.id >= least
            return Found(entry) if is_new_enough else Found(token=self._lock(key, token), has_older=True)

        try:
            found: Found = await self._wire.ask(at_server)
        except WireError:
            return Found(token="")
        assert found.entry is None or found.entry.store_id == store_id
        return found

    async def set(self, entry: Entry, token: str = "") -> None:
        def at_server() -> None:
            self._server.entries[entry.key] = entry, self._loop.now + entry.lifetime_ms / 1000
            self._release(entry.key, token)

        await self._try(at_server)

    async def unlock(self, key: str, token: str) -> None:
        if token:
            await self._try(lambda: self._release(key, token))

    def _lock(self, key: str, token: str) -> str | None:
        if self._server.locks.get(key, ("", 0.0))[1] > self._loop.now:
            return None
        self._server.locks[key] = (token, self._loop.now + 2.0)
        return token

    def _release(self, key: str, token: str) -> None:
        if token and self._server.locks.get(key, ("", 0.0))[0] == token:
            del self._server.locks[key]

    async def _try(self, work: Callable[[], Any]) -> None:
        with suppress(WireError):
            await self._wire.ask(work)
