"""PostgreSQL and Valkey from Python wheels: where their files are, how they start, and when they are ready.

They run in the foreground as direct children of whoever starts them, so that their pids are known and a
supervisor can start them again.
"""

import asyncio
import shutil
import signal
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psycopg
from psycopg import sql

from standalone.command import Command
from standalone.errors import StandaloneError
from standalone.leftovers import is_running_in
from standalone.secrets_file import SecretsFile
from standalone.users import let_others_pass, user_for_postgres
from standalone.wheels import postgres_program, valkey_program

SUPERUSER = "postgres"
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "256MB"}
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "scram_iterations": "1",
}


class EmbeddedPostgres:
    """PostgreSQL 18 on 127.0.0.1, its cluster and its superuser's password under `folder`.

    `is_fast` gives up crash safety and slow passwords for speed: tests only.
    """

    def __init__(self, folder: Path, port: int, *, is_fast: bool = False) -> None:
        self.folder = folder
        self.port = port
        self._cluster = folder / "cluster"
        self._settings = _FAST if is_fast else _DURABLE
        self._user = user_for_postgres()

    @property
    def url(self) -> str:
        return self.admin_url_of("postgres")

    def admin_url_of(self, database: str) -> str:
        return self.url_of(SUPERUSER, self._password(), database)

    def url_of(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> None:
        """Make the cluster unless it is there. An initdb that was interrupted is done again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._user:
            let_others_pass(self.folder)
            let_others_pass(postgres_program("postgres").parent)
        if not (self._cluster / "PG_VERSION").exists():
            self._initdb()
        self._forget_dead_postmaster()

    def command(self) -> Command:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
        } | self._settings
        options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
        return Command(
            name="postgres",
            argv=(str(postgres_program("postgres")), "-D", str(self._cluster), *options),
            environment={"LC_ALL": "C.UTF-8"},
            user=self._user,
            folder=self.folder,
            stop_signal=signal.SIGINT,  # "fast" shutdown; SIGTERM would wait for clients to leave
        )

    async def is_ready(self) -> bool:
        try:
            connection = await psycopg.AsyncConnection.connect(self.url, connect_timeout=2, autocommit=True)
        except psycopg.OperationalError:
            return False
        await connection.close()
        return True

    async def ensure_database(self, name: str) -> None:
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            cursor = await connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
            if await cursor.fetchone() is None:
                await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def _password(self) -> str:
        return SecretsFile(self.folder / "secrets.json").get("superuser")

    def _initdb(self) -> None:
        making = self.folder / "cluster.new"
        if making.exists():
            shutil.rmtree(making)
        making.mkdir(mode=0o700)
        password_file = self.folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password() + "\n", encoding="ascii")
        if self._user:
            shutil.chown(making, self._user)
            shutil.chown(password_file, self._user)
        try:
            self._run_initdb(making, password_file)
        finally:
            password_file.unlink()
        making.rename(self._cluster)

    def _run_initdb(self, making: Path, password_file: Path) -> None:
        program = postgres_program("initdb")
        options = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"--username={SUPERUSER}"]
        speed = ["--no-sync", "--set=scram_iterations=1"] if self._settings is _FAST else []
        done = subprocess.run(
            [str(program), "-D", str(making), f"--pwfile={password_file}", *options, *speed],
            user=self._user or None,
            group=self._user or None,
            extra_groups=[] if self._user else None,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StandaloneError(f"PostgreSQL could not make its data folder {making}: {done.stderr.strip()}")

    def _forget_dead_postmaster(self) -> None:
        """After kill -9 the pid file stays, its pid may be anybody's, and PostgreSQL would refuse to start.
        Only a postmaster that lives in this very folder is a reason to keep the file."""
        pid_file = self._cluster / "postmaster.pid"
        if not pid_file.exists():
            return
        first_line = pid_file.read_text(encoding="utf-8").partition("\n")[0]
        if not (first_line.isdigit() and is_running_in(int(first_line), self._cluster)):
            pid_file.unlink()


class ValkeyProfile(StrEnum):
    STATE = "state"
    """Bus, positions, carts, job queues: kept on disk, nothing is ever evicted."""
    CACHE = "cache"
    """Pages, snapshots, tenants: bounded memory, lost at a restart, which costs time and never truth."""


@dataclass(frozen=True, slots=True)
class EmbeddedValkey:
    """One Valkey on 127.0.0.1 with a password. `memory_bytes` bounds the cache; state keeps what it must."""

    profile: ValkeyProfile
    folder: Path
    port: int
    memory_bytes: int = 256 * 1024 * 1024

    @property
    def url(self) -> str:
        return f"redis://:{self._password()}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """Write the configuration file: a password on a command line is everybody's to read."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "valkey.conf"
        path.touch(mode=0o600)
        path.write_text("\n".join(self._lines()) + "\n", encoding="utf-8")

    def command(self) -> Command:
        return Command(
            name=str(self.profile),
            argv=(str(valkey_program()), str(self.folder / "valkey.conf")),
            folder=self.folder,
        )

    async def is_ready(self) -> bool:
        """Whether it answers PING with its password; while it reads its append-only file it says no."""
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(f"AUTH {self._password()}\r\nPING\r\n".encode())
                    return (await reader.readline(), await reader.readline()) == (b"+OK\r\n", b"+PONG\r\n")
                finally:
                    writer.close()
                    await writer.wait_closed()
        except OSError:  # TimeoutError is one too
            return False

    def _password(self) -> str:
        return SecretsFile(self.folder / "secrets.json").get(str(self.profile))

    def _lines(self) -> list[str]:
        shared = [
            f"port {self.port}",
            "bind 127.0.0.1",
            "daemonize no",
            f"requirepass {self._password()}",
            f'dir "{self.folder}"',
            'save ""',
            "tcp-keepalive 60",
        ]
        if self.profile is ValkeyProfile.STATE:
            return [*shared, "appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction"]
        return [*shared, "appendonly no", f"maxmemory {self.memory_bytes}", "maxmemory-policy allkeys-lfu"]
