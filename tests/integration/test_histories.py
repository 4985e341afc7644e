"""The same random histories at READ COMMITTED, as checkouts run, and at SERIALIZABLE: what must hold, holds in both.

A history is drawn before anybody acts: buyers of one or two things, cards that are declined, buyers who leave at the
bank's page, a merchant who counts anew meanwhile. All of them act at once; STOA_TEST_HISTORY_SEED=7 draws the seventh.
"""

import asyncio
import os
import random
import secrets
from dataclasses import dataclass, replace

import psycopg
import pytest

from origin.carts import CartLine
from origin.checkout.answers import AnswerKind
from origin.checkout.completer import Completer
from origin.checkout.flow import Checkouts
from origin.errors import Unavailable
from origin.tenants import NewStore, create_store
from standalone.audit import audit, provider_intents
from tests.fixtures.buying import make_due, submission
from tests.fixtures.checkout import StockedShop, add_variant, levels, rows
from tests.fixtures.origin import DatabaseOfTests

BUYERS, UNITS, FOUND = 30, 12, 5
AT_ONCE = 12
LEVELS = ("read committed", "serializable")
CARDS = ("pm_card_visa", "pm_card_visa", "pm_card_visa_chargeDeclined", "pm_card_authenticationRequired")
OPEN = "SELECT 1 FROM checkout_attempt WHERE store_id = %s AND recovery_point <> 'finished'"
AGAIN = (Unavailable, psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
TOLD = {
    AnswerKind.PLACED,
    AnswerKind.DECLINED,
    AnswerKind.STOCK_GONE,
    AnswerKind.REQUIRES_ACTION,
    AnswerKind.IN_PROGRESS,
}


@dataclass(frozen=True)
class Buyer:
    wants: tuple[str, ...]  # in the order in which they went into the cart
    card: str
    pause_seconds: float


def history(seed):
    dice = random.Random(seed)
    for _ in range(BUYERS):
        goods = dice.choice((("cup",), ("cup", "pot"), ("pot", "cup"), ("pot",)))
        yield Buyer(goods, dice.choice(CARDS), dice.uniform(0, 0.2))


@pytest.fixture
def seed():
    drawn = int(os.environ.get("STOA_TEST_HISTORY_SEED", "0")) or secrets.randbelow(10**6)
    print(f"STOA_TEST_HISTORY_SEED={drawn}")
    return drawn


async def at(level, till, database, till_settings):
    """The same checkout, whose transactions are all of that isolation level."""
    async with await psycopg.AsyncConnection.connect(database.admin, autocommit=True) as admin:
        await admin.execute(
            f"ALTER ROLE stoa_app IN DATABASE {database.name} SET default_transaction_isolation = '{level}'".encode()
        )
    db = DatabaseOfTests(database.app, database.router, connections=AT_ONCE, wait_seconds=30)
    await db.open()
    async with db.tenant(1) as tx:
        row = await (await tx.execute("SHOW transaction_isolation")).fetchone()
    assert row["transaction_isolation"] == level
    checkouts = Checkouts(db, till.carts, till.payments, till_settings)
    return replace(till, db=db, checkouts=checkouts, completer=Completer(db, checkouts, till.payments, 900))


async def open_shop(till, level, number):
    new = NewStore(name="Hall", subdomain=f"hall-{number}-{level[:4]}", currency="EUR")
    store, token = await create_store(till.db, "stoa.localhost", new)
    cup, pot = [await add_variant(till.db, store.id, title, 1000, UNITS) for title in ("Cup", "Pot")]
    return StockedShop(store.id, store.host, token, cup, pot)


async def again(work):
    """What a buyer does who is told that the shop is busy: the same once more."""
    while True:
        try:
            return await work()
        except AGAIN:
            await asyncio.sleep(0)


async def buy(till, shop, number, buyer, places):
    variants = {"cup": shop.cup, "pot": shop.plate}
    await asyncio.sleep(buyer.pause_seconds)
    async with places:
        wanted = submission(await filled(till, shop, [variants[name] for name in buyer.wants]), buyer.card)
        return await again(lambda: till.checkouts.submit(shop.id, f"key-{number}", wanted))


async def filled(till, shop, variants):
    """A cart as it was before the shop sold out: its own page would not add anything now."""

    async def take(cart):
        return replace(cart, lines=tuple(CartLine(variant, 1, 1000, "A thing") for variant in variants))

    return (await till.carts.change(shop.id, None, take)).token


async def count_anew(till, shop):
    """The merchant finds five more cups."""
    statement = """UPDATE inventory_level SET available = available + %s WHERE store_id = %s AND inventory_item_id = (
                       SELECT inventory_item_id FROM variant WHERE store_id = %s AND id = %s)"""

    async def work():
        async with till.db.tenant(shop.id) as tx:
            await tx.execute(statement, [FOUND, shop.id, shop.id, shop.cup])

    await asyncio.sleep(0.05)
    await again(work)


async def settle(till, shop):
    """Who left at the bank's page never comes back, and their time goes by."""
    async with asyncio.timeout(30):
        while await rows(till.db, shop.id, OPEN):
            await again(lambda: make_due(till, shop, seconds=2000))
            await till.completer.run_once()


async def lived(till, shop, seed, sandbox):
    places = asyncio.Semaphore(AT_ONCE)
    told = await asyncio.gather(
        count_anew(till, shop), *(buy(till, shop, number, one, places) for number, one in enumerate(history(seed)))
    )
    answers = told[1:]
    assert {answer.kind for answer in answers} <= TOLD
    await settle(till, shop)
    stock = {"cup": await levels(till.db, shop.id, shop.cup), "pot": await levels(till.db, shop.id, shop.plate)}
    placed = await rows(till.db, shop.id, "SELECT number FROM sales_order WHERE store_id = %s AND state = 'placed'")
    promised = {answer.more["order"]["number"] for answer in answers if answer.kind == AnswerKind.PLACED}
    assert promised <= {row["number"] for row in placed}
    async with till.db.tenant(shop.id) as tx:
        began = {shop.cup: UNITS + FOUND, shop.plate: UNITS}
        found = await audit(tx, shop.id, await provider_intents(sandbox.url), began)
    return stock, found


async def test_what_must_hold_holds_whatever_the_isolation(till, database, till_settings, sandbox, seed):
    for number in range(3):
        for level in LEVELS:
            here = await at(level, till, database, till_settings)
            shop = await open_shop(here, level, number)
            stock, found = await lived(here, shop, seed + number, sandbox)
            print(f"{level}: {stock}")
            assert found == []
            assert [sum(stock["cup"]), sum(stock["pot"])] == [UNITS + FOUND, UNITS]
            assert stock["cup"][1] == stock["pot"][1] == 0
            await here.db.close()
