"""Real programs for tests of recovery: forked from one that has loaded them all, armed or not, ended by kill."""

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import httpx

from origin.settings import OriginSettings
from tests.crash.loaded import fork_origins, run
from tests.fixtures.servers import DatabaseUrls

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.crash.loaded"])
SOON_SECONDS = 30.0


async def until(is_so: Callable[[], Awaitable[bool]], what: str, seconds: float = SOON_SECONDS) -> None:
    since = time.monotonic()
    while not await is_so():
        assert time.monotonic() - since < seconds, f"after {seconds} s still not: {what}"
        await asyncio.sleep(0.02)


@dataclass(slots=True)
class Program:
    pid: int
    log: Path

    @property
    def has_crashed(self) -> bool:
        """At its armed point: it is dead, or its line was broken there."""
        return "crash point " in self.said

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    async def has_ended(self) -> bool:
        return not self.is_running

    def end(self) -> None:
        """As a machine ends that loses its power."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """As an operator ends it: what it has begun is done first."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        await until(self.has_ended, f"the end of a program that was asked to: {self.said[-3000:]}")

    @property
    def is_running(self) -> bool:
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):  # the second: it went between open and read
            return False


class Programs:
    def __init__(self, folder: Path, settings: OriginSettings, database: DatabaseUrls, smtp_url: str) -> None:
        self._folder = folder
        set_values = {name: value for name, value in settings.model_dump().items() if value != ""}
        self._environment = {f"STOA_{name}".upper(): str(value) for name, value in set_values.items()}
        self._environment |= {"STOA_RELAY_DATABASE_URL": database.relay, "STOA_SMTP_URL": smtp_url}
        self._started: list[Program] = []
        self._settings = settings
        self._orders: Connection | None = None

    def start(self, module: str, *arguments: str, crash_at: str = "") -> Program:
        environment = self._environment | {"STOA_CRASH_AT": crash_at}
        log = self._folder / f"{module}-{len(self._started)}.log"
        process = CONTEXT.Process(target=run, args=(module, list(arguments), environment, str(log)))
        process.start()
        assert process.pid
        return self._note(process.pid, log)

    def _note(self, pid: int, log: Path) -> Program:
        program = Program(pid, log)
        self._started.append(program)
        return program

    async def origin(self, port: int, crash_at: str = "") -> Program:
        """Once it answers."""
        if self._orders is None:
            self._orders, theirs = CONTEXT.Pipe()
            mother = CONTEXT.Process(target=fork_origins, args=(theirs, self._settings))
            mother.start()
            theirs.close()
        log = self._folder / f"origin-{len(self._started)}.log"
        self._orders.send((crash_at, port, str(log)))
        program = self._note(await asyncio.to_thread(self._orders.recv), log)

        async def answers() -> bool:
            assert program.is_running, program.said
            try:
                return (await client.get(f"http://127.0.0.1:{port}/health")).is_success
            except httpx.HTTPError:
                return False

        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            await until(answers, "an origin that answers")
        return program

    def relay(self, crash_at: str = "") -> Program:
        return self.start("invalidation.__main__", crash_at=crash_at)

    def worker(self, queue: str, crash_at: str = "") -> Program:
        return self.start("origin.jobs.__main__", f"--queue={queue}", crash_at=crash_at)

    def tender(self, *to_give_up: str, crash_at: str = "") -> Program:
        return self.start("tests.crash.tending", *to_give_up, crash_at=crash_at)

    def end_all(self) -> None:
        for program in self._started:
            program.end()
        if self._orders is not None:
            self._orders.close()
