"""Requests that come when they come, not when the last answer has: an open-loop load over kept-alive connections.

Arrivals follow a schedule drawn beforehand (Poisson, seeded), and a latency runs from the *intended* arrival to the
last byte of the answer: waiting for a free connection or for a server that stalls counts, as it does for a shopper. How
late the generator itself was is told beside it (`lag`): what a latency owes to it is not the server's.
"""

import asyncio
import gc
import multiprocessing
import os
import random
import selectors
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httptools
import uvloop

from contracts.niceness import step_back

ANSWER_SECONDS = 10.0
"""A request that has no answer by then counts as the error `late`."""
CROWD_TICK_SECONDS = 0.001
CROWD_NICENESS = 5
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Request:
    """`wire`: all of it, as it is sent; not a HEAD. Times are kept apart by `name` too."""

    wire: bytes
    name: str = ""


def get(host: str, target: str, *headers: str, name: str = "") -> Request:
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", *headers]
    return Request(("\r\n".join(lines) + "\r\n\r\n").encode(), name)


def post(host: str, target: str, body: bytes, *headers: str, name: str = "") -> Request:
    lines = [f"POST {target} HTTP/1.1", f"Host: {host}", *headers, f"Content-Length: {len(body)}"]
    return Request(("\r\n".join(lines) + "\r\n\r\n").encode() + body, name)


@dataclass(slots=True)
class Times:
    """Every time that was taken, in seconds: exact, and 8 bytes each."""

    seconds: "array[float]" = field(default_factory=lambda: array("d"))

    def at_ms(self, share: float) -> float:
        """The time within which this share of them was; 0.0 if there are none."""
        ranked = sorted(self.seconds)
        return round(ranked[min(len(ranked) - 1, int(len(ranked) * share))] * 1000, 3) if ranked else 0.0

    def as_dict(self) -> dict[str, float]:
        shares = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "p999_ms": 0.999, "max_ms": 1.0}
        return {"count": len(self.seconds), **{name: self.at_ms(share) for name, share in shares.items()}}


@dataclass(slots=True)
class Report:
    """`times`: of answers of whatever status. `errors`: requests without a whole answer, by what went wrong."""

    seconds: float = 0.0
    offered: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    times: Times = field(default_factory=Times)
    lag: Times = field(default_factory=Times)
    by_name: dict[str, Times] = field(default_factory=dict)
    received_bytes: int = 0

    def note(self, request: Request, status: int, seconds: float) -> None:
        self.statuses[status] += 1
        self.times.seconds.append(seconds)
        self.by_name.setdefault(request.name, Times()).seconds.append(seconds)

    def failures(self, wanted: int) -> Counter[str]:
        """What was not answered with this status: other statuses, and what went wrong without one."""
        others = Counter({str(status): count for status, count in self.statuses.items() if status != wanted})
        return others + self.errors

    def as_dict(self) -> dict[str, Any]:
        answered = sum(self.statuses.values())
        return {
            "offered": self.offered,
            "answered_per_s": round(answered / self.seconds, 1) if self.seconds else 0.0,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "errors": dict(self.errors),
            **self.times.as_dict(),
            "lag_p99_ms": self.lag.at_ms(0.99),
            "by_name": {name: times.as_dict() for name, times in sorted(self.by_name.items()) if name},
        }


class _Connection(asyncio.Protocol):
    """One request at a time. Opens itself anew when the server closes it."""

    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self.request: Request | None = None
        self.due = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._load.lost(self)

    def send(self, request: Request, due: float) -> None:
        assert self._transport is not None
        self.request, self.due = request, due
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request.wire)

    def data_received(self, data: bytes) -> None:
        self._load.report.received_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, AttributeError):  # the latter: words nobody asked for
            self.close()

    def on_message_complete(self) -> None:
        assert self.request is not None
        self._load.answered(self, self._parser.get_status_code(), is_open=self._parser.should_keep_alive())

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Load:
    """`tick_seconds`: how finely this loop sleeps."""

    def __init__(self, address: Address, tick_seconds: float = 0.0) -> None:
        self.report = Report()
        self._address = address
        self._tick_seconds = tick_seconds
        self._loop = asyncio.get_running_loop()
        self._idle: deque[_Connection] = deque()
        self._busy: set[_Connection] = set()
        self._waiting: deque[tuple[Request, float]] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._quiet = asyncio.Event()
        self._closing: set[_Connection] = set()
        self._is_over = False

    async def open(self) -> None:
        try:
            _, connection = await self._loop.create_connection(lambda: _Connection(self), *self._address)
        except OSError:
            await asyncio.sleep(0.05)
            self._reopen()
            return
        self._take_next(connection)

    async def offer(self, requests: Iterable[Request], rate_per_s: float, seconds: float, seed: int) -> None:
        """Sends each when it is due, or as soon after as there is a connection for it."""
        gaps = random.Random(seed)  # noqa: S311  a schedule, not a secret
        due = started = _clock()
        for request in requests:
            due += gaps.expovariate(rate_per_s)
            if due >= started + seconds:
                break
            early_seconds = due - _clock()
            if early_seconds > 0:
                await asyncio.sleep(early_seconds + self._tick_seconds / 2)  # which uvloop rounds to milliseconds
            else:
                await asyncio.sleep(0)
            self.report.lag.seconds.append(_clock() - due)
            self.report.offered += 1
            self._waiting.append((request, due))
            if self._idle:
                self._take_next(self._idle.popleft())
            self._give_up_late()
        self.report.seconds = _clock() - started

    async def finish(self) -> None:
        """Waits for what was offered, as long as each answer may take."""
        self._is_over = True
        if self._busy or self._waiting:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._quiet.wait(), ANSWER_SECONDS)
        late = len(self._busy) + len(self._waiting)
        if late:
            self.report.errors["late"] += late
        await self._close()

    async def _close(self) -> None:
        for task in self._opening:
            task.cancel()
        self._closing = {*self._busy, *self._idle}
        self._quiet.clear()
        for connection in self._closing:
            connection.close()
        if self._closing:
            await self._quiet.wait()

    def answered(self, connection: _Connection, status: int, *, is_open: bool) -> None:
        request = connection.request
        if request is None or connection not in self._busy:
            return
        self._busy.discard(connection)
        connection.request = None
        self.report.note(request, status, _clock() - connection.due)
        if is_open:
            self._take_next(connection)
        else:
            connection.close()
        self._look_if_quiet()

    def lost(self, connection: _Connection) -> None:
        if connection in self._closing:
            self._closing.discard(connection)
            if not self._closing:
                self._quiet.set()
            return
        if connection in self._busy:
            self._busy.discard(connection)
            self.report.errors["broken"] += 1
        elif connection in self._idle:
            self._idle.remove(connection)
        if self._waiting or not self._is_over:
            self._reopen()
        self._look_if_quiet()

    def _look_if_quiet(self) -> None:
        if self._is_over and not self._busy and not self._waiting:
            self._quiet.set()

    def _take_next(self, connection: _Connection) -> None:
        if not self._waiting:
            self._idle.append(connection)
            return
        request, due = self._waiting.popleft()
        self._busy.add(connection)
        connection.send(request, due)

    def _give_up_late(self) -> None:
        long_ago = _clock() - ANSWER_SECONDS
        while self._waiting and self._waiting[0][1] < long_ago:
            self._waiting.popleft()
            self.report.errors["late"] += 1

    def _reopen(self) -> None:
        task = self._loop.create_task(self.open())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)


async def open_loop(
    address: Address,
    requests: Iterable[Request],
    rate_per_s: float,
    seconds: float,
    connections: int,
    seed: int = 1,
    tick_seconds: float = 0.0,
) -> Report:
    """Offers `requests` (endless ones end with the time) at this mean rate. Never raises for what the server does."""
    load = _Load(address, tick_seconds)
    await asyncio.gather(*(load.open() for _ in range(connections)))
    await load.offer(requests, rate_per_s, seconds, seed)
    await load.finish()
    return load.report


async def open_loop_apart(
    cores: set[int],
    address: Address,
    requests: Iterable[Request],
    rate_per_s: float,
    seconds: float,
    connections: int,
    *,
    is_crowd: bool = False,
) -> Report:
    """The same in a process of its own on these cores, which neither waits for nor delays whoever calls; `requests`
    must be picklable.

    A crowd is there for what it does to others, on whose cores its shoppers would not be: it comes in ticks of a
    millisecond, which halves what it costs, and takes only what the servers on its cores leave.
    """
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    load = partial(open_loop, address, requests, rate_per_s, seconds, connections)
    process = context.Process(target=_apart, args=(theirs, cores, load, is_crowd), daemon=True)
    process.start()
    theirs.close()
    try:
        report: Report = await asyncio.to_thread(mine.recv)
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
    return report


def _apart(answer_to: Any, cores: set[int], load: Callable[..., Coroutine[Any, Any, Report]], is_crowd: bool) -> None:
    os.sched_setaffinity(0, cores)
    if is_crowd:
        os.setsid()  # else this process would stand back, too
        step_back(CROWD_NICENESS)
    gc.disable()  # a collection here would look like a slow server
    tick_seconds = CROWD_TICK_SECONDS if is_crowd else 0.0
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if is_crowd else _precise_loop) as runner:
        answer_to.send(runner.run(load(tick_seconds=tick_seconds)))


def _precise_loop() -> asyncio.AbstractEventLoop:
    """select() sleeps to the microsecond where epoll rounds up to the millisecond."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def _clock() -> float:
    """Not the loop's: uvloop's goes by milliseconds."""
    return time.perf_counter()
