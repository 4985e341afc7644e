"""500 buyers and 100 units, whatever goes wrong: 100 are sold, nobody is charged twice, no order is lost.

Every sale has a seed and prints it. The suite holds as many sales as begin within 20 seconds, with fresh seeds;
STOA_TEST_SALE_SEEDS=1-50 holds those, and STOA_TEST_SALE_SEEDS=7 the seventh again: the same buyers and the same dice,
though not the same moments, which are the machine's.
"""

import asyncio
import itertools
import os
import random
import secrets
import time
from collections import Counter
from dataclasses import replace

import pytest

from origin.app import create_app
from origin.carts import CartLine
from origin.checkout.answers import AnswerKind
from origin.checkout.completer import Completer
from origin.checkout.flow import Checkouts
from origin.errors import Unavailable
from origin.payments import Payments
from origin.tenants import NewStore, create_store
from standalone.audit import audit, provider_intents
from tests.fixtures.buying import fill, submission
from tests.fixtures.checkout import StockedShop, add_variant, levels, listening, rows, until
from tests.fixtures.origin import DatabaseOfTests

BUYERS, UNITS = 500, 100
AT_ONCE = 40
SALE_SECONDS = 20.0
PROVIDER_SECONDS = 0.5
LATE_SECONDS = 2000
FAULTS = {
    "latency_ms": 5,
    "latency_p99_ms": 80,
    "hang_ms": 2000,
    "shares": {"hang_after": 0.03, "reset_before": 0.02, "reset_after": 0.02, "error_after": 0.03, "rate_limit": 0.02},
    "operations": ["payment_intent.create"],
    "webhook_delay_ms": 150,
    "webhook_twice": 0.2,
    "webhook_lost": 0.1,
    "webhook_before_answer": 0.1,
}
NO_FAULTS = dict.fromkeys(("latency_ms", "latency_p99_ms", "webhook_delay_ms"), 0) | {"shares": {}}
_OPEN = "SELECT id FROM checkout_attempt WHERE store_id = %s AND recovery_point <> 'finished'"


def seeds():
    wanted = os.environ.get("STOA_TEST_SALE_SEEDS", "")
    if wanted:
        first, _, last = wanted.partition("-")
        yield from range(int(first), int(last or first) + 1)
        return
    end = time.monotonic() + SALE_SECONDS
    while time.monotonic() < end:
        yield secrets.randbelow(10**6)


@pytest.fixture
async def hasty(till, till_settings, database):
    """A checkout that does not wait for a provider that hangs, and waits for the database as long as it takes."""
    payments = Payments(till_settings, timeout_seconds=PROVIDER_SECONDS)
    patient = DatabaseOfTests(database.app, database.router, connections=20, wait_seconds=60)
    await patient.open()
    checkouts = Checkouts(patient, till.carts, payments, till_settings)
    yield replace(till, db=patient, checkouts=checkouts, completer=Completer(patient, checkouts, payments, 900))
    await payments.close()
    await patient.close()


async def open_shop(till, number):
    store, token = await create_store(
        till.db, "stoa.localhost", NewStore(name="Rush", subdomain=f"rush-{number}", currency="EUR")
    )
    cup = await add_variant(till.db, store.id, "Cup", 1999, UNITS)
    return StockedShop(store.id, store.host, token, cup, cup)


class Sale:
    def __init__(self, till, shop, seed):
        self.till, self.shop = till, shop
        self.dice = random.Random(seed)
        self.places = asyncio.Semaphore(AT_ONCE)
        self.answers = Counter()
        self.abandoned = []
        self.keys = itertools.count()

    async def rush(self):
        plans = [(await self._fill(), *self._plan()) for _ in range(BUYERS)]
        await asyncio.gather(*(self._buyer(*plan) for plan in plans))
        for answer in await asyncio.gather(*self.abandoned, return_exceptions=True):
            assert not isinstance(answer, Exception) or isinstance(answer, Unavailable), answer

    def _plan(self):
        """What a buyer will do, drawn before anybody acts: the card, and after how long each try is broken off."""
        card = "pm_card_visa_chargeDeclined" if self.dice.random() < 0.1 else "pm_card_visa"
        tries = self.dice.randint(1, 3)
        aborts = [self.dice.uniform(0, 0.4) if self.dice.random() < 0.2 else None for _ in range(tries)]
        return card, aborts, self.dice.random() < 0.1

    async def _fill(self):
        """Before the sale opens: the shop's own page would not let anybody add what has sold out."""

        async def one_cup(cart):
            return replace(cart, lines=(CartLine(self.shop.cup, 1, 1999, "Cup"),))

        return (await self.till.carts.change(self.shop.id, None, one_cup)).token

    async def _buyer(self, token, card, aborts, is_clicking_twice):
        async with self.places:
            key = f"key-{next(self.keys)}"
            wanted = submission(token, card)
            for seconds in aborts:
                tries = [self._try(key, wanted, seconds) for _ in range(2 if is_clicking_twice else 1)]
                await asyncio.gather(*tries)

    async def _try(self, key, wanted, seconds):
        """Broken off after `seconds`: the buyer has gone, the origin goes on with it."""
        work = asyncio.create_task(self.till.checkouts.submit(self.shop.id, key, wanted))
        done, _ = await asyncio.wait([work], timeout=seconds)
        if not done:
            self.abandoned.append(work)
            self.answers["aborted"] += 1
        elif isinstance(work.exception(), Unavailable):
            self.answers["unavailable"] += 1
        else:
            self.answers[str(work.result().kind)] += 1

    async def settle(self):
        """Everybody has gone; time goes by, and the completer finishes what was begun."""
        async with asyncio.timeout(60):
            while await rows(self.till.db, self.shop.id, _OPEN):
                await self._let_time_pass()
                await self.till.completer.run_once()

    async def _let_time_pass(self):
        """For whoever is not being worked on at this moment: the origin's own completer is there too."""
        for statement in (
            f"""UPDATE deadline SET due_at = now() - interval '1 second' WHERE store_id = %s AND subject_id IN (
                    {_OPEN} FOR UPDATE SKIP LOCKED) RETURNING 1""",
            f"""UPDATE checkout_attempt SET locked_until = now() - interval '1 second' WHERE store_id = %s AND id IN (
                    {_OPEN} FOR UPDATE SKIP LOCKED) RETURNING 1""",
            f"""UPDATE sales_order SET created_at = created_at - interval '{LATE_SECONDS} seconds'
                WHERE store_id = %s AND id IN (
                    SELECT id FROM sales_order WHERE store_id = %s AND state = 'pending' FOR UPDATE SKIP LOCKED)
                RETURNING 1""",
        ):
            await rows(self.till.db, self.shop.id, statement, self.shop.id)

    async def come_back(self, checkouts):
        """Whoever was told too early that all was gone: what others could not pay for is there again. `checkouts` wait
        for the provider as long as it takes, which is more than PROVIDER_SECONDS on a busy machine."""
        left, _, _ = await levels(self.till.db, self.shop.id, self.shop.cup)
        for _ in range(left):
            wanted = submission(await fill(self.till, self.shop))
            answer = await checkouts.submit(self.shop.id, f"key-{next(self.keys)}", wanted)
            assert answer.kind == AnswerKind.PLACED


async def test_in_every_sale_all_is_sold_once(till, hasty, sandbox, till_settings, origin_port):
    shops = {}
    async with listening(create_app(till_settings), origin_port):  # hears the webhooks, and completes too
        for seed in seeds():
            shop = await open_shop(hasty, len(shops))
            shops[seed] = shop
            sale = Sale(hasty, shop, seed)
            await sandbox.turn(seed=seed, **FAULTS)
            began = time.monotonic()
            await sale.rush()
            await sandbox.turn(**NO_FAULTS)
            await sale.settle()
            await sale.come_back(till.checkouts)
            await until(lambda: not sandbox.knobs.webhooks.is_busy)
            stock = await levels(hasty.db, shop.id, shop.cup)
            print(f"seed {seed}: {stock} after {time.monotonic() - began:.1f} s, {dict(sorted(sale.answers.items()))}")
            assert stock == (0, 0, UNITS), f"STOA_TEST_SALE_SEEDS={seed}"
    intents = await provider_intents(sandbox.url)
    for seed, shop in shops.items():
        async with hasty.db.tenant(shop.id) as tx:
            assert await audit(tx, shop.id, intents, {shop.cup: UNITS}) == [], f"STOA_TEST_SALE_SEEDS={seed}"
    print(f"{len(shops)} sales of {UNITS} units to {BUYERS} buyers: {UNITS} sold in each, 0 breaks")
