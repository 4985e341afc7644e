"""wrk for a few seconds against one server, and what both sides of it cost."""

import asyncio
import json
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtest.pinned import Server, cpu_seconds_of
from standalone.command import Command, clean_environment
from standalone.errors import StandaloneError

_SCRIPT = Path(__file__).with_name("wrk") / "shoppers.lua"
_GRACE_SECONDS = 30.0
READY_PER_SECOND = 150_000
"""Requests made ready before the measuring: more than wrk sends on one core here. What it sends beyond them it makes on
the way."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One server in one round. A share is of one core; a latency includes waiting for the other connections' turns."""

    requests: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """Of the server, for a request."""
    server_share: float
    wrk_share: float
    bytes_each: float
    errors: int


class Wrk:
    """One thread on one core of its own, each connection asking again as soon as it is answered."""

    def __init__(
        self, program: str, core: int, drawn_from: Path, connections: int, ready_per_second: int = READY_PER_SECOND
    ) -> None:
        self._program = program
        self._core = core
        self._drawn_from = drawn_from
        self._connections = connections
        self._ready_per_second = ready_per_second

    async def measure(self, server: Server, seconds: float, seed: int) -> Measured:
        ended_before = _children_cpu_seconds()
        said, server_before, wrk_before = await self._run(server, seconds, seed)
        used = server.cpu_seconds() - server_before
        wrk_used = _children_cpu_seconds() - ended_before - wrk_before
        requests, took = said["requests"], said["microseconds"] / 1e6
        return Measured(
            requests=requests,
            requests_per_s=round(requests / took, 1),
            p50_ms=said["p50_us"] / 1000,
            p99_ms=said["p99_us"] / 1000,
            cpu_us=round(used / requests * 1e6, 2),
            server_share=round(used / took, 3),
            wrk_share=round(wrk_used / took, 3),
            bytes_each=round(said["bytes"] / requests, 1),
            errors=said["failed"] + said["bad_status"],
        )

    async def _run(self, server: Server, seconds: float, seed: int) -> tuple[dict[str, int], float, float]:
        """What it says in the end, and the CPU seconds of the server and of wrk when it began to ask.

        wrk knows whole seconds only, so we end it as Ctrl-C would: it then reports what it has. Not before it has said
        that it is running, for until then it does not listen; hence stdbuf. If we die, the kernel ends it: it would go
        on for an hour.
        """
        argv = ["taskset", "-c", str(self._core), "stdbuf", "-oL", self._program]
        argv += ["-t1", f"-c{self._connections}", "-d1h", "--latency"]
        argv += ["-s", str(_SCRIPT), server.url, "--", str(self._drawn_from), str(seed)]
        argv += [str(round(seconds * self._ready_per_second))]
        process = await asyncio.create_subprocess_exec(
            *Command("wrk", tuple(argv), stop_signal=signal.SIGKILL).wrapped_argv(),
            env=clean_environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        with _ended(process):
            await _first_line(process)
            begun = server.cpu_seconds(), _cpu_seconds_so_far(process.pid)
            await asyncio.sleep(seconds)
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
            output, _ = await asyncio.wait_for(process.communicate(), _GRACE_SECONDS)
        lines = output.decode(errors="replace").strip().splitlines()
        if process.returncode != 0 or not lines[-1:] or not lines[-1].startswith("{"):
            raise StandaloneError(f"wrk could not measure {server.name}: {' '.join(lines[-3:])}")
        result: dict[str, int] = json.loads(lines[-1])
        if result["requests"] == 0:
            raise StandaloneError(f"{server.name} answered nothing within {seconds:g} s.")
        return result, *begun


async def _first_line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    return await asyncio.wait_for(process.stdout.readline(), _GRACE_SECONDS)


@contextmanager
def _ended(process: asyncio.subprocess.Process) -> Iterator[None]:
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()


def _cpu_seconds_so_far(pid: int) -> float:
    try:
        return cpu_seconds_of(pid)
    except OSError:  # it has ended already, and will say why
        return 0.0


def _children_cpu_seconds() -> float:
    """Of all children that have ended: between two looks that is wrk alone."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
