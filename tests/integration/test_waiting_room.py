"""The line before a shop's checkout: first come first served, each shop for itself, a place that survives."""

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial

import pytest
from redis.asyncio import Redis

from origin.checkout.answers import Answer, AnswerKind
from origin.checkout.flow import Checkouts
from origin.checkout.waiting_room import Waiting, WaitingRoom, waiting_room_of
from origin.db import Database
from origin.errors import Invalid
from tests.fixtures.bus import HandClock
from tests.fixtures.buying import fill, submission
from tests.fixtures.checkout import rows, until
from tests.fixtures.round_trips import counted

SOLD_OUT = "UPDATE inventory_level SET available = 0 WHERE store_id = %s RETURNING 1"
PLACED = Answer(AnswerKind.PLACED)


@dataclass
class Work:
    """Checkouts that last until they are let end."""

    room: WaitingRoom
    begun: list[str] = field(default_factory=list)
    ends: dict[str, asyncio.Event] = field(default_factory=dict)
    seen: dict = field(default_factory=dict)

    async def of(self, shop, cart, name, place="", answer=PLACED):
        async def work(elsewhere, cart):
            self.begun.append(name)
            self.seen[name] = cart
            await self.ends.setdefault(name, asyncio.Event()).wait()
            return answer

        return await self.room.through(shop.id, cart, place, work)

    async def start(self, shop, cart, name, place=""):
        """At work, from now until `end`."""
        task = asyncio.create_task(self.of(shop, cart, name, place))
        await until(lambda: name in self.begun)
        return task

    def end(self, name):
        self.ends.setdefault(name, asyncio.Event()).set()


@pytest.fixture
async def state(state_url):
    async with Redis.from_url(state_url) as opened:
        yield opened


@pytest.fixture
def limits(till_settings):
    """One checkout of a shop at once, two in all; nobody is held, and no place is lost while a busy machine takes its
    time: these go by the state server's clock."""
    few = {"checkout_shop_at_once": 1, "checkout_at_once": 2, "checkout_hold_seconds": 0.01}
    return till_settings.model_copy(update={**few, "waiting_missed_looks": 1000.0})


@pytest.fixture
def work(till, limits, state):
    return Work(waiting_room_of(limits, till.db, state))


async def wait_in_line(work, till, shop, count):
    """[(cart, how they stand)], in the order in which they came."""
    found = []
    for number in range(count):
        cart = await fill(till, shop)
        found.append((cart, await work.of(shop, cart, f"early {number}")))
    return found


async def test_who_came_first_is_served_first(work, till, shops):
    acorn, _ = shops
    running = await work.start(acorn, await fill(till, acorn), "inside")
    line = await wait_in_line(work, till, acorn, 4)
    assert [standing.ahead for _, standing in line] == [0, 1, 2, 3]
    work.end("inside")
    await running
    late = await fill(till, acorn)
    assert (await work.of(acorn, late, "late")).ahead == 4, "a free slot is not the newcomer's"
    for number in (3, 2, 1):
        cart, standing = line[number]
        assert (await work.of(acorn, cart, f"jumper {number}", standing.token)).ahead == number
    served = []
    for number, (cart, standing) in enumerate(line):
        work.end(f"turn {number}")
        served.append(await work.of(acorn, cart, f"turn {number}", standing.token))
    assert served == [PLACED] * 4
    assert work.begun == ["inside", *(f"turn {number}" for number in range(4))]


async def test_held_requests_of_the_first_in_line_get_slots_in_the_order_they_came(till, limits, shops, state):
    acorn, birch = shops
    settings = limits.model_copy(
        update={"checkout_shop_at_once": 2, "checkout_at_once": 2, "checkout_hold_seconds": 20.0}
    )
    work = Work(waiting_room_of(settings, till.db, state))
    tasks = [await work.start(acorn, await fill(till, acorn), name) for name in ("a", "b")]
    for name in ("c", "d"):
        tasks.append(asyncio.create_task(work.of(acorn, await fill(till, acorn), name)))
        waiting = len(tasks) - 2
        await line_has(state, acorn, waiting)
    for number, name in enumerate("abcd", start=3):
        work.end(name)
        await until(lambda number=number: len(work.begun) >= min(number, 4))
    assert await asyncio.gather(*tasks) == [PLACED] * 4
    assert work.begun == ["a", "b", "c", "d"]
    assert [bool(work.seen[name]) for name in "abcd"] == [True, True, False, False], "who waited may have changed it"
    work.end("e")
    assert await work.of(birch, await fill(till, birch), "e") == PLACED


async def line_has(state, shop, count):
    async with asyncio.timeout(10):
        while await state.zcard(f"line:{shop.id}") != count:  # noqa: ASYNC110 - on another server
            await asyncio.sleep(0.005)


async def test_the_other_shop_does_not_wait(work, till, shops):
    acorn, birch = shops
    running = await work.start(acorn, await fill(till, acorn), "inside")
    await wait_in_line(work, till, acorn, 5)
    work.end("birch")
    assert await work.of(birch, await fill(till, birch), "birch") == PLACED
    work.end("inside")
    await running


async def test_a_checkout_at_the_provider_leaves_its_slot_to_others_and_is_finished_at_once(work, till, shops):
    acorn, _ = shops
    away, back = asyncio.Event(), asyncio.Event()

    async def pay(elsewhere, cart):
        with elsewhere():
            away.set()
            await back.wait()
        return PLACED

    paying = asyncio.create_task(work.room.through(acorn.id, await fill(till, acorn), "", pay))
    await away.wait()
    other = await work.start(acorn, await fill(till, acorn), "other")
    assert (await work.of(acorn, await fill(till, acorn), "third")).ahead == 0
    back.set()
    assert await paying == PLACED
    assert work.room.slots.running(acorn.id) == 1
    work.end("other")
    await other


async def test_who_is_inside_is_not_thrown_out(work, till, shops):
    """The second window of one purchase, and a card that is tried again after it was declined."""
    acorn, _ = shops
    cart = await fill(till, acorn)
    work.end("declined")
    assert (await work.of(acorn, cart, "declined", answer=Answer(AnswerKind.DECLINED))).kind == AnswerKind.DECLINED
    other = await work.start(acorn, await fill(till, acorn), "other")
    await wait_in_line(work, till, acorn, 2)
    await rows(till.db, acorn.id, SOLD_OUT)
    work.end("again")
    assert await work.of(acorn, cart, "again") == PLACED
    work.end("other")
    await other


async def test_a_restart_keeps_the_places(work, till, limits, shops, state):
    """Of the process; and of the state server with everything it knew, but for the carts."""
    acorn, _ = shops
    inside = await fill(till, acorn)
    running = await work.start(acorn, inside, "inside")
    line = await wait_in_line(work, till, acorn, 3)
    for lost in (False, True):
        if lost:
            await state.delete(*[key async for key in state.scan_iter("line:*")])
        after = Work(waiting_room_of(limits, till.db, state))
        again = await after.start(acorn, inside, "inside again")
        for cart, standing in reversed(line):
            assert isinstance(await after.of(acorn, cart, "early", standing.token), Waiting)
        standings = [await after.of(acorn, cart, "early", standing.token) for cart, standing in line]
        assert [standing.ahead for standing in standings] == [0, 1, 2]
        after.end("inside again")
        await again
    work.end("inside")
    await running


async def test_a_place_that_is_not_this_purchases_is_refused(work, till, limits, shops, state):
    acorn, birch = shops
    inside = await fill(till, acorn)
    running = await work.start(acorn, inside, "inside")
    (cart, standing), (other, _) = await wait_in_line(work, till, acorn, 2)
    stranger = Work(waiting_room_of(limits.model_copy(update={"signing_key": "of-somebody-else"}), till.db, state))
    theirs = await stranger.start(acorn, inside, "theirs")
    forged = (await stranger.of(acorn, cart, "forged")).token
    expired = Work(waiting_room_of(limits.model_copy(update={"place_seconds": -1}), till.db, state))
    birchs = await fill(till, birch)
    for room, shop, holder, token in (
        (work, acorn, cart, forged),
        (work, acorn, cart, standing.token[:-1]),
        (work, acorn, other, standing.token),
        (work, birch, birchs, standing.token),
        (expired, acorn, cart, standing.token),
    ):
        with pytest.raises(Invalid) as refusal:
            await room.of(shop, holder, "refused", token)
        assert list(refusal.value.fields) == ["place"]
    assert "refused" not in work.begun + expired.begun
    await till.carts.take_ordered(acorn.id, cart, (await till.carts.read(acorn.id, cart)).generation, {})
    with pytest.raises(Invalid):
        await work.of(acorn, cart, "the next purchase", standing.token)
    work.end("inside")
    await running
    stranger.end("theirs")
    await theirs


async def test_everybody_who_waits_is_told_at_once_that_all_is_sold_out(work, till, shops, statements):
    acorn, birch = shops
    clock = work.room._stock._clock = HandClock()
    running = await work.start(acorn, await fill(till, acorn), "inside")
    line = await wait_in_line(work, till, acorn, 20)
    assert {left.available for _, standing in line for left in standing.stock} == {5}
    await rows(till.db, acorn.id, SOLD_OUT)
    clock.now += 1.0  # what is known of the stock is a second old at most
    statements.clear()
    told = await asyncio.gather(*(work.of(acorn, cart, "late", standing.token) for cart, standing in line))
    assert {answer.kind for answer in told} == {AnswerKind.STOCK_GONE}
    assert told[0].more["lines"][0] | {"key": ""} == {
        "key": "", "variant_id": acorn.cup, "title": "Cup", "requested": 1, "available": 0,
    }  # fmt: skip
    assert len(statements) == 1
    work.end("inside")
    await running
    work.end("birch")
    assert await work.of(birch, await fill(till, birch), "birch") == PLACED


@pytest.fixture
def statements(till, monkeypatch):
    """One entry for each time the database is asked for one row of a shop."""
    asked: list[bytes] = []
    read_row = till.db.read_row

    async def counted(store_id, statement, values):
        asked.append(statement)
        return await read_row(store_id, statement, values)

    monkeypatch.setattr(till.db, "read_row", counted)
    return asked


async def test_who_stops_asking_keeps_nobody_waiting(work, till, shops, state):
    acorn, _ = shops
    running = await work.start(acorn, await fill(till, acorn), "inside")
    (gone, gone_standing), (cart, standing) = await wait_in_line(work, till, acorn, 2)
    await state.zadd(f"line:{acorn.id}:due", {(await state.zrange(f"line:{acorn.id}", 0, 0))[0]: 1})
    assert (await work.of(acorn, cart, "patient", standing.token)).ahead == 0
    assert (await work.of(acorn, gone, "back again", gone_standing.token)).ahead == 0
    work.end("inside")
    await running


async def pass_time(state, shop, seconds):
    """As if nobody of this shop's line had asked for so long."""
    due = f"line:{shop.id}:due"
    async with state.pipeline() as pipeline:
        for member in await state.zrange(due, 0, -1):
            pipeline.zincrby(due, -seconds * 1e6, member)
        await pipeline.execute()


async def test_a_place_passes_on_after_so_many_missed_looks_and_is_there_for_who_comes_back(till, limits, shops, state):
    acorn, birch = shops
    work = Work(waiting_room_of(limits.model_copy(update={"waiting_missed_looks": 3000.0}), till.db, state))
    running = [await work.start(shop, await fill(till, shop), f"inside {shop.id}") for shop in shops]
    (gone, gone_standing), (cart, standing) = await wait_in_line(work, till, acorn, 2)
    await wait_in_line(work, till, birch, 1)
    assert gone_standing.look_seconds == 1
    for shop in shops:
        await pass_time(state, shop, 2000)
    standing = await work.of(acorn, cart, "patient", standing.token)
    assert standing.ahead == 1, "who is a little late has not missed it"
    await pass_time(state, acorn, 1500)
    nearer = await work.of(acorn, cart, "patient", standing.token)
    assert nearer.ahead == 0
    assert await state.zcard(f"line:{birch.id}") == 1, "birch's line has a time of its own"
    back = await work.of(acorn, gone, "back again", gone_standing.token)
    assert (back.ahead, back.is_later) == (0, False)
    behind = await work.of(acorn, cart, "patient", nearer.token)
    assert (behind.ahead, behind.is_later) == (1, False)
    assert behind.seconds <= nearer.seconds, "what was promised holds, whoever comes back"
    for shop in shops:
        work.end(f"inside {shop.id}")
    await asyncio.gather(*running)


async def test_those_who_never_come_back_keep_nobody_longer_than_if_they_had_come(till, limits, shops, state):
    """Also in a line so long that each should look seldom: nobody looks later than half-way to their turn."""
    acorn, _ = shops
    seldom = limits.model_copy(update={"waiting_looks_per_second": 0.01, "waiting_missed_looks": 2.0})
    work = Work(waiting_room_of(seldom, till.db, state))
    running = await work.start(acorn, await fill(till, acorn), "inside")
    line = await wait_in_line(work, till, acorn, 31)
    looks = [standing.look_seconds for _, standing in line]
    assert looks[:4] == [1, 1, 1, 1]
    assert all(
        2 <= look <= max(2, standing.seconds / 2 + 1)
        for look, (_, standing) in zip(looks, line, strict=True)
        if look > 1
    )
    cart, standing = line[-1]
    work.end("inside")
    await running
    await pass_time(state, acorn, standing.seconds + limits.checkout_hold_seconds + 2)
    work.end("patient")
    assert await work.of(acorn, cart, "patient", standing.token) == PLACED


async def test_of_one_carts_requests_one_works_one_waits_and_the_rest_are_told_to_come_back(till, limits, shops, state):
    acorn, birch = shops
    settings = limits.model_copy(
        update={"checkout_shop_at_once": 3, "checkout_at_once": 9, "checkout_hold_seconds": 20}
    )
    work = Work(waiting_room_of(settings, till.db, state))
    cart, away, back = await fill(till, acorn), asyncio.Event(), asyncio.Event()

    async def pay(elsewhere, cart):
        work.begun.append("first")
        await work.ends.setdefault("first", asyncio.Event()).wait()
        with elsewhere():
            away.set()
            await back.wait()
        return PLACED

    first = asyncio.create_task(work.room.through(acorn.id, cart, "", pay))
    await until(lambda: work.begun == ["first"])
    flood = [asyncio.create_task(work.of(acorn, cart, f"flood {number}")) for number in range(20)]
    await until(lambda: sum(task.done() for task in flood) == 19)
    assert {task.result().kind for task in flood if task.done()} == {AnswerKind.IN_PROGRESS}
    assert work.begun == ["first"]
    assert work.room.slots.running(acorn.id) == 1, "who waits for their own other request takes nobody's slot"
    work.end("birch")
    assert await work.of(birch, await fill(till, birch), "birch") == PLACED
    work.end("first")
    await away.wait()
    await until(lambda: len(work.begun) == 3)  # the next sees how far the first has come, while that is being paid
    assert work.seen["birch"].lines
    assert work.seen[work.begun[-1]] is None, "what it had read may be an order by now"
    work.end(work.begun[-1])
    assert sorted(answer.kind for answer in await asyncio.gather(*flood)) == [AnswerKind.IN_PROGRESS] * 19 + [
        PLACED.kind
    ]
    again = await work.start(acorn, cart, "again")
    back.set()
    assert await first == PLACED
    assert (work.room.slots.running(acorn.id), again.done()) == (1, False)
    work.end("again")
    assert await again == PLACED
    assert work.room.slots.running(acorn.id) == 0


async def test_the_estimate_comes_nearer_and_never_moves_away_without_a_word(work, till, shops):
    acorn, _ = shops
    running = await work.start(acorn, await fill(till, acorn), "inside")
    line = await wait_in_line(work, till, acorn, 6)
    work.end("inside")
    await running
    cart, standing = line[-1]
    due = time.time() + standing.seconds
    for number, (early, early_standing) in enumerate(line[:-1]):
        work.end(f"turn {number}")
        assert await work.of(acorn, early, f"turn {number}", early_standing.token) == PLACED
        if number < 4:
            asked = time.time()
            standing = await work.room.look(acorn.id, cart, standing.token)
            assert standing.ahead == 4 - number
            assert not standing.is_later
            assert standing.seconds <= max(0.0, due - asked)
            due = time.time() + standing.seconds  # or a little before, by as long as the answer took
    assert standing.ahead_at_first == 5


async def test_without_the_state_server_everybody_goes_in(till, limits, shops, state):
    acorn, _ = shops
    cart = await fill(till, acorn)
    async with Redis.from_url("redis://127.0.0.1:1") as away:
        work = Work(waiting_room_of(limits, till.db, away))
        tasks = [await work.start(acorn, cart, name) for name in ("a", "b", "c")]
    for name in ("a", "b", "c"):
        work.end(name)
    assert await asyncio.gather(*tasks) == [PLACED] * 3


async def test_after_the_last_unit_is_gone_nobody_asks_the_database_who_comes_within_a_second(
    database, till, till_settings, state, shops
):
    acorn, birch = shops
    async with counted(database.app) as (url, turns):
        db = Database(url, database.router)
        await db.open()
        room = waiting_room_of(till_settings, db, state)
        checkouts = Checkouts(db, till.carts, till.payments, till_settings)

        carts = [await fill(till, acorn, quantity=5) for _ in range(60)]

        async def buy(shop, cart):
            submit = partial(checkouts.submit, shop.id, cart, submission(cart))
            return await room.through(shop.id, cart, "", submit)

        assert (await buy(acorn, carts[0])).kind == AnswerKind.PLACED
        assert (await buy(acorn, carts[1])).kind == AnswerKind.STOCK_GONE  # the database said so
        before, began = turns.count, time.monotonic()
        told = [await buy(acorn, cart) for cart in carts[2:]]
        assert {answer.kind for answer in told} == {AnswerKind.STOCK_GONE}
        assert turns.count - before <= time.monotonic() - began + 1
        assert (await buy(birch, await fill(till, birch, quantity=5))).kind == AnswerKind.PLACED  # they have their own
        await rows(till.db, acorn.id, "UPDATE inventory_level SET available = 5 WHERE store_id = %s RETURNING 1")
        async with asyncio.timeout(5):
            while (await buy(acorn, carts[-1])).kind != AnswerKind.PLACED:
                pass  # what is remembered is a second old at most
        await db.close()
