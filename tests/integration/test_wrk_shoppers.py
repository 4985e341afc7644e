"""What wrk really sends in the benchmarks of the edge, and that a server under measurement ends with its benchmark."""

import asyncio
import os
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

from loadtest.generator import READY_PER_SECOND, Wrk
from loadtest.pages import ChosenPage
from loadtest.peers.programs import program, programs
from loadtest.pinned import Server, pinned
from loadtest.shoppers import user_agents, write_for_wrk
from standalone.command import free_port
from standalone.errors import StandaloneError

PAGES = [ChosenPage("acorn.example", "/products/bowl"), ChosenPage("birch.example", "/products/bowl")]
SECONDS = 2.0
"""So many that a machine full of tests looks at both ends in them."""
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Listener:
    """Answers everything and keeps what was asked, as lists of lines."""

    def __init__(self) -> None:
        self.requests: list[list[str]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head.decode("ascii").strip().split("\r\n"))
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def requests_of(folder: Path, seed: int, ready_per_second: int = READY_PER_SECOND) -> tuple[list[list[str]], int]:
    """All that wrk asked, and how many answers it counted."""
    found = program("wrk")
    if found is None:
        pytest.skip("wrk is not installed; install Debian's package `wrk`")
    write_for_wrk(folder / "drawn_from.lua", PAGES)
    listener = Listener()
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0)
    async with server:
        here = Server("listener", server.sockets[0].getsockname()[1], os.getpid())
        wrk = Wrk(found, max(os.sched_getaffinity(0)), folder / "drawn_from.lua", 4, ready_per_second)
        measured = await wrk.measure(here, SECONDS, seed)
    assert measured.errors == 0
    return listener.requests, measured.requests


@pytest.mark.parametrize("ready_per_second", [READY_PER_SECOND, 10], ids=["made before", "made on the way"])
async def test_every_request_has_its_own_cookie_and_browsers_come_by_zipf(tmp_path: Path, ready_per_second) -> None:
    requests, counted = await requests_of(tmp_path, 1, ready_per_second)
    assert 100 < counted <= len(requests)
    assert {len(lines) for lines in requests} == {12}
    cookies = Counter(line for lines in requests for line in lines if line.startswith("Cookie: "))
    assert len(cookies) == len(requests)
    agents = Counter(line for lines in requests for line in lines if line.startswith("User-Agent: ")).most_common()
    assert len(agents) > 30
    assert agents[0][0] == f"User-Agent: {user_agents()[0]}"
    assert 0.05 < agents[0][1] / len(requests) < 0.3  # 1/H(1000) is 0.13
    assert {(lines[0], lines[1]) for lines in requests} == {
        (f"GET {page.target} HTTP/1.1", f"Host: {page.host}") for page in PAGES
    }


async def test_another_round_brings_other_shoppers(tmp_path: Path) -> None:
    (first, _), (second, _) = await requests_of(tmp_path, seed=1), await requests_of(tmp_path, seed=2)
    cookies = [{line for lines in asked for line in lines if line.startswith("Cookie: ")} for asked in (first, second)]
    assert not cookies[0] & cookies[1]


async def test_a_server_under_measurement_ends_when_its_benchmark_is_cancelled(tmp_path: Path) -> None:
    port, started = free_port(), asyncio.Event()
    pids: list[int] = []

    async def measure() -> None:
        argv = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1")
        async with pinned("listing", argv, port, min(os.sched_getaffinity(0)), tmp_path) as server:
            pids.append(server.pid)
            assert server.cpu_seconds() > 0
            started.set()
            await asyncio.Event().wait()

    benchmark = asyncio.create_task(measure())
    await started.wait()
    benchmark.cancel()
    with pytest.raises(asyncio.CancelledError):
        await benchmark
    assert not psutil.pid_exists(pids[0])


async def test_a_server_that_does_not_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    argv = (sys.executable, "-c", "raise SystemExit('no licence')")
    with pytest.raises(StandaloneError, match="thing did not start:\nno licence"):
        async with pinned("thing", argv, free_port(), min(os.sched_getaffinity(0)), tmp_path):
            pass


def test_what_is_missing_is_named_with_the_package_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.peers.programs._SYSTEM_FOLDERS", "")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StandaloneError, match=r"Not installed here: varnishd, wrk\. .*apt-get install varnish wrk"):
        programs(("varnishd", "wrk"))
