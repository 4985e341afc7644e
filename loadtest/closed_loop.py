"""As many requests at once as there are connections, each sent when the one before it is answered: how much a server
can do, where `open_loop` tells how long it takes."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import httptools

from loadtest.open_loop import ANSWER_SECONDS, Address, Report, Request


class _Connection(asyncio.Protocol):
    """Sends one request after the other until there are no more or the server closes it; then `is_lost` is done."""

    def __init__(self, requests: Iterator[Request], report: Report) -> None:
        self._requests = requests
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._request: Request | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sent_at = 0.0
        self.is_lost: asyncio.Future[None] = self._loop.create_future()
        self.has_more = True

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._timer = self._loop.call_later(ANSWER_SECONDS, self._end_if_silent)
        self._send_next()

    def data_received(self, data: bytes) -> None:
        self._report.received_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._close()

    def on_message_complete(self) -> None:
        request, self._request = self._request, None
        if request is None:
            return
        self._report.note(request, self._parser.get_status_code(), self._loop.time() - self._sent_at)
        if self._parser.should_keep_alive():
            self._send_next()
        else:
            self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._request is not None:
            self._report.errors["broken"] += 1
        if self._timer is not None:
            self._timer.cancel()
        self.is_lost.set_result(None)

    def _send_next(self) -> None:
        self._request = next(self._requests, None)
        if self._request is None or self._transport is None:
            self.has_more = False
            self._close()
            return
        self._report.offered += 1
        self._parser, self._sent_at = httptools.HttpResponseParser(self), self._loop.time()
        self._transport.write(self._request.wire)

    def _end_if_silent(self) -> None:
        silent_seconds = self._loop.time() - self._sent_at
        if silent_seconds >= ANSWER_SECONDS:
            self._close()
        self._timer = self._loop.call_later(max(0.1, ANSWER_SECONDS - silent_seconds), self._end_if_silent)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def closed_loop(address: Address, requests: Iterable[Request], connections: int) -> Report:
    """Sends each once. Raises OSError if nobody listens; what the server does is in the report."""
    loop, report, waiting = asyncio.get_running_loop(), Report(), iter(requests)

    async def one_connection() -> None:
        has_more = True
        while has_more:
            _, connection = await loop.create_connection(lambda: _Connection(waiting, report), *address)
            await connection.is_lost
            has_more = connection.has_more

    began = loop.time()
    await asyncio.gather(*(one_connection() for _ in range(connections)))
    report.seconds = loop.time() - began
    return report
