"""Reservations and sales that share a transaction: each has its own verdict, first come first served, each shop for
itself; and what is wrong with one is not the others' trouble."""

import asyncio

import psycopg
import pytest

from origin.checkout import stock
from origin.checkout.answers import AnswerKind
from origin.checkout.group_commit import GroupCommit, in_one_transaction
from origin.checkout.stock import Shortage
from origin.db import Database
from origin.errors import Conflict
from tests.fixtures.buying import ORDERS, buy, fill, submission
from tests.fixtures.checkout import add_variant, levels, rows, until

STEP = "checkout.reserve"


class Ledger:
    """Work that writes down which wishes came together; `bad` ones break the transaction they are in."""

    def __init__(self, db, **options):
        self.batches = []
        self.may_go_on = asyncio.Event()
        self.commit = GroupCommit(in_one_transaction(db, self._work, step=STEP), **options)

    async def _work(self, tx, store_id, wishes):
        self.batches.append((store_id, list(wishes)))
        await self.may_go_on.wait()
        await tx.execute("INSERT INTO counter (store_id, name, value) VALUES (%s, %s, 1)", [store_id, "-".join(wishes)])
        if "bad" in wishes:
            await tx.execute("SELECT 1 / 0")
        return [Conflict("refused") if wish == "refused" else f"{wish} done" for wish in wishes]

    def start(self, shop, *wishes):
        return [asyncio.create_task(self.commit.do(shop.id, wish)) for wish in wishes]


async def committed(db, shop):
    found = await rows(db, shop.id, "SELECT name FROM counter WHERE store_id = %s AND value = 1 ORDER BY name")
    return [row["name"] for row in found]


async def all_of(tasks):
    return await asyncio.gather(*tasks, return_exceptions=True)


async def begun(ledger, count):
    await until(lambda: len(ledger.batches) >= count)


async def test_who_comes_while_a_batch_is_at_work_is_in_the_next_in_the_order_of_coming(db, acorn, birch):
    ledger = Ledger(db)
    first = ledger.start(acorn, "a")
    await begun(ledger, 1)
    others = ledger.start(acorn, "b", "c", "d")
    neighbour = ledger.start(birch, "x")
    await begun(ledger, 2)  # the other shop's batch does not wait for this one's
    ledger.may_go_on.set()
    assert await all_of([*first, *others, *neighbour]) == ["a done", "b done", "c done", "d done", "x done"]
    assert [wishes for store_id, wishes in ledger.batches if store_id == acorn.id] == [["a"], ["b", "c", "d"]]
    assert (await committed(db, acorn), await committed(db, birch)) == (["a", "b-c-d"], ["x"])


async def test_a_batch_is_no_larger_than_its_limit(db, acorn):
    ledger = Ledger(db, most_at_once=2)
    ledger.may_go_on.set()
    await all_of(ledger.start(acorn, *"abcde"))
    assert [wishes for _, wishes in ledger.batches] == [["a", "b"], ["c", "d"], ["e"]]


async def test_one_that_is_refused_does_not_undo_the_others(db, acorn):
    ledger = Ledger(db)
    ledger.may_go_on.set()
    told = await all_of(ledger.start(acorn, "a", "refused", "b"))
    assert (told[0], str(told[1]), told[2]) == ("a done", "refused", "b done")
    assert await committed(db, acorn) == ["a-refused-b"]


async def test_one_that_breaks_the_transaction_is_done_again_by_itself_and_the_others_too(db, acorn):
    ledger = Ledger(db)
    ledger.may_go_on.set()
    told = await all_of(ledger.start(acorn, "a", "bad", "b"))
    assert (told[0], type(told[1]).__name__, told[2]) == ("a done", "DivisionByZero", "b done")
    assert await committed(db, acorn) == ["a", "b"]


async def test_who_stops_waiting_before_their_batch_never_wished_for_anything(db, acorn):
    ledger = Ledger(db)
    first = ledger.start(acorn, "a")
    await begun(ledger, 1)
    gone, stays = ledger.start(acorn, "gone", "stays")
    await asyncio.sleep(0)
    gone.cancel()
    ledger.may_go_on.set()
    assert await all_of([*first, stays]) == ["a done", "stays done"]
    assert await committed(db, acorn) == ["a", "stays"]
    assert await all_of(ledger.start(acorn, "later")) == ["later done"]  # nothing is stuck


# --- Stock -----------------------------------------------------------------------------------------------------------


async def item_of(db, shop, variant_id):
    (row,) = await rows(db, shop.id, "SELECT * FROM variant WHERE store_id = %s AND id = %s", variant_id)
    return row["inventory_item_id"]


async def pending_orders(db, shop, count):
    made = await rows(
        db,
        shop.id,
        """INSERT INTO sales_order (store_id, token, email, currency, subtotal_minor, total_minor)
           SELECT %s, 'token-' || n, 'a@example.com', 'EUR', 0, 0 FROM generate_series(1, %s) AS n RETURNING id""",
        count,
    )
    return [row["id"] for row in made]


async def reserve(db, shop, *wanted):
    """For one order each, in one batch; returns which of them were short of what."""
    orders = await pending_orders(db, shop, len(wanted))
    async with db.tenant(shop.id, step=STEP) as tx:
        locking = await stock.lock_levels(tx, shop.id, {item for each in wanted for item in each})
        short = await stock.reserve(tx, shop.id, await locking.read(), dict(zip(orders, wanted, strict=True)), 900)
        await tx.execute("DELETE FROM sales_order WHERE store_id = %s AND id = ANY(%s)", [shop.id, list(short)])
    return {orders.index(order_id): shortage for order_id, shortage in short.items()}


async def test_in_a_batch_too_who_comes_first_is_served_first_and_each_gets_all_or_nothing(db, acorn, birch):
    goods = [await add_variant(db, shop.id, title, 500, 5) for shop in (acorn, birch) for title in ("Cup", "Pot")]
    cup, pot = await item_of(db, acorn, goods[0]), await item_of(db, acorn, goods[1])
    short = await reserve(db, acorn, {cup: 4}, {cup: 2, pot: 1}, {pot: 5}, {cup: 1}, {pot: 1})
    assert short == {1: Shortage({cup: 1}), 4: Shortage({pot: 0})}  # the second took no pot either: the third has all
    assert [await levels(db, acorn.id, variant) for variant in goods[:2]] == [(0, 5, 0), (0, 5, 0)]
    assert [await levels(db, birch.id, variant) for variant in goods[2:]] == [(5, 0, 0), (5, 0, 0)]


async def test_what_one_location_lacks_comes_from_the_next(db, acorn):
    cup = await item_of(db, acorn, await add_variant(db, acorn.id, "Cup", 500, 5))
    await rows(
        db,
        acorn.id,
        """WITH barn AS (INSERT INTO location (store_id, name) VALUES (%s, 'Barn') RETURNING store_id, id)
           INSERT INTO inventory_level (store_id, inventory_item_id, location_id, available)
           SELECT store_id, %s, id, 2 FROM barn RETURNING 1""",
        cup,
    )
    assert await reserve(db, acorn, {cup: 6}, {cup: 1}, {cup: 1}) == {2: Shortage({cup: 0})}
    found = await rows(db, acorn.id, "SELECT available, reserved FROM inventory_level WHERE store_id = %s ORDER BY 2")
    assert [(row["available"], row["reserved"]) for row in found] == [(0, 2), (0, 5)]


async def test_what_may_be_oversold_is_and_the_book_says_by_how_much(till, shops):
    acorn, _ = shops
    mug = await add_variant(till.db, acorn.id, "Mug", 900, 1, policy="continue")
    answers = await asyncio.gather(*(buy(till, acorn, f"key-{n}", variant_id=mug, quantity=2) for n in range(3)))
    assert [answer.kind for answer in answers] == [AnswerKind.PLACED] * 3
    assert await levels(till.db, acorn.id, mug) == (-5, 0, 6)


# --- Checkouts -------------------------------------------------------------------------------------------------------


async def test_twenty_buyers_of_five_cups_at_once_in_each_of_two_shops(till, shops, sandbox):
    wanted = [(shop, submission(await fill(till, shop))) for shop in shops for _ in range(20)]
    answers = await asyncio.gather(
        *(till.checkouts.submit(shop.id, f"key-{number}", one) for number, (shop, one) in enumerate(wanted))
    )
    for shop in shops:
        kinds = [answer.kind for (of, _), answer in zip(wanted, answers, strict=True) if of is shop]
        assert sorted(kinds) == [AnswerKind.PLACED] * 5 + [AnswerKind.STOCK_GONE] * 15
        assert await levels(till.db, shop.id, shop.cup) == (0, 0, 5)
        placed = [row["number"] for row in await rows(till.db, shop.id, ORDERS) if row["state"] == "placed"]
        assert sorted(placed) == [1001, 1002, 1003, 1004, 1005]
    assert await sandbox.succeeded() == 10


async def test_one_cart_in_two_submissions_of_one_batch_is_one_order(till, shops, sandbox):
    acorn, _ = shops
    wanted = submission(await fill(till, acorn))
    answers = await asyncio.gather(*(till.checkouts.submit(acorn.id, f"key-{n}", wanted) for n in range(4)))
    assert sorted(answer.kind for answer in answers) == [AnswerKind.CART_TAKEN] * 3 + [AnswerKind.PLACED]
    assert await sandbox.succeeded() == 1


@pytest.mark.parametrize("said", [2, 5])
async def test_who_says_twice_that_a_payment_succeeded_gets_one_order(till, shops, sandbox, said):
    acorn, _ = shops
    answer = await buy(till, acorn)
    (intent,) = await sandbox.intents()
    assert await asyncio.gather(*(till.checkouts.hear(intent["id"]) for _ in range(said))) == [True] * said
    assert (await levels(till.db, acorn.id, acorn.cup), answer.kind) == ((4, 0, 1), AnswerKind.PLACED)


async def test_statements_travel_together_until_one_is_read(db, acorn, birch):
    async def doing(tx):
        """What the server knows of this transaction, as birch sees it."""
        state = "SELECT state FROM pg_stat_activity WHERE %s > 0 AND pid = %s"
        return [row["state"] for row in await rows(db, birch.id, state, tx.info.backend_pid)]

    async with db.together(acorn.id, step=STEP) as tx:
        await tx.execute("INSERT INTO counter (store_id, name, value) VALUES (%s, 'a', 1)", [acorn.id])
        asked = await tx.execute("SELECT name FROM counter WHERE store_id = %s AND value = 1", [acorn.id])
        assert await doing(tx) == ["idle"]  # nothing yet
        assert await asked.fetchall() == [{"name": "a"}]
        assert await doing(tx) != ["idle"]
    assert (await committed(db, acorn), await committed(db, birch)) == (["a"], [])


async def test_what_fails_in_a_packet_is_raised_where_it_is_read_and_undoes_all(db, acorn):
    with pytest.raises(psycopg.errors.DivisionByZero):
        async with db.together(acorn.id, step=STEP) as tx:
            await tx.execute("INSERT INTO counter (store_id, name, value) VALUES (%s, 'a', 1)", [acorn.id])
            await tx.execute("SELECT 1 / 0")
    assert await committed(db, acorn) == []
    async with db.together(acorn.id, step=STEP) as tx:
        await tx.execute("INSERT INTO counter (store_id, name, value) VALUES (%s, 'b', 1)", [acorn.id])
    assert await committed(db, acorn) == ["b"]


async def test_what_was_to_be_prepared_behind_a_failure_is_prepared_anew(db, acorn):
    async def count(tx):
        cursor = await tx.execute("SELECT count(*) AS n FROM counter WHERE store_id = %s", [acorn.id])
        return cursor, tx.info.backend_pid

    with pytest.raises(psycopg.errors.DivisionByZero):  # psycopg looks at a rollback with nothing prepared only once
        async with db.tenant(acorn.id) as tx:
            await tx.execute("SELECT 1 / 0")
    async with db.tenant(acorn.id) as tx:
        for _ in range(tx.prepare_threshold):  # the next time it is prepared
            _, first = await count(tx)
    with pytest.raises(psycopg.errors.DivisionByZero):
        async with db.together(acorn.id, step=STEP) as tx:
            await tx.execute("SELECT 1 / 0")
            await count(tx)
    for _ in range(2):
        async with db.tenant(acorn.id) as tx:
            counted, pid = await count(tx)
            assert (len(await counted.fetchall()), pid) == (1, first)


async def test_what_travels_together_is_prepared_the_first_time_and_what_does_not_is_not(db, acorn):
    async def prepared(tx, statement):
        await tx.execute(statement)
        cursor = await tx.execute("SELECT count(*) AS n FROM pg_prepared_statements WHERE statement = %s", [statement])
        return (await cursor.fetchall())[0]["n"]

    async with db.together(acorn.id, step=STEP) as tx:
        assert await prepared(tx, "SELECT 1 AS together") == 1
    async with db.tenant(acorn.id) as tx:
        assert await prepared(tx, "SELECT 1 AS alone") == 0


async def test_a_connection_keeps_the_statements_of_a_large_program_prepared(db, acorn):
    """More than psycopg's own hundred: one statement is several where shops' numbers differ in size."""
    statements = [f"SELECT {number}" for number in range(150)]
    async with db.together(acorn.id, step=STEP) as tx:
        for statement in statements:
            await tx.execute(statement)
    async with db.tenant(acorn.id) as tx:
        cursor = await tx.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement = ANY(%s)", [statements])
        assert await cursor.fetchone() == {"count": 150}


async def test_the_connection_that_came_back_last_is_given_out_first(db, acorn, birch):
    async def one_inside_the_other():
        async with db.tenant(acorn.id) as first:
            async with db.tenant(birch.id) as second, db.tenant(birch.id) as third:
                pids = {connection.info.backend_pid for connection in (first, second, third)}
            last = first.info.backend_pid
        return pids, last

    pids, last = await one_inside_the_other()
    assert len(pids) == 3
    for shop in (acorn, birch, acorn):
        async with db.tenant(shop.id) as tx:
            assert tx.info.backend_pid == last


async def test_of_unused_connections_the_one_that_would_be_given_out_last_is_closed(database, acorn):
    db = Database(database.app, database.router, connections=3)
    await db.open()
    async with db.tenant(acorn.id) as first, db.tenant(acorn.id) as second:
        coldest, warmest = second.info.backend_pid, first.info.backend_pid
    pool = db._app
    for _ in range(2):  # the first time it only begins to count
        await pool._shrink_pool()
    async with db.tenant(acorn.id) as tx:
        assert tx.info.backend_pid == warmest
    assert [each.info.backend_pid for each in pool._pool] == [warmest], f"{coldest} is closed"
    await db.close()
