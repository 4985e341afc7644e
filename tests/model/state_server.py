"""The state server in miniature: streams, positions and the epoch rule as Valkey and publish.lua have them.

`test_state_server.py` runs the same random operations on this and on a real server, and compares every answer.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

import msgpack

from contracts.events import BusMessage, Position, StreamId
from contracts.keys import positions_key, shop_tag, store_of_tag
from invalidation.bus import DrainTimes, Published, Raw, Reading
from tests.model.wire import Server

NOTHING = StreamId(0, 0)


@dataclass(slots=True)
class Data:
    """What a backup or a replica has. `added` counts what was ever added: XINFO's entries-added."""

    epoch: str | None = None
    server: str = ""
    last: StreamId = NOTHING
    added: int = 0
    messages: list[tuple[StreamId, bytes]] = field(default_factory=list)
    positions: dict[str, dict[str, StreamId]] = field(default_factory=dict)


@dataclass(slots=True)
class _Reader:
    """A blocked XREAD."""

    answer: Callable[[list[Raw] | None], None]
    after: StreamId
    count: int


class StateServer(Server):
    """`now_ms`: its wall clock, which may be stepped."""

    def __init__(self, now_ms: Callable[[], int], most_positions: int = 10_000) -> None:
        super().__init__()
        self.now_ms = now_ms
        self.data = Data()
        self._most_positions = most_positions
        self._runs = count(1)
        self.run_id = f"run {next(self._runs)}"
        self._readers: list[_Reader] = []

    def restart(self, data: Data) -> None:
        """Another server process, with this data; who was waiting is cut off."""
        self.run_id = f"run {next(self._runs)}"
        self.data = data
        readers, self._readers = self._readers, []
        for reader in readers:
            reader.answer(None)

    def backup(self) -> Data:
        return copy.deepcopy(self.data)

    def publish(
        self,
        messages: Sequence[BusMessage],
        known_last: StreamId | None,
        fresh_epoch: str,
        drain: DrainTimes | None,
        most_messages: int,
    ) -> Published:
        """publish.lua, line by line; MAXLEN ~ trims whole nodes at some time, which `trim` does when told to."""
        data, now_ms = self.data, self.now_ms()
        is_whole = data.last >= known_last if known_last is not None else data.server == self.run_id
        if data.epoch is None or not is_whole:
            data.epoch = fresh_epoch
        data.server = self.run_id
        for index, message in enumerate(messages):
            encoded = message.encode()
            if drain is not None and index == len(messages) - 1:
                fields = msgpack.unpackb(encoded)
                fields[2] = math.ceil(max(drain.age_ms, now_ms - drain.began_server_ms))
                encoded = msgpack.packb(fields)
            self._add(encoded, now_ms)
            self._note_positions(message.tags)
        if len(data.messages) > most_messages + 100:
            self.trim(most_messages)
        self._wake()
        return Published(Position(data.epoch, data.last), now_ms)

    def _add(self, encoded: bytes, now_ms: int) -> None:
        data = self.data
        data.last = StreamId(now_ms, 0) if now_ms > data.last.ms else StreamId(data.last.ms, data.last.number + 1)
        data.messages.append((data.last, encoded))
        data.added += 1

    def _note_positions(self, tags: tuple[str, ...]) -> None:
        data = self.data
        for tag in tags:
            data.positions.setdefault(positions_key(store_of_tag(tag)), {})[tag] = data.last
        for store_id in {store_of_tag(tag) for tag in tags} - {None}:
            if len(data.positions[positions_key(store_id)]) > self._most_positions:
                data.positions[positions_key(store_id)] = {shop_tag(store_id): data.last}

    def trim(self, kept: int) -> None:
        del self.data.messages[: max(0, len(self.data.messages) - kept)]

    def tail(self) -> Position | None:
        return None if self.data.epoch is None else Position(self.data.epoch, self.data.last)

    def positions(self, tags: Sequence[str]) -> tuple[Position | None, dict[str, StreamId]]:
        found = {tag: self.data.positions.get(positions_key(store_of_tag(tag)), {}).get(tag) for tag in tags}
        return self.tail(), {tag: change for tag, change in found.items() if change is not None}

    def messages_after(self, after: StreamId, limit: int) -> list[Raw]:
        messages = self.data.messages
        first = len(messages)
        while first and messages[first - 1][0] > after:
            first -= 1
        return [Raw(id, encoded) for id, encoded in messages[first : first + limit]]

    def read_or_wait(
        self, after: StreamId, limit: int, answer: Callable[[list[Raw] | None], None]
    ) -> Callable[[], None]:
        """Answers at once, or when there is something; None if the connection breaks. Calling what this gives ends the
        wait with nothing."""
        found = self.messages_after(after, limit)
        if found:
            answer(found)
            return lambda: None
        reader = _Reader(answer, after, limit)
        self._readers.append(reader)
        return lambda: self._give_up(reader)

    def look(self, messages: list[Raw]) -> Reading:
        """TIME, GET and XINFO, which follow an XREAD on its connection: as the server is by then."""
        data = self.data
        return Reading(
            messages=messages,
            server_ms=self.now_ms(),
            epoch=data.epoch,
            last=data.last,
            first=data.messages[0][0] if data.messages else None,
            has_lost_messages=data.added != len(data.messages),
        )

    def _wake(self) -> None:
        readers, self._readers = self._readers, []
        for reader in readers:
            self.read_or_wait(reader.after, reader.count, reader.answer)

    def _give_up(self, reader: _Reader) -> None:
        if reader in self._readers:
            self._readers.remove(reader)
            reader.answer([])
