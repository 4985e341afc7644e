"""A shop's books against its provider's and its first stock: every sentence holds after a sale, and can be broken."""

import pytest

from standalone.audit import audit, payment_breaks, provider_intents
from tests.fixtures.buying import buy, fill, late_success, make_due, reserve, submission

TAKEN = "what the provider took and gave back stands in our books"
ONE_ORDER = "a captured payment has one order, or was returned"
BOOKS = "what stands in our books is the provider's"
ONCE = "a key is charged at most once"
STOCK = "what there was is available, reserved or sold"


def intent(identifier="pi_1", captured=500, returned=0, key="stoa-1-1", status="succeeded"):
    charge = {"amount_captured": captured, "amount_refunded": returned}
    return {"id": identifier, "status": status, "latest_charge": charge, "metadata": {"stoa_attempt": key}}


def row(identifier="pi_1", taken=500, returned=0, orders=1, *, is_placed=True):
    return {
        "intent_id": identifier,
        "currency": "EUR",
        "orders": orders,
        "is_placed": is_placed,
        "taken_minor": taken,
        "returned_minor": returned,
    }


@pytest.mark.parametrize(
    ("rows", "intents", "broken"),
    [
        ([], [], set()),
        ([row()], [intent()], set()),
        ([row(returned=500, is_placed=False)], [intent(returned=500)], set()),
        ([row(returned=200)], [intent(returned=200)], set()),
        ([], [intent(status="requires_action")], set()),
        ([], [intent()], {TAKEN, ONE_ORDER}),  # lost: charged without an order
        ([], [intent(returned=500)], {TAKEN}),
        ([row(is_placed=False)], [intent()], {ONE_ORDER}),
        ([row(orders=2)], [intent()], {ONE_ORDER}),
        ([row()], [intent(captured=400)], {TAKEN}),
        ([row(returned=500, is_placed=False)], [intent()], {TAKEN, ONE_ORDER}),
        ([row()], [], {BOOKS}),
        ([row(), row("pi_2")], [intent(), intent("pi_2")], {ONCE}),
        ([row(), row("pi_2")], [intent(), intent("pi_2", key="stoa-1-2")], set()),
    ],
)
def test_money_that_moved_has_its_order_or_went_back(rows, intents, broken):
    assert {found.rule for found in payment_breaks(rows, intents)} == broken


async def audited(till, sandbox, shop, **asked):
    intents = await provider_intents(sandbox.url)
    async with till.db.tenant(shop.id) as tx:
        return {found.rule for found in await audit(tx, shop.id, intents, {shop.cup: 5}, **asked)}


async def test_after_sales_a_decline_and_a_refund_all_is_well_in_both_shops(till, shops, sandbox):
    acorn, birch = shops
    await late_success(till, acorn)
    await buy(till, acorn, "another", quantity=1)
    await make_due(till, acorn, seconds=1000)
    await till.completer.run_once()  # gives the late one's money back
    await buy(till, acorn, "declined", card="pm_card_visa_chargeDeclined")
    await buy(till, birch, quantity=3)
    assert sum(each["latest_charge"]["refunded"] for each in await provider_intents(sandbox.url)) == 1
    assert [await audited(till, sandbox, shop) for shop in shops] == [set(), set()]


async def test_what_is_under_way_or_not_handed_on_is_said(till, shops, sandbox):
    acorn, birch = shops
    await buy(till, acorn)
    await reserve(till, birch, submission(await fill(till, birch)))
    assert await audited(till, sandbox, birch) == {"every checkout is finished"}
    asked = {"has_relay": True, "has_mail": True}
    assert await audited(till, sandbox, acorn, **asked) == {"every event was handed on", "every buyer was told"}


async def test_a_unit_that_vanished_is_said_of_its_shop(till, shops, sandbox):
    acorn, birch = shops
    async with till.db.tenant(acorn.id) as tx:
        await tx.execute("UPDATE inventory_level SET available = 4 WHERE store_id = %s", [acorn.id])
    assert [await audited(till, sandbox, shop) for shop in (acorn, birch)] == [{STOCK}, set()]


async def test_every_page_of_the_providers_list_is_read(till, shops, sandbox):
    acorn, _ = shops
    for number in range(3):
        await buy(till, acorn, f"key-{number}")
    assert len(await provider_intents(sandbox.url, page=2)) == 3
