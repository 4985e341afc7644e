"""The line over HTTP: 429 with a place for programs; for people a page that goes on by itself."""

import asyncio
import re

import pytest

from origin.app import create_app
from origin.checkout.places import name_of
from tests.fixtures.checkout import levels, listening, rows
from tests.integration.test_checkout_pages import fill, send_form, send_json

SOLD_OUT = "UPDATE inventory_level SET available = 0 WHERE store_id = %s RETURNING 1"


@pytest.fixture
def till_settings(till_settings):
    """One checkout of a shop at once; nobody is held."""
    return till_settings.model_copy(update={"checkout_shop_at_once": 1, "checkout_hold_seconds": 0.01})


@pytest.fixture
async def room(shops, till_settings, origin_port):
    """Of the whole origin on a real port."""
    app = create_app(till_settings)
    async with listening(app, origin_port):
        yield app.state.collaborators.waiting_room


@pytest.fixture
def origin_url(room, origin_port):
    return f"http://127.0.0.1:{origin_port}"


@pytest.fixture
def busy(room, shops):
    """Somebody of acorn's is at the till, for as long as their slot is taken."""
    assert room.slots.take(shops[0].id)
    return room.slots


async def test_a_program_gets_429_with_its_place_and_the_other_shop_sells(busy, shoppers, shops):
    acorn, birch = shoppers
    await fill(acorn, shops[0])
    refused = await send_json(acorn, "second")
    said = refused.json()
    assert (refused.status_code, said["kind"], refused.headers["Retry-After"]) == (429, "waiting", "1")
    assert refused.headers["Cache-Control"] == "private, no-store"
    assert (said["position"], said["ahead"]) == (1, 0)
    assert [(item["title"], item["available"]) for item in said["stock"]] == [("Cup", 5)]
    acorn.cookies.delete("checkout_place")
    again = await send_json(acorn, "second", place=said["place"])
    assert (again.status_code, again.json()["position"]) == (429, 1)
    forged = await send_json(acorn, "second", place="x" + said["place"])
    assert (forged.status_code, list(forged.json()["errors"])) == (422, ["place"])
    await fill(birch, shops[1])
    assert (await send_json(birch, "birch's")).status_code == 201


async def test_what_was_typed_is_ordered_when_the_turn_comes(busy, shoppers, shops, db):
    acorn, _ = shoppers
    await fill(acorn, shops[0], 2)
    sent = await send_form(acorn)
    assert (sent.status_code, sent.headers["Location"]) == (303, "/checkout/queue")
    page = await acorn.get("/checkout/queue")
    assert page.status_code == 200
    assert "You are in line" in page.text
    assert 'role="status"' in page.text
    assert re.search('<noscript><meta http-equiv="refresh" content="[0-9]+"></noscript>', page.text)
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert await levels(db, shops[0].id, shops[0].cup) == (5, 0, 0)
    busy.give_back(shops[0].id)
    assert (await acorn.get("/checkout/queue", headers={"Accept": "application/json"})).json() == {"status": "go"}
    placed = await acorn.get("/checkout/queue")
    assert placed.status_code == 303
    assert placed.headers["Location"].startswith("/orders/")
    assert "1 Way" in (await acorn.get(placed.headers["Location"])).text
    assert (await acorn.get("/checkout/queue")).headers["Location"] == "/checkout"


async def test_who_waits_is_told_kindly_that_the_last_one_is_gone(busy, shoppers, shops, db, sandbox):
    acorn, _ = shoppers
    await fill(acorn, shops[0])
    await send_form(acorn)
    await rows(db, shops[0].id, SOLD_OUT)
    await asyncio.sleep(1.0)
    asked = await acorn.get("/checkout/queue", headers={"Accept": "application/json"})
    assert asked.json() == {"status": "sold-out"}
    told = await acorn.get("/checkout/queue")
    assert told.status_code == 409
    assert "Cup: sold out" in told.text
    assert "you have not been charged" in told.text
    assert (await send_json(acorn, "as a program")).json()["kind"] == "stock-gone"


async def test_a_cookie_of_an_earlier_purchase_is_just_no_place(shoppers, shops):
    acorn, _ = shoppers
    await fill(acorn, shops[0])
    acorn.cookies.set("checkout_place", "of-long-ago")
    assert (await send_form(acorn)).headers["Location"].startswith("/orders/")


async def test_while_a_carts_request_is_at_work_another_is_told_to_come_back(room, shoppers, shops, till):
    acorn, birch = shoppers
    for shopper, shop in zip(shoppers, shops, strict=True):
        await fill(shopper, shop)
    cart = await till.carts.read(shops[0].id, acorn.cookies["cart"])
    end = room._turns.take(shops[0].id, name_of(cart))
    busy = await send_json(acorn, "second")
    assert (busy.status_code, busy.json()["kind"], busy.headers["Retry-After"]) == (409, "in-progress", "1")
    form = await send_form(acorn)
    assert (form.status_code, "still being worked on" in form.text) == (409, True)
    assert (await send_json(birch, "birch's")).status_code == 201
    end()
    assert (await send_json(acorn, "second")).status_code == 201
    assert room.slots.running(shops[0].id) == 0
