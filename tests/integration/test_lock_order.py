"""Whoever writes orders and stock locks rows in one order (ARCHITECTURE.md, "Locks"), so that no two wait in a circle.

Somebody else holds all rows that a path may lock, and lets go of one kind after the other, in that order. A path that
locks in another order is seen to wait for a later kind while an earlier one is held.
"""

import asyncio
from contextlib import AsyncExitStack

import pytest

from origin.checkout.answers import AnswerKind
from origin.payments import Declined
from tests.fixtures.buying import begin, buy, fill, make_due, reserve, submission
from tests.fixtures.checkout import levels, rows

# In the order in which they are to be locked. An order's own row is not among them: before it is placed it belongs to
# whoever has its attempt, and then it is the first that its merchant's changes lock.
KINDS = {
    "attempt": "SELECT id FROM checkout_attempt WHERE store_id = %s AND recovery_point <> 'finished' FOR UPDATE",
    "placed order": "SELECT id FROM sales_order WHERE store_id = %s AND state = 'placed' FOR NO KEY UPDATE",
    "product": "SELECT id FROM product WHERE store_id = %s FOR NO KEY UPDATE",
    "customer": "SELECT id FROM customer WHERE store_id = %s FOR NO KEY UPDATE",
    "counter": "SELECT name FROM counter WHERE store_id = %s FOR UPDATE",
    "level": "SELECT location_id FROM inventory_level WHERE store_id = %s FOR UPDATE",
}


async def an_attempt(till, shop):
    """With its cup reserved, and a customer who has bought before."""
    await buy(till, shop, "before")
    return await reserve(till, shop, submission(await fill(till, shop)))


async def beginning(till, shop):
    return begin(till, shop, submission(await fill(till, shop)))


async def reserving(till, shop):
    """What somebody claimed who died before it was reserved."""
    wanted = submission(await fill(till, shop))
    await rows(till.db, shop.id, "UPDATE inventory_level SET available = 0 WHERE store_id = %s RETURNING 1")
    await begin(till, shop, wanted)
    await rows(till.db, shop.id, "UPDATE inventory_level SET available = 5 WHERE store_id = %s RETURNING 1")
    await make_due(till, shop)
    return till.checkouts.submit(shop.id, "key", wanted)


async def selling(till, shop):
    return till.checkouts.authorise(shop.id, await an_attempt(till, shop))


async def declining(till, shop):
    return till.checkouts.settle(shop.id, await an_attempt(till, shop), Declined("declined", "No."))


async def giving_up(till, shop):
    return till.checkouts.give_up(shop.id, await an_attempt(till, shop))


async def selling_late(till, shop):
    attempt = await an_attempt(till, shop)
    await till.checkouts.give_up(shop.id, attempt)
    paid = await till.payments.charge(await till.checkouts.charge_of(shop.id, attempt))
    return till.checkouts.settle(shop.id, attempt, paid)


async def coming_too_late(till, shop):
    settling = await selling_late(till, shop)
    await rows(till.db, shop.id, "UPDATE inventory_level SET available = 0 WHERE store_id = %s RETURNING 1")
    return settling


async def cancelling(till, shop, sellers):
    order = (await buy(till, shop, "before")).more["order"]["id"]
    return sellers.acorn.post(f"orders/{order}/cancel", {"restock": True}, status=200)


async def writing(till, shop, sellers):
    await buy(till, shop, "before")
    line = {"variant_id": shop.cup, "quantity": 1}
    body = {"email": "ada@example.com", "line_items": [line], "inventory_behaviour": "decrement_obeying_policy"}
    return sellers.acorn.post("orders", {"order": body})


async def counting_stock(till, shop, sellers):
    [level] = await rows(till.db, shop.id, "SELECT * FROM inventory_level WHERE store_id = %s")
    body = {"inventory_item_id": level["inventory_item_id"], "location_id": level["location_id"], "available": 9}
    return sellers.acorn.post("inventory_levels/set", body, status=200)


CHECKOUTS = {
    beginning: ["level"],
    reserving: ["attempt", "level"],
    selling: ["attempt", "product", "customer", "counter", "level"],
    declining: ["attempt", "product", "level"],
    giving_up: ["attempt", "product", "level"],
    selling_late: ["attempt", "product", "customer", "counter", "level"],
    coming_too_late: ["attempt", "product", "customer", "counter", "level"],
}
MERCHANTS = {
    cancelling: ["placed order", "product", "level"],
    writing: ["product", "customer", "counter", "level"],
    counting_stock: ["product", "level"],
}


class Holder:
    """Has all rows of a shop locked, one transaction for each kind."""

    def __init__(self, till, shop):
        self._till = till
        self._shop = shop
        self._held = {}

    async def hold(self, kind):
        stack = AsyncExitStack()
        tx = await stack.enter_async_context(self._till.db.tenant(self._shop.id))
        await tx.execute(KINDS[kind].encode(), [self._shop.id])
        self._held[kind] = (tx.info.backend_pid, stack)
        return tx

    async def let_go(self, kind):
        await self._held.pop(kind)[1].aclose()

    async def stops(self, task):
        """The kind of row that the path waits for; None when it is through."""
        kinds = {pid: kind for kind, (pid, _) in self._held.items()}
        waiting = "SELECT %s, unnest(pg_blocking_pids(pid)) AS by FROM pg_locks WHERE NOT granted"
        async with asyncio.timeout(20):
            while not task.done():
                for row in await rows(self._till.db, self._shop.id, waiting):
                    if row["by"] in kinds:
                        return kinds[row["by"]]
                await asyncio.sleep(0.005)
        return None


async def stops_of(working, till, shops):
    """The kinds of rows it waits for, in turn."""
    acorn, birch = shops
    holder = Holder(till, acorn)
    for kind in KINDS:
        await holder.hold(kind)
    task = asyncio.ensure_future(working)
    stopped = []
    for kind in KINDS:
        waits_for = await holder.stops(task)
        if waits_for and waits_for not in stopped:
            stopped.append(waits_for)
        if kind == "level":
            assert (await buy(till, birch, "birch's")).kind == AnswerKind.PLACED, "the other shop has rows of its own"
        await holder.let_go(kind)
    await task
    return stopped


@pytest.mark.parametrize(("path", "order"), CHECKOUTS.items(), ids=[path.__name__ for path in CHECKOUTS])
async def test_a_checkout_locks_rows_in_one_order(till, shops, path, order):
    """No origin runs beside it: its completer would take what is due."""
    assert await stops_of(await path(till, shops[0]), till, shops) == order


@pytest.mark.parametrize(("path", "order"), MERCHANTS.items(), ids=[path.__name__ for path in MERCHANTS])
async def test_what_a_merchant_does_locks_rows_in_the_same_order(till, shops, sellers, path, order):
    assert await stops_of(await path(till, shops[0], sellers), till, shops) == order


async def test_a_late_payment_and_a_sale_in_opposite_roles_both_come_through(till, shops):
    """1. The sale has the counter of numbers; 2. the late payment waits for that; 3. the sale takes the level."""
    acorn, _ = shops
    late = await selling_late(till, acorn)
    holder = Holder(till, acorn)
    sale = await holder.hold("counter")
    settling = asyncio.ensure_future(late)
    assert await holder.stops(settling) == "counter"
    await sale.execute(f"{KINDS['level']} NOWAIT".encode(), [acorn.id])
    await holder.let_go("counter")
    assert (await settling).kind == AnswerKind.PLACED
    assert await levels(till.db, acorn.id, acorn.cup) == (3, 0, 2)
