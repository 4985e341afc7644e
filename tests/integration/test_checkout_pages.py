"""Checkout over HTTP: the page without scripts, JSON with its idempotency answers, the bank's page, the webhook."""

import asyncio
import json
import re
import time

import httpx
import pytest
import stripe

from tests.fixtures.checkout import ADDRESS, WEBHOOK_SECRET, levels, rows, until
from tests.fixtures.origin import EDGE_SECRET

FORM = {"email": "ada@example.com"} | {f"shipping_address[{name}]": text for name, text in ADDRESS.items()}
ORDER = {"email": "ada@example.com", "shipping_address": ADDRESS, "payment_method": "pm_card_visa"}


def hidden(html, name):
    return re.search(rf'name="{name}" value="([^"]*)"', html).group(1)


async def fill(client, shop, quantity=1):
    added = await client.post("/cart/add.js", json={"id": shop.cup, "quantity": quantity})
    assert added.status_code == 200


async def send_form(client, card="pm_card_visa", **more):
    page = await client.get("/checkout")
    sent = {name: hidden(page.text, name) for name in ("key", "expected_total_minor")}
    return await client.post("/checkout", data=FORM | sent | {"payment_method": card} | more)


async def send_json(client, key="key-1", **more):
    return await client.post("/checkout", json=ORDER | more, headers={"Idempotency-Key": key})


async def test_a_shopper_without_scripts_buys(shoppers, shops, db):
    acorn, birch = shoppers
    await fill(acorn, shops[0], 2)
    page = await acorn.get("/checkout")
    assert page.status_code == 200
    assert "€39.98" in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert "Pay €39.98" in page.text
    sent = await send_form(acorn)
    assert sent.status_code == 303
    assert re.fullmatch(r"/orders/[\w-]{32}", sent.headers["Location"])
    confirmation = await acorn.get(sent.headers["Location"])
    assert confirmation.status_code == 200
    for text in (
        "Order #1001",
        "Thank you, Ada!",
        "ada@example.com",
        "1 Way",
        "9000 Ghent",
        "Belgium",
        "€39.98",
        "4242",
    ):
        assert text in confirmation.text
    assert acorn.cookies["cart_count"] == "0"
    assert (await acorn.get("/cart.js")).json()["item_count"] == 0
    assert await levels(db, shops[0].id, shops[0].cup) == (3, 0, 2)
    assert (await birch.get(sent.headers["Location"])).status_code == 404
    assert (await acorn.get("/checkout")).headers["Location"] == "/cart"


async def test_a_declined_card_is_said_and_what_was_typed_is_kept(shoppers, shops, db):
    acorn, _ = shoppers
    await fill(acorn, shops[0])
    refused = await send_form(acorn, "pm_card_visa_chargeDeclined", note="ring twice")
    assert refused.status_code == 402
    assert "Your card was declined. You have not been charged." in refused.text
    assert 'value="1 Way"' in refused.text
    assert 'value="ada@example.com"' in refused.text
    assert await levels(db, shops[0].id, shops[0].cup) == (5, 0, 0)
    sent = {name: hidden(refused.text, name) for name in ("key", "expected_total_minor")}
    again = await acorn.post("/checkout", data=FORM | sent | {"payment_method": "pm_card_visa"})
    assert again.status_code == 303


async def test_each_wrong_field_is_named_beside_it(shoppers, shops):
    acorn, _ = shoppers
    await fill(acorn, shops[0])
    wrong = {"email": "ada", "shipping_address[city]": "", "shipping_address[country_code]": "XX"}
    refused = await send_form(acorn, **wrong)
    assert refused.status_code == 422
    assert 'aria-describedby="email-problem"' in refused.text
    assert "City can&#39;t be blank" in refused.text
    assert "Country is not a country we know" in refused.text
    answer = await send_json(acorn, email="", shipping_address={"city": "Ghent"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert {"email", "shipping_address.last_name", "shipping_address.zip"} <= set(answer.json()["errors"])
    assert (await send_json(acorn)).status_code == 201  # the key was not used up


async def test_a_form_sent_twice_is_one_order(shoppers, shops, sandbox):
    acorn, _ = shoppers
    await fill(acorn, shops[0])
    page = await acorn.get("/checkout")
    form = FORM | {name: hidden(page.text, name) for name in ("key", "expected_total_minor")}
    form |= {"payment_method": "pm_card_visa"}
    first = await acorn.post("/checkout", data=form)
    second = await acorn.post("/checkout", data=form)
    assert first.headers["Location"] == second.headers["Location"]
    other = await acorn.post("/checkout", data=form | {"email": "eve@example.com"})
    assert (other.status_code, "already been sent" in other.text) == (422, True)
    assert await sandbox.succeeded() == 1


async def test_json_answers_as_the_contract_says(shoppers, shops, sandbox):
    acorn, birch = shoppers
    await fill(acorn, shops[0])
    assert (await acorn.post("/checkout", json=ORDER)).status_code == 400
    broken = await acorn.post(
        "/checkout", content=b"{", headers={"Content-Type": "application/json", "Idempotency-Key": "k"}
    )
    assert broken.status_code == 400
    placed = await send_json(acorn)
    order = placed.json()["order"]
    assert (placed.status_code, placed.json()["deduplicated"]) == (201, False)
    assert (order["number"], order["total_price"], order["currency"]) == (1001, "19.99", "EUR")
    assert order["status_url"].startswith(f"http://{shops[0].host}:")
    replay = await send_json(acorn)
    assert (replay.status_code, replay.headers["Idempotent-Replayed"]) == (201, "true")
    assert replay.json() == {"order": order, "deduplicated": True}
    reused = await send_json(acorn, email="eve@example.com")
    assert (reused.status_code, reused.json()["kind"]) == (422, "key-reused")
    empty = await send_json(acorn, "key-2")
    assert (empty.status_code, empty.json()["kind"]) == (422, "cart-empty")
    assert (await send_json(birch, "key-1")).json()["kind"] == "cart-empty"
    await fill(acorn, shops[0])
    token = acorn.cookies["cart"]
    acorn.cookies.clear()
    declined = await send_json(acorn, "key-3", cart=token, payment_method="pm_card_chargeDeclinedInsufficientFunds")
    assert (declined.status_code, declined.json()["code"]) == (402, "insufficient_funds")
    assert (await send_json(birch, "key-4", cart=token)).json()["kind"] == "cart-empty"
    path = "/orders/" + order["status_url"].rpartition("/")[2]
    shown = await acorn.get(path, headers={"Accept": "application/json"})
    assert shown.json()["order"]["id"] == order["id"]


async def test_stock_that_is_gone_and_a_price_that_changed_are_conflicts(shoppers, shops, db):
    acorn, _ = shoppers
    await fill(acorn, shops[0], 2)
    page = await acorn.get("/checkout")
    await rows(db, shops[0].id, "UPDATE variant SET price_minor = 2500 WHERE store_id = %s RETURNING 1")
    form = FORM | {name: hidden(page.text, name) for name in ("key", "expected_total_minor")}
    changed = await acorn.post("/checkout", data=form | {"payment_method": "pm_card_visa"})
    assert changed.status_code == 409
    assert "The total has changed" in changed.text
    assert "Was €19.99, now €25.00" in changed.text
    await rows(db, shops[0].id, "UPDATE inventory_level SET available = 1 WHERE store_id = %s RETURNING 1")
    gone = await send_json(acorn)
    assert (gone.status_code, gone.json()["kind"]) == (409, "stock-gone")
    assert [(line["requested"], line["available"]) for line in gone.json()["lines"]] == [(2, 1)]


async def test_while_one_submission_runs_another_is_asked_to_wait(shoppers, shops, sandbox):
    acorn, _ = shoppers
    await fill(acorn, shops[0])
    with sandbox.at_work():
        first = asyncio.create_task(send_json(acorn))
        await until(lambda: sandbox.knobs.running_keys)
        second = await send_json(acorn)
    assert (second.status_code, second.headers["Retry-After"]) == (409, "1")
    assert (await first).status_code == 201


@pytest.mark.parametrize("result", ["complete", "fail"])
async def test_the_bank_is_asked_and_its_answer_counts(shoppers, shops, sandbox, db, result):
    acorn, _ = shoppers
    sandbox.knobs.webhooks.url = ""  # the buyer's return alone has to do
    await fill(acorn, shops[0])
    to_bank = await send_form(acorn, "pm_card_authenticationRequired")
    assert to_bank.status_code == 303
    assert to_bank.headers["Location"].startswith(f"{sandbox.url}/sandbox/authenticate/pi_")
    assert await levels(db, shops[0].id, shops[0].cup) == (4, 1, 0)
    back = await sandbox.answer_bank(to_bank.headers["Location"], result)
    assert back.startswith(f"http://{shops[0].host}:")
    path = "/" + back.split("/", 3)[3]
    answer = await acorn.get(path)
    if result == "complete":
        assert (answer.status_code, answer.headers["Location"][:8]) == (303, "/orders/")
        assert await levels(db, shops[0].id, shops[0].cup) == (4, 0, 1)
    else:
        assert answer.status_code == 402
        assert "could not confirm" in answer.text
        assert 'value="1 Way"' in answer.text
        assert await levels(db, shops[0].id, shops[0].cup) == (5, 0, 0)
        assert (await acorn.get("/cart.js")).json()["item_count"] == 1


async def test_the_webhook_finishes_what_the_buyer_does_not_come_back_for(shoppers, shops, sandbox, db):
    acorn, birch = shoppers
    await fill(acorn, shops[0])
    waiting = await send_json(acorn, payment_method="pm_card_authenticationRequired")
    assert (waiting.status_code, waiting.json()["status"]) == (202, "requires-action")
    link = waiting.headers["Location"]
    assert (await acorn.get(link)).headers["Refresh"] == "2"
    await sandbox.answer_bank(waiting.json()["redirect_url"], "complete")
    await until(lambda: not sandbox.knobs.webhooks.is_busy)
    assert await levels(db, shops[0].id, shops[0].cup) == (4, 0, 1)
    answer = await acorn.get(link, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["order"]["number"]) == (201, 1001)
    assert (await send_json(acorn, payment_method="pm_card_authenticationRequired")).json()["deduplicated"]
    assert (await birch.get(link)).status_code == 404
    assert (await acorn.get("/checkout/return?attempt=forged")).status_code == 404


async def test_a_webhook_that_the_provider_did_not_send_is_refused(origin_url, shops):
    event = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded"}
    payload = json.dumps(event | {"data": {"object": {"id": "pi_1", "object": "payment_intent"}}})
    sign = stripe.WebhookSignature.generate_signature_header
    async with httpx.AsyncClient(base_url=origin_url, verify=False) as client:
        for signature, status in (
            (None, 400),
            ("t=1,v1=00", 400),
            (sign(payload, "whsec_other"), 400),
            (sign(payload, WEBHOOK_SECRET, int(time.time()) - 301), 400),
            (sign(payload, WEBHOOK_SECRET), 200),
        ):
            headers = {"Stripe-Signature": signature} if signature else {}
            answer = await client.post("/stripe/webhook", content=payload, headers=headers)
            assert answer.status_code == status
        assert answer.json() == {"received": True, "handled": False}


async def test_the_pages_cannot_be_asked_for_around_the_edge(origin_url, shops):
    async with httpx.AsyncClient(base_url=origin_url, verify=False) as client:
        assert (await client.get("/checkout", headers={"Stoa-Store-Id": str(shops[0].id)})).status_code == 404
        headers = {"Stoa-Edge-Secret": EDGE_SECRET, "Stoa-Store-Id": "99999"}
        assert (await client.get("/checkout", headers=headers)).status_code == 404


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/account", 404), ("DELETE", "/cart", 405)])
async def test_an_address_that_does_not_exist_is_told_in_the_askers_own_words(shoppers, method, path, status):
    browser = {"Accept": "text/html,application/xhtml+xml"}
    page = await shoppers[0].request(method, path, headers=browser)
    told = await shoppers[0].request(method, path, headers={"Accept": "application/json"})
    assert (page.status_code, told.status_code) == (status, status)
    assert '<a href="/">To the shop</a>' in page.text
    assert (told.headers["Content-Type"], told.json()["status"]) == ("application/problem+json", status)
    for answer in (page, told):
        assert answer.headers["Cache-Control"] == "private, no-store"


async def test_two_open_pages_of_one_cart_lead_to_one_order(shoppers, shops, sandbox):
    acorn, _ = shoppers
    await fill(acorn, shops[0])
    with sandbox.at_work():
        first = asyncio.create_task(send_form(acorn))
        await until(lambda: sandbox.knobs.running_keys)
        second = await send_form(acorn)
        assert (second.status_code, second.headers["Location"][:17]) == (303, "/checkout/return?")
        assert "please do not pay again" in (await acorn.get(second.headers["Location"])).text.lower()
        taken = await send_json(acorn)
    assert (taken.status_code, taken.json()["kind"], taken.headers["Retry-After"]) == (409, "cart-taken", "1")
    assert taken.json()["status_url"] == second.headers["Location"]
    placed = await first
    led_on = await acorn.get(second.headers["Location"])
    assert (led_on.status_code, led_on.headers["Location"]) == (303, placed.headers["Location"])
    assert await sandbox.succeeded() == 1


async def test_a_browser_is_told_on_a_page(shoppers, shops):
    acorn, _ = shoppers
    for answer, status in (
        (await acorn.get("/checkout/return?attempt=forged"), 404),
        (await acorn.post("/checkout", data={"email": "\x00"}), 400),
    ):
        assert (answer.status_code, answer.headers["Content-Type"][:9]) == (status, "text/html")
    asked = await acorn.get("/checkout/return?attempt=forged", headers={"Accept": "application/json"})
    assert (asked.status_code, asked.headers["Content-Type"]) == (404, "application/problem+json")


async def test_a_sum_beyond_all_reason_is_refused_in_words(shoppers, shops, db):
    acorn, _ = shoppers
    await rows(db, shops[0].id, "UPDATE variant SET price_minor = 1000000000000000 WHERE store_id = %s RETURNING 1")
    await acorn.post("/cart/add.js", json={"id": shops[0].plate, "quantity": 1_000_000})
    refused = await send_json(acorn)
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["cart"])
    page = await send_form(acorn)
    assert (page.status_code, "Your cart is too large for one order" in page.text) == (422, True)
