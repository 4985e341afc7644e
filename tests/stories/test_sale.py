"""From a full cart to a paid order, over HTTP: stock, order, e-mail, and the shop next door."""

import asyncio
import time

import httpx

from contracts.tenant import StoreId
from standalone.audit import audit_platform
from tests.fixtures.merchant import ADDRESS, Merchant


def mails_to(shop: Merchant, address: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = httpx.get(
        f"{shop.platform.ready.mail_url}/messages.json", params={"to": address}, trust_env=False
    ).json()
    return found


def wait_for_mail(shop: Merchant, text: str) -> dict[str, str]:
    since = time.monotonic()
    while True:
        for mail in mails_to(shop, "ada@example.com"):
            if text in mail["subject"] + mail["text"]:
                return mail
        assert time.monotonic() - since < 15, "the e-mail did not come"
        time.sleep(0.05)  # asked without pause, its programs would have no processor to send it with


def wait_for_books_in_order(shop: Merchant, store_id: int, began_with: dict[int, int]) -> None:
    """The e-mail is noted down after it was sent, and the last tags may still be on their way."""
    since = time.monotonic()
    while found := asyncio.run(audit_platform(shop.platform.ready, StoreId(store_id), began_with)):
        assert time.monotonic() - since < 15, found


def test_a_sale_takes_stock_makes_an_order_and_sends_an_e_mail(acorn_and_birch):
    acorn, birch = acorn_and_birch
    mug, other = acorn.add_product("Blue Mug", "12.00", 9), birch.add_product("Blue Mug", "12.00", 9)
    variant_id = mug["variants"][0]["id"]
    answer = acorn.buy(variant_id, "first", quantity=2)
    assert answer.status_code == 201, answer.text
    order = answer.json()["order"]
    assert (order["number"], order["total_price"]) == (1001, "24.00")
    assert acorn.stock_of(variant_id) == 7
    assert birch.stock_of(other["variants"][0]["id"]) == 9
    listed = acorn.admin("GET", "orders.json")["orders"]
    assert [(found["id"], found["financial_status"]) for found in listed] == [(order["id"], "paid")]
    assert birch.admin("GET", "orders.json")["orders"] == []
    status = acorn.client.get(
        acorn.platform.ready.edge + httpx.URL(order["status_url"]).path, headers={"Host": acorn.host}
    )
    assert status.status_code == 200
    assert "1001" in status.text
    assert wait_for_mail(acorn, acorn.host.partition(".")[0])["subject"].endswith("#1001 confirmed")
    wait_for_books_in_order(acorn, acorn.admin("GET", "shop.json")["shop"]["id"], {variant_id: 9})


def test_the_same_key_buys_once(acorn_and_birch):
    acorn, _ = acorn_and_birch
    variant_id = acorn.add_product("Blue Mug", "12.00", 9)["variants"][0]["id"]
    added = acorn.post("/cart/add.js", {"id": variant_id, "quantity": 1})
    body = {
        "email": "ada@example.com",
        "shipping_address": ADDRESS,
        "payment_method": "pm_card_visa",
        "cart": added.cookies["cart"],
    }
    first, again = (acorn.post("/checkout", body, **{"Idempotency-Key": "same"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["order"]["id"] == first.json()["order"]["id"]
    assert acorn.stock_of(variant_id) == 8


def test_a_declined_card_leaves_the_stock_as_it_was(acorn_and_birch):
    acorn, _ = acorn_and_birch
    variant_id = acorn.add_product("Blue Mug", "12.00", 9)["variants"][0]["id"]
    answer = acorn.buy(variant_id, "declined", card="pm_card_chargeDeclined")
    assert answer.status_code == 402
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert acorn.stock_of(variant_id) == 9
    assert acorn.admin("GET", "orders.json")["orders"] == []


def test_the_last_one_is_sold_once_and_the_page_says_so(acorn_and_birch):
    acorn, _ = acorn_and_birch
    variant_id = acorn.add_product("Last Mug", "12.00", 1)["variants"][0]["id"]
    assert acorn.buy(variant_id, "winner").status_code == 201
    refused = acorn.post("/cart/add.js", {"id": variant_id, "quantity": 1})
    assert refused.status_code == 422
    assert "sold out" in refused.json()["description"]
    since = time.monotonic()
    while '"available":true' in acorn.get("/products/last-mug.js").text:
        assert time.monotonic() - since < 5
    assert acorn.stock_of(variant_id) == 0
