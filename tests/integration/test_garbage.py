"""What requests leave behind goes as they end: a circle of objects would wait for the collector, which stops all
shoppers while it looks for them."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from tests.fixtures.edges import listening, worker
from tests.fixtures.scripted_origin import ScriptedOrigin, scripted_origin

REQUESTS = 100
ADD = (
    b"POST /cart/add.js HTTP/1.1\r\nHost: acorn.example.com\r\nContent-Type: application/json\r\nContent-Length: 8\r\n"
    b'\r\n{"id":1}'
)
NO_BUDGET = {"edge_tenant_passes_per_second": 0.001, "edge_tenant_passes_burst": 4}
NO_FILLS = {"edge_tenant_fills_per_second": 0.001, "edge_tenant_fills_burst": 4}
PLENTY = {"edge_tenant_passes_per_second": 1000.0, "edge_tenant_passes_burst": 1000, "edge_tenant_fills_burst": 1000}


def got(target: str, *lines: str) -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: acorn.example.com", *lines, "", ""]).encode()


@pytest.fixture
async def origin() -> AsyncIterator[ScriptedOrigin]:
    async with scripted_origin() as made:
        yield made


async def found_by_the_collector(port: int, *requests: bytes, status: int) -> int:
    """Objects, after `REQUESTS` of these; as many before them come from nowhere."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for count in (10, REQUESTS):
        gc.collect()
        gc.disable()
        try:
            for number in range(count):
                answered = await _answered(reader, writer, requests[number % len(requests)])
            assert answered == status
            await asyncio.sleep(0)
            found = gc.collect()
        finally:
            gc.enable()
    writer.close()
    return found


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head.split()[1])


async def test_what_is_put_into_a_cart_or_refused(origin: ScriptedOrigin) -> None:
    async with worker(origin, **PLENTY) as edge, listening(edge) as port:
        assert await found_by_the_collector(port, ADD, status=200) < REQUESTS / 2
    async with worker(origin, **NO_BUDGET) as edge, listening(edge) as port:
        assert await found_by_the_collector(port, ADD, status=429) < REQUESTS / 2


async def test_pages_that_are_refused_or_not_there(origin: ScriptedOrigin) -> None:
    searches = [got(f"/search?q={number}") for number in range(REQUESTS)]
    async with worker(origin, **NO_FILLS) as edge, listening(edge) as port:
        assert await found_by_the_collector(port, *searches, status=429) < REQUESTS / 2
    async with worker(origin) as edge, listening(edge) as port:
        missing = [got(f"/not-there/{number}") for number in range(REQUESTS)]
        assert await found_by_the_collector(port, *missing, status=404) < REQUESTS / 2


async def test_pages_that_are_made(origin: ScriptedOrigin) -> None:
    searches = [got(f"/search?q={number}") for number in range(REQUESTS)]
    async with worker(origin, **PLENTY) as edge, listening(edge) as port:
        assert await found_by_the_collector(port, *searches, status=200) < REQUESTS / 2
        assert await found_by_the_collector(port, got("/cart", "Cookie: cart=abc"), status=200) < REQUESTS / 2


async def test_browsers_that_nobody_has_met(origin: ScriptedOrigin) -> None:
    async with worker(origin) as edge, listening(edge) as port:
        browsers = [got("/", f"User-Agent: browser {number}") for number in range(REQUESTS)]
        assert await found_by_the_collector(port, *browsers, status=200) < REQUESTS / 2
