"""Three edges, two relays and their simulated neighbours; shoppers who read, and the reference that judges the answers.

What may happen to them is in `events`.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from random import Random

import structlog

import invalidation.relay
from contracts.tenant import StoreId
from edge_renderer.errors import OriginUnavailable
from invalidation.relay import Relay
from invalidation.settings import RelaySettings
from tests.model.bus_client import SimulatedBus
from tests.model.edge import Read, SimulatedEdge, Wires
from tests.model.neighbours import CacheServer, Origin, OutboxClient
from tests.model.reference import ROUNDING_SECONDS, Reference
from tests.model.state_server import StateServer
from tests.model.virtual_time import Process, VirtualLoop
from tests.model.wire import Server, Wire

ACORN, BIRCH = StoreId(41), StoreId(42)
PRODUCTS = 1
MOVING = "moving.example.com"
HOSTS = {"acorn.example.com": ACORN, "birch.example.com": BIRCH, MOVING: ACORN}
EDGES, RELAYS = 3, 2
ORIGIN_SECONDS, STATE_SECONDS, CACHE_SECONDS, DATABASE_SECONDS = 3.0, 1.0, 0.1, 5.0
LATE_SECONDS, ORIGIN_LATE_SECONDS = 0.03, 0.5
EXCUSE_SECONDS = 1.0
"""How long a failure to ask the origin may excuse answers that are not verified."""
_RELAY = RelaySettings.model_construct(relay_database_url="", state_url="", relay_poll_ms=250, relay_batch_rows=3)
"""Constructed, for else what is not set here would come from the environment, and decide what a seed means."""
_OUTBOX: ContextVar[OutboxClient] = ContextVar("_OUTBOX")


class Violation(AssertionError):
    """A shopper was shown what nobody may be shown."""


class Fleet:
    """`watch` is told of each answer, and of each that did not come."""

    def __init__(self, seed: int, watch: Callable[[str], None] = lambda line: None) -> None:
        self._watch = watch
        self.rng = Random(seed)
        self.loop = VirtualLoop(self.rng)
        self.reference = Reference(self.loop.time)
        self.wall_offset_ms = 1_700_000_000_000
        self.state = StateServer(lambda: self.wall_offset_ms + int(self.loop.now * 1000))
        self.cache = CacheServer()
        self.origin = Origin(self.loop, self.reference, (ACORN, BIRCH), PRODUCTS)
        for host, store_id in HOSTS.items():
            self.origin.move_host(host, store_id)
        self.violations: list[str] = []
        self.reads = 0
        self.wires: list[Wire] = []
        self.relay_wires = [
            (self._wire(self.state, STATE_SECONDS), self._wire(self.origin, DATABASE_SECONDS)) for _ in range(RELAYS)
        ]
        self.relays = [self._relay(number) for number in range(RELAYS)]
        self.edges = [self._edge() for _ in range(EDGES)]
        self.run_for(1.0)
        self.cache_backup = dict(self.cache.entries)

    def run_for(self, seconds: float) -> None:
        self.loop.run_until(self.loop.now + seconds)

    def _wire(self, server: Server, answer_seconds: float, late_seconds: float = LATE_SECONDS) -> Wire:
        self.wires.append(Wire(self.loop, self.rng, server, answer_seconds, late_seconds))
        return self.wires[-1]

    def _process(self) -> Process:
        return Process(self.loop, self.rng.uniform(-1e6, 1e6))

    def _relay(self, number: int) -> Process:
        process = self._process()
        to_state, to_database = self.relay_wires[number]
        bus = SimulatedBus(self.loop, self.rng, self.state, to_state)
        outbox = OutboxClient(self.origin, to_database)

        async def run() -> None:
            _OUTBOX.set(outbox)
            await Relay(_RELAY, bus, None, process.clock).run()  # type: ignore[arg-type]

        process.start(run())
        return process

    def _edge(self, wires: Wires | None = None) -> SimulatedEdge:
        wires = wires or Wires(
            state=self._wire(self.state, STATE_SECONDS),
            cache=self._wire(self.cache, CACHE_SECONDS),
            origin=self._wire(self.origin, ORIGIN_SECONDS, ORIGIN_LATE_SECONDS),
        )
        return SimulatedEdge(self.loop, self.rng, self._process(), wires, (self.state, self.cache, self.origin))

    def restart_edge(self, number: int) -> None:
        self.edges[number].process.end()
        self.edges[number] = self._edge(self.edges[number].wires)

    def restart_relay(self, number: int) -> None:
        self.relays[number].end()
        self.relays[number] = self._relay(number)

    def ask(self, edge: SimulatedEdge, host: str, handle: int) -> asyncio.Task[Read | None]:
        """A shopper's request arrives now; the answer is judged when it comes."""
        self.reads += 1
        self._check_lease(edge)
        return edge.process.start(self._shopper(edge, host, handle, self.loop.now))

    async def _shopper(self, edge: SimulatedEdge, host: str, handle: int, asked_at: float) -> Read | None:
        excusable_since = edge.process.clock() - (self.loop.now - asked_at) - EXCUSE_SECONDS
        read = edge.glance(host, handle) if self.rng.random() < 0.5 else None
        try:
            read = read or await edge.read(host, handle)
        except OriginUnavailable as error:
            self._watch(f"{self.loop.now} {host} {handle}: {error}")
            if not edge.could_not_ask(excusable_since):
                self.violations.append(f"{host} {handle}: the origin was there, and yet {error}")
            return None
        self._watch(f"{self.loop.now} {read}")
        self._judge(edge, read, asked_at, excusable_since)
        return read

    def _judge(self, edge: SimulatedEdge, read: Read, asked_at: float, excusable_since: float) -> None:
        if (read.is_host_excused or read.is_page_excused) and not edge.could_not_ask(excusable_since):
            self.violations.append(f"{read}: called unverified although the origin could be asked")
        for name, text, is_excused in (
            (read.host, read.host_text, read.is_host_excused),
            (read.page, read.page_text, read.is_page_excused),
        ):
            if name and not self.reference.allows(name, text, asked_at, is_excused):
                ended = self.loop.now - self.reference.last_true_at(name, text)
                self.violations.append(
                    f"{name} was shown as {text!r}, {ended:.3f} s after that had ended; it was asked for"
                    f" {self.loop.now - asked_at:.3f} s ago at edge {self.edges.index(edge)}"
                )

    def check(self) -> None:
        """Raises Violation if anything has gone wrong so far."""
        for edge in self.edges:
            edge.assert_books_balance()
            self._check_lease(edge)
        wrong = [*self.violations, *self.loop.failures]
        if wrong:
            raise Violation(wrong[0])

    def _check_lease(self, edge: SimulatedEdge) -> None:
        """Were nothing heard from now on, this edge would go on showing what it holds until its lease ends. So a lease
        that is too long is found even if no shopper comes in the moment when it shows."""
        heard_until = self.loop.now - (edge.process.clock() - edge.follower.lease.heard_until)
        for name, text in edge.held_as_fresh():
            ended = heard_until - self.reference.last_true_at(name, text)
            if ended > ROUNDING_SECONDS:
                self.violations.append(
                    f"edge {self.edges.index(edge)} claims to have heard everything until {ended:.3f} s after"
                    f" {text!r} had ended, and holds it as fresh"
                )

    def end(self) -> None:
        for process in (*self.relays, *(edge.process for edge in self.edges)):
            process.end()
        self.run_for(0.0)


@contextmanager
def simulated_neighbours() -> Iterator[None]:
    """Relays find the simulated outbox in place of PostgreSQL; nobody is warned of faults that are made on purpose."""
    real, logs = invalidation.relay.outbox_connection, structlog.get_config()
    invalidation.relay.outbox_connection = lambda settings: _OUTBOX.get().connection()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        invalidation.relay.outbox_connection = real
        structlog.configure(**logs)
