"""The books are looked at while shops sell: what does not hold is found in the shop it is in, said, and counted."""

import asyncio

import pytest

from origin.checkout import watchman
from origin.checkout.answers import AnswerKind
from origin.checkout.watchman import Watchman
from origin.metrics import OriginMetrics
from origin.sole_worker import SoleWorker
from tests.fixtures.buying import buy
from tests.fixtures.checkout import until

LOCK = 77


class Watch:
    def __init__(self, db, settings):
        self.metrics = OriginMetrics()
        self.watchman = Watchman(db, self.metrics, settings.model_copy(update={"book_check_seconds": 0.01}))

    @property
    def broken(self):
        return self.metrics.registry.get_sample_value("stoa_origin_books_broken")

    async def round(self):
        """Both shops have their turn."""
        return [each.rule for _ in range(2) for each in await self.watchman.look()]


@pytest.fixture
def watch(db, till_settings):
    return Watch(db, till_settings)


async def change(db, shop, more):
    """As a program would leave it that forgot half of what it had to write."""
    async with db.tenant(shop.id) as tx:
        await tx.execute("UPDATE inventory_level SET reserved = reserved + %s WHERE store_id = %s", [more, shop.id])


async def test_what_does_not_hold_is_counted_until_it_does(till, shops, watch):
    assert await watch.round() == []  # nobody has bought yet, so there is no shop to look at
    for shop in shops:
        assert (await buy(till, shop)).kind == AnswerKind.PLACED
    assert await watch.round() == []
    assert watch.broken == 0
    acorn, _ = shops
    await change(till.db, acorn, 1)
    rule = "what is reserved of an item is held by pending orders"
    found = await watch.round()
    assert set(found) == {rule}
    assert watch.broken == len(found) > 0
    assert await watch.watchman.look() != []  # acorn's turn again, and birch's next
    assert await watch.watchman.look() == []
    await change(till.db, acorn, -1)
    assert await watch.round() == []
    assert watch.broken == 0


async def test_a_shop_that_is_gone_is_not_counted_for_ever(till, shops, watch):
    for shop in shops:
        assert (await buy(till, shop)).kind == AnswerKind.PLACED
        await change(till.db, shop, 1)
    await watch.round()
    both = watch.broken
    acorn, birch = shops
    async with till.db.tenant(acorn.id) as tx:
        await tx.execute("DELETE FROM deadline WHERE store_id = %s", [acorn.id])
    await watch.watchman.look()
    assert watch.broken == both / 2
    async with till.db.tenant(birch.id) as tx:
        await tx.execute("DELETE FROM deadline WHERE store_id = %s", [birch.id])
    await watch.watchman.look()
    assert watch.broken == 0
    for shop in shops:
        await change(till.db, shop, -1)


async def test_buyers_at_work_never_look_like_a_mistake(till, shops, watch):
    acorn, birch = shops
    buying = [asyncio.create_task(buy(till, shop, f"key-{number}")) for number in range(8) for shop in (acorn, birch)]
    found = []
    while not all(task.done() for task in buying):
        found += await watch.round()
    kinds = [(await task).kind for task in buying]
    assert kinds.count(AnswerKind.PLACED) == 10
    assert found == []


async def test_one_origin_looks_and_the_next_when_it_is_gone(till, shops, till_settings, monkeypatch):
    monkeypatch.setattr(watchman, "REST_TIMES", 0)  # of a busy machine's look, a hundred times would be minutes
    await buy(till, shops[0])
    first, second = Watch(till.db, till_settings), Watch(till.db, till_settings)
    locks = [SoleWorker(till_settings.router_database_url, LOCK, 30) for _ in range(2)]
    when = "stoa_origin_books_checked_at_seconds"
    tasks = [asyncio.create_task(first.watchman.run(locks[0]))]
    await until(lambda: first.metrics.registry.get_sample_value(when) > 0)
    tasks.append(asyncio.create_task(second.watchman.run(locks[1])))
    await asyncio.sleep(0.1)
    assert second.metrics.registry.get_sample_value(when) == 0
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    await locks[0].close()
    await until(lambda: second.metrics.registry.get_sample_value(when) > 0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await locks[1].close()
