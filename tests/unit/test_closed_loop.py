"""The closed-loop generator against a scripted server."""

import asyncio

from loadtest.closed_loop import closed_loop
from loadtest.open_loop import get

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LAST_ANSWER = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Server:
    """Answers `/good`, refuses `/bad` and closes, and hangs up on `/gone`."""

    def __init__(self) -> None:
        self.most_at_once = 0
        self._at_once = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self._at_once += 1
                self.most_at_once = max(self.most_at_once, self._at_once)
                await asyncio.sleep(0)
                self._at_once -= 1
                if b"/good" not in head:
                    writer.write(LAST_ANSWER if b"/bad" in head else b"")
                    break
                writer.write(ANSWER)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


async def test_each_request_is_sent_once_and_no_more_at_once_than_there_are_connections() -> None:
    server = Server()
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        requests = [get("acorn.test", "/good") for _ in range(50)]
        report = await closed_loop(listening.sockets[0].getsockname(), requests, 4)
    assert (report.offered, dict(report.statuses), report.errors.total()) == (50, {200: 50}, 0)
    assert server.most_at_once <= 4
    assert len(report.times.seconds) == 50


async def test_a_connection_that_the_server_closes_is_opened_anew() -> None:
    server = Server()
    paths = ["/good", "/bad", "/good", "/gone", "/good"] * 4
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        requests = [get("acorn.test", path) for path in paths]
        report = await closed_loop(listening.sockets[0].getsockname(), requests, 2)
    assert dict(report.statuses) == {200: 12, 503: 4}
    assert dict(report.errors) == {"broken": 4}
