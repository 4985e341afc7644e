"""The relay's loopback page for machines: /health says whether it relays or stands by, /metrics how much."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from invalidation.relay import RelayCounters, RelayState

_READ_SECONDS = 5
_MOST_LINES = 100


class RelayCollector(Collector):
    def __init__(self, counters: RelayCounters) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        now = self._counters
        for name, text, value in (
            ("relay_drains", "Batches of outbox rows that were relayed", now.drains),
            ("relay_rows", "Outbox rows relayed", now.rows),
            ("relay_published", "Messages published on the bus", now.messages),
            ("relay_tags", "Tags published", now.tags),
            ("relay_heartbeats", "Heartbeats published", now.heartbeats),
            ("relay_jobs", "Events that became jobs", now.jobs),
            ("relay_epochs", "Epochs of the bus this relay has seen", now.epochs),
            ("relay_failures", "Failures of PostgreSQL or the state server", now.failures),
        ):
            yield CounterMetricFamily(f"stoa_{name}", text, value)
        is_active = float(now.state is RelayState.ACTIVE)
        yield GaugeMetricFamily("stoa_relay_active", "1 for the relay that holds the lock", is_active)
        yield GaugeMetricFamily("stoa_outbox_rows", "Rows waiting in the outbox", now.outbox_rows)
        yield GaugeMetricFamily("stoa_outbox_age_seconds", "Age of the oldest row", now.outbox_age_seconds)


@asynccontextmanager
async def ops_server(counters: RelayCounters, port: int) -> AsyncIterator[None]:
    """Serves on loopback while the block runs; port 0 serves nothing."""
    if port == 0:
        yield
        return
    registry = CollectorRegistry()
    registry.register(RelayCollector(counters))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                target = await _read_target(reader)
                writer.write(_response(target, counters, registry))
                await writer.drain()
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            pass  # a client that went away or sent no HTTP gets nothing
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    async with server:
        yield


async def _read_target(reader: asyncio.StreamReader) -> str:
    first_line = (await reader.readline()).decode("latin-1").split(" ")
    for _ in range(_MOST_LINES):
        if await reader.readline() in (b"\r\n", b"\n", b""):
            break
    return first_line[1] if len(first_line) == 3 and first_line[0] == "GET" else ""


def _response(target: str, counters: RelayCounters, registry: CollectorRegistry) -> bytes:
    if target == "/metrics":
        return _encoded("200 OK", "text/plain; version=0.0.4; charset=utf-8", generate_latest(registry))
    if target == "/health":
        is_well = not counters.trouble and counters.state is not RelayState.CONNECTING
        status = "200 OK" if is_well else "503 Service Unavailable"
        body = json.dumps({"state": counters.state, "trouble": counters.trouble or None}).encode()
        return _encoded(status, "application/json", body)
    return _encoded("404 Not Found", "text/plain", b"Only /health and /metrics are here.\n")


def _encoded(status: str, content_type: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
