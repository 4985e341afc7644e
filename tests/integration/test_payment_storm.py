"""Buyers of two shops while the provider does everything wrong at once: in the end all books agree, to the unit."""

import asyncio
from collections import Counter

import pytest

from origin.checkout.reconciler import Reconciler
from origin.metrics import OriginMetrics
from origin.payment_list import PaymentList
from standalone.audit import audit, provider_intents
from tests.fixtures.buying import buy, make_due
from tests.fixtures.checkout import levels, rows

BUYERS = 8
CARDS = ("pm_card_visa", "pm_card_visa", "pm_card_amex", "pm_card_chargeDeclinedInsufficientFunds")
SHARES = {
    "error_after": 0.15,
    "error_before": 0.1,
    "reset_after": 0.15,
    "reset_before": 0.1,
    "rate_limit": 0.1,
    "hang_after": 0.1,
}


async def paid_and_not_booked(till, shops, sandbox):
    paid = {intent["id"] for intent in await sandbox.intents() if intent["status"] == "succeeded"}
    for shop in shops:
        sales = "SELECT payment_intent FROM payment WHERE store_id = %s AND kind = 'sale' AND status = 'success'"
        paid -= {row["payment_intent"] for row in await rows(till.db, shop.id, sales)}
    return paid


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_the_provider_does_everything_ends_as_an_order_or_a_refund_or_nothing(
    till, till_settings, shops, sandbox, seed
):
    sandbox.knobs.webhooks.url = ""
    await sandbox.turn(seed=seed, shares=SHARES, hang_ms=300, search_lag_ms=600_000, latency_ms=5, latency_p99_ms=50)
    await asyncio.gather(
        *(
            buy(till, shop, f"key-{number}", card=CARDS[number % len(CARDS)])
            for shop in shops
            for number in range(BUYERS)
        )
    )
    for shop in shops:
        await make_due(till, shop, seconds=1000 if seed % 2 else 0)
    while await till.completer.run_once():
        pass
    await sandbox.turn(shares={})
    settings = till_settings.model_copy(update={"reconcile_grace_seconds": 0})
    metrics = OriginMetrics()
    reconciler = Reconciler(till.db, till.checkouts, PaymentList(till.payments.client), metrics, settings)
    lost = await paid_and_not_booked(till, shops, sandbox)
    assert await reconciler.run_once() == Counter()
    found = metrics.registry.get_sample_value("stoa_origin_payments_disagreed_total", {"why": "unsettled"})
    assert found == len(lost)
    for shop in shops:
        await make_due(till, shop, seconds=1000)
    while await till.completer.run_once():
        pass
    assert await reconciler.run_once() == Counter()
    intents = await provider_intents(sandbox.url)
    for shop in shops:
        async with till.db.tenant(shop.id) as tx:
            assert await audit(tx, shop.id, intents, {shop.cup: 5}) == []
        assert (await levels(till.db, shop.id, shop.cup))[1] == 0
