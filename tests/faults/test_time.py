"""Time that stands still or jumps: a frozen edge serves nothing by its old lease, and no wall clock is ever asked."""

import ast
import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts import keys
from standalone.command import free_port
from tests.faults.hall import until
from tests.fixtures import snapshots
from tests.fixtures.bus import HandRelay, bus_at
from tests.fixtures.edges import BOWL, TEA, page_of
from tests.fixtures.made_up_shops import ACORN_ID
from tests.fixtures.scripted_origin import scripted_origin
from tests.house.sources import name, source_files, tree
from tests.integration.test_edge_process import Process, process

BOWL_TAG = keys.product_tag(ACORN_ID, snapshots.card("acorn", 0)["id"])
FROZEN_SECONDS = 5.0
WALL_CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today", "time.localtime"}


@asynccontextmanager
async def heartbeats(relay: HandRelay) -> AsyncIterator[None]:
    async def beat() -> None:
        while True:
            await relay.drain()
            await asyncio.sleep(0.2)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


async def is_hit(edge: Process, host: str, target: str) -> bool:
    return (await edge.get(target, host=f"{host}.example.com")).headers["cache-status"] == "stoa-l1; hit"


async def answer_on(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bytes:
    reader, writer = connection
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


async def test_an_edge_that_was_frozen_serves_no_page_by_its_old_lease(state_url: str) -> None:
    """The requests that came while it was frozen are read before anything of the bus is: they are the first to be
    answered wrongly, were the lease measured with a clock that stood still too."""
    async with scripted_origin() as origin, bus_at(state_url) as bus:
        relay = HandRelay(bus)
        async with heartbeats(relay):
            with process(origin.url, free_port(), STOA_STATE_URL=state_url) as edge:
                await edge.ready()

                async def is_warm() -> bool:
                    return await is_hit(edge, "acorn", BOWL) and await is_hit(edge, "birch", TEA)

                await until(is_warm, 30, "both pages are served by a lease")
                connections = [await asyncio.open_connection("127.0.0.1", edge.port) for _ in range(5)]
                edge.process.send_signal(signal.SIGSTOP)
                frozen_at = time.monotonic()
                origin.retitle("acorn", page_of(BOWL), "Bowl of another name")
                await relay.drain((BOWL_TAG,))
                for _, writer in connections:
                    writer.write(
                        f"GET {BOWL} HTTP/1.1\r\nHost: acorn.example.com\r\nConnection: close\r\n\r\n".encode()
                    )
                await asyncio.sleep(frozen_at + FROZEN_SECONDS - time.monotonic())
                edge.process.send_signal(signal.SIGCONT)
                answers = await asyncio.gather(*map(answer_on, connections))
                assert all(b"Bowl of another name" in answer for answer in answers)
                assert (await edge.get(TEA, host="birch.example.com")).status_code == 200


def test_neither_edges_nor_the_bus_ask_a_wall_clock() -> None:
    """So nothing happens when it is set, back or forth."""
    found = [
        f"{name(path)}: {ast.unparse(node)}"
        for path in source_files()
        if name(path).startswith(("edge_renderer/", "invalidation/"))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in WALL_CLOCKS
    ]
    assert found == []
