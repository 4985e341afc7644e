"""Where a benchmark of the edge takes place: a folder of its own, two cores, the pages asked for, and wrk."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from loadtest.edge_worker import EdgeUnderTest, edge_worker
from loadtest.generator import Wrk
from loadtest.pages import Answered, ChosenPage, ask, choose_pages
from loadtest.peers.programs import programs, two_cores
from loadtest.pinned import Server
from loadtest.shoppers import write_for_wrk
from standalone.errors import StandaloneError
from standalone.ready_file import read_ready

Pages = list[tuple[ChosenPage, Answered]]


@dataclass(frozen=True, slots=True)
class Stage:
    data_dir: Path
    folder: Path
    hosts: Sequence[str]
    programs: dict[str, str]
    server_core: int
    wrk_core: int
    client: httpx.AsyncClient
    stack: AsyncExitStack

    async def edge(self, name: str, module: tuple[str, ...] = ("edge_renderer",)) -> EdgeUnderTest:
        """Runs until the stage is left."""
        worker = edge_worker(self.data_dir, self.folder, self.server_core, name, module)
        return await self.stack.enter_async_context(worker)

    async def pages(self, edge: EdgeUnderTest, count: int) -> Pages:
        chosen = await choose_pages(self.client, edge.server.url, self.hosts, count)
        return [(page, await ask(self.client, edge.server.url, page)) for page in chosen]

    def wrk(self, pages: Pages, connections: int) -> Wrk:
        drawn_from = self.folder / "drawn_from.lua"
        write_for_wrk(drawn_from, [page for page, _ in pages])
        return Wrk(self.programs["wrk"], self.wrk_core, drawn_from, connections)

    async def check_alike(self, servers: Sequence[Server], pages: Pages) -> None:
        """Every server answers every page with the very bytes the edge gave at first. Raises StandaloneError."""
        for server in servers:
            for page, expected in pages:
                answer = await ask(self.client, server.url, page)
                is_gzip = answer.headers.get("content-encoding") == "gzip"
                if answer.status != 200 or not is_gzip or answer.body != expected.body:
                    raise StandaloneError(
                        f"{server.name} does not serve the same bytes for {page.host}{page.target}: status "
                        f"{answer.status}, {len(answer.body)} bytes, not {len(expected.body)}. Did a shop change?"
                    )


@asynccontextmanager
async def stage(data_dir: Path, needs: Sequence[str]) -> AsyncIterator[Stage]:
    """When it is left, all that was started on it has ended and its folder is gone."""
    found = programs(needs)
    server_core, wrk_core = two_cores()
    hosts = [store.host for store in read_ready(data_dir).stores]
    async with AsyncExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="stoa-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=30, trust_env=False))
        yield Stage(data_dir, folder, hosts, found, server_core, wrk_core, client, stack)
