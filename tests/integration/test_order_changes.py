"""Orders that merchants write, change, close, open, cancel and delete, in two shops with a real payment sandbox."""

import asyncio

import pytest

from origin.checkout.answers import AnswerKind
from standalone.payment_sandbox.ledger import Slice
from tests.fixtures.buying import buy, complete_payments, fill, submission
from tests.fixtures.checkout import ADDRESS, levels, rows, until
from tests.integration.test_refunds import order_of, refunded_at_provider, sold
from tests.integration.test_transactions import authorized

__all__ = ["sold"]


async def available(till, shop):
    return (await levels(till.db, shop.id, shop.cup))[0]


async def events(till, shop):
    statement = "SELECT topic FROM outbox WHERE store_id = %s AND topic IS NOT NULL ORDER BY id"
    return [row["topic"] for row in await rows(till.db, shop.id, statement)]


def minor(order):
    return round(float(order["total_price"]) * 100)


async def test_a_paid_order_is_cancelled_with_its_money_and_its_units(till, shops, sellers, sold, sandbox):
    acorn, birch = shops
    answer = await sellers.acorn.ask("POST", f"orders/{sold[0]}/cancel?reason=customer&email=True&restock=True")
    assert answer.status_code == 200, answer.text
    order = answer.json()["order"]
    assert (order["cancel_reason"], order["financial_status"]) == ("customer", "refunded")
    assert order["cancelled_at"] is not None
    assert (order["current_total_price"], order["total_outstanding"]) == ("0.00", "0.00")
    assert [line["current_quantity"] for line in order["line_items"]] == [0]
    assert await refunded_at_provider(sandbox) == {acorn.id: minor(order), birch.id: 0}
    assert [await available(till, shop) for shop in shops] == [5, 2]
    assert {"orders/cancelled", "refunds/create", "orders/updated"} <= set(await events(till, acorn))
    assert "orders/cancelled" not in await events(till, birch)
    again = await sellers.acorn.ask("POST", f"orders/{sold[0]}/cancel")
    assert (again.status_code, again.json()["errors"]) == (422, {"base": ["the order is cancelled already"]})
    assert (await sellers.acorn.ask("POST", f"orders/{sold[0]}/open")).status_code == 422
    assert (await order_of(sellers.birch, sold[1]))["cancelled_at"] is None


async def test_two_who_cancel_at_once_give_back_once(till, shops, sellers, sold, sandbox):
    body = {"restock": True, "amount": "10.00"}
    answers = await asyncio.gather(
        *(sellers.acorn.ask("POST", f"orders/{sold[0]}/cancel", json=body) for _ in range(3))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422]
    order = await order_of(sellers.acorn, sold[0])
    assert order["financial_status"] == "partially_refunded"
    assert (await refunded_at_provider(sandbox))[shops[0].id] == 1000
    assert await available(till, shops[0]) == 5


async def test_a_cancelled_order_may_keep_its_money_and_its_units(till, shops, sellers, sold, sandbox):
    refused = await sellers.acorn.ask("POST", f"orders/{sold[0]}/cancel", json={"amount": "1", "currency": "USD"})
    assert (refused.status_code, refused.json()["errors"]) == (422, {"currency": ["must be EUR"]})
    order = (await sellers.acorn.post(f"orders/{sold[0]}/cancel", {"amount": "0"}, status=200))["order"]
    assert (order["cancel_reason"], order["financial_status"]) == ("other", "paid")
    assert (await refunded_at_provider(sandbox))[shops[0].id] == 0
    assert await available(till, shops[0]) == 2


async def test_an_authorized_order_that_is_cancelled_is_voided(till, shops, sellers, sold, sandbox):
    intent_id = await authorized(till, shops[0], sandbox, sold[0])
    order = (await sellers.acorn.post(f"orders/{sold[0]}/cancel", {"restock": True}, status=200))["order"]
    assert order["financial_status"] == "voided"
    assert (await sandbox.get(f"/v1/payment_intents/{intent_id}"))["status"] == "canceled"
    assert await available(till, shops[0]) == 5


async def test_a_process_that_dies_while_it_cancels_has_given_back_once(till, shops, sellers, sold, sandbox):
    with sandbox.at_work(is_done=True):
        asking = asyncio.create_task(sellers.acorn.ask("POST", f"orders/{sold[0]}/cancel", json={"restock": True}))
        await until(lambda: sandbox.knobs.ledger.find("refund", {}, Slice(1)))
        asking.cancel()
        await asyncio.wait([asking])
    await until(lambda: not sandbox.knobs.running_keys)
    await complete_payments(till, shops[0])
    order = await order_of(sellers.acorn, sold[0])
    assert (order["financial_status"], order["cancel_reason"]) == ("refunded", "other")
    assert (await refunded_at_provider(sandbox))[shops[0].id] == minor(order)
    assert await available(till, shops[0]) == 5


async def test_an_order_is_closed_and_opened(sellers, sold):
    closed = await sellers.acorn.ask("POST", f"orders/{sold[0]}/close", headers={"Content-Type": "application/json"})
    assert closed.status_code == 200
    assert closed.json()["order"]["closed_at"] is not None
    assert (await sellers.acorn.get("orders"))["orders"] == []
    assert len((await sellers.birch.get("orders"))["orders"]) == 1
    opened = await sellers.acorn.post(f"orders/{sold[0]}/open", {}, status=200)
    assert opened["order"]["closed_at"] is None
    assert await sellers.acorn.get("orders/count") == {"count": 1}


async def test_an_order_is_changed_field_by_field(till, shops, sellers, sold):
    before = await order_of(sellers.acorn, sold[0])
    wanted = {
        **before,
        "note": "n",
        "tags": "b, a",
        "email": "eve@example.com",
        "phone": "1",
        "note_attributes": [{"name": "gift", "value": "yes"}],
        "shipping_address": {"city": "Bruges"},
        "total_price": "0.01",
    }
    after = (await sellers.acorn.put(f"orders/{sold[0]}", {"order": wanted}))["order"]
    assert (after["note"], after["email"], after["phone"]) == ("n", "eve@example.com", "1")
    assert set(after["tags"].split(", ")) == {"a", "b"}
    assert after["note_attributes"] == [{"name": "gift", "value": "yes"}]
    assert (after["shipping_address"]["city"], after["shipping_address"]["zip"]) == ("Bruges", ADDRESS["zip"])
    assert after["total_price"] == before["total_price"]
    assert (await order_of(sellers.birch, sold[1]))["note"] != "n"
    bad = {"email": "x", "shipping_address": {"country_code": "QQ"}, "tags": 3, "note_attributes": [1]}
    answer = await sellers.acorn.ask("PUT", f"orders/{sold[0]}", json={"order": bad})
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"email", "shipping_address.country_code", "tags", "note_attributes"}
    assert "orders/updated" in await events(till, shops[0])


async def test_a_merchant_writes_an_order(till, shops, sellers, sold):
    acorn, _ = shops
    wanted = {
        "email": "Eve@example.com",
        "line_items": [
            {"variant_id": acorn.cup, "quantity": 2},
            {"title": "Wrapping", "price": "1.50", "quantity": 1, "properties": [{"name": "colour", "value": "red"}]},
        ],
        "shipping_lines": [{"title": "Bike", "price": "3.00"}],
        "shipping_address": ADDRESS,
        "tags": "phone",
        "inventory_behaviour": "decrement_obeying_policy",
    }
    order = (await sellers.acorn.post("orders", {"order": wanted}))["order"]
    assert (order["order_number"], order["financial_status"], order["total_price"]) == (1002, "paid", "44.48")
    assert [(line["title"], line["quantity"], line["price"]) for line in order["line_items"]] == [
        ("Cup", 2, "19.99"),
        ("Wrapping", 1, "1.50"),
    ]
    assert order["shipping_lines"][0]["title"] == "Bike"
    assert (order["customer"]["email"], order["customer"]["first_name"]) == ("eve@example.com", "Ada")
    assert (order["gateway"], order["source_name"]) == ("manual", "api")
    assert [await available(till, shop) for shop in shops] == [0, 2]
    too_many = {"order": {**wanted, "line_items": [{"variant_id": acorn.cup, "quantity": 1}]}}
    refused = await sellers.acorn.ask("POST", "orders", json=too_many)
    assert refused.json()["errors"] == {"line_items": ["only 0 of “Cup” left (number 1)"]}
    too_many["order"]["inventory_behaviour"] = "decrement_ignoring_policy"
    assert (await sellers.acorn.post("orders", too_many))["order"]["order_number"] == 1003
    cancelled = await sellers.acorn.post(f"orders/{order['id']}/cancel", {"restock": True}, status=200)
    assert cancelled["order"]["financial_status"] == "refunded"
    assert [await available(till, shop) for shop in shops] == [2, 2]


async def test_who_and_where_may_be_said_in_other_words(sellers):
    lines = [{"title": "Talk", "price": "5.00"}]
    where = {"name": "Ada King Lovelace", "country": "germany", "first_name": None}
    wanted = {"line_items": lines, "customer": {"email": "ada@example.com", "id": 3}, "shipping_address": where}
    order = (await sellers.acorn.post("orders", {"order": wanted}))["order"]
    assert (order["email"], order["customer"]["last_name"]) == ("ada@example.com", "Lovelace")
    address = order["shipping_address"]
    assert (address["first_name"], address["last_name"], address["name"]) == ("Ada King", "Lovelace", where["name"])
    assert (address["country"], address["country_code"]) == ("Germany", "DE")
    nobody = {**wanted, "shipping_address": {"first_name": None, "last_name": None, "city": "Ghent"}}
    assert (await sellers.acorn.post("orders", {"order": nobody}))["order"]["customer"]["last_name"] == "Lovelace"
    bad = {"order": {"shipping_address": {"country": "Atlantis"}}}
    answer = await sellers.acorn.ask("PUT", f"orders/{order['id']}", json=bad)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["shipping_address"])
    kept = (await sellers.acorn.put(f"orders/{order['id']}", {"order": {**order, "note": "n"}}))["order"]
    assert kept["shipping_address"] == address


async def test_an_order_without_stock_or_payment_is_paid_later(till, shops, sellers):
    acorn, _ = shops
    lines = [{"variant_id": acorn.cup, "quantity": 9}]
    order = (await sellers.acorn.post("orders", {"order": {"line_items": lines, "financial_status": "pending"}}))[
        "order"
    ]
    assert (order["financial_status"], order["email"], order["customer"]) == ("pending", None, None)
    assert order["total_outstanding"] == order["total_price"] == "179.91"
    assert await available(till, acorn) == 5
    path = f"orders/{order['id']}/transactions"
    await sellers.acorn.post(path, {"transaction": {"kind": "sale", "amount": "100"}})
    assert (await order_of(sellers.acorn, order["id"]))["financial_status"] == "partially_paid"
    await sellers.acorn.post(path, {"transaction": {"kind": "capture", "amount": ""}})
    assert (await order_of(sellers.acorn, order["id"]))["financial_status"] == "paid"
    gone = (await sellers.acorn.post(f"orders/{order['id']}/cancel", {"restock": True}, status=200))["order"]
    assert gone["financial_status"] == "refunded"
    # Nothing had been taken from stock, so nothing went back.
    assert await available(till, acorn) == 5


async def test_only_an_order_without_a_provider_is_deleted(sellers, shops, sold):
    answer = await sellers.acorn.ask("DELETE", f"orders/{sold[0]}")
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["base"])
    lines = [{"title": "Talk", "price": "5.00"}]
    order = (await sellers.acorn.post("orders", {"order": {"line_items": lines}}))["order"]
    assert (await sellers.birch.ask("DELETE", f"orders/{order['id']}")).status_code == 404
    assert await sellers.acorn.delete(f"orders/{order['id']}") == {}
    for method, path in (("GET", ""), ("PUT", ""), ("POST", "/cancel"), ("DELETE", ""), ("GET", "/transactions")):
        body = {"json": {"order": {}}} if method == "PUT" else {}
        gone = await sellers.acorn.ask(method, f"orders/{order['id']}{path}", **body)
        assert gone.status_code == 404, (method, path)
    assert await sellers.acorn.get("orders/count") == {"count": 1}
    assert (await sellers.acorn.post("orders", {"order": {"line_items": lines}}))["order"]["order_number"] == 1003


@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        ({}, {"line_items"}),
        ({"line_items": [{"quantity": 1}]}, {"line_items"}),
        ({"line_items": [{"variant_id": 10**9}]}, {"line_items.variant_id"}),
        ({"line_items": [{"title": "A", "price": "x"}]}, {"line_items.price"}),
        ({"line_items": [{"title": "A", "price": "1", "quantity": 0}]}, {"line_items.quantity"}),
        ({"line_items": [{"title": "A", "price": "1"}], "financial_status": "free"}, {"financial_status"}),
        ({"line_items": [{"title": "A", "price": "1"}], "inventory_behaviour": "x"}, {"inventory_behaviour"}),
        ({"line_items": [{"title": "A", "price": "1"}], "transactions": [{"amount": "2"}]}, {"transactions"}),
        ({"line_items": [{"title": "A", "price": "1"}], "email": "x"}, {"email"}),
        ({"line_items": [{"title": "A", "price": "1"}], "currency": "JPY"}, {"currency"}),
    ],
)
async def test_what_is_no_order_is_named(sellers, wanted, fields):
    answer = await sellers.acorn.ask("POST", "orders", json={"order": wanted})
    assert (answer.status_code, set(answer.json()["errors"])) == (422, fields), answer.text
    assert await sellers.acorn.get("orders/count", status="any") == {"count": 0}


async def test_another_shops_order_and_variant_are_not_there(shops, sellers, sold):
    for path in ("cancel", "close", "open"):
        assert (await sellers.birch.ask("POST", f"orders/{sold[0]}/{path}")).status_code == 404
    assert (await sellers.birch.ask("PUT", f"orders/{sold[0]}", json={"order": {"note": "x"}})).status_code == 404
    foreign = {"order": {"line_items": [{"variant_id": shops[0].cup}]}}
    assert (await sellers.birch.ask("POST", "orders", json=foreign)).status_code == 422
    reader = sellers.acorn.with_token(await sellers.acorn.token_for("read_orders"))
    for path in ("cancel", "close", "open"):
        assert (await reader.post(f"/admin/api/2024-10/orders/{sold[0]}/{path}.json")).status_code == 403
    assert (await order_of(sellers.acorn, sold[0]))["cancelled_at"] is None


async def test_the_buyers_page_says_what_became_of_the_order(shoppers, sellers, sold):
    async def page(shopper, order):
        return (await shopper.get(f"/orders/{order['token']}")).text

    acorn, birch = await order_of(sellers.acorn, sold[0]), await order_of(sellers.birch, sold[1])
    assert "Your order is confirmed" in await page(shoppers[0], acorn)
    await sellers.acorn.post(f"orders/{sold[0]}/cancel", {}, status=200)
    after = await page(shoppers[0], acorn)
    assert "This order was cancelled" in after
    assert "Given back in full" in after
    assert "confirmed" not in after
    assert "Your order is confirmed" in await page(shoppers[1], birch)
    wanted = {"line_items": [{"title": "Talk", "price": "5.00"}], "financial_status": "pending"}
    unpaid = await page(shoppers[0], (await sellers.acorn.post("orders", {"order": wanted}))["order"])
    assert "Not paid yet" in unpaid
    assert "sent the details" not in unpaid


async def test_a_partly_refunded_order_is_cancelled_with_what_is_left_of_it(till, shops, sellers, sold, sandbox):
    order = await order_of(sellers.acorn, sold[0])
    line = {"line_item_id": order["line_items"][0]["id"], "quantity": 1, "restock_type": "cancel"}
    part = {"refund_line_items": [line], "transactions": [{"kind": "refund"}]}
    await sellers.acorn.post(f"orders/{sold[0]}/refunds", {"refund": part})
    assert (await refunded_at_provider(sandbox))[shops[0].id] == 1999
    after = (await sellers.acorn.post(f"orders/{sold[0]}/cancel", {"restock": True}, status=200))["order"]
    assert (after["financial_status"], after["current_total_price"]) == ("refunded", "0.00")
    assert await refunded_at_provider(sandbox) == {shops[0].id: minor(order), shops[1].id: 0}
    assert [await available(till, shop) for shop in shops] == [5, 2]


async def test_what_a_merchant_sold_a_shopper_cannot_buy(till, shops, sellers):
    acorn, _ = shops
    wanted = submission(await fill(till, acorn, quantity=2))
    lines = [{"variant_id": acorn.cup, "quantity": 4}]
    body = {"order": {"line_items": lines, "inventory_behaviour": "decrement_obeying_policy"}}
    await sellers.acorn.post("orders", body)
    assert (await till.checkouts.submit(acorn.id, "one", wanted)).kind == AnswerKind.STOCK_GONE
    assert (await buy(till, acorn, "another", quantity=1)).kind == AnswerKind.PLACED
