"""Which programs make up a platform on one machine, and what each is told: no more than it needs."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from standalone.command import Command
from standalone.data_folder import DataFolder
from standalone.processes import Program
from standalone.settings import StandaloneSettings

HEALTH_SECONDS = 2.0
_BACKGROUND = ("--niceness=10",)  # what nobody waits for: shoppers and buyers come first when the machine is full


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything is, ours or given. `stripe_url` is empty for the real Stripe, `mail_url` without a sink."""

    database_url: str
    app_database_url: str
    router_database_url: str
    relay_database_url: str
    state_url: str
    cache_url: str
    stripe_url: str
    smtp_url: str
    mail_url: str
    edge_port: int
    origin_port: int
    relay_ops_port: int
    origin_ops_port: int

    @property
    def edge(self) -> str:
        return f"http://127.0.0.1:{self.edge_port}"

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.origin_port}"

    @property
    def relay_ops_url(self) -> str:
        return f"http://127.0.0.1:{self.relay_ops_port}"

    @property
    def origin_ops_url(self) -> str:
        return f"http://127.0.0.1:{self.origin_ops_port}"


@dataclass(frozen=True, slots=True)
class Keys:
    """Secrets shared between programs."""

    platform_token: str
    edge_secret: str
    signing_key: str
    stripe_secret_key: str
    stripe_publishable_key: str
    stripe_webhook_secret: str


class Programs:
    """Builds each program; starts nothing."""

    def __init__(self, folder: DataFolder, settings: StandaloneSettings, addresses: Addresses, keys: Keys) -> None:
        self._folder = folder
        self._settings = settings
        self._addresses = addresses
        self._keys = keys

    def payment_sandbox(self, port: int) -> Program:
        argv = (
            f"--port={port}",
            f"--data-dir={self._folder.payments}",
            f"--webhook-url={self._addresses.origin}/stripe/webhook",
        )
        secret = {"STOA_STRIPE_WEBHOOK_SECRET": self._keys.stripe_webhook_secret}
        return self._module("payments", "standalone.payment_sandbox", secret, f"http://127.0.0.1:{port}", argv=argv)

    def smtp_sink(self, smtp_port: int, page_port: int) -> Program:
        argv = (f"--smtp-port={smtp_port}", f"--page-port={page_port}", f"--folder={self._folder.mail}", *_BACKGROUND)
        page = f"http://127.0.0.1:{page_port}"
        return self._module("smtp", "standalone.smtp_sink", {}, page, argv=argv)

    def relay(self) -> Program:
        environment = {
            "STOA_RELAY_DATABASE_URL": self._addresses.relay_database_url,
            "STOA_STATE_URL": self._addresses.state_url,
            "STOA_RELAY_OPS_PORT": str(self._addresses.relay_ops_port),
        }
        return self._module("relay", "invalidation", environment, self._addresses.relay_ops_url)

    def origin(self) -> Program:
        environment = self._origin_environment() | {"STOA_ORIGIN_OPS_PORT": str(self._addresses.origin_ops_port)}
        return self._module("origin", "origin", environment, self._addresses.origin)

    def worker(self) -> Program:
        environment = self._origin_environment() | {
            "STOA_SMTP_URL": self._addresses.smtp_url,
            "STOA_MAIL_FROM_DOMAIN": self._settings.platform_domain,
        }
        return self._module("worker", "origin.jobs", environment, argv=("--queue=events", *_BACKGROUND))

    def import_worker(self) -> Program:
        """Imports may run for an hour; order confirmations must not wait for them."""
        environment = self._origin_environment()
        return self._module(
            "import-worker", "origin.jobs", environment, argv=("--queue=imports", *_BACKGROUND), group="worker"
        )

    def edge(self, number: int, direct_port: int, ops_port: int) -> Program:
        environment = {
            "STOA_STATE_URL": self._addresses.state_url,
            "STOA_CACHE_URL": self._addresses.cache_url,
            "STOA_ORIGIN_URL": self._addresses.origin,
            "STOA_EDGE_SECRET": self._keys.edge_secret,
            "STOA_EDGE_HOST": "127.0.0.1",
            "STOA_EDGE_PORT": str(self._addresses.edge_port),
            "STOA_EDGE_DIRECT_PORT": str(direct_port),
            "STOA_EDGE_OPS_PORT": str(ops_port),
        }
        return self._module(
            f"edge-{number}", "edge_renderer", environment, f"http://127.0.0.1:{ops_port}", group="edge"
        )

    def _origin_environment(self) -> dict[str, str]:
        environment = {
            "STOA_APP_DATABASE_URL": self._addresses.app_database_url,
            "STOA_ROUTER_DATABASE_URL": self._addresses.router_database_url,
            "STOA_STATE_URL": self._addresses.state_url,
            "STOA_EDGE_SECRET": self._keys.edge_secret,
            "STOA_PLATFORM_TOKEN": self._keys.platform_token,
            "STOA_SIGNING_KEY": self._keys.signing_key,
            "STOA_PLATFORM_DOMAIN": self._settings.platform_domain,
            "STOA_STOREFRONT_SCHEME": "http",
            "STOA_STOREFRONT_PORT": str(self._addresses.edge_port),
            "STOA_STRIPE_SECRET_KEY": self._keys.stripe_secret_key,
            "STOA_STRIPE_API_BASE": self._addresses.stripe_url or self._settings.stripe_api_base,
            "STOA_STRIPE_WEBHOOK_SECRET": self._keys.stripe_webhook_secret,
            "STOA_ORIGIN_HOST": "127.0.0.1",
            "STOA_ORIGIN_PORT": str(self._addresses.origin_port),
        }
        if self._keys.stripe_publishable_key:
            environment["STOA_STRIPE_PUBLISHABLE_KEY"] = self._keys.stripe_publishable_key
        return environment

    def _module(
        self,
        name: str,
        module: str,
        environment: Mapping[str, str],
        health_url: str = "",
        *,
        argv: tuple[str, ...] = (),
        group: str = "",
    ) -> Program:
        command = Command(
            name=name,
            argv=(sys.executable, "-m", module, *argv),
            environment={**environment, "PYTHONUNBUFFERED": "1"},
            folder=self._folder.path,
        )
        if not health_url:
            return Program(command, group or name)
        return Program(command, group or name, is_ready=answers(health_url + "/health"))


def answers(url: str) -> Callable[[], Awaitable[bool]]:
    """A check that GET `url`, plain http, says 200.

    By hand: it is asked many times a second while everything starts, and an HTTP client that loads a bundle of
    certificates for each question took more of the processor than what it was waiting for.
    """
    parts = urlsplit(url)
    question = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()

    async def is_ready() -> bool:
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
                try:
                    writer.write(question)
                    return (await reader.readline()).split(b" ")[1:2] == [b"200"]
                finally:
                    writer.close()
        except (OSError, ValueError):  # TimeoutError is an OSError; ValueError is an endless line
            return False

    return is_ready
