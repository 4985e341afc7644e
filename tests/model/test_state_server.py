"""The simulated state server is an honest one: the same random operations on it and on a real one with publish.lua."""

from random import Random

import pytest
import redis

from contracts.events import BUS_KEY, BusMessage, StreamId
from contracts.keys import host_tag, listing_tag, product_tag
from invalidation import bus as real
from invalidation.bus import Bus, DrainTimes, Reading
from tests.fixtures.bus import ACORN, BIRCH, bus_at
from tests.model.state_server import Data, StateServer

OPERATIONS = 400
MOST_POSITIONS = 5
TAGS = [product_tag(store, number) for store in (ACORN, BIRCH) for number in range(5)]
TAGS += [listing_tag(ACORN), listing_tag(BIRCH), host_tag("acorn.example.com"), host_tag("birch.example.com")]


class Twins:
    """A real server and a simulated one whose clock shows what the real one's showed last."""

    def __init__(self, rng: Random, bus: Bus, keys: redis.Redis) -> None:
        self.rng = rng
        self.bus = bus
        self.keys = keys
        self.now_ms = 0
        self.simulated = StateServer(lambda: self.now_ms, MOST_POSITIONS)
        self.seen = [StreamId(0, 0)]
        self.epochs: set[str] = set()
        self.backup: tuple[dict[bytes, bytes], Data] = ({}, Data())

    async def publish(self) -> None:
        rng = self.rng
        messages = [BusMessage(tuple(rng.sample(TAGS, rng.randrange(4)))) for _ in range(rng.randrange(1, 4))]
        known_last = rng.choice((None, self.seen[-1], self.seen[-1], rng.choice(self.seen)))
        began = await self.bus.server_ms() - rng.choice((0, 50, 4000))
        drain = rng.choice((None, DrainTimes(began, rng.choice((0, 100, 9000)))))
        told = await self.bus.publish(messages, known_last, drain, most_messages=10_000, positions_ttl_ms=9_000_000)
        self.now_ms = told.server_ms
        simulated = self.simulated.publish(messages, known_last, "fresh", drain, 10_000)
        assert simulated.position.id == told.position.id
        is_fresh = told.position.epoch not in self.epochs
        assert is_fresh == (simulated.position.epoch == "fresh")
        if is_fresh:
            self.simulated.data.epoch = told.position.epoch
        assert self.simulated.data.epoch == told.position.epoch
        self.epochs.add(told.position.epoch)
        self.seen.append(told.position.id)

    async def read(self) -> None:
        after, limit = self.rng.choice(self.seen[-6:]), self.rng.choice((1, 3, 500))
        reading = await self.bus.read(after, limit, 1)
        assert told(reading) == told(self.simulated.look(self.simulated.messages_after(after, limit)))

    async def look_up_positions(self) -> None:
        tags = self.rng.sample(TAGS, 4)
        assert await self.bus.positions(tags) == self.simulated.positions(tags)
        assert await self.bus.tail() == self.simulated.tail()

    async def trim(self) -> None:
        kept = self.rng.choice((0, 1, 3))
        self.keys.xtrim(BUS_KEY, maxlen=kept, approximate=False)
        self.simulated.trim(kept)

    async def restart(self) -> None:
        """The real server stays, but the note of who it was is another's: to publish.lua that is the same."""
        if self.keys.exists(real.SERVER_KEY):
            self.keys.set(real.SERVER_KEY, "another")
        self.simulated.restart(self.simulated.backup())

    async def lose_everything(self) -> None:
        self.keys.flushall()
        self.simulated.restart(Data())

    async def back_up(self) -> None:
        self.backup = {key: self.keys.dump(key) for key in self.keys.scan_iter()}, self.simulated.backup()

    async def go_back(self) -> None:
        dumped, simulated = self.backup
        self.keys.flushall()
        for key, value in dumped.items():
            self.keys.restore(key, 0, value)
        self.simulated.restart(simulated)
        await self.restart()
        await self.back_up()


def told(reading: Reading) -> tuple[object, ...]:
    """All of it but the clock."""
    messages = [(raw.id, BusMessage.decode(raw.encoded or b"")) for raw in reading.messages]
    return messages, reading.epoch, reading.last, reading.first, reading.has_lost_messages


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_simulated_state_server_answers_as_a_real_one(
    seed: int, state_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(real, "MOST_POSITIONS", MOST_POSITIONS)
    rng = Random(seed)
    with redis.Redis.from_url(state_url) as keys:
        async with bus_at(state_url) as bus:
            twins = Twins(rng, bus, keys)
            often = [twins.publish, twins.read, twins.look_up_positions] * 6
            seldom = [twins.trim, twins.restart, twins.lose_everything, twins.back_up, twins.go_back]
            for _ in range(OPERATIONS):
                await rng.choice(often + seldom)()
            assert len(twins.epochs) > 3
            assert len(twins.seen) > OPERATIONS // 5
