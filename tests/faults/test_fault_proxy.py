"""The fault proxy does what each of its faults says, measured on a server that echoes."""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from loadtest.fault_proxy import Direction, Fault, FaultProxy, parse_fault, running_proxy
from tests.faults.stopwatch import Stopwatch, running_stopwatch

pytestmark = pytest.mark.alone

SILENCE_SECONDS = 0.15


@dataclass(slots=True)
class Wire:
    """A client's connection through the proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def echoed(self, sent: bytes) -> bytes:
        self.writer.write(sent)
        async with asyncio.timeout(20):
            return await self.reader.readexactly(len(sent))

    async def is_deaf(self) -> bool:
        self.writer.write(b"anybody?")
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                return not await self.reader.read(1)
        except TimeoutError:
            return True


@asynccontextmanager
async def wire(proxy: FaultProxy) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, running_proxy("127.0.0.1", server.sockets[0].getsockname()[1]) as running:
        yield running


@pytest.fixture
async def stopwatch() -> AsyncIterator[Stopwatch]:
    async with running_stopwatch() as running:
        yield running


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by the clock on the wall, of which some are the proxy's: while the loop stands still, nothing is."""

    seconds: float
    answered_for: float


async def time_to_echo(connection: Wire, stopwatch: Stopwatch, sent: bytes = b"hello") -> Took:
    began, start = time.monotonic(), stopwatch()
    assert await connection.echoed(sent) == sent
    return Took(time.monotonic() - began, stopwatch() - start)


async def test_without_a_fault_everything_passes_in_order_and_is_counted(proxy: FaultProxy) -> None:
    sent = bytes(range(256)) * 4096
    async with wire(proxy) as connection:
        assert await connection.echoed(sent) == sent
    assert proxy.passed_bytes == {Direction.UP: len(sent), Direction.DOWN: len(sent)}
    assert proxy.connections_made == 1


async def test_latency_comes_and_goes_on_an_open_connection(proxy: FaultProxy, stopwatch: Stopwatch) -> None:
    async with wire(proxy) as connection:
        await connection.echoed(b"before")
        await proxy.inject(Fault(latency_seconds=0.2), Direction.DOWN)
        one_way = await time_to_echo(connection, stopwatch)
        await proxy.inject(Fault(latency_seconds=0.2))
        both_ways = await time_to_echo(connection, stopwatch)
        await proxy.heal()
        healed = await time_to_echo(connection, stopwatch)
    assert one_way.seconds >= 0.2
    assert both_ways.seconds >= 0.4
    assert one_way.answered_for < 0.35
    assert both_ways.answered_for < 0.6
    assert healed.answered_for < 0.1


async def test_latency_delays_every_byte_once_and_not_the_stream(proxy: FaultProxy, stopwatch: Stopwatch) -> None:
    await proxy.inject(Fault(latency_seconds=0.2), Direction.UP)
    async with wire(proxy) as connection:
        assert (await time_to_echo(connection, stopwatch, b"x" * 1_000_000)).answered_for < 0.6


async def test_jitter_spreads_the_latency(proxy: FaultProxy, stopwatch: Stopwatch) -> None:
    await proxy.inject(Fault(latency_seconds=0.05, jitter_seconds=0.05), Direction.DOWN)
    async with wire(proxy) as connection:
        taken = [await time_to_echo(connection, stopwatch) for _ in range(12)]
    assert max(took.seconds for took in taken) - min(took.seconds for took in taken) > 0.02
    assert max(took.answered_for for took in taken) < 0.2


async def test_healing_releases_what_latency_holds_back(proxy: FaultProxy) -> None:
    await proxy.inject(Fault(latency_seconds=30))
    async with wire(proxy) as connection:
        assert await connection.is_deaf()
        await proxy.heal()
        async with asyncio.timeout(20):
            assert await connection.reader.readexactly(8) == b"anybody?"


async def test_a_narrow_line_carries_so_many_bytes_a_second(proxy: FaultProxy, stopwatch: Stopwatch) -> None:
    await proxy.inject(Fault(bytes_per_second=4096), Direction.DOWN)
    async with wire(proxy) as connection:
        took = await time_to_echo(connection, stopwatch, b"x" * 2048)
    assert took.seconds > 0.4
    assert took.answered_for < 0.8


async def test_down_refuses_and_ends_what_is_open_until_it_is_healed(proxy: FaultProxy) -> None:
    async with wire(proxy) as connection:
        await connection.echoed(b"before")
        await proxy.inject(Fault(is_down=True))
        async with asyncio.timeout(20):
            assert await connection.reader.read() == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", proxy.port)
    await proxy.heal()
    async with wire(proxy) as again:
        assert await again.echoed(b"after") == b"after"


async def test_a_blackhole_takes_connections_and_says_nothing_and_those_stay_deaf(proxy: FaultProxy) -> None:
    await proxy.inject(Fault(is_blackhole=True))
    async with wire(proxy) as connection:
        assert await connection.is_deaf()
        await proxy.heal()
        assert await connection.is_deaf()
        async with wire(proxy) as new:
            assert await new.echoed(b"after") == b"after"


async def test_a_frozen_line_loses_nothing(proxy: FaultProxy) -> None:
    async with wire(proxy) as connection:
        await proxy.inject(Fault(is_frozen=True))
        assert await connection.is_deaf()
        await proxy.heal()
        async with asyncio.timeout(20):
            assert await connection.reader.readexactly(8) == b"anybody?"


async def test_a_reset_comes_in_the_middle_of_an_answer(proxy: FaultProxy) -> None:
    await proxy.inject(Fault(reset_bytes=10), Direction.DOWN)
    async with wire(proxy) as connection:
        connection.writer.write(b"0123456789 and more")
        with pytest.raises(ConnectionResetError):
            async with asyncio.timeout(20):
                while await connection.reader.read(100):
                    pass
    assert proxy.passed_bytes[Direction.DOWN] == 10


async def test_a_limit_ends_an_answer_early_as_if_it_were_whole(proxy: FaultProxy) -> None:
    async with wire(proxy) as connection:
        assert await connection.echoed(b"0123456789") == b"0123456789"
        await proxy.inject(Fault(limit_bytes=4), Direction.DOWN)
        connection.writer.write(b"0123456789")
        async with asyncio.timeout(20):
            assert await connection.reader.read() == b"0123"


async def test_slices_are_small_pieces_apart(proxy: FaultProxy) -> None:
    await proxy.inject(Fault(slice_bytes=1, slice_pause_seconds=0.01), Direction.DOWN)
    async with wire(proxy) as connection:
        connection.writer.write(b"0123456789")
        first = await connection.reader.read(100)
        rest = await connection.reader.readexactly(10 - len(first))
    assert len(first) < 10
    assert first + rest == b"0123456789"


async def test_a_slow_close_keeps_the_end_back(proxy: FaultProxy, stopwatch: Stopwatch) -> None:
    await proxy.inject(Fault(close_seconds=0.2), Direction.DOWN)
    async with wire(proxy) as connection:
        assert await connection.echoed(b"all") == b"all"
        began, start = time.monotonic(), stopwatch()
        connection.writer.write_eof()
        assert await connection.reader.read() == b""
        assert time.monotonic() - began >= 0.2
        assert stopwatch() - start < 0.4


def test_a_fault_is_read_from_words() -> None:
    assert parse_fault(["down", "latency_seconds=2", "is_frozen=1"]) == (
        Fault(latency_seconds=2.0, is_frozen=True),
        (Direction.DOWN,),
    )
    assert parse_fault(["heal"]) == (Fault(), ())
    with pytest.raises(ValueError, match="latency_minutes"):
        parse_fault(["latency_minutes=2"])


async def test_from_the_command_line_it_listens_and_takes_changes_while_it_runs() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"welcome\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    to = f"--to=127.0.0.1:{server.sockets[0].getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtest.fault_proxy", to, "is_blackhole=1"), stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = int((await process.stdout.readline()).split()[0].rpartition(b":")[2])
        assert await greeting(port) == b""
        process.stdin.write(b"heal\n")
        async with asyncio.timeout(20):
            while not await greeting(port):
                pass
    finally:
        process.kill()
        await process.wait()
        server.close()


async def greeting(port: int) -> bytes:
    """Empty if none comes soon."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            return await reader.readline()
    except TimeoutError:
        return b""
    finally:
        writer.close()
