"""One edge process as a shopper meets it: the real caches, follower, lease, proof and tenants over simulated wires."""

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from random import Random

import msgpack

from contracts.keys import page_key
from contracts.page import Page, PageKind
from contracts.tenant import StoreId, Tenant
from edge_renderer.cache.counters import CacheCounters
from edge_renderer.cache.entry import Entry
from edge_renderer.cache.local import Held, LocalCache
from edge_renderer.cache.made import Answer, Built, Fill, NotModified, Standing
from edge_renderer.cache.tiers import Tiers
from edge_renderer.tenants import Tenants
from edge_renderer.turns import Turns
from invalidation.follower import Follower
from tests.model.bus_client import SimulatedBus
from tests.model.neighbours import NOBODYS, CacheServer, Origin, OriginClient, SimulatedShared
from tests.model.state_server import StateServer
from tests.model.virtual_time import Process, VirtualLoop
from tests.model.wire import Wire

MEMORY_BYTES, SHARE_BYTES = 9_500, 5_000
"""Of some ten things to hold, five fit: there are always evictions."""
RECENT_TAGS = 6

_HOST_ANSWER: ContextVar[Answer] = ContextVar("_HOST_ANSWER")


@dataclass(frozen=True, slots=True)
class Wires:
    state: Wire
    cache: Wire
    origin: Wire


@dataclass(frozen=True, slots=True)
class Read:
    """What a shopper got. `is_excused`: it said that it could not be verified."""

    host: str
    host_text: str
    is_host_excused: bool
    page: str
    page_text: str
    is_page_excused: bool


class _Overheard:
    """The tiers as `Tenants` uses them, noting the answer."""

    def __init__(self, tiers: Tiers) -> None:
        self._tiers = tiers

    async def get(self, key: str, store_id: StoreId | None, fill: Fill) -> Answer:
        answer = await self._tiers.get(key, store_id, fill)
        _HOST_ANSWER.set(answer)
        return answer


class SimulatedEdge:
    def __init__(
        self,
        loop: VirtualLoop,
        rng: Random,
        process: Process,
        wires: Wires,
        servers: tuple[StateServer, CacheServer, Origin],
    ) -> None:
        state, cache, origin = servers
        self.process = process
        self.wires = wires
        self._clock: Callable[[], float] = process.clock
        counters = CacheCounters()
        bus = SimulatedBus(loop, rng, state, wires.state)
        self.follower = Follower(bus, process.clock, recent_tags=RECENT_TAGS)  # type: ignore[arg-type]
        self.local = LocalCache(MEMORY_BYTES, SHARE_BYTES, counters, most_missing=2)
        shared = SimulatedShared(loop, rng, cache, wires.cache)
        self.tiers = Tiers(self.local, shared, self.follower, bus, counters, clock=process.clock)  # type: ignore[arg-type]
        self.origin = OriginClient(origin, wires.origin, process.clock)
        self._turns = Turns("making pages", 64, 16, 2.0)
        self._tenants = Tenants(_Overheard(self.tiers), self.origin, self._turns, 60_000)  # type: ignore[arg-type]
        self._seen: dict[tuple[str, int], tuple[Held, Held, Read]] = {}
        process.start(self.follower.run())

    async def read(self, host: str, handle: int) -> Read:
        """As `edge_renderer.serve` does it. Raises what that raises."""
        tenant = await self._tenants.for_host(host)
        told = _HOST_ANSWER.get()
        is_excused = told.state is Standing.UNVERIFIED
        if tenant is None:
            return Read(host, NOBODYS, is_excused, "", "", False)
        page = Page(PageKind.PRODUCT, handle=str(handle))
        make = partial(self._page, tenant, handle)
        found = await self.tiers.get(page_key(tenant, page), tenant.store_id, make, renew=make)
        read = Read(
            host,
            f"{tenant.store_id}/{tenant.theme_version}",
            is_excused,
            f"{tenant.store_id}/{handle}",
            found.entry.body.decode(),
            found.state is Standing.UNVERIFIED,
        )
        if told.held is not None and found.held is not None and Standing.UNVERIFIED not in (told.state, found.state):
            self._seen[host, handle] = told.held, found.held, read
        return read

    def glance(self, host: str, handle: int) -> Read | None:
        """As the hit path does it: what was held last time, if both parts are still fresh under the lease."""
        host_held, page_held, read = self._seen.get((host, handle), (None, None, None))
        if host_held is None or page_held is None or not (host_held.is_fresh and page_held.is_fresh):
            return None
        now = self._clock()
        if now >= self.follower.lease.until or now >= min(host_held.expires_at, page_held.expires_at):
            return None
        return read

    def held_as_fresh(self) -> Iterator[tuple[str, str]]:
        """Names and texts of what it would show without asking, as long as its lease lasts."""
        for held in self.local:
            if held.is_fresh:
                entry = held.entry
                if entry.store_id is None:
                    yield entry.key.removeprefix("h/"), _host_text(entry)
                else:
                    text = entry.body.decode()
                    yield "/".join(text.split("/")[:2]), text

    def could_not_ask(self, since: float) -> bool:
        """Whether the origin failed this edge since then, by its own clock."""
        return bool(self.origin.failed_at) and self.origin.failed_at[-1] >= since

    async def _page(self, tenant: Tenant, handle: int, previous: Entry | None) -> Built | NotModified:
        async with self._turns.turn(tenant.store_id):
            return await self.origin.page(tenant, handle, previous)

    def assert_books_balance(self) -> None:
        """What is counted is what is held, and nothing that is gone is still known by a tag."""
        local = self.local
        held = set(local)
        assert local.held_bytes == sum(one.size_bytes for one in held) <= MEMORY_BYTES
        assert {tag: set(ones) for tag, ones in local._by_tag.items()} == {
            tag: {one for one in held if tag in one.entry.tags} for one in held for tag in one.entry.tags
        }
        assert sum(share.held_bytes for share in local._shares.values()) == local.held_bytes
        assert all(0 < share.held_bytes <= SHARE_BYTES for share in local._shares.values())


def _host_text(entry: Entry) -> str:
    record = msgpack.unpackb(entry.body)
    return NOBODYS if record is None else f"{record['store_id']}/{record['theme_version']}"
