"""Refunds that the provider accepts and the buyer's bank sends back later, in two shops with a real payment sandbox."""

import asyncio

import pytest

from origin.app import create_app
from origin.errors import Unavailable
from origin.metrics import OriginMetrics
from origin.orders import refunds
from origin.orders.failed_refunds import FailedRefunds
from origin.orders.refunds import WantedPayment, WantedRefund
from origin.payments import Payments
from standalone.payment_sandbox.ledger import Slice
from tests.fixtures.buying import buy, late_success, make_due
from tests.fixtures.checkout import listening, rows

REFUND = {"refund": {"transactions": [{"kind": "refund", "amount": "5.00"}]}}
PAYMENTS = "SELECT kind, status, error_code FROM payment WHERE store_id = %s ORDER BY id"
EVENTS = "SELECT topic FROM outbox WHERE store_id = %s AND topic IS NOT NULL ORDER BY id"
SENT_BACK = "expired_or_canceled_card"


@pytest.fixture
async def sold(till, shops):
    """A cup in each shop, paid by card: the orders' ids."""
    acorn, birch = [await buy(till, shop, f"key-{shop.id}") for shop in shops]
    return acorn.more["order"]["id"], birch.more["order"]["id"]


@pytest.fixture
def failed(till):
    return FailedRefunds(till.db, till.payments, OriginMetrics())


def count_of(failed):
    return failed._metrics.registry.get_sample_value("stoa_origin_refunds_failed_total")


async def the_bank_sends_back(sandbox, refund_id):
    answer = await sandbox.post(f"/sandbox/fail_refund/{refund_id}")
    assert answer.json()["status"] == "failed"


def last_refund(sandbox):
    return sandbox.knobs.ledger.find("refund", {}, Slice(1))[0]["id"]


async def test_a_refund_that_is_sent_back_is_a_failed_transaction_and_can_be_made_again(
    till, shops, sellers, sold, sandbox, failed
):
    acorn, _ = shops
    sandbox.knobs.webhooks.url = ""
    made = {}
    for shop, seller, order in zip(shops, (sellers.acorn, sellers.birch), sold, strict=True):
        refund = (await seller.post(f"orders/{order}/refunds", REFUND))["refund"]
        assert [each["status"] for each in refund["transactions"]] == ["success"]
        made[shop.id] = last_refund(sandbox)
    assert not await failed.hear_of(made[acorn.id]), "it has not failed"
    await the_bank_sends_back(sandbox, made[acorn.id])
    told_before = len(await rows(till.db, acorn.id, EVENTS))
    assert await failed.hear_of(made[acorn.id])
    order = (await sellers.acorn.get(f"orders/{sold[0]}"))["order"]
    [transaction] = order["refunds"][0]["transactions"]
    assert (transaction["status"], transaction["error_code"]) == ("failure", SENT_BACK)
    assert "sent this back: expired or canceled card" in transaction["message"]
    assert order["financial_status"] == "paid"
    told = [row["topic"] for row in await rows(till.db, acorn.id, EVENTS)][told_before:]
    assert told == ["orders/updated"], "it was not paid anew"
    assert await failed.hear_of(made[acorn.id]), "the second of the provider's messages"
    assert count_of(failed) == 1
    theirs = (await sellers.birch.get(f"orders/{sold[1]}"))["order"]
    assert (theirs["financial_status"], theirs["refunds"][0]["transactions"][0]["status"]) == (
        "partially_refunded",
        "success",
    )
    whole = {"refund": {"transactions": [{"kind": "refund", "amount": order["total_price"]}]}}
    again = (await sellers.acorn.post(f"orders/{sold[0]}/refunds", whole))["refund"]
    assert [each["status"] for each in again["transactions"]] == ["success"]


async def test_the_provider_s_message_is_heard(till, shops, sellers, sandbox, till_settings, origin_port):
    """Through the signed webhook, of a card whose refunds fail by themselves."""
    acorn, _ = shops
    order = (await buy(till, acorn, card="pm_card_refundFail")).more["order"]["id"]
    await sandbox.turn(refund_failure_ms=0)
    async with listening(create_app(till_settings), origin_port):
        await sellers.acorn.post(f"orders/{order}/refunds", REFUND)
        async with asyncio.timeout(20):
            while (await rows(till.db, acorn.id, PAYMENTS))[-1]["status"] != "failure":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert (await rows(till.db, acorn.id, PAYMENTS))[-1] == {
        "kind": "refund", "status": "failure", "error_code": SENT_BACK,
    }  # fmt: skip


async def test_a_message_that_overtakes_the_answer_is_believed(till, shops, sellers, sold, sandbox, failed):
    """1. The refund is asked for; 2. it fails, and we are told; 3. the answer comes: it was accepted."""
    acorn, _ = shops
    sandbox.knobs.webhooks.url = ""
    async with till.db.tenant(acorn.id) as tx:
        made = await refunds.make(tx, acorn.id, sold[0], WantedRefund(payments=[WantedPayment(amount="5.00")]))
    await sandbox.turn(upcoming=["error_after"], operations=["refund.create"])
    moves = sellers.acorn.app.state.collaborators.moves
    await moves.finish(acorn.id, made.payment_ids[0])
    assert (await rows(till.db, acorn.id, PAYMENTS))[-1]["status"] == "pending"
    await the_bank_sends_back(sandbox, last_refund(sandbox))
    assert await failed.hear_of(last_refund(sandbox))
    await moves.finish(acorn.id, made.payment_ids[0])
    assert (await rows(till.db, acorn.id, PAYMENTS))[-1]["status"] == "failure"
    assert await rows(till.db, acorn.id, "SELECT 1 FROM deadline WHERE store_id = %s AND kind = 'payment'") == []


async def test_a_late_payment_s_refund_that_is_sent_back_is_told(till, shops, sandbox, failed):
    acorn, _ = shops
    sandbox.knobs.webhooks.url = ""
    await late_success(till, acorn)
    await rows(till.db, acorn.id, "UPDATE inventory_level SET available = 0 WHERE store_id = %s RETURNING 1")
    [late] = await sandbox.intents()
    assert await till.checkouts.hear(late["id"])
    assert [row["status"] for row in await rows(till.db, acorn.id, PAYMENTS)] == ["success", "success"]
    await the_bank_sends_back(sandbox, last_refund(sandbox))
    assert await failed.hear_of(last_refund(sandbox))
    assert [row["status"] for row in await rows(till.db, acorn.id, PAYMENTS)] == ["success", "failure"]
    assert count_of(failed) == 1


async def test_a_refund_that_is_still_being_written_down_is_told_again(till, shops, sandbox, failed, till_settings):
    """The process died after the provider had refunded a late payment."""
    acorn, _ = shops
    sandbox.knobs.webhooks.url = ""
    await late_success(till, acorn)
    await rows(till.db, acorn.id, "UPDATE inventory_level SET available = 0 WHERE store_id = %s RETURNING 1")
    [late] = await sandbox.intents()
    await sandbox.turn(upcoming=["reset_after"], operations=["refund.create"])
    assert await till.checkouts.hear(late["id"])
    await the_bank_sends_back(sandbox, last_refund(sandbox))
    with pytest.raises(Unavailable):
        await failed.hear_of(last_refund(sandbox))
    assert count_of(failed) == 0
    await make_due(till, acorn)
    await till.completer.run_once()
    assert [row["status"] for row in await rows(till.db, acorn.id, PAYMENTS)] == ["success", "success"]
    assert await failed.hear_of(last_refund(sandbox))
    assert [row["status"] for row in await rows(till.db, acorn.id, PAYMENTS)] == ["success", "failure"]


async def test_what_is_not_ours_is_left_alone(till, shops, sellers, sold, sandbox, failed, till_settings):
    acorn, _ = shops
    sandbox.knobs.webhooks.url = ""
    paid = {"amount": "500", "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
    stranger = (await sandbox.post("/v1/payment_intents", **paid)).json()
    [ours] = [each for each in await sandbox.intents() if each["metadata"].get("stoa_store_id") == str(acorn.id)]
    for intent in (stranger, ours):  # one made by hand in the provider's own pages
        refund = (await sandbox.post("/v1/refunds", payment_intent=intent["id"], amount="100")).json()
        await the_bank_sends_back(sandbox, refund["id"])
        assert not await failed.hear_of(refund["id"])
    assert not await failed.hear_of("re_nobodys")
    assert [row["status"] for row in await rows(till.db, acorn.id, PAYMENTS)] == ["success"]
    hasty = Payments(till_settings, timeout_seconds=0.2)
    sandbox.knobs.latency_ms = 1000
    with pytest.raises(Unavailable):
        await FailedRefunds(till.db, hasty, OriginMetrics()).hear_of(last_refund(sandbox))
    await hasty.close()
