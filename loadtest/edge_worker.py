"""An edge worker for a benchmark alone, beside a running platform and with that platform's settings."""

import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from loadtest.pinned import Server, pinned
from standalone.command import free_port
from standalone.data_folder import DataFolder
from standalone.errors import StandaloneError
from standalone.ready_file import read_ready

_CACHE = "stoa_edge_cache_"
_SAMPLE = re.compile(r"^(stoa_edge_\w+)_total ([\d.e+]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class EdgeUnderTest:
    server: Server
    ops_url: str

    async def counts(self, client: httpx.AsyncClient) -> dict[str, float]:
        """The worker's counters without labels, by name."""
        metrics = await client.get(f"{self.ops_url}/metrics")
        return {name: float(value) for name, value in _SAMPLE.findall(metrics.text)}

    async def hits_since(self, before: Mapping[str, float], client: httpx.AsyncClient, requests: int) -> dict[str, int]:
        """How many pages came from memory, by the worker's own count. Raises StandaloneError if any did not."""
        grown = {name: round(value - before.get(name, 0)) for name, value in (await self.counts(client)).items()}
        from_memory = grown[f"{_CACHE}hits_local"]
        others = {name: count for name, count in grown.items() if name.startswith(_CACHE) and count}
        del others[f"{_CACHE}hits_local"]
        if others or from_memory < requests:
            raise StandaloneError(f"Not all {requests} answers were hits: {from_memory} came from memory; {others}.")
        at_socket = grown.get("stoa_edge_hit_path_found", 0)
        return {"requests": requests, "from_memory": from_memory, "at_the_socket": at_socket}


@asynccontextmanager
async def edge_worker(
    data_dir: Path, folder: Path, core: int, name: str, module: tuple[str, ...]
) -> AsyncIterator[EdgeUnderTest]:
    """`module` and what follows it is what Python runs; the environment is the one `stoa up` gives an edge."""
    ready = read_ready(data_dir)
    port, ops_port = free_port(), free_port()
    environment = {
        "STOA_STATE_URL": ready.state_url,
        "STOA_CACHE_URL": ready.cache_url,
        "STOA_ORIGIN_URL": ready.origin,
        "STOA_EDGE_SECRET": DataFolder(data_dir).secrets().get("edge_secret"),
        "STOA_EDGE_HOST": "127.0.0.1",
        "STOA_EDGE_PORT": str(port),
        "STOA_EDGE_OPS_PORT": str(ops_port),
    }
    argv = (sys.executable, "-m", *module)
    async with pinned(name, argv, port, core, folder, environment) as server:
        yield EdgeUnderTest(server, f"http://127.0.0.1:{ops_port}")
