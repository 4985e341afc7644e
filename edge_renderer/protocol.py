"""uvicorn's httptools protocol with the limits it lacks: on the bytes of a request's head, on the time it may take, and
on how long a client may leave its answer unread.

It also refuses what somebody in front may have read otherwise: a target that names another host than the Host header,
framing that is not one plain `chunked` or a length, versions that are not ours.
"""

import asyncio
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_ANSWER = b"HTTP/1.1 %s\r\ncontent-length: 0\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
_BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
    b"cache-control: no-store\r\nconnection: close\r\n\r\n%s"
)


class BoundedProtocol(HttpToolsProtocol):
    """`listening` makes it into one with the settings' limits, for uvicorn makes the protocols itself."""

    head_bytes: ClassVar[int]
    head_seconds: ClassVar[float]
    stall_seconds: ClassVar[float]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_size = 0
        """Bytes of the message under way that are not of its body: its head, then chunks' sizes, and trailers."""
        self._is_in_head = True
        self._has_begun = False
        """A message is under way in the parser, if only by its first byte."""
        self._has_left_http = False
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
        if self._is_in_head and not self._head_size:
            self._start_head_timer()
        self._head_size += len(data)
        if self._is_in_head and self._head_size > self.head_bytes and not self._ends_head(data):
            self._refuse(b"431 Request Header Fields Too Large")
            return
        super().data_received(data)
        if not self._is_in_head and self._head_size > 2 * self.head_bytes:  # only now is it known what of it was body
            self._refuse(b"431 Request Header Fields Too Large")
        if self._has_begun and self._is_in_head and not self._head_size:  # behind the end of the one before
            end = data.rfind(b"\r\n\r\n")
            self._head_size = len(data) - end - 4 if end >= 0 else 1
            self._start_head_timer()

    @property
    def is_between_requests(self) -> bool:
        """Nothing of a next request has been read, and nobody is answering one."""
        is_quiet = not self._has_begun and not self._head_size and not self._has_left_http
        return is_quiet and (self.cycle is None or self.cycle.response_complete)

    def _ends_head(self, data: bytes) -> bool:
        """A head within the limit may arrive together with the start of its body."""
        end = data.find(b"\r\n\r\n")
        return end >= 0 and self._head_size - len(data) + end <= self.head_bytes

    def on_message_begin(self) -> None:
        self._has_begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_head_timer()
        self._has_left_http = self.parser.should_upgrade()
        if not self._is_plainly_framed():
            raise ValueError("the framing can be read in two ways")
        if not self.url.startswith(b"/") and not self._names_one_host():
            raise ValueError("the target names another host than the Host header")  # the parser answers 400
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head_size -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_head = True
        self._has_begun = False
        self._head_size = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """What is still to come of a body that is answered has as long as a head, and the next head with it."""
        super().on_response_complete()
        if not self._is_in_head and self.cycle.response_complete:
            self._start_head_timer()

    def send_400_response(self, msg: str) -> None:
        """As uvicorn does, and says that nobody is to store it."""
        self.transport.write(_BAD_REQUEST % (len(msg), msg.encode("ascii")))
        self.transport.close()

    def _is_plainly_framed(self) -> bool:
        """RFC 9112, 6.1: other codings, several lines, or any of it with HTTP/1.0 are how requests are smuggled."""
        version = self.parser.get_http_version()
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        return not codings if version == "1.0" else version == "1.1" and codings in ([], [b"chunked"])

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
        """Closes; with words only while a head is under way, and if nobody is just answering on this connection."""
        if self.transport.is_closing():
            return
        if self._is_in_head and self._head_size and (self.cycle is None or self.cycle.response_complete):
            self.transport.write(_ANSWER % status)
        self.transport.close()
