"""One page of one edge worker, watched over one kept-alive connection until it shows a version.

It polls with If-None-Match, so that an unchanged answer is a 304 without a body: who watches must cost little, or it
measures itself. Once that answer has changed, every other variant of the page is asked in full.
"""

import asyncio
import gzip
import re
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import brotli

CONDITIONAL, IDENTITY, BROTLI, HEAD = "gzip, if-none-match", "identity", "br", "head"
VARIANTS = (CONDITIONAL, IDENTITY, BROTLI, HEAD)
LEAST_PAUSE_SECONDS = 0.004
PAUSE_PER_WAIT = 1 / 8
"""The pause grows with the wait: who watches a slow machine must not slow it further, and is never late by much."""
_ANSWER_SECONDS = 10.0
_MOST_HEAD_BYTES = 64 * 1024
_DECODERS: Mapping[bytes, Callable[[bytes], bytes]] = {b"gzip": gzip.decompress, b"br": brotli.decompress}
_FIELDS = re.compile(rb"\r\n(etag|content-length|content-encoding):[ \t]*([^\r]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    etag: bytes
    body: bytes


class Connection:
    """HTTP/1.1 to one server, one request at a time; opened at the first, and again when the server has closed it.
    Raises OSError, EOFError or TimeoutError when there is no answer."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def is_closed(self) -> bool:
        return self._streams is None or self._streams[0].at_eof()

    async def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            with suppress(OSError):
                await streams[1].wait_closed()

    async def ask(self, request: bytes) -> Reply:
        """`request`: the whole of it, as bytes."""
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await self._opened()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            fields = {name.lower(): value for name, value in _FIELDS.findall(head)}
            status = int(head[9:12])
            has_body = status != 304 and not request.startswith(b"HEAD")
            body = await reader.readexactly(int(fields[b"content-length"])) if has_body else b""
        decode = _DECODERS.get(fields.get(b"content-encoding", b"")) if has_body else None
        return Reply(status, fields.get(b"etag", b""), decode(body) if decode else body)

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None or self.is_closed:
            await self.close()
            host, port = self._address.hostname, self._address.port
            self._streams = await asyncio.open_connection(host, port, limit=_MOST_HEAD_BYTES)
        return self._streams


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
        looks = {CONDITIONAL: self._poll, IDENTITY: self._plain, BROTLI: self._brotli, HEAD: self._head}
        seen: dict[str, float | None] = {}
        for name, look in looks.items():
            seen[name] = await self._seen(look, version, since, give_up_seconds)
        return seen

    async def _seen(
        self, look: Callable[[], Coroutine[Any, Any, int]], version: int, since: float, give_up_seconds: float
    ) -> float | None:
        while True:
            asked_at = time.monotonic()
            shown = await look()
            waited = time.monotonic() - since
            if shown >= version:
                return waited
            if waited > give_up_seconds:
                return None
            await asyncio.sleep(max(LEAST_PAUSE_SECONDS, waited * PAUSE_PER_WAIT))
            self.polls += 1
            self.polling_seconds += time.monotonic() - asked_at

    async def _poll(self) -> int:
        reply = await self._ask(b"GET", b"gzip", self._etag)
        if reply.status != 304:
            self._etag, self._shown = reply.etag, self._version_in(reply.body)
        return self._shown

    async def _plain(self) -> int:
        return self._version_in((await self._ask(b"GET", b"identity")).body)

    async def _brotli(self) -> int:
        return self._version_in((await self._ask(b"GET", b"br")).body)

    async def _head(self) -> int:
        """Known by its ETag alone: it is the one of the page that was seen to show the version."""
        reply = await self._ask(b"HEAD", b"gzip")
        return self._shown if reply.etag == self._etag else 0

    async def _ask(self, method: bytes, encoding: bytes, etag: bytes = b"") -> Reply:
        condition = b"If-None-Match: %s\r\n" % etag if etag else b""
        return await self._connection.ask(
            b"%s %sAccept-Encoding: %s\r\n%s\r\n" % (method, self._target, encoding, condition)
        )
