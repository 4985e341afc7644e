"""Connections that end without an answer, as a client sees them whose provider's server died.

An ASGI server has no word for it, so its own transport is asked for: uvicorn's `send` is a method of what has it.
"""

import asyncio
import socket
import struct

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_TRANSPORT = "stoa.transport"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, zero seconds


def with_transport(scope: Scope, send: Send) -> Scope:
    server = getattr(send, "__self__", None)
    return {**scope, _TRANSPORT: getattr(server, "transport", None)}


class HangUp(Response):
    """Resets the connection, after `silent_seconds` or when the client has gone."""

    def __init__(self, silent_seconds: float = 0) -> None:
        super().__init__()
        self._silent_seconds = silent_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._silent_seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            pass
        transport: asyncio.Transport = scope[_TRANSPORT]
        connection = transport.get_extra_info("socket")
        if connection is not None and not transport.is_closing():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()
        await asyncio.sleep(0)  # the server notices now, and so expects no answer of us
