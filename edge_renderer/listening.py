"""The sockets a worker listens on and the HTTP server behind them, with every limit on connections."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from edge_renderer.hit_path import HitPath
from edge_renderer.hit_protocol import HitProtocol
from edge_renderer.protocol import BoundedProtocol
from edge_renderer.settings import EdgeSettings

_BACKLOG = 2048


class Server(uvicorn.Server):
    """Leaves signals to us: several servers live in this process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server_of(app: Any, settings: EdgeSettings, hit_path: HitPath | None = None) -> Server:
    """With a hit path, what it knows is answered without asking `app`."""
    config = uvicorn.Config(
        app,
        http=_protocol(settings, hit_path),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=settings.edge_connections,
        backlog=_BACKLOG,
        timeout_keep_alive=settings.edge_idle_seconds,
        timeout_graceful_shutdown=settings.edge_stop_seconds,
    )
    return Server(config)


def _protocol(settings: EdgeSettings, hit_path: HitPath | None) -> type[BoundedProtocol]:
    """uvicorn makes protocols itself, so what they need has to be their class's."""
    limits = {
        "head_bytes": settings.edge_header_bytes,
        "head_seconds": settings.edge_header_seconds,
        "stall_seconds": settings.edge_stall_seconds,
    }
    if hit_path is None:
        return type("BoundedProtocol", (BoundedProtocol,), limits)
    return type("HitProtocol", (HitProtocol,), {**limits, "hit_path": hit_path})


@contextmanager
def bound_socket(host: str, port: int, *, is_shared: bool = False) -> Iterator[socket.socket]:
    """A shared port is bound by every worker; the kernel deals connections out among them."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, because asyncio's own loop leaves Nagle's delay on where it is not.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            bound.bind((host, port))
        except OSError as error:
            raise OSError(f"{host}:{port} cannot be listened on ({error.strerror}); choose another port") from error
        yield bound
