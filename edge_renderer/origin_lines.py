"""GET requests to the origin over kept connections, and nothing else: no cookies, no redirects, no bodies to send.

A page that is in no cache asks once, and a client that can do everything takes several times the processor time for it
that this takes: decision 27. Whatever goes wrong is a ConnectionError; time is the asker's to limit.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httptools

_MOST_HEAD_BYTES = 64 * 1024


class ConnectError(ConnectionError):
    """There is no connection to be had."""


class AnswerTooLarge(ConnectionError):
    """The answer's body is over its limit; it was not read to its end."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`headers` by their names in lower case; of a name that is there twice the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Line(asyncio.Protocol):
    """One connection, on which one question is under way at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        """While there is a connection: it holds this object too, and what goes in a circle waits for the collector."""
        self._answer: asyncio.Future[Reply] | None = None
        self._limit_bytes = 0
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._size = 0
        """Of what has been read of the answer: its head while that is not complete, then its body."""
        self._has_head = False
        self.is_open = False
        self.idle_since = 0.0

    async def ask(self, request: bytes, limit_bytes: int) -> Reply:
        """Who hangs up takes the line along: the rest of the answer would be the next one's."""
        assert self._transport is not None
        self._answer, self._limit_bytes = self._loop.create_future(), limit_bytes
        self._transport.write(request)
        try:
            return await self._answer
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._parser = httptools.HttpResponseParser(self)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(ConnectionError(f"what came is no answer: {error!r}"))
        if not self._has_head:
            self._grow(len(data), _MOST_HEAD_BYTES)

    def eof_received(self) -> None:
        self._fail(ConnectionError("the origin closed the connection"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(ConnectionError(f"the connection was lost: {exc}"))
        self._parser = None

    def on_message_begin(self) -> None:
        self._headers, self._chunks, self._size, self._has_head = {}, [], 0, False
        if self._answer is None:  # nobody has asked
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._has_head, self._size = True, 0
        length = self._headers.get("content-length", "")
        if length.isdigit() and int(length) > self._limit_bytes:
            self._grow(int(length), self._limit_bytes)

    def on_body(self, chunk: bytes) -> None:
        self._grow(len(chunk), self._limit_bytes)
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            return  # there is more to come
        answer, self._answer = self._answer, None
        self.is_open = self.is_open and self._parser.should_keep_alive()
        if answer is not None and not answer.done():
            answer.set_result(Reply(status, self._headers, b"".join(self._chunks)))

    def _grow(self, more_bytes: int, limit_bytes: int) -> None:
        self._size += more_bytes
        if self._size > limit_bytes:
            self._fail(AnswerTooLarge(f"the origin's answer is over {limit_bytes} bytes"))

    def _fail(self, error: ConnectionError) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)
        self.close()


class OriginLines:
    """To one origin. `most`: connections at once; who comes beyond that waits for one."""

    def __init__(self, url: str, headers: Mapping[str, str], *, most: int, connect_seconds: float, idle_seconds: float):
        parts = urlsplit(url)
        self._is_secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._is_secure else 80)
        self._path = parts.path.rstrip("/")
        lines = {"host": parts.netloc.rpartition("@")[2], **headers}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._turns = asyncio.Semaphore(most)
        self._idle: list[_Line] = []

    async def get(self, target: str, limit_bytes: int, headers: Mapping[str, str] | None = None) -> Reply:
        """`target`: a path of the origin with its query, spelt as it is to be sent. Asks once more if a kept connection
        turns out dead: the origin was restarted, and asking is harmless."""
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items()) if headers else ""
        request = f"GET {self._path}{target} HTTP/1.1\r\n{self._head}{more}\r\n".encode("latin-1")
        async with self._turns:
            kept = self._kept()
            if kept is not None:
                try:
                    return await self._ask(kept, request, limit_bytes)
                except AnswerTooLarge:
                    raise
                except ConnectionError:
                    pass  # it, or the origin behind it, ended while nobody was looking
            return await self._ask(await self._connected(), request, limit_bytes)

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> _Line | None:
        """The one that was used last; of those that have been idle for too long none."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            line = self._idle.pop()
            if line.is_open and now - line.idle_since < self._idle_seconds:
                return line
            line.close()
        return None

    async def _ask(self, line: _Line, request: bytes, limit_bytes: int) -> Reply:
        reply = await line.ask(request, limit_bytes)
        if line.is_open:
            line.idle_since = asyncio.get_running_loop().time()
            self._idle.append(line)
        else:
            line.close()
        return reply

    async def _connected(self) -> _Line:
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, line = await asyncio.get_running_loop().create_connection(
                    _Line, self._host, self._port, ssl=self._is_secure or None
                )
                return line
        except (OSError, TimeoutError) as error:
            raise ConnectError(f"no connection: {type(error).__name__}") from error
