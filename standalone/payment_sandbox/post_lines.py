"""POST requests over kept connections, of whose answers only the status matters. Whatever goes wrong is an OSError.

Each payment is told of, and a client that can do everything took an eighth of the sandbox's processor time for that. An
answer has to say where it ends other than by the end of its connection.
"""

import asyncio
import re
from typing import Any
from urllib.parse import urlsplit

import httptools

_VISIBLE = re.compile(r"[!-~]+")


def can_be_posted_to(url: str) -> bool:
    """Whether it names a host that could be there, and can stand in a request as it is."""
    try:
        parts = urlsplit(url)
        (parts.hostname or "").encode("idna")  # as connecting does; of what is no name it raises a ValueError too
        is_place = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_place and parts.username is None and _VISIBLE.fullmatch(url) is not None


class _Line(asyncio.Protocol):
    """One connection, on which one question is under way at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        """While there is a connection: it holds this object too, and what goes in a circle waits for the collector."""
        self._status: asyncio.Future[int] | None = None
        self.is_open = False

    async def post(self, request: bytes) -> int:
        """Who hangs up takes the line along: the rest of the answer would be the next one's."""
        assert self._transport is not None
        self._status = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._status
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
            self._fail(f"what came is no answer: {error!r}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the connection was lost: {exc}")
        self._parser = None

    def on_message_begin(self) -> None:
        if self._status is None:  # nobody has asked
            self.close()

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            return  # there is more to come
        waiting, self._status = self._status, None
        self.is_open = self.is_open and self._parser.should_keep_alive()
        if waiting is not None and not waiting.done():
            waiting.set_result(status)

    def _fail(self, reason: str) -> None:
        waiting, self._status = self._status, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(ConnectionError(reason))
        self.close()


class PostLines:
    """As many connections as there are questions at once. Time is the asker's to limit."""

    def __init__(self) -> None:
        self._idle: dict[str, list[_Line]] = {}

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """The answer's status. Not asked again if a kept connection turns out dead: that is the asker's to decide."""
        parts = urlsplit(url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        head = {"Host": parts.netloc, "Content-Length": str(len(body)), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        idle = self._idle.setdefault(url, [])
        line = self._kept(idle) or await _connected(parts.hostname or "", parts.port, parts.scheme == "https")
        status = await line.post(f"POST {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body)
        if line.is_open:
            idle.append(line)
        else:
            line.close()
        return status

    def close(self) -> None:
        for lines in self._idle.values():
            while lines:
                lines.pop().close()

    def _kept(self, idle: list[_Line]) -> _Line | None:
        while idle:
            line = idle.pop()
            if line.is_open:
                return line
        return None


async def _connected(host: str, port: int | None, is_secure: bool) -> _Line:
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(_Line, host, port or (443 if is_secure else 80), ssl=is_secure or None)
    return line
