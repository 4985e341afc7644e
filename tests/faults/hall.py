"""A platform in one process with a fault proxy on every line, whose servers a test can kill, freeze and set back.

`Backs` are what merchants write to: PostgreSQL, both Valkeys, origin, relay. A `Stall` is one edge before them, with
lines of its own, so that many edges can have different troubles before the same backs.
"""

import asyncio
import itertools
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import redis
import redis.asyncio

from contracts.tenant import StoreId
from edge_renderer.app import Edge, running_edge
from edge_renderer.settings import EdgeSettings
from invalidation.bus import Bus
from invalidation.event_queue import EventQueue
from invalidation.lease import lease_clock
from invalidation.relay import Relay
from invalidation.settings import RelaySettings
from loadtest.fault_proxy import FaultProxy, running_proxy
from origin.app import create_app
from origin.db import Database
from origin.settings import OriginSettings
from origin.tenants import NewStore, create_store
from standalone.command import Command, free_port, spawn
from standalone.programs import answers
from standalone.servers import EmbeddedValkey, ValkeyProfile
from tests.fixtures.edges import theming
from tests.fixtures.origin import EDGE_SECRET, PLATFORM_TOKEN, Shop
from tests.fixtures.scripted_origin import serving
from tests.fixtures.servers import DatabaseUrls

ADMIN = "/admin/api/2026-01"


async def until(is_so: Callable[[], bool | Awaitable[bool]], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while True:
        answer = is_so()
        if answer if isinstance(answer, bool) else await answer:
            return
        assert time.monotonic() < deadline, f"after {seconds} s still not: {what}"
        await asyncio.sleep(0.02)


def through(url: str, proxy: FaultProxy) -> str:
    """The same address by way of the proxy."""
    parts = urlsplit(url)
    credentials, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{credentials}{at}127.0.0.1:{proxy.port}").geturl()


@asynccontextmanager
async def proxy_of(url: str) -> AsyncIterator[FaultProxy]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    async with running_proxy(parts.hostname, parts.port) as proxy:
        yield proxy


@dataclass(slots=True)
class Valkey:
    """A server of the test's own."""

    embedded: EmbeddedValkey
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.embedded.url

    async def start(self) -> None:
        command = self.embedded.command()
        command = replace(command, argv=(*command.argv, "--enable-debug-command", "local"))
        self.process = spawn(command, subprocess.DEVNULL)
        await until(self.embedded.is_ready, 60, "the server is ready")

    def kill(self) -> None:
        """Also when it is frozen."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def lose_everything(self) -> None:
        shutil.rmtree(self.embedded.folder / "appendonlydir", ignore_errors=True)

    def copy_files(self, name: str) -> None:
        """As a replica or a backup of this moment would have them."""
        shutil.copytree(self.embedded.folder / "appendonlydir", self.embedded.folder / name)

    def go_back_to(self, name: str) -> None:
        self.lose_everything()
        (self.embedded.folder / name).rename(self.embedded.folder / "appendonlydir")


@asynccontextmanager
async def running_valkey(profile: ValkeyProfile, folder: Path) -> AsyncIterator[Valkey]:
    embedded = EmbeddedValkey(profile, folder / f"{profile}-{secrets.token_hex(4)}", free_port())
    embedded.prepare()
    valkey = Valkey(embedded)
    await valkey.start()
    try:
        yield valkey
    finally:
        valkey.kill()


@dataclass(slots=True)
class Backs:
    """`state_line` is the relay's and the origin's to the state server, `database_line` theirs to PostgreSQL."""

    database: DatabaseUrls
    state: Valkey
    cache: Valkey
    state_line: FaultProxy
    database_line: FaultProxy
    origin_url: str
    merchant: httpx.AsyncClient
    acorn: Shop
    birch: Shop
    relays: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """Those that are processes."""
    _handles: "itertools.count[int]" = field(default_factory=itertools.count)

    def relay_settings(self) -> RelaySettings:
        return RelaySettings(
            relay_database_url=through(self.database.relay, self.database_line),
            state_url=through(self.state.url, self.state_line),
            relay_poll_ms=100,  # many relays share this test's loop
            relay_busy_poll_ms=50,
            relay_stand_by_ms=100,
        )

    async def start_relay(self) -> None:
        """As a process; returns when it works or stands by."""
        settings, port = self.relay_settings(), free_port()
        environment = {
            "STOA_RELAY_DATABASE_URL": settings.relay_database_url,
            "STOA_STATE_URL": settings.state_url,
            "STOA_RELAY_OPS_PORT": str(port),
            "STOA_RELAY_STAND_BY_MS": str(settings.relay_stand_by_ms),
        }
        command = Command("relay", (sys.executable, "-m", "invalidation"), environment)
        self.relays.append(spawn(command, subprocess.DEVNULL))
        await until(answers(f"http://127.0.0.1:{port}/health"), 60, "the relay works or stands by")

    async def have_relays(self, number: int) -> None:
        """That are processes and live; the first is the active one."""
        self.relays = [relay for relay in self.relays if relay.poll() is None]
        for _ in range(number - len(self.relays)):
            await self.start_relay()

    async def add_product(self, shop: Shop, price: str) -> tuple[str, int]:
        """Its handle and its variant's id."""
        handle = f"mug-{next(self._handles)}"
        product = {"title": handle, "handle": handle, "variants": [{"price": price}]}
        made = await self.merchant.post(f"{ADMIN}/products.json", json={"product": product}, headers=shop.admin_headers)
        assert made.status_code == 201, made.text
        variant_id: int = made.json()["product"]["variants"][0]["id"]
        return handle, variant_id

    async def set_price(self, shop: Shop, variant_id: int, price: str) -> int:
        """The answer's status."""
        body = {"variant": {"id": variant_id, "price": price}}
        url = f"{ADMIN}/variants/{variant_id}.json"
        return (await self.merchant.put(url, json=body, headers=shop.admin_headers)).status_code


@asynccontextmanager
async def running_backs(database: DatabaseUrls, folder: Path, *, has_own_relays: bool = False) -> AsyncIterator[Backs]:
    """With a relay in this process, or with as many processes as `have_relays` is told to start."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        state = await enter(running_valkey(ValkeyProfile.STATE, folder))
        cache = await enter(running_valkey(ValkeyProfile.CACHE, folder))
        state_line = await enter(proxy_of(state.url))
        database_line = await enter(proxy_of(database.app))
        app = create_app(
            OriginSettings(
                app_database_url=through(database.app, database_line),
                router_database_url=through(database.router, database_line),
                state_url=through(state.url, state_line),
                edge_secret=EDGE_SECRET,
                platform_token=PLATFORM_TOKEN,
                signing_key="signing-key-of-the-tests",
                origin_database_connections=4,
            )
        )
        await enter(app.router.lifespan_context(app))
        origin_url = await enter(serving(app))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        merchant = await enter(httpx.AsyncClient(transport=transport, base_url="http://origin.test", timeout=30))
        acorn, birch = await _two_shops(database)
        backs = Backs(database, state, cache, state_line, database_line, origin_url, merchant, acorn, birch)
        if not has_own_relays:
            await enter(running_relay(backs))
        stack.callback(lambda: [relay.kill() or relay.wait() for relay in backs.relays])
        await backs.add_product(acorn, "10.00")  # the first request to an origin makes its routes, for a second
        yield backs


async def _two_shops(database: DatabaseUrls) -> tuple[Shop, Shop]:
    db = Database(database.app, database.router, connections=2)
    await db.open()
    try:
        acorn, birch = [
            await create_store(db, "stoa.localhost", NewStore(name=name.title(), subdomain=name, currency="EUR"))
            for name in ("acorn", "birch")
        ]
    finally:
        await db.close()
    return Shop(acorn[0].id, acorn[0].host, acorn[1]), Shop(birch[0].id, birch[0].host, birch[1])


@asynccontextmanager
async def running_relay(backs: Backs) -> AsyncIterator[Relay]:
    settings = backs.relay_settings()
    bus = Bus(settings.state_url, answer_seconds=settings.relay_state_seconds)
    jobs = redis.Redis.from_url(settings.state_url)
    relay = Relay(settings, bus, EventQueue.on(jobs, job_seconds=60, import_job_seconds=600))
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bus.close()
        jobs.close()


@dataclass(slots=True)
class Stall:
    """An edge, and the lines it has to the others."""

    backs: Backs
    edge: Edge
    state: FaultProxy
    cache: FaultProxy
    origin: FaultProxy
    _clients: dict[StoreId, httpx.AsyncClient] = field(default_factory=dict)

    def at(self, shop: Shop) -> httpx.AsyncClient:
        """A shopper's browser at a shop."""
        if shop.id not in self._clients:
            transport = httpx.ASGITransport(self.edge.app, client=("192.0.2.7", 4711))
            self._clients[shop.id] = httpx.AsyncClient(transport=transport, base_url=f"http://{shop.host}")
        return self._clients[shop.id]

    @property
    def is_well(self) -> bool:
        return self.edge.follower.lease.is_valid(lease_clock())

    @property
    def asked(self) -> int:
        """Questions put to the origin, whatever came of them."""
        counters = self.edge.counters
        return counters.fills + counters.revalidated + counters.origin_failures


@asynccontextmanager
async def running_stall(backs: Backs, cache: Valkey | None = None) -> AsyncIterator[Stall]:
    """Well when it is entered: it has a lease."""
    async with (
        proxy_of(backs.state.url) as state,
        proxy_of((cache or backs.cache).url) as cache_line,
        proxy_of(backs.origin_url) as origin,
    ):
        settings = EdgeSettings(
            origin_url=through(backs.origin_url, origin),
            edge_secret=EDGE_SECRET,
            state_url=through(backs.state.url, state),
            cache_url=through((cache or backs.cache).url, cache_line),
            edge_late_seconds=60,  # many edges share this test's loop: that it is late is not their doing
        )
        async with running_edge(settings, theming()) as edge:
            stall = Stall(backs, edge, state, cache_line, origin)
            await until(lambda: stall.is_well, 20, "a lease")
            try:
                yield stall
            finally:
                for client in stall._clients.values():
                    await client.aclose()
