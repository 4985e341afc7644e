"""How the sandbox's events travel to their receiver."""

import asyncio
from contextlib import suppress

from standalone.payment_sandbox.webhooks import WebhookSender


async def test_events_one_after_the_other_take_one_connection() -> None:
    """Also where an answer comes in two pieces, as servers send it."""
    connections = taken = 0

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections, taken
        connections += 1
        with suppress(asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
                with suppress(TimeoutError):  # who does not wait for the rest has hung up by then
                    async with asyncio.timeout(0.05):
                        await reader.read(1)
                writer.write(b"ok")
                taken += 1
        writer.close()

    async with await asyncio.start_server(receive, "127.0.0.1", 0) as server:
        sender = WebhookSender(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", "whsec_test")
        for _ in range(3):
            sending = sender.send("{}")
            assert sending is not None
            await sending
        await sender.close()
    assert (connections, taken) == (1, 3)
