"""One page of one edge worker, watched over one kept-alive connection until it shows a version.

It polls with If-None-Match, so that an unchanged answer is a 304 without a body: who watches must cost little, or it
measures itself. Once that answer has changed, every other variant of the page is asked in full, all at once.
"""

import asyncio
import gzip
import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import brotli

CONDITIONAL, IDENTITY, BROTLI, HEAD = "gzip, if-none-match", "identity", "br", "head"
VARIANTS = (CONDITIONAL, IDENTITY, BROTLI, HEAD)
_ENCODINGS = {CONDITIONAL: b"gzip", IDENTITY: b"identity", BROTLI: b"br", HEAD: b"gzip"}
LEAST_PAUSE_SECONDS = 0.004
PAUSE_PER_WAIT = 1 / 8
"""The pause grows with the wait: who watches a slow machine must not slow it further, and is never late by much."""
_ANSWER_SECONDS = 10.0
_DECODERS: Mapping[bytes, Callable[[bytes], bytes]] = {b"gzip": gzip.decompress, b"br": brotli.decompress}
_FIELDS = re.compile(rb"\r\n(etag|content-length|content-encoding):[ \t]*([^\r]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    etag: bytes
    body: bytes


class _Line(asyncio.Protocol):
    """One open connection: what is sent, and the answers to it in the same order."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._asked: deque[tuple[asyncio.Future[Reply], bool]] = deque()
        self._transport: asyncio.Transport | None = None
        self._lost = asyncio.Event()
        self.is_closed = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.is_closed = True
        self._lost.set()
        self._fail(error or EOFError("the server has closed the connection"))

    def eof_received(self) -> None:
        self.is_closed = True

    async def close(self) -> None:
        assert self._transport is not None
        self._transport.close()
        await self._lost.wait()

    def ask(self, requests: Sequence[bytes]) -> list[asyncio.Future[Reply]]:
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        replies = [loop.create_future() for _ in requests]
        self._asked.extend(
            (reply, request.startswith(b"HEAD")) for reply, request in zip(replies, requests, strict=True)
        )
        self._transport.write(b"".join(requests))
        return replies

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._received += data
        while self._asked:
            try:
                found = _first_reply(self._received, is_head=self._asked[0][1])
            except (KeyError, ValueError, OSError, EOFError, brotli.error) as error:
                self._fail(ValueError(f"not an answer: {error!r}"))
                self._transport.close()
                return
            if found is None:
                return
            reply, length = found
            del self._received[:length]
            waiting, _ = self._asked.popleft()
            if not waiting.done():
                waiting.set_result(reply)

    def _fail(self, error: Exception) -> None:
        while self._asked:
            waiting, _ = self._asked.popleft()
            if not waiting.done():
                waiting.set_exception(error)


def _first_reply(received: bytearray, *, is_head: bool) -> tuple[Reply, int] | None:
    """And the bytes it took; None: it is not all here. Raises KeyError or ValueError for what is no answer."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(received[:end])
    fields = {name.lower(): value for name, value in _FIELDS.findall(head)}
    status, start = int(head[9:12]), end + 4
    has_body = status != 304 and not is_head
    length = start + int(fields[b"content-length"]) if has_body else start
    if len(received) < length:
        return None
    body = bytes(received[start:length])
    decode = _DECODERS.get(fields.get(b"content-encoding", b"")) if has_body else None
    return Reply(status, fields.get(b"etag", b""), decode(body) if decode else body), length


class Connection:
    """HTTP/1.1 to one server; opened at the first question, and again when the server has closed it. Raises OSError,
    EOFError, ValueError or TimeoutError when there is no answer."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._address = address.hostname or "", address.port or 80
        self._line: _Line | None = None

    @property
    def is_closed(self) -> bool:
        return self._line is None or self._line.is_closed

    async def close(self) -> None:
        if self._line is not None:
            await self._line.close()
            self._line = None

    async def ask(self, *requests: bytes) -> list[Reply]:
        """Each of `requests` is all of one, as bytes. They are sent at once, and answered one after the other."""
        async with asyncio.timeout(_ANSWER_SECONDS):
            if self._line is None or self.is_closed:
                await self.close()
                loop = asyncio.get_running_loop()
                _, self._line = await loop.create_connection(_Line, *self._address)
            return await asyncio.gather(*self._line.ask(requests))


class Watch:
    """`version_in` finds the oldest version that a body shows; 0 if it shows none."""

    def __init__(self, connection: Connection, host: str, path: str, version_in: Callable[[bytes], int]) -> None:
        self._connection = connection
        self._target = f"{path} HTTP/1.1\r\nHost: {host}\r\n".encode()
        self._version_in = version_in
        self._etag = b""
        self._shown = 0
        self.polls = 0
        self.polling_seconds = 0.0

    async def until(self, version: int, since: float, give_up_seconds: float) -> dict[str, float | None]:
        """Seconds from `since` until each variant showed `version` or a later one; None: it never did."""
        seen: dict[str, float | None] = {}
        for names in ((CONDITIONAL,), (IDENTITY, BROTLI, HEAD)):
            seen |= await self._seen(names, version, since, give_up_seconds)
        return seen

    async def _seen(
        self, names: Sequence[str], version: int, since: float, give_up_seconds: float
    ) -> dict[str, float | None]:
        seen: dict[str, float | None] = dict.fromkeys(names)
        while True:
            asked_at = time.monotonic()
            missing = [name for name in names if seen[name] is None]
            replies = await self._connection.ask(*map(self._request, missing))
            waited = time.monotonic() - since
            for name, reply in zip(missing, replies, strict=True):
                if self._shows(name, reply) >= version:
                    seen[name] = waited
            if None not in seen.values() or waited > give_up_seconds:
                return seen
            await asyncio.sleep(max(LEAST_PAUSE_SECONDS, waited * PAUSE_PER_WAIT))
            self.polls += 1
            self.polling_seconds += time.monotonic() - asked_at

    def _request(self, name: str) -> bytes:
        method = b"HEAD" if name == HEAD else b"GET"
        condition = b"If-None-Match: %s\r\n" % self._etag if name == CONDITIONAL and self._etag else b""
        return b"%s %sAccept-Encoding: %s\r\n%s\r\n" % (method, self._target, _ENCODINGS[name], condition)

    def _shows(self, name: str, reply: Reply) -> int:
        """Its version. HEAD is known by its ETag alone: that of the page that was seen to show the version."""
        if name == HEAD:
            return self._shown if reply.etag == self._etag else 0
        if name != CONDITIONAL:
            return self._version_in(reply.body)
        if reply.status != 304:
            self._etag, self._shown = reply.etag, self._version_in(reply.body)
        return self._shown
