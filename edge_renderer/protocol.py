"""uvicorn's httptools protocol with the limits it lacks: on the bytes of a request's head and on the time it may take.

It also refuses what names two hosts: a target in absolute form whose host is not the Host header's.
"""

import asyncio
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_ANSWER = b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """`listening` makes it into one with the settings' limits, for uvicorn makes the protocols itself."""

    head_bytes: ClassVar[int]
    head_seconds: ClassVar[float]
    stall_seconds: ClassVar[float]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_size = 0
        self._is_in_head = True
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._stop_stall_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts before the parser sees it: what is over the limit is never collected."""
        if self._is_in_head:
            if not self._head_size:
                self._start_head_timer()
            self._head_size += len(data)
            if self._head_size > self.head_bytes and not self._ends_head(data):
                self._refuse(b"431 Request Header Fields Too Large")
                return
        super().data_received(data)

    def _ends_head(self, data: bytes) -> bool:
        """A head within the limit may arrive together with the start of its body."""
        end = data.find(b"\r\n\r\n")
        return end >= 0 and self._head_size - len(data) + end <= self.head_bytes

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_head_timer()
        if not self.url.startswith(b"/") and not self._names_one_host():
            raise ValueError("the target names another host than the Host header")  # the parser answers 400
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_in_head = True
        self._head_size = 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered; that it reads at all is looked at from now on."""
        super().pause_writing()
        self._start_stall_timer()

    def resume_writing(self) -> None:
        self._stop_stall_timer()
        super().resume_writing()

    def _start_stall_timer(self) -> None:
        waiting_bytes = self.transport.get_write_buffer_size()
        self._stall_timer = self.loop.call_later(self.stall_seconds, self._abort_if_stalled, waiting_bytes)

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _abort_if_stalled(self, waiting_bytes: int) -> None:
        if self.transport.get_write_buffer_size() >= waiting_bytes:
            self.transport.abort()
        else:
            self._start_stall_timer()

    def _names_one_host(self) -> bool:
        authority = httptools.parse_url(self.url)
        port = b":%d" % authority.port if authority.port else b""
        hosts = {value.lower() for name, value in self.headers if name == b"host"}
        return authority.host is not None and hosts == {authority.host.lower() + port}

    def _start_head_timer(self) -> None:
        self._stop_head_timer()
        self._head_timer = self.loop.call_later(self.head_seconds, self._refuse, b"408 Request Timeout")

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: bytes) -> None:
        """Closes; with words only to a request that was begun, and if nobody is just answering on this connection."""
        if self.transport.is_closing():
            return
        if self._head_size and (self.cycle is None or self.cycle.response_complete):
            self.transport.write(_ANSWER % status)
        self.transport.close()
