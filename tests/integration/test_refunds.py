"""Refunds, in two shops with a real payment sandbox: money and units go back once, and never more than there was."""

import asyncio

import pytest

from origin.orders import refunds
from origin.orders.refunds import WantedPayment, WantedRefund
from standalone.payment_sandbox.ledger import Slice
from tests.fixtures.buying import buy, complete_payments, make_due
from tests.fixtures.checkout import levels, rows, until


@pytest.fixture
async def sold(till, shops):
    """Three cups and their shipping in each shop, paid by card: the orders' ids."""
    acorn, birch = [await buy(till, shop, f"key-{shop.id}", quantity=3) for shop in shops]
    return acorn.more["order"]["id"], birch.more["order"]["id"]


async def order_of(seller, order_id):
    return (await seller.get(f"orders/{order_id}"))["order"]


async def refunded_at_provider(sandbox):
    """What each shop's buyer got back, by the provider's books."""
    intents = (await sandbox.get("/v1/payment_intents", **{"limit": "100", "expand[]": "data.latest_charge"}))["data"]
    return {
        int(intent["metadata"]["stoa_store_id"]): intent["latest_charge"]["amount_refunded"]
        for intent in intents
        if intent["latest_charge"]
    }


async def available(till, shop):
    return (await levels(till.db, shop.id, shop.cup))[0]


async def test_a_line_is_refunded_with_its_money_and_its_units(till, shops, sellers, sold, sandbox):
    acorn, birch = shops
    before = await order_of(sellers.acorn, sold[0])
    line = before["line_items"][0]
    wanted = {"refund_line_items": [{"line_item_id": line["id"], "quantity": 2, "restock_type": "cancel"}]}
    path = f"orders/{sold[0]}/refunds"
    planned = (await sellers.acorn.post(f"{path}/calculate", {"refund": wanted}, status=200))["refund"]
    [suggested] = planned["transactions"]
    assert (suggested["kind"], suggested["amount"]) == ("suggested_refund", "39.98")
    assert suggested["maximum_refundable"] == before["total_price"]
    payment = {"parent_id": suggested["parent_id"], "amount": suggested["amount"], "kind": "refund"}
    made = (await sellers.acorn.post(path, {"refund": {**wanted, "note": "broken", "transactions": [payment]}}))[
        "refund"
    ]
    assert [(each["status"], each["amount"]) for each in made["transactions"]] == [("success", "39.98")]
    [given] = made["refund_line_items"]
    assert (given["line_item_id"], given["quantity"], given["subtotal"]) == (line["id"], 2, "39.98")
    assert (made["note"], made["restock"], made["order_adjustments"]) == ("broken", True, [])
    after = await order_of(sellers.acorn, sold[0])
    assert (after["financial_status"], after["refunds"]) == ("partially_refunded", [made])
    assert after["line_items"][0]["current_quantity"] == 1
    assert (after["subtotal_price"], after["current_subtotal_price"]) == ("59.97", "19.99")
    assert float(after["current_total_price"]) == pytest.approx(float(before["total_price"]) - 39.98)
    assert after["total_outstanding"] == "0.00"
    assert (await sellers.acorn.get(path)) == {"refunds": [made]}
    assert (await sellers.acorn.get(f"{path}/{made['id']}")) == {"refund": made}
    assert await refunded_at_provider(sandbox) == {acorn.id: 3998, birch.id: 0}
    assert [await available(till, shop) for shop in shops] == [4, 2]
    assert (await order_of(sellers.birch, sold[1]))["financial_status"] == "paid"


async def test_all_of_an_order_is_refunded_with_its_shipping(till, shops, sellers, sold, sandbox):
    order = await order_of(sellers.acorn, sold[0])
    everything = {
        "refund_line_items": [
            {"line_item_id": line["id"], "quantity": line["quantity"], "restock_type": "return"}
            for line in order["line_items"]
        ],
        "shipping": {"full_refund": True},
        "transactions": [{"kind": "refund"}],
    }
    made = (await sellers.acorn.post(f"orders/{sold[0]}/refunds", {"refund": everything}))["refund"]
    assert made["transactions"][0]["amount"] == order["total_price"]
    after = await order_of(sellers.acorn, sold[0])
    assert (after["financial_status"], after["current_total_price"]) == ("refunded", "0.00")
    assert [await available(till, shop) for shop in shops] == [5, 2]
    again = await sellers.acorn.ask("POST", f"orders/{sold[0]}/refunds", json={"refund": everything})
    assert again.status_code == 422
    assert again.json()["errors"] == {"refund_line_items": ["quantity can be 0 at most (number 1)"]}
    assert sum((await refunded_at_provider(sandbox)).values()) == round(float(order["total_price"]) * 100)


async def test_units_may_go_to_another_place_or_nowhere(till, shops, sellers, sold):
    acorn, birch = shops
    [line] = (await order_of(sellers.acorn, sold[0]))["line_items"]
    place = (await sellers.acorn.post("locations", {"location": {"name": "Barn"}}))["location"]["id"]
    foreign = (await sellers.birch.get("locations"))["locations"][0]["id"]

    async def refund(**more):
        body = {"refund": {"refund_line_items": [{"line_item_id": line["id"], "quantity": 1, **more}]}}
        return await sellers.acorn.ask("POST", f"orders/{sold[0]}/refunds", json=body)

    assert (await refund(restock_type="return", location_id=foreign)).status_code == 422
    assert (await refund(restock_type="return", location_id=place)).status_code == 201
    assert (await refund(restock_type="no_restock")).status_code == 201
    assert (await refund(restock_type="cancel")).status_code == 201
    assert (await refund(restock_type="cancel")).status_code == 422
    found = (await sellers.acorn.get("inventory_levels", location_ids=str(place)))["inventory_levels"]
    assert [level["available"] for level in found] == [1]
    assert await available(till, acorn) == 4
    assert await available(till, birch) == 2
    # No transaction was asked for, so no money moved.
    assert (await order_of(sellers.acorn, sold[0]))["financial_status"] == "paid"


async def test_two_merchants_who_press_at_once_refund_once(shops, sellers, sold, sandbox):
    order = await order_of(sellers.acorn, sold[0])
    body = {"refund": {"transactions": [{"kind": "refund", "amount": order["total_price"]}]}}
    answers = await asyncio.gather(
        *(sellers.acorn.ask("POST", f"orders/{sold[0]}/refunds", json=body) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422, 422]
    assert sum((await refunded_at_provider(sandbox)).values()) == round(float(order["total_price"]) * 100)


async def test_a_refund_asked_again_under_its_key_is_the_same_one(sellers, sold, sandbox):
    body = {"refund": {"transactions": [{"kind": "refund", "amount": "5.00"}]}}
    path = f"orders/{sold[0]}/refunds"
    headers = {"Idempotency-Key": "mine"}
    first, second = [await sellers.acorn.ask("POST", path, json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, second.status_code, first.json()) == (201, 201, second.json())
    body["refund"]["transactions"][0]["amount"] = "6.00"
    assert (await sellers.acorn.ask("POST", path, json=body, headers=headers)).status_code == 422
    assert sum((await refunded_at_provider(sandbox)).values()) == 500
    await sellers.acorn.post(path, body)  # without one, it is another
    assert sum((await refunded_at_provider(sandbox)).values()) == 1100


async def test_a_process_that_dies_before_it_asks_has_refunded_once_all_the_same(till, shops, sellers, sold, sandbox):
    acorn, _ = shops
    async with till.db.tenant(acorn.id) as tx:
        wanted = WantedRefund(payments=[WantedPayment(amount="7.00")])
        await refunds.make(tx, acorn.id, sold[0], wanted)
    assert statuses(await order_of(sellers.acorn, sold[0])) == ["pending"]
    await complete_payments(till, acorn)
    order = await order_of(sellers.acorn, sold[0])
    assert (statuses(order), order["financial_status"]) == (["success"], "partially_refunded")
    assert (await refunded_at_provider(sandbox))[acorn.id] == 700


async def test_a_process_that_dies_before_it_hears_has_refunded_once_all_the_same(till, shops, sellers, sold, sandbox):
    acorn, _ = shops
    body = {"refund": {"transactions": [{"kind": "refund", "amount": "7.00"}]}}
    with sandbox.at_work(is_done=True):
        asking = asyncio.create_task(sellers.acorn.ask("POST", f"orders/{sold[0]}/refunds", json=body))
        await until(lambda: sandbox.knobs.ledger.find("refund", {}, Slice(1)))
        asking.cancel()
        await asyncio.wait([asking])
    await until(lambda: not sandbox.knobs.running_keys)
    assert statuses(await order_of(sellers.acorn, sold[0])) == ["pending"]
    more = {"refund": {"transactions": [{"kind": "refund", "amount": "59.97"}]}}
    assert (await sellers.acorn.ask("POST", f"orders/{sold[0]}/refunds", json=more)).status_code == 422
    await make_due(till, acorn)
    await asyncio.gather(till.completer.run_once(), till.completer.run_once())
    await complete_payments(till, acorn)
    assert statuses(await order_of(sellers.acorn, sold[0])) == ["success"]
    assert (await refunded_at_provider(sandbox))[acorn.id] == 700


@pytest.mark.parametrize(("has_asked", "status"), [(True, "success"), (False, "failure")])
async def test_a_refund_whose_key_is_forgotten_is_looked_up_and_not_asked_for(
    till, shops, sellers, sold, sandbox, has_asked, status
):
    """Nobody came back to it for a day. The provider would take its key for a new one."""
    acorn, _ = shops
    async with till.db.tenant(acorn.id) as tx:
        wanted = WantedRefund(payments=[WantedPayment(amount="7.00")])
        made = await refunds.make(tx, acorn.id, sold[0], wanted)
    pending = "SELECT status FROM payment WHERE store_id = %s AND kind = 'refund'"
    if has_asked:
        await sellers.acorn.app.state.collaborators.moves.finish(acorn.id, made.payment_ids[0])
        assert await rows(till.db, acorn.id, pending) == [{"status": "success"}]
    async with till.db.tenant(acorn.id) as tx:
        await tx.execute(
            """UPDATE payment SET status = 'pending', created_at = now() - interval '25 hours'
               WHERE store_id = %s AND kind = 'refund'""",
            [acorn.id],
        )
    asked = sandbox.knobs.ledger.find("refund", {}, Slice(10))
    await sellers.acorn.app.state.collaborators.moves.finish(acorn.id, made.payment_ids[0])
    assert await rows(till.db, acorn.id, pending) == [{"status": status}]
    assert sandbox.knobs.ledger.find("refund", {}, Slice(10)) == asked
    assert (await refunded_at_provider(sandbox))[acorn.id] == (700 if has_asked else 0)


async def test_money_that_the_provider_will_not_give_back_is_said_to_have_failed(sellers, sold, sandbox):
    """Somebody has refunded it in the provider's own pages already."""
    order = await order_of(sellers.acorn, sold[0])
    [paid] = (await sellers.acorn.get(f"orders/{sold[0]}/transactions"))["transactions"]
    await sandbox.client.post(f"{sandbox.url}/v1/refunds", data={"payment_intent": paid["payment_id"]})
    body = {"refund": {"transactions": [{"kind": "refund", "amount": "7.00"}]}}
    made = (await sellers.acorn.post(f"orders/{sold[0]}/refunds", body))["refund"]
    assert [(each["status"], each["error_code"]) for each in made["transactions"]] == [
        ("failure", "charge_already_refunded")
    ]
    after = await order_of(sellers.acorn, sold[0])
    assert (after["financial_status"], after["current_total_price"]) == ("paid", order["total_price"])


async def test_another_shops_order_cannot_be_refunded(sellers, sold, sandbox):
    body = {"refund": {"transactions": [{"kind": "refund", "amount": "1.00"}]}}
    for path in ("refunds", "refunds/calculate"):
        answer = await sellers.birch.ask("POST", f"orders/{sold[0]}/{path}", json=body)
        assert (answer.status_code, answer.json()) == (404, {"errors": "Not Found"})
    assert (await sellers.birch.ask("GET", f"orders/{sold[0]}/refunds")).status_code == 404
    reader = sellers.acorn.with_token(await sellers.acorn.token_for("read_orders"))
    answer = await reader.post(f"/admin/api/2024-10/orders/{sold[0]}/refunds.json", json=body)
    assert answer.status_code == 403
    assert set((await refunded_at_provider(sandbox)).values()) == {0}


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({}, "base"),
        ({"refund_line_items": [{"line_item_id": 10**6, "quantity": 1}]}, "refund_line_items"),
        ({"refund_line_items": [{"line_item_id": 10**6, "quantity": 0}]}, "refund_line_items.quantity"),
        ({"shipping": {"amount": "1000"}}, "shipping"),
        ({"shipping": {"amount": "-1"}}, "shipping"),
        ({"transactions": [{"amount": "1000"}]}, "transactions"),
        ({"transactions": [{"amount": "0.001"}]}, "transactions"),
        ({"transactions": [{"amount": "1", "parent_id": 10**6}]}, "transactions"),
        ({"transactions": [{"amount": "1", "kind": "sale"}]}, "transactions.kind"),
        ({"currency": "JPY", "transactions": [{"amount": "1"}]}, "currency"),
    ],
)
async def test_what_cannot_be_refunded_is_named(sellers, sold, wanted, field):
    answer = await sellers.acorn.ask("POST", f"orders/{sold[0]}/refunds", json={"refund": wanted})
    assert answer.status_code == 422, answer.text
    assert list(answer.json()["errors"]) == [field]


def statuses(order):
    return [payment["status"] for refund in order["refunds"] for payment in refund["transactions"]]
