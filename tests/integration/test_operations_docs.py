"""docs/operations.md names every number that a running edge, relay and origin export, and none that they do not."""

import re
from pathlib import Path

import httpx

from invalidation.ops import ops_server
from invalidation.relay import RelayCounters
from origin.metrics import OriginMetrics
from origin.metrics import ops_server as origin_ops_server
from standalone.command import free_port
from tests.fixtures.bus import HandRelay, bus_at
from tests.fixtures.edges import worker
from tests.fixtures.scripted_origin import scripted_origin
from tests.house.sources import ROOT

DOCUMENT = Path(ROOT, "docs", "operations.md").read_text(encoding="utf-8")
DOCUMENTED = re.compile(r"^\| `(stoa_\w+)` \|", re.MULTILINE)
MENTIONED = re.compile(r"\bstoa_(?:edge|relay|outbox|origin)_\w+")
EXPORTED = re.compile(r"^# TYPE (stoa_\w+) (\w+)", re.MULTILINE)


def exported(text: str) -> set[str]:
    """Without when each counter was made, which prometheus_client adds by itself."""
    return {name for name, _ in EXPORTED.findall(text) if not name.endswith("_created")}


async def edge_metrics(state_url: str) -> str:
    """Of a worker that has heard the bus: before, it does not know how old its knowledge is."""
    async with scripted_origin() as origin, bus_at(state_url) as bus, worker(origin, state_url=state_url) as edge:
        relay = HandRelay(bus)
        await edge.has_heard((await relay.drain()).position)
        await edge.has_heard((await relay.drain()).position)  # where it began to listen was no news
        transport = httpx.ASGITransport(edge.edge.ops)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return (await client.get("/metrics")).text


async def relay_metrics() -> str:
    port = free_port()
    async with ops_server(RelayCounters(), port), httpx.AsyncClient(verify=False) as client:
        return (await client.get(f"http://127.0.0.1:{port}/metrics")).text


async def origin_metrics() -> str:
    metrics, port = OriginMetrics(), free_port()
    metrics.has_reconciled({})
    with origin_ops_server(metrics, port):
        async with httpx.AsyncClient(verify=False) as client:
            return (await client.get(f"http://127.0.0.1:{port}/metrics")).text


async def test_what_is_exported_is_documented_and_the_other_way_round(state_url: str) -> None:
    names = exported(await edge_metrics(state_url)) | exported(await relay_metrics()) | exported(await origin_metrics())
    assert sorted(DOCUMENTED.findall(DOCUMENT)) == sorted(names)


def test_advice_and_alerts_name_documented_numbers_only() -> None:
    mentioned = {re.sub(r"_(bucket|count|sum)$", "", name) for name in MENTIONED.findall(DOCUMENT)}
    assert not mentioned - set(DOCUMENTED.findall(DOCUMENT))
