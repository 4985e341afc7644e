"""Carts over HTTP: scripts and plain forms, limits and refusals, and whose cart it is."""

import asyncio
import json

import httpx
import pytest
from redis.asyncio import Redis

from contracts.snapshot import Snapshot
from origin.app import create_app
from origin.cart.editing import CartError, Wish
from origin.cart.shopping import Shopping
from origin.db import Database
from standalone.command import free_port
from tests.fixtures.checkout import listening, rows
from tests.fixtures.origin import EDGE_SECRET
from tests.fixtures.round_trips import counted

JSON = {"Accept": "application/json"}


async def add(client, variant_id, quantity=1, **more):
    return await client.post("/cart/add.js", json={"id": variant_id, "quantity": quantity, **more})


async def test_a_script_adds_changes_and_clears(shoppers, shops):
    acorn, _ = shoppers
    added = await add(acorn, shops[0].cup, 2)
    assert added.status_code == 200
    assert (added.json()["quantity"], added.json()["price"], added.json()["line_price"]) == (2, 1999, 3998)
    assert added.json()["title"] == "Cup"
    key = added.json()["key"]

    cart = (await acorn.post("/cart/change.js", json={"line": 1, "quantity": 3})).json()
    assert (cart["item_count"], cart["total_price"], cart["currency"]) == (3, 5997, "EUR")
    cart = (await acorn.post("/cart/change.js", json={"id": key, "quantity": 1})).json()
    assert cart["item_count"] == 1
    cart = (await acorn.post("/cart/update.js", json={"updates": {str(shops[0].cup): 4}, "note": "for Ada"})).json()
    assert (cart["item_count"], cart["note"]) == (4, "for Ada")
    cart = (await acorn.post("/cart/update.js", json={"updates": [0]})).json()
    assert cart["items"] == []
    await add(acorn, shops[0].plate)
    assert (await acorn.post("/cart/clear.js")).json()["item_count"] == 0
    assert (await acorn.get("/cart.js")).json()["note"] == "for Ada"


async def test_an_add_waits_for_the_database_once(database, till, shops):
    async with counted(database.app) as (url, turns):
        db = Database(url, database.router, connections=1)
        await db.open()
        for shop in (*shops, *shops):  # the first prepares the statement too
            before = turns.count
            changed = await Shopping(db, till.carts).add(shop.id, None, [Wish(shop.cup, 2)])
            assert turns.count - before == 1
            assert [(line.offer.title, line.line_minor) for line in changed.priced.lines] == [("Cup", 3998)]
        with pytest.raises(CartError):
            await Shopping(db, till.carts).add(shops[0].id, None, [Wish(shops[1].cup, 1)])
        await db.close()


async def test_adding_again_makes_one_line_and_other_properties_another(shoppers, shops):
    acorn, _ = shoppers
    await add(acorn, shops[0].plate, 1)
    assert (await add(acorn, shops[0].plate, 2)).json()["quantity"] == 3
    await add(acorn, shops[0].plate, 1, properties={"Engraving": "Ada"})
    items = (await acorn.get("/cart.json")).json()["items"]
    assert [item["quantity"] for item in items] == [3, 1]
    assert items[0]["key"] != items[1]["key"]


async def test_the_list_form_answers_a_list(shoppers, shops):
    acorn, _ = shoppers
    wanted = [{"id": shops[0].cup, "quantity": 1}, {"id": shops[0].plate, "quantity": 2}]
    answer = (await acorn.post("/cart/add.js", json={"items": wanted})).json()
    assert [item["quantity"] for item in answer["items"]] == [1, 2]


async def test_a_plain_form_is_led_on(shoppers, shops):
    acorn, _ = shoppers
    answer = await acorn.post("/cart/add", data={"id": shops[0].cup, "quantity": 2, "return_to": "/products/cup"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/products/cup")
    assert acorn.cookies["cart_count"] == "2"
    key = (await acorn.get("/cart.js")).json()["items"][0]["key"]
    answer = await acorn.post("/cart", data={f"updates[{key}]": "3", "note": "hello"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/cart")
    answer = await acorn.post("/cart", data={f"updates[{key}]": "1", "checkout": ""})
    assert answer.headers["Location"] == "/checkout"
    assert (await acorn.get("/cart.js")).json()["item_count"] == 1


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil", "javascript:1"]
)
async def test_a_form_never_leads_to_another_site(shoppers, shops, target):
    answer = await shoppers[0].post("/cart/add", data={"id": shops[0].cup, "return_to": target})
    assert answer.headers["Location"] == "/cart"


async def test_the_cookie_is_for_servers_only_and_the_count_for_scripts(shoppers, shops):
    answer = await add(shoppers[0], shops[0].cup)
    token, count = answer.headers.get_list("set-cookie")
    assert token.startswith("cart=")
    assert "HttpOnly" in token
    assert "SameSite=lax" in token
    assert count.startswith("cart_count=1;")
    assert "HttpOnly" not in count


@pytest.mark.parametrize(
    ("quantity", "status"),
    [(0, 422), (-1, 422), ("many", 400), ("1.5", 400), (1_000_001, 422), (10**30, 422), (None, 400), ([], 400)],
)
async def test_a_quantity_that_is_none_is_refused_with_a_sentence(shoppers, shops, quantity, status):
    answer = await add(shoppers[0], shops[0].cup, quantity)
    assert answer.status_code == status
    assert answer.json()["description"]
    assert (await shoppers[0].get("/cart.js")).json()["item_count"] == 0


async def test_more_than_there_is_sets_the_most_and_says_so(shoppers, shops):
    acorn, _ = shoppers
    answer = await add(acorn, shops[0].cup, 7)
    assert (answer.status_code, answer.json()["message"]) == (
        422,
        "Only 5 items were added to your cart due to availability.",
    )
    assert (await acorn.get("/cart.js")).json()["item_count"] == 5
    answer = await add(acorn, shops[0].cup, 1)
    assert answer.json()["description"] == "The maximum quantity of this item is already in your cart."
    answer = await acorn.post("/cart/change.js", json={"line": 1, "quantity": 99})
    assert answer.status_code == 422
    assert (await acorn.get("/cart.js")).json()["item_count"] == 5


async def test_sold_out_is_said(shoppers, shops, db):
    await rows(db, shops[0].id, "UPDATE inventory_level SET available = 0 WHERE store_id = %s RETURNING 1")
    answer = await add(shoppers[0], shops[0].cup)
    assert (answer.status_code, answer.json()["description"]) == (422, "The product 'Cup' is already sold out.")
    assert (await add(shoppers[1], shops[1].cup)).status_code == 200


async def test_a_variant_of_another_shop_is_not_found(shoppers, shops):
    for variant_id in (shops[1].cup, 2**53 - 1, "x", 10**17):
        answer = await add(shoppers[0], variant_id)
        assert (answer.status_code, answer.json()["description"]) == (404, "Cannot find variant")
    wanted = [{"id": shops[0].cup}, {"id": shops[1].cup}]
    assert (await shoppers[0].post("/cart/add.js", json={"items": wanted})).status_code == 404
    assert (await shoppers[0].get("/cart.js")).json()["item_count"] == 0


async def test_another_shops_cart_is_an_empty_one(shoppers, shops):
    acorn, birch = shoppers
    await add(acorn, shops[0].cup)
    token = acorn.cookies["cart"]
    birch.cookies.set("cart", token)
    assert (await birch.get("/cart.js")).json()["item_count"] == 0
    birch.cookies.clear()
    answer = await birch.post("/cart/add.js", json={"id": shops[1].cup}, headers={"Cookie": f"cart={token}"})
    assert answer.cookies["cart"] != token
    assert (await acorn.get("/cart.js")).json()["item_count"] == 1


async def test_bodies_that_are_none_are_refused(shoppers):
    acorn, _ = shoppers
    for body in (b"{", b"[]", b"\xff", b"[" * 100_000):
        answer = await acorn.post("/cart/add.js", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
    assert (await acorn.post("/cart/add.js", json={"quantity": 1})).status_code == 400
    assert (await acorn.post("/cart/change.js", json={"quantity": 1})).status_code == 400
    assert (await acorn.post("/cart/change.js", json={"line": 7, "quantity": 1})).status_code == 422
    plain = await acorn.post("/cart/add", data={"id": "1", "quantity": "many"})
    assert plain.status_code == 400
    assert "text/html" in plain.headers["Content-Type"]


async def test_changes_at_once_do_not_lose_each_other(shoppers, shops):
    acorn, _ = shoppers
    await add(acorn, shops[0].plate)
    await asyncio.gather(*(add(acorn, shops[0].plate) for _ in range(9)))
    assert (await acorn.get("/cart.js")).json()["item_count"] == 10


async def test_the_edge_gets_the_cart_at_todays_prices(shoppers, shops, db):
    acorn, birch = shoppers
    await add(acorn, shops[0].cup, 2)
    await rows(db, shops[0].id, "UPDATE variant SET price_minor = 2500 WHERE store_id = %s RETURNING 1")
    await rows(db, shops[0].id, "UPDATE inventory_level SET available = 1 WHERE store_id = %s RETURNING 1")
    path = f"/internal/stores/{shops[0].id}/cart"
    answer = await acorn.get(path, params={"token": acorn.cookies["cart"]})
    snapshot = Snapshot.decode(answer.content)
    cart = snapshot.parts["cart"].data
    assert snapshot.parts["shop"].data["name"] == "Acorn"
    line = cart["items"][0]
    assert (line["price_minor"], line["previous_price_minor"], line["line_minor"]) == (2500, 1999, 5000)
    assert line["notice"] == "Only 1 left"
    assert len(cart["notices"]) == 2
    await rows(db, shops[0].id, "UPDATE product SET status = 'draft' WHERE store_id = %s RETURNING 1")
    cart = Snapshot.decode((await acorn.get(path, params={"token": acorn.cookies["cart"]})).content).parts["cart"].data
    assert (cart["items"], cart["item_count"]) == ([], 0)
    assert "no longer available" in cart["notices"][0]
    assert (await birch.get(path, headers={"Stoa-Edge-Secret": "x"})).status_code == 404
    elsewhere = await birch.get(f"/internal/stores/{shops[1].id}/cart", params={"token": acorn.cookies["cart"]})
    assert Snapshot.decode(elsewhere.content).parts["cart"].data["item_count"] == 0


async def test_without_an_edges_word_there_is_no_cart(origin_url, shops):
    async with httpx.AsyncClient(base_url=origin_url, verify=False) as client:
        for headers in ({}, {"Stoa-Store-Id": str(shops[0].id)}, {"Stoa-Edge-Secret": EDGE_SECRET}):
            assert (await client.get("/cart.js", headers=headers)).status_code == 404


async def test_a_state_server_that_is_away_is_said(shops, till_settings, origin_port):
    settings = till_settings.model_copy(update={"state_url": f"redis://127.0.0.1:{free_port()}/0"})
    headers = {"Stoa-Edge-Secret": EDGE_SECRET, "Stoa-Store-Id": str(shops[0].id)}
    async with (
        listening(create_app(settings), origin_port) as url,
        httpx.AsyncClient(base_url=url, headers=headers, verify=False) as client,
    ):
        answer = await client.post("/cart/add.js", json={"id": shops[0].cup})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert "cannot be reached" in answer.json()["description"]
        assert (await client.get("/cart.js", headers={"Cookie": f"cart={'a' * 32}"})).status_code == 503
        plain = await client.post("/cart/add", data={"id": shops[0].cup})
        assert (plain.status_code, "cannot be reached" in plain.text) == (503, True)
        answer = await client.post("/checkout", json={}, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 422


async def notices(client, shop):
    token = client.cookies["cart"]
    answer = await client.get(f"/internal/stores/{shop.id}/cart", params={"token": token})
    return Snapshot.decode(answer.content).parts["cart"].data["notices"]


async def test_what_a_plain_form_could_not_do_is_said_once_by_the_next_page(shoppers, shops, db):
    acorn, birch = shoppers
    answer = await acorn.post("/cart/add", data={"id": shops[0].cup, "quantity": 7})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/cart")
    assert (await notices(acorn, shops[0]))[0] == "Only 5 items were added to your cart due to availability."
    assert "were added" not in " ".join(await notices(acorn, shops[0]))
    await rows(db, shops[1].id, "UPDATE inventory_level SET available = 0 WHERE store_id = %s RETURNING 1")
    await birch.post("/cart/add", data={"id": shops[1].cup})
    await birch.post("/cart/add", data={"id": shops[1].plate})
    assert await notices(birch, shops[1]) == []  # what went well since is the last word
    await birch.post("/cart/add", data={"id": shops[1].cup})
    assert "is already sold out" in (await birch.get("/checkout")).text
    assert await notices(birch, shops[1]) == []
    await add(acorn, shops[0].cup)  # a script has its answer, and says it itself
    assert "already in your cart" not in " ".join(await notices(acorn, shops[0]))


async def test_an_update_is_made_as_a_whole_or_not_at_all(shoppers, shops):
    acorn, _ = shoppers
    await add(acorn, shops[0].plate, 2)
    too_many = {f"attribute {number}": "x" for number in range(21)}
    update = {"updates": {str(shops[0].plate): 7}, "note": "hello", "attributes": too_many}
    assert (await acorn.post("/cart/update.js", json=update)).status_code == 422
    cart = (await acorn.get("/cart.js")).json()
    assert (cart["item_count"], cart["note"], cart["attributes"]) == (2, None, {})


async def test_a_cart_that_cannot_be_read_is_replaced(shoppers, shops, state_url):
    acorn, _ = shoppers
    await add(acorn, shops[0].plate, 2)
    token = acorn.cookies["cart"]
    async with Redis.from_url(state_url) as state:
        await state.set(f"cart:{shops[0].id}:{token}", b"of another version")
    assert (await acorn.get("/cart.js")).json()["item_count"] == 0
    assert (await add(acorn, shops[0].plate, 1)).status_code == 200
    assert acorn.cookies["cart"] != token
    assert (await acorn.get("/cart.js")).json()["item_count"] == 1


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
async def test_a_text_that_cannot_be_kept_is_refused(shoppers, shops, text):
    acorn, _ = shoppers
    body = json.dumps({"id": shops[0].plate, "properties": {"Engraving": text}})
    sent = await acorn.post("/cart/add.js", content=body, headers={"Content-Type": "application/json"})
    assert (sent.status_code, "null character" in sent.json()["description"]) == (400, True)
    body = json.dumps({"email": "ada@example.com", "note": text, "cart": text})
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    assert (await acorn.post("/checkout", content=body, headers=headers)).status_code == 400
    assert (await acorn.post("/checkout", data={"key": "\x00", "email": "ada@example.com"})).status_code == 400
    assert (await acorn.get("/orders/a%00b")).status_code == 404
    order = {"email": "ada@example.com"}
    sent = await acorn.post("/checkout", json=order, headers={"Idempotency-Key": "k", "Cookie": 'cart="\\000"'})
    assert (sent.status_code, sent.json()["kind"]) == (422, "cart-empty")
