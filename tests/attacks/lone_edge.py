"""An edge worker in a thread of this process, met through its socket: for attacks that need a worker of their own, a
look at its memory, or servers that may be spoiled. Behind it stands a scripted origin, or the one that is named."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import uvloop

from contracts.events import Position
from edge_renderer.app import Edge, running_edge
from edge_renderer.listening import bound_socket, server_of
from tests.attacks.wire import Answer, Connection, request
from tests.fixtures.bus import HandRelay, bus_at
from tests.fixtures.edges import edge_settings, theming
from tests.fixtures.scripted_origin import ScriptedOrigin, scripted_origin


@dataclass(slots=True)
class LoneEdge:
    edge: Edge
    origin: ScriptedOrigin | None
    port: int
    _loop: asyncio.AbstractEventLoop
    _done: asyncio.Event

    def get(self, target: str, *lines: bytes, host: str = "acorn.example.com") -> Answer:
        with Connection(self.port) as connection:
            return connection.ask(request(host, target, *lines))

    def do(self, work: Any) -> Any:
        """Runs a coroutine in the edge's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._done.set)


@contextmanager
def lone_edge(origin_url: str = "", **changes: Any) -> Iterator[LoneEdge]:
    """As `edge_settings` say, with these changes: without others, its state and cache servers are down."""
    ready: list[LoneEdge | BaseException] = []
    told = threading.Event()

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            origin = None if origin_url else await stack.enter_async_context(scripted_origin())
            settings = edge_settings(origin.url if origin else origin_url, **changes)
            edge = await stack.enter_async_context(running_edge(settings, theming()))
            bound = stack.enter_context(bound_socket("127.0.0.1", 0))
            bound.listen(1024)
            server = server_of(edge.app, settings, edge.hit_path)
            task = asyncio.create_task(server.serve(sockets=[bound]))
            done = asyncio.Event()
            ready.append(LoneEdge(edge, origin, bound.getsockname()[1], asyncio.get_running_loop(), done))
            told.set()
            await done.wait()
            server.should_exit = True
            await task

    def work() -> None:
        try:
            uvloop.run(serve())  # as a worker does
        except BaseException as error:
            ready.append(error)
            told.set()
            raise

    thread = threading.Thread(target=work, name="lone edge")
    thread.start()
    told.wait(60)
    made = ready[0]
    if isinstance(made, BaseException):
        raise made
    try:
        yield made
    finally:
        made.stop()
        thread.join(30)
        assert not thread.is_alive()


def publish(edge: LoneEdge, state_url: str, *tags: str) -> None:
    """As a relay would; returns once the edge has heard it. Without tags a heartbeat, which gives it a lease."""
    edge.do(_publish(edge.edge, state_url, tags))


async def _publish(edge: Edge, state_url: str, tags: tuple[str, ...]) -> None:
    """The first heartbeat is what a follower begins behind; the second gives it its lease."""
    async with bus_at(state_url) as bus, asyncio.timeout(20):
        relay = HandRelay(bus)
        for tag_set in ((), (), tags):
            published = await relay.drain(*((tag_set,) if tag_set else ()))
            await _heard(edge, published.position)


async def _heard(edge: Edge, position: Position) -> None:
    while True:
        here = edge.follower.position
        if here is not None and here.epoch == position.epoch and not position.is_beyond(here):
            return
        await asyncio.sleep(0.005)
