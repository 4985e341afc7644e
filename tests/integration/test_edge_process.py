"""`python -m edge_renderer` as an operator runs it: real processes and signals."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx
import pytest

from standalone.command import free_port
from tests.fixtures.edges import NOBODY
from tests.fixtures.scripted_origin import EDGE_SECRET, ScriptedOrigin, scripted_origin

HOST = "acorn.example.com"


@dataclass(slots=True)
class Process:
    """One worker: its shared, direct and ops ports."""

    process: subprocess.Popen[bytes]
    port: int
    direct_port: int
    ops_port: int

    async def get(self, target: str, port: int | None = None, host: str = HOST, **headers: str) -> httpx.Response:
        url = f"http://127.0.0.1:{port or self.port}{target}"
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            return await client.get(url, headers={"host": host, **headers})

    async def ready(self) -> None:
        async with asyncio.timeout(120):  # whatever else the machine is doing
            while True:
                assert self.process.poll() is None
                try:
                    await self.get("/health", self.ops_port, host="localhost")
                    return
                except httpx.TransportError:
                    await asyncio.sleep(0.05)


@contextmanager
def process(origin_url: str, port: int, **changes: str) -> Iterator[Process]:
    made = Process(None, port, free_port(), free_port())  # type: ignore[arg-type]
    settings = {
        "STOA_STATE_URL": NOBODY,
        "STOA_CACHE_URL": NOBODY,
        "STOA_ORIGIN_URL": origin_url,
        "STOA_EDGE_SECRET": EDGE_SECRET,
        "STOA_EDGE_PORT": str(port),
        "STOA_EDGE_DIRECT_PORT": str(made.direct_port),
        "STOA_EDGE_OPS_PORT": str(made.ops_port),
        **changes,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STOA_")}
    made.process = subprocess.Popen(
        [sys.executable, "-m", "edge_renderer"], env=kept | settings, stderr=subprocess.DEVNULL
    )
    try:
        yield made
    finally:
        made.process.send_signal(signal.SIGKILL)
        made.process.wait()


Start = Callable[..., Process]


@pytest.fixture
async def origin() -> AsyncIterator[ScriptedOrigin]:
    async with scripted_origin() as made:
        yield made


@pytest.fixture
def start(origin: ScriptedOrigin) -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda port=None, **changes: stack.enter_context(process(origin.url, port or free_port(), **changes))


async def test_a_worker_starts_without_any_server_and_stops_within_two_seconds(start: Start) -> None:
    """One of three that stop one after the other: the machine may pause while one does."""
    edges = [start(STOA_ORIGIN_URL="http://127.0.0.1:1") for _ in range(3)]
    for edge in edges:
        await edge.ready()
        assert (await edge.get("/")).status_code == 503
        health = (await edge.get("/health", edge.ops_port, host="localhost")).json()
        assert (health["status"], health["has_lease"]) == ("ok", False)
    assert min([await _seconds_to_stop(edge) for edge in edges]) < 2


async def _seconds_to_stop(edge: Process) -> float:
    began = time.monotonic()
    edge.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(edge.process.wait, 30) == 0
    return time.monotonic() - began


async def test_two_workers_share_a_port_and_each_has_one_of_its_own(start: Start) -> None:
    port = free_port()
    first, second = start(port), start(port)
    await first.ready()
    await second.ready()
    for edge in (first, second):
        assert "Acorn Pottery" in (await edge.get("/", edge.direct_port)).text
        await _hides_what_operators_see(edge)
    assert "Acorn Pottery" in (await first.get("/")).text
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    assert "Acorn Pottery" in (await second.get("/")).text


async def _hides_what_operators_see(edge: Process) -> None:
    for target in ("/metrics", "/health"):
        assert (await edge.get(target)).status_code == 404
        assert (await edge.get(target, host="localhost")).status_code == 404
        assert (await edge.get(target, host=f"127.0.0.1:{edge.ops_port}")).status_code == 404
        assert (await edge.get(target, edge.ops_port)).status_code == 200


async def test_settings_that_are_missing_are_named() -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STOA_")}
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge_renderer", env=kept | {"STOA_EDGE_SECRET": "short"}, stderr=subprocess.PIPE
    )
    _, said = await run.communicate()
    assert run.returncode == 1
    for name in (b"STOA_STATE_URL", b"STOA_CACHE_URL", b"STOA_ORIGIN_URL", b"STOA_EDGE_SECRET"):
        assert name in said
    assert b"Traceback" not in said


async def test_the_edge_loads_no_database_driver_and_nothing_of_the_origin() -> None:
    names = "sorted(name for name in sys.modules if name.partition('.')[0] in {'psycopg', 'origin', 'standalone'})"
    code = f"import sys, json, edge_renderer.app, edge_renderer.__main__; print(json.dumps({names}))"
    run = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    out, _ = await run.communicate()
    assert json.loads(out) == []
