"""A server under measurement: a process tree of its own on one core, its CPU time, and its end."""

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from standalone.command import Command, spawn
from standalone.errors import StandaloneError
from standalone.leftovers import end_session

READY_SECONDS = 60.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        """User and system time of all its processes, all their threads included."""
        children = psutil.Process(self.pid).children(recursive=True)
        return sum(cpu_seconds_of(pid) for pid in [self.pid, *(child.pid for child in children)])


def cpu_seconds_of(pid: int) -> float:
    """Of one process. The clock is what clock_getcpuclockid(3) returns on Linux: to the nanosecond, while /proc knows
    hundredths of a second."""
    return time.clock_gettime((~pid << 3) | 2)


@asynccontextmanager
async def pinned(
    name: str, argv: tuple[str, ...], port: int, core: int, folder: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Server]:
    """Running and listening until left. Raises StandaloneError with the end of its log if it does not."""
    command = Command(name, ("taskset", "-c", str(core), *argv), environment or {})
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = spawn(command, output)
    try:
        await _until_listening(process, name, port, log)
        yield Server(name, port, process.pid)
    finally:
        _end(process)


async def _until_listening(process: subprocess.Popen[bytes], name: str, port: int, log: Path) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_SECONDS):
            while process.poll() is None:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return
                await asyncio.sleep(POLL_SECONDS)
    raise StandaloneError(f"{name} did not start:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    end_session(process.pid)
