"""The bus on a real state server: publishing is one step, and what the server lost is noticed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio

from contracts.events import BUS_KEY, EPOCH_KEY, BusMessage, StreamId
from contracts.keys import host_tag, product_tag
from invalidation.bus import MOST_POSITIONS, SERVER_KEY, Bus, DrainTimes
from invalidation.errors import BusUnavailable
from standalone.command import free_port
from standalone.servers import EmbeddedValkey, ValkeyProfile
from tests.fixtures.bus import ACORN, ACORN_PRODUCT, ACORN_SHOP, BIRCH_PRODUCT, HandRelay, bus_at
from tests.fixtures.servers import running

START = StreamId(0, 0)
LONGEST_WAIT_MS = 20_000


@pytest.fixture
async def bus(state_url: str) -> AsyncIterator[Bus]:
    async with bus_at(state_url) as bus:
        yield bus


@pytest.fixture
async def state(state_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    async with redis.asyncio.Redis.from_url(state_url, decode_responses=True) as client:
        yield client


async def read_all(bus: Bus) -> list[BusMessage]:
    reading = await bus.read(START, 1000, 1)
    return [BusMessage.decode(raw.encoded or b"") for raw in reading.messages]


async def test_a_drain_is_on_the_bus_and_only_its_last_message_carries_its_age(bus: Bus) -> None:
    before_ms = await bus.server_ms()
    published = await HandRelay(bus).drain((ACORN_PRODUCT, ACORN_SHOP), (BIRCH_PRODUCT,), age_ms=40)
    first, second = await read_all(bus)
    assert first == BusMessage((ACORN_PRODUCT, ACORN_SHOP), None)
    assert second.tags == (BIRCH_PRODUCT,)
    assert second.drain_age_ms is not None
    assert 40 <= second.drain_age_ms <= 40 + published.server_ms - before_ms


async def test_each_tags_position_is_noted_with_the_message_and_expires(bus: Bus, state: redis.asyncio.Redis) -> None:
    relay = HandRelay(bus)
    first = await relay.drain((ACORN_PRODUCT, host_tag("acorn.example.com")))
    second = await relay.drain((BIRCH_PRODUCT,))
    end, changes = await bus.positions((ACORN_PRODUCT, ACORN_SHOP, BIRCH_PRODUCT, host_tag("acorn.example.com")))
    assert end == second.position
    assert changes == {
        ACORN_PRODUCT: first.position.id,
        host_tag("acorn.example.com"): first.position.id,
        BIRCH_PRODUCT: second.position.id,
    }
    for key in ("pos:41", "pos:42", "pos:hosts"):
        assert 89_000_000 < await state.pttl(key) <= 90_000_000


async def test_a_shop_that_changes_all_its_products_keeps_few_positions_and_loses_no_change(
    bus: Bus, state: redis.asyncio.Redis
) -> None:
    relay = HandRelay(bus)
    await relay.drain((BIRCH_PRODUCT,))
    tags = [product_tag(ACORN, number) for number in range(MOST_POSITIONS)]
    full = await relay.drain(*(tuple(tags[at : at + 500]) for at in range(0, len(tags), 500)))
    assert await state.hlen("pos:41") == MOST_POSITIONS
    over = await relay.drain((product_tag(ACORN, MOST_POSITIONS),))
    assert over.position.is_beyond(full.position)
    assert (await bus.positions((tags[0], ACORN_SHOP)))[1] == {ACORN_SHOP: over.position.id}
    assert await state.hkeys("pos:42") == [BIRCH_PRODUCT]
    assert await state.pttl("pos:41") > 0


async def test_a_tag_that_nobody_can_read_has_no_position_and_is_no_crash(bus: Bus) -> None:
    await HandRelay(bus).drain((ACORN_PRODUCT,))
    with pytest.raises(BusUnavailable):
        await bus.positions(("t/acorn/product/7",))


async def test_the_age_is_taken_by_the_server_so_a_relay_that_froze_looks_old(bus: Bus) -> None:
    """It measured 0 ms and then stood still for 3 s before its message left."""
    relay = HandRelay(bus)
    began = await bus.server_ms() - 3000
    await relay.drain(age_ms=0)
    from_frozen = await _publish(bus, relay, began_server_ms=began, age_ms=0)
    assert from_frozen >= 3000


async def test_a_server_clock_that_was_set_back_does_not_make_a_drain_young(bus: Bus) -> None:
    relay = HandRelay(bus)
    assert await _publish(bus, relay, began_server_ms=await bus.server_ms() + 60_000, age_ms=700) == 700


async def _publish(bus: Bus, relay: HandRelay, *, began_server_ms: int, age_ms: int) -> int:
    await bus.publish(
        [BusMessage()],
        relay.last,
        DrainTimes(began_server_ms, age_ms),
        most_messages=1000,
        positions_ttl_ms=90_000_000,
    )
    age = (await read_all(bus))[-1].drain_age_ms
    assert age is not None
    return age


async def test_the_epoch_stays_while_nothing_is_lost(bus: Bus) -> None:
    relay = HandRelay(bus)
    epochs = {(await relay.drain((ACORN_PRODUCT,))).position.epoch for _ in range(3)}
    second_relay = HandRelay(bus)
    epochs.add((await second_relay.drain()).position.epoch)
    assert len(epochs) == 1


async def test_a_server_that_lost_everything_gets_a_new_epoch(bus: Bus, state: redis.asyncio.Redis) -> None:
    relay = HandRelay(bus)
    before = await relay.drain((ACORN_PRODUCT,))
    await state.flushall()
    after = await relay.drain((BIRCH_PRODUCT,))
    assert before.position.epoch != after.position.epoch


async def test_a_server_that_went_back_in_time_gets_a_new_epoch(bus: Bus, state_url: str) -> None:
    relay = HandRelay(bus)
    async with redis.asyncio.Redis.from_url(state_url) as state:
        await relay.drain((ACORN_PRODUCT,))
        old = await state.dump(BUS_KEY)
        lost = await relay.drain((BIRCH_PRODUCT,))
        await state.restore(BUS_KEY, 0, old, replace=True)
    after = await relay.drain()
    assert after.position.epoch != lost.position.epoch


async def test_a_relay_that_knows_nothing_trusts_only_the_server_process_its_predecessor_used(
    bus: Bus, state: redis.asyncio.Redis
) -> None:
    """Relay and server died together: what the server lost at the end of its file, nobody knows of."""
    before = await HandRelay(bus).drain((ACORN_PRODUCT,))
    await state.set(SERVER_KEY, "0123456789abcdef")
    after = await HandRelay(bus).drain()
    assert after.position.epoch != before.position.epoch


async def test_a_restart_that_lost_nothing_keeps_the_epoch(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(ValkeyProfile.STATE, tmp_path / "state", free_port())
    valkey.prepare()
    async with bus_at(valkey.url) as bus:
        relay = HandRelay(bus)
        with running(valkey.command(), valkey.is_ready, tmp_path):
            before = await relay.drain((ACORN_PRODUCT,))
        with pytest.raises(BusUnavailable):
            await relay.drain()
        with running(valkey.command(), valkey.is_ready, tmp_path):
            after = await relay.drain()
    assert after.position.epoch == before.position.epoch
    assert after.position.id > before.position.id


async def test_the_tail_is_the_end_of_the_bus_and_none_before_there_is_one(bus: Bus) -> None:
    assert await bus.tail() is None
    published = await HandRelay(bus).drain((ACORN_PRODUCT,))
    assert await bus.tail() == published.position


async def test_a_read_waits_for_a_message_and_says_when(bus: Bus, state_url: str) -> None:
    relay = HandRelay(bus)
    first = await relay.drain()
    async with bus_at(state_url, longest_wait_ms=LONGEST_WAIT_MS) as other:
        reading = asyncio.create_task(other.read(first.position.id, 10, LONGEST_WAIT_MS))
        second = await relay.drain((ACORN_PRODUCT,))
        found = await reading
    assert [raw.id for raw in found.messages] == [second.position.id]
    assert found.server_ms >= second.position.id.ms
    assert found.last == second.position.id


async def test_a_silent_bus_answers_with_nothing_after_the_wait(bus: Bus) -> None:
    first = await HandRelay(bus).drain()
    reading = await bus.read(first.position.id, 10, 1)
    assert (list(reading.messages), reading.epoch) == ([], first.position.epoch)


async def test_a_server_that_is_gone_deaf_or_no_valkey_is_unavailable_and_nothing_else() -> None:
    async def be_deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)
        await reader.read()
        writer.close()

    for behaviour in (be_deaf, babble):
        async with await asyncio.start_server(behaviour, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            bus = Bus(f"redis://127.0.0.1:{port}", answer_seconds=0.05, longest_wait_ms=20)
            with pytest.raises(BusUnavailable):
                await bus.read(START, 1, 10)
            await bus.close()
    gone = Bus(f"redis://127.0.0.1:{free_port()}", answer_seconds=0.2)
    with pytest.raises(BusUnavailable):
        await gone.server_ms()
    await gone.close()


async def test_what_the_server_refused_is_whole_after_the_next_try(bus: Bus, state: redis.asyncio.Redis) -> None:
    relay = HandRelay(bus)
    await relay.drain()
    await state.set("pos:41", "not a hash")
    before = await state.xlen(BUS_KEY)
    with pytest.raises(BusUnavailable):
        await relay.drain((ACORN_PRODUCT,))
    await state.delete("pos:41")
    await relay.drain((ACORN_PRODUCT,))
    _, changes = await bus.positions((ACORN_PRODUCT,))
    assert changes[ACORN_PRODUCT] == relay.last
    assert await state.xlen(BUS_KEY) > before
    assert await state.get(EPOCH_KEY)


async def test_the_bus_keeps_about_as_many_messages_as_it_is_told(bus: Bus, state: redis.asyncio.Redis) -> None:
    for _ in range(40):
        await bus.publish([BusMessage()] * 100, None, None, most_messages=1000, positions_ttl_ms=90_000_000)
    assert 1000 <= await state.xlen(BUS_KEY) <= 1200
