"""What `invalidation.bus.Bus` is to followers and relays, spoken over a simulated wire."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any

from contracts.events import BusMessage, Position, StreamId
from invalidation.bus import DrainTimes, Published, Raw, Reading
from invalidation.errors import BusUnavailable
from tests.model.state_server import StateServer
from tests.model.virtual_time import NOBODY, VirtualLoop
from tests.model.wire import Wire, WireError


class SimulatedBus:
    def __init__(self, loop: VirtualLoop, rng: Random, server: StateServer, wire: Wire) -> None:
        self._loop = loop
        self._rng = rng
        self._server = server
        self._wire = wire

    async def server_ms(self) -> int:
        return int(await self._ask(self._server.now_ms))

    async def publish(
        self,
        messages: Sequence[BusMessage],
        known_last: StreamId | None,
        drain: DrainTimes | None,
        *,
        most_messages: int,
        positions_ttl_ms: int,
    ) -> Published:
        """A lost reply makes the relay publish again: that is how messages come twice."""
        epoch = f"{self._rng.getrandbits(64):016x}"
        published = await self._ask(lambda: self._server.publish(messages, known_last, epoch, drain, most_messages))
        assert isinstance(published, Published)
        return published

    async def tail(self) -> Position | None:
        tail = await self._ask(self._server.tail)
        assert tail is None or isinstance(tail, Position)
        return tail

    async def read(self, after: StreamId, count: int, wait_ms: int) -> Reading:
        def at_server(answer: Callable[[Callable[[], Any]], None]) -> None:
            give_up = self._server.read_or_wait(after, count, lambda found: self._look(found, answer))
            self._loop.call_later(wait_ms / 1000, self._server.arrive, give_up, context=NOBODY)

        try:
            reading = await self._wire.ask_later(at_server, wait_ms / 1000)
        except WireError as error:
            raise BusUnavailable(str(error)) from error
        assert isinstance(reading, Reading)
        return reading

    async def positions(self, tags: Iterable[str]) -> tuple[Position | None, Mapping[str, StreamId]]:
        names = sorted(tags)
        end, found = await self._ask(lambda: self._server.positions(names))
        return end, found

    def _look(self, found: list[Raw] | None, answer: Callable[[Callable[[], Any]], None]) -> None:
        """Other clients' commands may come between the XREAD and what follows it on the connection."""
        run_id = self._server.run_id

        def rest_of_the_reply() -> Reading:
            if found is None or self._server.run_id != run_id:
                raise WireError("connection reset")
            return self._server.look(found)

        if self._rng.random() < 0.8:
            answer(rest_of_the_reply)
        else:
            self._loop.call_later(0.002 * self._rng.random(), answer, rest_of_the_reply, context=NOBODY)

    async def _ask(self, work: Callable[[], Any]) -> Any:
        try:
            return await self._wire.ask(work)
        except WireError as error:
            raise BusUnavailable(str(error)) from error
