"""What asks in benchmarks goes with the benchmark."""

import asyncio
import os
import sys
import time
from pathlib import Path

from loadtest.generator import Wrk
from loadtest.pinned import Server

_ASKER = """#!{python}
import socket, time
with socket.create_connection(("127.0.0.1", {port})):
    print("Running", flush=True)
    time.sleep(60)
"""
_PREPARING_SECONDS = 0.4
_PREPARED = """#!{python}
import json, signal, sys, time
while time.process_time() < {seconds}:
    pass
def end(*_):
    zeros = dict.fromkeys(("bytes", "p50_us", "p99_us", "failed", "bad_status"), 0)
    print(json.dumps(dict(zeros, requests=1, microseconds={microseconds})), flush=True)
    sys.exit(0)
signal.signal(signal.SIGINT, end)
print("Running", flush=True)
time.sleep(60)
"""
_BENCHMARK = """
import asyncio, os, sys
from pathlib import Path
from loadtest.generator import Wrk
from loadtest.pinned import Server
wrk = Wrk(sys.argv[1], min(os.sched_getaffinity(0)), Path("nothing"), 1)
asyncio.run(wrk.measure(Server("shop", int(sys.argv[2]), os.getpid()), 60, 1))
"""


async def test_a_benchmark_that_is_killed_takes_its_wrk_along(tmp_path: Path) -> None:
    has_come, has_gone = asyncio.Event(), asyncio.Event()

    async def shop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        has_come.set()
        await reader.read()
        has_gone.set()
        writer.close()

    async with await asyncio.start_server(shop, "127.0.0.1", 0) as server, asyncio.timeout(30):
        port = server.sockets[0].getsockname()[1]
        asker = tmp_path / "wrk"
        asker.write_text(_ASKER.format(python=sys.executable, port=port))
        asker.chmod(0o700)
        benchmark = await asyncio.create_subprocess_exec(sys.executable, "-c", _BENCHMARK, str(asker), str(port))
        await has_come.wait()
        benchmark.kill()
        await benchmark.wait()
        assert await has_gone.wait()


async def test_what_is_made_ready_before_the_measuring_is_not_counted(tmp_path: Path) -> None:
    asker = tmp_path / "wrk"
    text = _PREPARED.format(python=sys.executable, seconds=_PREPARING_SECONDS, microseconds=200_000)
    asker.write_text(text)
    asker.chmod(0o700)
    wrk = Wrk(str(asker), min(os.sched_getaffinity(0)), Path("nothing"), 1)
    began = time.monotonic()
    measured = await wrk.measure(Server("shop", 1, os.getpid()), 0.2, 1)
    assert time.monotonic() - began > _PREPARING_SECONDS
    assert measured.wrk_share * 0.2 < _PREPARING_SECONDS / 2
