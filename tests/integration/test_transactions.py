"""Captures, voids and refunds through an order's transactions, in two shops with a real payment sandbox."""

import asyncio

import pytest

from tests.fixtures.buying import buy, complete_payments
from tests.fixtures.checkout import until


@pytest.fixture
async def sold(till, shops):
    """A cup in each shop, paid by card: the orders' ids."""
    acorn, birch = [await buy(till, shop, f"key-{shop.id}") for shop in shops]
    return acorn.more["order"]["id"], birch.more["order"]["id"]


async def authorized(till, shop, sandbox, order_id):
    """As if the order's payment had only been authorised."""
    data = {"currency": "eur", "capture_method": "manual", "payment_method": "pm_card_visa", "confirm": "true"}
    async with till.db.tenant(shop.id) as tx:
        cursor = await tx.execute("SELECT * FROM payment WHERE store_id = %s AND order_id = %s", [shop.id, order_id])
        amount = (await cursor.fetchone())["amount_minor"]
        intent = (await sandbox.client.post(f"{sandbox.url}/v1/payment_intents", data=data | {"amount": amount})).json()
        assert intent["status"] == "requires_capture", intent
        await tx.execute(
            """UPDATE payment SET kind = 'authorization', payment_intent = %s, attempt_id = NULL
               WHERE store_id = %s AND order_id = %s""",
            [intent["id"], shop.id, order_id],
        )
        await tx.execute(
            """UPDATE sales_order SET financial_status = 'authorized', cart_token = NULL
               WHERE store_id = %s AND id = %s""",
            [shop.id, order_id],
        )
    return intent["id"]


async def transact(seller, order_id, status=201, **wanted):
    answer = await seller.ask("POST", f"orders/{order_id}/transactions", json={"transaction": wanted})
    assert answer.status_code == status, answer.text
    return answer.json()["transaction" if status == 201 else "errors"]


async def financial_status(seller, order_id):
    return (await seller.get(f"orders/{order_id}"))["order"]["financial_status"]


@pytest.mark.parametrize(("amount", "status"), [("", "paid"), ("10.00", "partially_paid")])
async def test_an_authorization_is_captured_once(till, shops, sellers, sold, sandbox, amount, status):
    intent_id = await authorized(till, shops[0], sandbox, sold[0])
    order = (await sellers.acorn.get(f"orders/{sold[0]}"))["order"]
    assert order["total_outstanding"] == order["total_price"]
    answers = await asyncio.gather(
        *(
            sellers.acorn.ask(
                "POST", f"orders/{sold[0]}/transactions", json={"transaction": {"kind": "capture", "amount": amount}}
            )
            for _ in range(3)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422]
    captured = next(answer for answer in answers if answer.is_success).json()["transaction"]
    assert (captured["kind"], captured["status"], captured["amount"]) == (
        "capture",
        "success",
        amount or order["total_price"],
    )
    assert await financial_status(sellers.acorn, sold[0]) == status
    intent = await sandbox.get(f"/v1/payment_intents/{intent_id}")
    assert intent["amount_received"] == round(float(captured["amount"]) * 100)
    assert "void" in (await transact(sellers.acorn, sold[0], 422, kind="void"))["kind"][0]
    refund = await transact(sellers.acorn, sold[0], kind="refund", amount="4.00")
    assert (refund["status"], refund["parent_id"]) == ("success", captured["id"])
    assert await financial_status(sellers.acorn, sold[0]) == "partially_refunded"
    assert await financial_status(sellers.birch, sold[1]) == "paid"


async def test_an_authorization_is_voided(till, shops, sellers, sold, sandbox):
    intent_id = await authorized(till, shops[0], sandbox, sold[0])
    assert (await transact(sellers.acorn, sold[0], kind="void"))["status"] == "success"
    assert await financial_status(sellers.acorn, sold[0]) == "voided"
    assert (await sandbox.get(f"/v1/payment_intents/{intent_id}"))["status"] == "canceled"
    assert "amount" in await transact(sellers.acorn, sold[0], 422, kind="refund")
    assert "kind" in await transact(sellers.acorn, sold[0], 422, kind="capture")


async def test_a_capture_that_nobody_heard_of_is_found(till, shops, sellers, sold, sandbox):
    """The provider has captured, the process died, and by now the provider has forgotten the key."""
    intent_id = await authorized(till, shops[0], sandbox, sold[0])
    with sandbox.at_work(is_done=True):
        asking = asyncio.create_task(
            sellers.acorn.ask("POST", f"orders/{sold[0]}/transactions", json={"transaction": {"kind": "capture"}})
        )
        await until(lambda: sandbox.knobs.ledger.get("payment_intent", intent_id)["status"] == "succeeded")
        asking.cancel()
        await asyncio.wait([asking])
    async with till.db.tenant(shops[0].id) as tx:  # another id is another key
        await tx.execute("UPDATE payment SET id = id + 1000 WHERE store_id = %s AND status = 'pending'", [shops[0].id])
        await tx.execute("UPDATE deadline SET subject_id = subject_id + 1000 WHERE kind = 'payment'")
    await complete_payments(till, shops[0])
    assert await financial_status(sellers.acorn, sold[0]) == "paid"


async def test_a_refund_of_money_alone_is_a_refund_of_the_order(sellers, sold):
    paid = (await sellers.acorn.get(f"orders/{sold[0]}/transactions"))["transactions"][0]
    given = await transact(sellers.acorn, sold[0], kind="refund", parent_id=paid["id"])
    assert (given["amount"], given["status"]) == (paid["amount"], "success")
    [refund] = (await sellers.acorn.get(f"orders/{sold[0]}/refunds"))["refunds"]
    assert (refund["refund_line_items"], refund["transactions"]) == ([], [given])
    assert [each["kind"] for each in refund["order_adjustments"]] == ["refund_discrepancy"]
    assert await sellers.acorn.get(f"orders/{sold[0]}/transactions/count") == {"count": 2}


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"kind": "steal"}, "kind"),
        ({}, "kind"),
        ({"kind": "capture"}, "kind"),
        ({"kind": "sale"}, "kind"),
        ({"kind": "void"}, "kind"),
        ({"kind": "refund", "amount": "1000"}, "amount"),
        ({"kind": "refund", "amount": "x"}, "amount"),
        ({"kind": "refund", "amount": "-1"}, "amount"),
        ({"kind": "refund", "parent_id": 10**6}, "parent_id"),
        ({"kind": "refund", "amount": "1", "currency": "USD"}, "currency"),
    ],
)
async def test_what_cannot_be_done_is_named(sellers, sold, wanted, field):
    assert list(await transact(sellers.acorn, sold[0], 422, **wanted)) == [field]
    assert await sellers.acorn.get(f"orders/{sold[0]}/transactions/count") == {"count": 1}


async def test_another_shops_payments_cannot_be_touched(sellers, sold):
    answer = await sellers.birch.ask("POST", f"orders/{sold[0]}/transactions", json={"transaction": {"kind": "refund"}})
    assert (answer.status_code, answer.json()) == (404, {"errors": "Not Found"})
    own = (await sellers.birch.get(f"orders/{sold[1]}/transactions"))["transactions"][0]
    assert "parent_id" in await transact(sellers.acorn, sold[0], 422, kind="refund", parent_id=own["id"] + 10**6)
