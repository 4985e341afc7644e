"""A whole platform on one machine: brings its parts up in order, publishes where they are, takes them down."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from origin.errors import OriginError
from origin.migrate import PROGRAM_ROLES, migrate
from standalone.checks import check_database, check_port, check_valkey
from standalone.data_folder import DataFolder
from standalone.errors import StandaloneError
from standalone.leftovers import PidFile
from standalone.processes import Program, Say, Supervisor
from standalone.programs import Addresses, Keys, Programs
from standalone.ready_file import EdgeWorker, Ready
from standalone.servers import EmbeddedPostgres, EmbeddedValkey, ValkeyProfile
from standalone.settings import StandaloneSettings
from standalone.store_book import StoreBook

DATABASE = "stoa"


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What a person may choose for `stoa up`."""

    data_dir: Path
    edge_port: int = 8080
    origin_port: int = 8081
    edge_workers: int = 2
    has_demo: bool = True


class Platform:
    """Use: `await start()`, then `stop()` whatever happened. `say` gets one line at a time for the person watching."""

    def __init__(self, options: UpOptions, settings: StandaloneSettings, say: Say) -> None:
        self._options = options
        self._settings = settings
        self._say = say
        self._folder = DataFolder(options.data_dir)
        self._book = StoreBook(self._folder.path)
        self._pid_file = PidFile(self._folder.pid_file)
        self._supervisor = Supervisor(self._folder.logs, say, self._on_new_pids)
        self._addresses: Addresses | None = None
        self._keys: Keys | None = None
        self._ports: dict[str, int] = {}
        self.is_published = False

    @property
    def folder(self) -> DataFolder:
        return self._folder

    async def check(self) -> None:
        """Everything that would fail later, found now. Raises StandaloneError."""
        options, settings = self._options, self._settings
        if not 1 <= options.edge_workers <= 64:
            raise StandaloneError(f"--edge-workers {options.edge_workers}: choose from 1 to 64.")
        if options.edge_port == options.origin_port:
            raise StandaloneError("--edge-port and --origin-port must be two different ports.")
        check_port(options.edge_port, "--edge-port")
        check_port(options.origin_port, "--origin-port")
        if settings.database_url:
            await check_database(settings.database_url)
        if settings.state_url:
            await check_valkey(settings.state_url, "STOA_STATE_URL")
        if settings.cache_url:
            await check_valkey(settings.cache_url, "STOA_CACHE_URL")

    def end_leftovers(self) -> None:
        self._book.withdraw()
        ended = self._pid_file.end_leftovers()
        if ended:
            self._say(f"ended {ended} processes an earlier run had left behind")

    async def start(self) -> Ready:
        """All parts up and ready, the demo shops not yet made."""
        settings, path, edges = self._settings, self._folder.path, range(1, self._options.edge_workers + 1)
        names = ["postgres", "state", "cache", "payments", "smtp", "mail", "relay_ops", "origin_ops"]
        self._ports = self._folder.ports(names + [f"edge_{n}_{kind}" for n in edges for kind in ("direct", "ops")])
        postgres = EmbeddedPostgres(path / "postgres", self._ports["postgres"])
        state = EmbeddedValkey(ValkeyProfile.STATE, path / "state", self._ports["state"])
        cache = EmbeddedValkey(ValkeyProfile.CACHE, path / "cache", self._ports["cache"], settings.cache_memory_bytes)
        passwords = {role: self._folder.secrets().get(role) for role in PROGRAM_ROLES}
        self._keys = self._make_keys()
        self._addresses = self._make_addresses(
            settings.database_url or postgres.admin_url_of(DATABASE),
            settings.state_url or state.url,
            settings.cache_url or cache.url,
            passwords,
        )
        programs = Programs(self._folder, settings, self._addresses, self._keys)
        given = (settings.database_url, settings.state_url, settings.cache_url)
        servers: list[EmbeddedPostgres | EmbeddedValkey] = [postgres, state, cache]
        ours = [server for server, url in zip(servers, given, strict=True) if not url]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._start_outside_world(programs))
            await self._start_servers(ours)
            if postgres in ours:
                await postgres.ensure_database(DATABASE)
            await self._migrate(self._addresses.database_url, passwords)
            await self._start_programs(programs)
        return self.ready()

    def publish(self) -> None:
        """From now on ready.json says where we are, and follows every new pid."""
        self.is_published = True
        self._book.publish(self.ready())

    async def stop(self) -> None:
        self.is_published = False
        try:
            self._book.withdraw()
        finally:
            await self._supervisor.stop()

    def ready(self) -> Ready:
        addresses, keys = self._addresses, self._keys
        if addresses is None or keys is None:
            raise StandaloneError("The platform has not been started.")
        pids = self._supervisor.pids()
        workers = [
            EdgeWorker(self._url(f"edge_{number}_direct"), self._url(f"edge_{number}_ops"), pid)
            for number, pid in enumerate(pids.get("edge", []), 1)
        ]
        return Ready(
            edge=addresses.edge,
            origin=addresses.origin,
            platform_token=keys.platform_token,
            database_url=addresses.database_url,
            state_url=addresses.state_url,
            cache_url=addresses.cache_url,
            stripe_url=addresses.stripe_url,
            smtp_url=addresses.smtp_url,
            mail_url=addresses.mail_url,
            relay_ops_url=addresses.relay_ops_url,
            origin_ops_url=addresses.origin_ops_url,
            stores=self._book.stores(),
            edge_workers=workers,
            pids=pids,
        )

    async def _start_outside_world(self, programs: Programs) -> None:
        """The stand-ins for it. Nobody needs them before the first order, so nobody waits for them but the end."""
        stage = []
        if not self._settings.stripe_secret_key:
            stage.append(programs.payment_sandbox(self._ports["payments"]))
        if not self._settings.smtp_url:
            stage.append(programs.smtp_sink(self._ports["smtp"], self._ports["mail"]))
        await self._start_stage(stage)

    async def _start_servers(self, servers: Sequence[EmbeddedPostgres | EmbeddedValkey]) -> None:
        await self._start_stage([Program(it.command(), it.command().name, it.is_ready, it.prepare) for it in servers])

    async def _start_programs(self, programs: Programs) -> None:
        numbers = range(1, self._options.edge_workers + 1)
        edges = [programs.edge(n, self._ports[f"edge_{n}_direct"], self._ports[f"edge_{n}_ops"]) for n in numbers]
        await self._start_stage(
            [programs.relay(), programs.origin(), programs.worker(), programs.import_worker(), *edges]
        )

    async def _start_stage(self, stage: Sequence[Program]) -> None:
        if stage:
            self._say("starting " + ", ".join(program.name for program in stage))
        await self._supervisor.start(stage)

    async def _migrate(self, database_url: str, passwords: dict[str, str]) -> None:
        try:
            applied = await migrate(database_url, passwords)
        except OriginError as error:
            raise StandaloneError(f"The database could not be migrated: {error}") from error
        if applied:
            self._say(f"migrated the database ({len(applied)} steps)")

    def _make_addresses(
        self, database_url: str, state_url: str, cache_url: str, passwords: dict[str, str]
    ) -> Addresses:
        settings = self._settings
        return Addresses(
            database_url=database_url,
            app_database_url=as_role(database_url, "stoa_app", passwords["stoa_app"]),
            router_database_url=as_role(database_url, "stoa_router", passwords["stoa_router"]),
            relay_database_url=as_role(database_url, "stoa_relay", passwords["stoa_relay"]),
            state_url=state_url,
            cache_url=cache_url,
            stripe_url="" if settings.stripe_secret_key else self._url("payments"),
            smtp_url=settings.smtp_url or f"smtp://127.0.0.1:{self._ports['smtp']}",
            mail_url="" if settings.smtp_url else self._url("mail"),
            edge_port=self._options.edge_port,
            origin_port=self._options.origin_port,
            relay_ops_port=self._ports["relay_ops"],
            origin_ops_port=self._ports["origin_ops"],
        )

    def _make_keys(self) -> Keys:
        settings, secrets = self._settings, self._folder.secrets()
        return Keys(
            platform_token=secrets.get("platform_token"),
            edge_secret=secrets.get("edge_secret"),
            signing_key=secrets.get("signing_key"),
            stripe_secret_key=settings.stripe_secret_key or "sk_test_" + secrets.get("stripe"),
            stripe_publishable_key=settings.stripe_publishable_key,
            stripe_webhook_secret=settings.stripe_webhook_secret or "whsec_" + secrets.get("stripe_webhook"),
        )

    def _url(self, port_name: str) -> str:
        return f"http://127.0.0.1:{self._ports[port_name]}"

    def _on_new_pids(self) -> None:
        self._pid_file.write(pid for pids in self._supervisor.pids().values() for pid in pids)
        if self.is_published:
            self._book.publish(self.ready())


def as_role(database_url: str, role: str, password: str) -> str:
    """The same database with another user's name and password."""
    parts = urlsplit(database_url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role)}:{quote(password, safe='')}@{place}"))
