"""`python -m edge_renderer` serves shoppers: one worker process; several may share the port."""

import asyncio
import signal
import socket
import sys
from contextlib import ExitStack
from typing import Any

import uvloop
from pydantic import ValidationError

from contracts.collector import collect_rarely
from edge_renderer.app import Edge, load_theming, running_edge
from edge_renderer.listening import bound_socket, server_of
from edge_renderer.logs import log_as_json
from edge_renderer.settings import EdgeSettings
from edge_renderer.themes import ThemeError

_LOOPBACK = "127.0.0.1"


def main() -> None:
    log_as_json()
    try:
        settings = EdgeSettings()  # from the environment
        uvloop.run(_run(settings))
    except ValidationError as error:
        sys.exit("\n".join(_sentence(problem) for problem in error.errors()))
    except (ThemeError, OSError) as error:
        sys.exit(f"The edge cannot start: {error}")


async def _run(settings: EdgeSettings) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(bound_socket(settings.edge_host, settings.edge_port, is_shared=True))]
        if settings.edge_direct_port:
            sockets.append(stack.enter_context(bound_socket(settings.edge_host, settings.edge_direct_port)))
        ops_sockets = []
        if settings.edge_ops_port:
            ops_sockets.append(stack.enter_context(bound_socket(_LOOPBACK, settings.edge_ops_port)))
        async with running_edge(settings, load_theming(settings)) as edge:
            await _serve(settings, edge, sockets, ops_sockets)


async def _serve(
    settings: EdgeSettings, edge: Edge, sockets: list[socket.socket], ops_sockets: list[socket.socket]
) -> None:
    servers = [(server_of(edge.app, settings, edge.hit_path), sockets)]
    if ops_sockets:
        servers.append((server_of(edge.ops, settings), ops_sockets))

    def stop() -> None:
        for server, _ in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    collect_rarely()
    await asyncio.gather(*(server.serve(sockets=listening) for server, listening in servers))


def _sentence(problem: Any) -> str:
    name = "STOA_" + "_".join(str(part) for part in problem["loc"]).upper()
    return f"{name}: {problem['msg']}; set this environment variable"


if __name__ == "__main__":
    main()
