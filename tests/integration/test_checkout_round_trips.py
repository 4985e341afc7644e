"""How often a buyer waits for the database: three times until the provider is asked, and three times after it (decision
32). What is sent and answered is counted between the origin and its server."""

from contextlib import contextmanager

from origin.checkout.answers import AnswerKind
from origin.checkout.flow import Checkouts
from origin.db import Database
from tests.fixtures.buying import fill, submission
from tests.fixtures.checkout import add_variant
from tests.fixtures.round_trips import counted


async def test_a_reservation_waits_for_the_database_three_times_and_so_does_a_sale(
    database, till, till_settings, sandbox, shops
):
    sandbox.knobs.webhooks.url = ""
    # So many that no sale changes what pages say of them: that is asked and written with three more.
    goods = [(shop, await add_variant(till.db, shop.id, "Bowl", 1999, 100)) for shop in shops]
    async with counted(database.app) as (url, turns):
        db = Database(url, database.router, connections=1)
        await db.open()
        checkouts = Checkouts(db, till.carts, till.payments, till_settings)
        counts = []

        @contextmanager
        def at_the_provider():
            counts.append(turns.count)
            yield

        for number, (shop, bowl) in enumerate(goods * 2):  # the first prepares the statements too
            wanted = submission(await fill(till, shop, bowl))
            counts[:] = [turns.count]
            answer = await checkouts.submit(shop.id, f"key-{number}", wanted, at_the_provider)
            assert answer.kind == AnswerKind.PLACED
            began, asked = counts
            assert (asked - began, turns.count - asked) == (3, 3)
        await db.close()
