"""The reconciler: what was lost between the provider and us ends as an order or a refund, or is counted and said."""

import asyncio
import time
from collections import Counter
from urllib.parse import urlsplit

import pytest
from prometheus_client import generate_latest

from loadtest.fault_proxy import Fault, running_proxy
from origin.checkout import completer
from origin.checkout.answers import AnswerKind
from origin.checkout.books import Why
from origin.checkout.completer import ABANDONED
from origin.checkout.reconciler import Reconciler
from origin.errors import Unavailable
from origin.metrics import OriginMetrics
from origin.payment_list import PaymentList
from origin.sole_worker import SoleWorker
from tests.fixtures.buying import ATTEMPTS, ORDERS, buy, fill, late_success, make_due, reserve, submission
from tests.fixtures.checkout import levels, rows

NOTHING: Counter[Why] = Counter()


class Bookkeeper:
    """A reconciler, what it counts, and its clock."""

    def __init__(self, till, settings, **more):
        self.metrics = OriginMetrics()
        wanted = {"reconcile_grace_seconds": 0, "reconcile_seconds": 0.01} | more
        listed = PaymentList(till.payments.client, page=2)
        self.ahead_seconds = 0
        self.reconciler = Reconciler(
            till.db, till.checkouts, listed, self.metrics, settings.model_copy(update=wanted), self._now
        )

    def _now(self):
        return time.time() + self.ahead_seconds

    async def round(self):
        return await self.reconciler.run_once()

    def value(self, name, **labels):
        return self.metrics.registry.get_sample_value(name, labels)

    @property
    def found(self):
        """How often payments were found to differ, in all rounds."""
        return sum(self.value("stoa_origin_payments_disagreed_total", why=why) for why in Why)


@pytest.fixture
def bookkeeper(till, till_settings, sandbox):
    """Webhooks are lost, and no completer runs: it is alone with what happened."""
    sandbox.knobs.webhooks.url = ""
    return Bookkeeper(till, till_settings)


async def charge_and_die(till, shop, key="key", quantity=1):
    wanted = submission(await fill(till, shop, quantity=quantity))
    attempt = await reserve(till, shop, wanted, key)
    await till.payments.charge(await till.checkouts.charge_of(shop.id, attempt))
    return wanted


async def states(till, shop):
    return [row["state"] for row in await rows(till.db, shop.id, ORDERS)]


async def change_intent(sandbox, number=0, **fields):
    """At the provider, as only it could."""
    intent = (await sandbox.intents())[number] | fields
    sandbox.knobs.ledger.put(intent, 0)
    return intent


async def test_where_all_agree_nothing_is_found_and_nothing_asked_again(till, shops, sandbox, bookkeeper):
    for shop in shops:
        assert (await buy(till, shop)).status == 201
        assert (await buy(till, shop, "no", card="pm_card_visa_chargeDeclined")).status == 402
    before = sandbox.knobs.requests
    assert await bookkeeper.round() == NOTHING
    assert sandbox.knobs.requests - before <= 76  # a list for each hour of three days, and the pages of one
    assert bookkeeper.found == 0
    before = sandbox.knobs.requests
    assert await bookkeeper.round() == NOTHING
    assert sandbox.knobs.requests - before <= 3


async def test_a_process_that_died_between_charge_and_order_leaves_an_order(till, shops, sandbox, bookkeeper):
    acorn, birch = shops
    wanted = [await charge_and_die(till, acorn, f"key-{number}") for number in range(3)]
    await charge_and_die(till, birch, quantity=2)
    assert await bookkeeper.round() == NOTHING
    assert bookkeeper.value("stoa_origin_payments_disagreed_total", why="unsettled") == 4
    assert (await states(till, acorn), await states(till, birch)) == (["placed"] * 3, ["placed"])
    assert await levels(till.db, acorn.id, acorn.cup) == (2, 0, 3)
    assert await levels(till.db, birch.id, birch.cup) == (3, 0, 2)
    assert (await till.checkouts.submit(acorn.id, "key-0", wanted[0])).kind == AnswerKind.PLACED
    assert await bookkeeper.round() == NOTHING
    assert (bookkeeper.found, await sandbox.succeeded()) == (4, 4)


async def test_a_buyer_who_confirmed_at_the_bank_and_never_came_back_has_an_order(till, shops, sandbox, bookkeeper):
    acorn, birch = shops
    for shop in shops:
        waiting = await buy(till, shop, card="pm_card_authenticationRequired")
        if shop is acorn:
            await sandbox.answer_bank(waiting.more["redirect_url"], "complete")
    assert await bookkeeper.round() == NOTHING
    assert (await states(till, acorn), await states(till, birch)) == (["placed"], ["pending"])
    assert bookkeeper.found == 1


@pytest.mark.parametrize(("others", "state"), [(0, "placed"), (1, "expired")])
async def test_a_success_after_expiry_is_an_order_or_a_refund(till, shops, sandbox, bookkeeper, others, state):
    acorn, birch = shops
    await late_success(till, acorn)
    for number in range(others):
        assert (await buy(till, acorn, f"other-{number}")).status == 201
    assert await bookkeeper.round() == NOTHING
    assert (await states(till, acorn))[0] == state
    returned = [each["latest_charge"]["refunded"] for each in await expanded(sandbox)]
    assert returned.count(True) == others
    assert (await bookkeeper.round(), bookkeeper.found, await states(till, birch)) == (NOTHING, 1, [])


async def expanded(sandbox):
    return (await sandbox.get("/v1/payment_intents", **{"limit": "100", "expand[]": "data.latest_charge"}))["data"]


async def test_what_the_search_did_not_know_yet_was_not_lost(till, shops, sandbox, bookkeeper, monkeypatch):
    """1. The time is up; 2. the completer searches, finds nothing, and closes the attempt; 3. the payment is there."""
    monkeypatch.setattr(completer, "PATIENCE_SECONDS", 20)  # else it would give the stock back first, and search later
    acorn, _ = shops
    await sandbox.turn(search_lag_ms=60_000)
    wanted = await charge_and_die(till, acorn)
    await make_due(till, acorn, seconds=1000)
    await till.completer.run_once()
    assert (await till.checkouts.submit(acorn.id, "key", wanted)).kind == AnswerKind.EXPIRED
    assert await bookkeeper.round() == NOTHING
    assert (await states(till, acorn), bookkeeper.found) == (["placed"], 1)


async def test_a_500_that_is_replayed_for_a_day_does_not_keep_the_order_back(till, shops, sandbox, bookkeeper):
    acorn, _ = shops
    await sandbox.turn(upcoming=["error_after"])
    assert (await buy(till, acorn)).kind == AnswerKind.PROCESSING
    await make_due(till, acorn)
    await till.completer.run_once()
    assert await states(till, acorn) == ["pending"]
    assert await bookkeeper.round() == NOTHING
    assert await states(till, acorn) == ["placed"]


async def test_a_refund_that_did_not_get_through_is_asked_for_again(till, shops, sandbox, bookkeeper):
    acorn, _ = shops
    await late_success(till, acorn)
    await buy(till, acorn, "other")
    await sandbox.turn(shares={"rate_limit": 1}, operations=["refund.create"])
    for _ in range(2):
        assert await bookkeeper.round() == Counter({Why.UNSETTLED: 1})
    assert bookkeeper.value("stoa_origin_payments_disagreeing", why="unsettled") == 1
    await sandbox.turn(shares={})
    assert await bookkeeper.round() == NOTHING
    assert bookkeeper.value("stoa_origin_payments_disagreeing", why="unsettled") == 0
    assert len([each for each in await expanded(sandbox) if each["latest_charge"]["refunded"]]) == 1


async def test_a_payment_that_cannot_be_settled_does_not_keep_the_others_waiting(till, shops, bookkeeper):
    acorn, birch = shops
    for shop in (acorn, birch, acorn):
        await charge_and_die(till, shop, f"key-{await states(till, shop)}")
    first = (await rows(till.db, acorn.id, ATTEMPTS))[0]["id"]
    broken = "UPDATE checkout_attempt SET response_body = %s WHERE store_id = %s AND id = %s"
    async with till.db.tenant(acorn.id) as tx:
        await tx.execute(broken, ["[1]", acorn.id, first])
    assert await bookkeeper.round() == Counter({Why.UNSETTLED: 1})
    assert (await states(till, acorn), await states(till, birch)) == (["pending", "placed"], ["placed"])
    async with till.db.tenant(acorn.id) as tx:
        await tx.execute(broken, [None, acorn.id, first])
    assert (await bookkeeper.round(), await states(till, acorn)) == (NOTHING, ["placed", "placed"])


async def test_an_order_the_provider_has_no_money_for_is_said_and_left_alone(till, shops, sandbox, bookkeeper):
    acorn, birch = shops
    for shop in shops:
        await buy(till, shop)
    paid = await change_intent(sandbox, status="canceled", amount_received=0)
    for _ in range(2):
        assert await bookkeeper.round() == Counter({Why.NOT_PAID: 1})
    bookkeeper.ahead_seconds = 7200  # long past what each round looks at
    assert await bookkeeper.round() == Counter({Why.NOT_PAID: 1})
    assert (await states(till, acorn), await states(till, birch)) == (["placed"], ["placed"])
    await change_intent(sandbox, status="succeeded", amount_received=paid["amount"])
    assert await bookkeeper.round() == NOTHING


async def test_an_order_whose_payment_the_provider_does_not_know_is_said(till, shops, sandbox, bookkeeper):
    acorn, _ = shops
    await buy(till, acorn)
    await rows(till.db, acorn.id, "UPDATE payment SET payment_intent = 'pi_nobody' WHERE store_id = %s RETURNING 1")
    assert (await bookkeeper.round())[Why.NOT_PAID] == 1
    assert await states(till, acorn) == ["placed"]


async def test_another_amount_is_said_and_nothing_is_moved(till, shops, sandbox, bookkeeper):
    acorn, birch = shops
    await buy(till, acorn)
    await change_intent(sandbox, amount_received=1998)
    await charge_and_die(till, birch)
    await change_intent(sandbox, amount_received=1)
    assert await bookkeeper.round() == Counter({Why.AMOUNT: 2})
    assert (await states(till, acorn), await states(till, birch)) == (["placed"], ["pending"])
    assert bookkeeper.value("stoa_origin_payments_disagreeing", why="amount") == 2


async def test_another_amount_that_comes_late_is_said_for_as_long_as_answers_are_kept(till, shops, sandbox, bookkeeper):
    for shop in shops:
        await charge_and_die(till, shop)
    await change_intent(sandbox, amount_received=1)
    intents = await sandbox.intents()
    [odd] = [each for each in intents if each["amount_received"] == 1]
    shop = next(each for each in shops if str(each.id) == odd["metadata"]["stoa_store_id"])
    attempt = int(odd["metadata"]["stoa_attempt_id"])
    await till.checkouts.settle(shop.id, attempt, ABANDONED)
    assert await till.checkouts.hear(odd["id"])
    [kept] = await rows(
        till.db, shop.id, "SELECT due_at - now() > interval '71 hours' AS is_long FROM deadline WHERE store_id = %s"
    )
    assert kept["is_long"]
    assert await bookkeeper.round() == Counter({Why.AMOUNT: 1})


async def test_money_given_back_behind_our_back_is_said(till, shops, sandbox, bookkeeper):
    acorn, _ = shops
    await buy(till, acorn)
    await sandbox.post("/v1/refunds", payment_intent=(await sandbox.intents())[0]["id"], amount="5")
    assert await bookkeeper.round() == Counter({Why.AMOUNT: 1})


async def test_payments_of_others_with_the_same_account_are_not_ours(till, shops, sandbox, bookkeeper):
    acorn, birch = shops
    await buy(till, acorn)
    ours = (await rows(till.db, acorn.id, ATTEMPTS))[0]["id"]
    form = {"amount": "5", "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
    for names in (
        {},
        {"stoa_store_id": str(acorn.id), "stoa_attempt_id": str(ours), "stoa_attempt": "stoa-another-installation"},
        {"stoa_store_id": str(birch.id), "stoa_attempt_id": str(ours), "stoa_attempt": "stoa"},
        {"stoa_store_id": "1 OR 1", "stoa_attempt_id": "²"},
    ):
        metadata = {f"metadata[{name}]": text for name, text in names.items()}
        assert (await sandbox.post("/v1/payment_intents", **form | metadata)).status_code == 200
    assert (await bookkeeper.round(), bookkeeper.found) == (NOTHING, 0)


async def test_what_is_still_under_way_is_left_to_those_at_work(till, till_settings, shops, sandbox, bookkeeper):
    acorn, _ = shops
    patient = Bookkeeper(till, till_settings, reconcile_grace_seconds=60)
    await charge_and_die(till, acorn)
    assert (await patient.round(), await states(till, acorn)) == (NOTHING, ["pending"])
    patient.ahead_seconds = 61
    assert (await patient.round(), await states(till, acorn)) == (NOTHING, ["placed"])
    assert patient.found == 1


async def test_a_provider_that_is_away_ends_the_round_and_what_was_known_stays(till, shops, sandbox, bookkeeper):
    acorn, _ = shops
    await buy(till, acorn)
    await change_intent(sandbox, amount_received=1)
    await bookkeeper.round()
    await sandbox.turn(shares={"error_before": 1}, operations=["payment_intent.list", "payment_intent.retrieve"])
    with pytest.raises(Unavailable):
        await bookkeeper.round()
    assert bookkeeper.value("stoa_origin_payments_disagreeing", why="amount") == 1


async def test_one_origin_of_all_reconciles_and_another_when_it_is_gone(till, till_settings, shops, bookkeeper):
    """With what was lost in two shops between them."""
    second = Bookkeeper(till, till_settings)
    posts = [SoleWorker(till_settings.router_database_url, 7, 60) for _ in range(2)]
    assert [await post.is_ours() for post in posts] == [True, False]
    tasks = [
        asyncio.create_task(each.reconciler.run(post)) for each, post in zip((bookkeeper, second), posts, strict=True)
    ]
    acorn, birch = shops
    await charge_and_die(till, acorn)
    await has_placed(till, acorn)
    assert (bookkeeper.found, second.value("stoa_origin_reconciled_at_seconds")) == (1, 0)
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    await posts[0].close()
    await charge_and_die(till, birch)
    await has_placed(till, birch)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await posts[1].close()
    assert (bookkeeper.found, second.found) == (1, 1)


async def has_placed(till, shop):
    async with asyncio.timeout(20):
        while await states(till, shop) != ["placed"]:  # noqa: ASYNC110 - what is waited for stands in the database
            await asyncio.sleep(0.01)


async def test_without_a_database_it_is_nobody_s_work():
    nowhere = SoleWorker("postgresql://127.0.0.1:1/nowhere", 7, 60)
    assert not await nowhere.is_ours()
    await nowhere.close()


async def test_who_has_the_work_and_vanishes_loses_it_and_is_told_no_in_time(database):
    parts = urlsplit(database.router)
    async with running_proxy("127.0.0.1", parts.port) as proxy:
        through_it = database.router.replace(f":{parts.port}/", f":{proxy.port}/")
        gone, next_one = SoleWorker(through_it, 8, 4, answer_seconds=3), SoleWorker(database.router, 8, 60)
        assert (await gone.is_ours(), await next_one.is_ours()) == (True, False)
        await proxy.inject(Fault(is_blackhole=True))
        async with asyncio.timeout(20):
            assert not await gone.is_ours()
            while not await next_one.is_ours():  # noqa: ASYNC110 - PostgreSQL ends the session
                await asyncio.sleep(0.05)
        await proxy.heal()
        assert not await gone.is_ours()
        await gone.close()
        await next_one.close()


async def test_the_gauge_of_an_origin_that_does_not_reconcile_says_nothing(till, till_settings):
    metrics = OriginMetrics()
    metrics.has_reconciled(Counter({Why.AMOUNT: 3}))
    assert b'stoa_origin_payments_disagreeing{why="amount"} 3.0' in generate_latest(metrics.registry)
    metrics.is_not_reconciling()
    assert b"stoa_origin_payments_disagreeing{" not in generate_latest(metrics.registry)
