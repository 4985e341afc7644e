"""A TCP proxy that can fail in the ways networks and servers do, each of them switched on and off while it runs.

`inject` and `heal` work on connections that are open as well as on new ones, each direction by itself. From a command
line: `python -m loadtest.fault_proxy --listen 7000 --to 127.0.0.1:6379 latency_seconds=2`; lines on standard input
(`down bytes_per_second=1024`, `heal`) change it.
"""

import argparse
import asyncio
import random
import socket
import struct
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

_CHUNK_BYTES = 64 * 1024
_MOST_CHUNKS = 256
_CONNECT_SECONDS = 5.0
_STEP_SECONDS = 0.05
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time to linger: close sends RST


@dataclass(frozen=True, slots=True)
class Fault:
    """What befalls the bytes of one direction; several may be combined. The first two concern the whole proxy."""

    is_down: bool = False
    """Connections are refused, and those that are open are closed."""
    is_frozen: bool = False
    """Nothing passes and nothing is lost: a frozen server, or a partition that heals before TCP gives up."""
    is_blackhole: bool = False
    """Bytes are taken and vanish. A connection that lost some stays deaf for ever, for TCP never goes on past a gap."""
    latency_seconds: float = 0.0
    jitter_seconds: float = 0.0
    bytes_per_second: int = 0
    slice_bytes: int = 0
    """Pieces no larger than this, each sent by itself, `slice_pause_seconds` apart."""
    slice_pause_seconds: float = 0.0
    reset_bytes: int = 0
    """After so many bytes of a connection it is reset (RST), both ways."""
    limit_bytes: int = 0
    """After so many bytes of a connection it is closed as if all had been said."""
    close_seconds: float = 0.0
    """So long the end of a connection is kept from the other side."""


NONE = Fault()


class Direction(StrEnum):
    UP = "up"
    """From the client to the server."""
    DOWN = "down"


class FaultProxy:
    """Listens on a loopback port of its own and connects to `host:port`. Use `running_proxy`."""

    def __init__(self, host: str, port: int, listen_port: int = 0) -> None:
        self._to = (host, port)
        self.faults = dict.fromkeys(Direction, NONE)
        self.connections_made = 0
        self.passed_bytes = dict.fromkeys(Direction, 0)
        # Holds the port while nothing listens on it: a port that is bound and not listened on refuses connections.
        self._holder = _bound(listen_port)
        self.port: int = self._holder.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()

    async def inject(self, fault: Fault, *directions: Direction) -> None:
        """In the given directions, or in both. Replaces what was injected there before."""
        for direction in directions or Direction:
            self.faults[direction] = fault
        if any(each.is_down for each in self.faults.values()):
            await self._stop_listening()
            self.drop_connections()
        else:
            await self.listen()
        for link in self._links:
            link.note_change()

    async def heal(self) -> None:
        await self.inject(NONE)

    def drop_connections(self) -> None:
        """Ends those that are open, as a server does that dies."""
        for link in list(self._links):
            link.end()

    async def listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, sock=_bound(self.port))

    async def close(self) -> None:
        await self._stop_listening()
        self.drop_connections()
        await asyncio.gather(*(link.ended() for link in list(self._links)))
        self._holder.close()

    async def _stop_listening(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections_made += 1
        link = _Link(self, reader, writer)
        self._links.add(link)
        try:
            await link.carry(*self._to)
        finally:
            self._links.discard(link)


class _Link:
    """One client's connection and ours to the server."""

    def __init__(self, proxy: FaultProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._reader = reader
        self._writers = [writer]
        self._pipes: list[_Pipe] = []
        self._is_over = asyncio.Event()
        self._is_gone = asyncio.Event()

    async def carry(self, host: str, port: int) -> None:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(host, port)
            self._writers.append(writer)
            self._pipes = [
                _Pipe(self._proxy, self, Direction.UP, self._reader, writer),
                _Pipe(self._proxy, self, Direction.DOWN, reader, self._writers[0]),
            ]
            await self._carry_until_over()
        except OSError:
            pass  # nobody answers there: the client sees its connection closed
        finally:
            for writer in self._writers:
                writer.close()
            self._is_gone.set()

    async def _carry_until_over(self) -> None:
        carrying = [asyncio.create_task(run()) for pipe in self._pipes for run in (pipe.take, pipe.give)]
        all_said = asyncio.gather(*carrying)
        all_said.add_done_callback(lambda _: self._is_over.set())
        await self._is_over.wait()
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, all_said, return_exceptions=True)

    def note_change(self) -> None:
        for pipe in self._pipes:
            pipe.note_change()

    def end(self) -> None:
        self._is_over.set()

    def reset(self) -> None:
        for writer in self._writers:
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        self.end()

    async def ended(self) -> None:
        await self._is_gone.wait()


class _Pipe:
    """One direction of one connection: what is taken from one side waits in line to be given to the other."""

    def __init__(
        self,
        proxy: FaultProxy,
        link: _Link,
        direction: Direction,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._link = link
        self._direction = direction
        self._reader = reader
        self._writer = writer
        self._line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_MOST_CHUNKS)
        self._change = asyncio.Event()
        self._given_bytes = 0
        self._counted_for = NONE
        self._has_gap = False

    @property
    def _fault(self) -> Fault:
        return self._proxy.faults[self._direction]

    def note_change(self) -> None:
        self._change.set()

    async def take(self) -> None:
        """An empty chunk is the end."""
        now = asyncio.get_running_loop().time
        chunk = b"-"
        while chunk:
            try:
                chunk = await self._reader.read(_CHUNK_BYTES)
            except OSError:
                chunk = b""
            if self._fault.is_blackhole:
                self._has_gap = True
            if not self._has_gap:
                await self._line.put((now(), chunk))

    async def give(self) -> None:
        while True:
            taken_at, chunk = await self._line.get()
            spread = random.uniform(-1, 1)  # noqa: S311 - network weather, no secret
            await self._wait_out(taken_at, spread, is_end=not chunk)
            if self._has_gap:
                continue
            if not chunk:
                return self._end()
            await self._give(chunk)

    async def _wait_out(self, taken_at: float, spread: float, *, is_end: bool) -> None:
        """Until the chunk is due; a change of the fault may make that sooner or later."""
        now = asyncio.get_running_loop().time
        while True:
            self._change.clear()
            fault = self._fault
            due = taken_at + fault.latency_seconds + spread * fault.jitter_seconds
            wait_seconds = due + (fault.close_seconds if is_end else 0.0) - now()
            if fault.is_frozen:
                await self._change.wait()
            elif fault.is_blackhole:
                self._has_gap = True
                return
            elif wait_seconds <= 0:
                return
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._change.wait(), wait_seconds)

    async def _give(self, chunk: bytes) -> None:
        """In the pieces that the fault of the moment allows."""
        while chunk:
            fault = self._fault
            if fault is not self._counted_for:
                self._counted_for, self._given_bytes = fault, 0
            if fault.is_frozen or fault.is_blackhole:
                await self._wait_out(0.0, 0.0, is_end=False)
                if self._has_gap:
                    return
                continue
            size = self._piece_bytes(fault, len(chunk))
            self._writer.write(chunk[:size])
            await self._writer.drain()
            chunk = chunk[size:]
            self._given_bytes += size
            self._proxy.passed_bytes[self._direction] += size
            if self._is_spent(fault):
                return
            await self._pause(fault, size, is_last=not chunk)

    def _piece_bytes(self, fault: Fault, most: int) -> int:
        limits = [most]
        if fault.bytes_per_second:
            limits.append(max(1, round(fault.bytes_per_second * _STEP_SECONDS)))
        limits += [limit for limit in (fault.slice_bytes,) if limit]
        limits += [limit - self._given_bytes for limit in (fault.reset_bytes, fault.limit_bytes) if limit]
        return max(1, min(limits))

    def _is_spent(self, fault: Fault) -> bool:
        if fault.reset_bytes and self._given_bytes >= fault.reset_bytes:
            self._link.reset()
            return True
        if fault.limit_bytes and self._given_bytes >= fault.limit_bytes:
            self._link.end()
            return True
        return False

    async def _pause(self, fault: Fault, given_bytes: int, *, is_last: bool) -> None:
        seconds = given_bytes / fault.bytes_per_second if fault.bytes_per_second else 0.0
        if fault.slice_bytes and not is_last:
            seconds += fault.slice_pause_seconds
        await asyncio.sleep(seconds)

    def _end(self) -> None:
        if self._writer.can_write_eof() and not self._writer.is_closing():
            self._writer.write_eof()


def _bound(port: int) -> socket.socket:
    bound = socket.socket(proto=socket.IPPROTO_TCP)  # or asyncio leaves Nagle's delay on
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


@asynccontextmanager
async def running_proxy(host: str, port: int, listen_port: int = 0) -> AsyncIterator[FaultProxy]:
    proxy = FaultProxy(host, port, listen_port)
    await proxy.listen()
    try:
        yield proxy
    finally:
        await proxy.close()


def parse_fault(words: Iterable[str]) -> tuple[Fault, tuple[Direction, ...]]:
    """`down latency_seconds=2 is_frozen=1`: directions and the fields of a Fault. Raises ValueError."""
    changes: dict[str, Any] = {}
    directions: list[Direction] = []
    kinds: dict[str, Any] = {field.name: type(getattr(NONE, field.name)) for field in fields(Fault)}
    for word in words:
        name, is_given, value = word.partition("=")
        if not is_given and name in set(Direction):
            directions.append(Direction(name))
        elif name in kinds and is_given:
            changes[name] = value not in {"0", "no"} if kinds[name] is bool else kinds[name](value)
        elif name != "heal":
            raise ValueError(f"{word!r} is none of heal, up, down, {', '.join(kinds)}")
    return replace(NONE, **changes), tuple(directions)


async def _serve(listen_port: int, host: str, port: int, words: list[str]) -> None:
    async with running_proxy(host, port, listen_port) as proxy:
        print(f"127.0.0.1:{proxy.port} -> {host}:{port}", flush=True)
        while True:
            try:
                fault, directions = parse_fault(words)
                await proxy.inject(fault, *directions)
            except ValueError as error:
                print(error, file=sys.stderr, flush=True)
            line = await asyncio.to_thread(sys.stdin.readline)
            if not line:
                await asyncio.Event().wait()  # nobody is at the keyboard: as it is until stopped
            words = line.split()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.fault_proxy", description="A TCP proxy that fails.")
    parser.add_argument("--listen", type=int, default=0, help="loopback port; 0 takes a free one and prints it")
    parser.add_argument("--to", required=True, help="host:port")
    parser.add_argument("words", nargs="*", help="up, down, and settings of a fault such as latency_seconds=2")
    given = parser.parse_args()
    host, _, port = given.to.rpartition(":")
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(given.listen, host, int(port), given.words))


if __name__ == "__main__":
    main()
