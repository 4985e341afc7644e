"""What a merchant did with an order, in the buyer's mailbox: when asked for, once, and only if it is still so."""

import asyncio
from secrets import token_hex

import pytest

from contracts.events import EVENT_QUEUE, Topic, queue_of
from origin.jobs.events import handle
from tests.fixtures.buying import buy
from tests.fixtures.checkout import rows
from tests.fixtures.mail import messages

NOTICES = "SELECT id, payload FROM outbox WHERE store_id = %s AND topic = 'stoa/notice' ORDER BY id"
UNTRUSTED = "javascript:alert(1)"


class Desk:
    """A merchant with a placed order of three cups."""

    def __init__(self, shop, seller, order):
        self.shop, self.seller, self.order = shop, seller, order

    async def cancel(self, is_told):
        told = "&email=True" if is_told else ""
        return await self.seller.ask("POST", f"orders/{self.order['id']}/cancel?reason=customer{told}")

    async def cancel_in_the_body(self, is_told):
        return await self.seller.ask("POST", f"orders/{self.order['id']}/cancel", json={"email": is_told})

    async def refund(self, is_told, key="refund"):
        [line] = (await self.seller.get(f"orders/{self.order['id']}"))["order"]["line_items"]
        refund = {
            "refund_line_items": [{"line_item_id": line["id"], "quantity": 2}],
            "transactions": [{"kind": "refund", "amount": "39.98"}],
            "notify": is_told,
        }
        path = f"orders/{self.order['id']}/refunds"
        return await self.seller.ask("POST", path, json={"refund": refund}, headers={"Idempotency-Key": key})

    async def send(self, is_told, **tracking):
        to_send = (await self.seller.get(f"orders/{self.order['id']}/fulfillment_orders"))["fulfillment_orders"]
        sent = {
            "line_items_by_fulfillment_order": [{"fulfillment_order_id": to_send[0]["id"]}],
            "tracking_info": {"company": "Post", "number": "RR1", "url": "https://post.example/RR1"} | tracking,
            "notify_customer": is_told,
        }
        return await self.seller.ask("POST", "fulfillments", json={"fulfillment": sent})

    async def send_the_older_way(self, is_told):
        body = {"fulfillment": {"tracking_number": "RR1", "tracking_company": "Post", "notify_customer": is_told}}
        return await self.seller.ask("POST", f"orders/{self.order['id']}/fulfillments", json=body)

    async def track(self, is_told):
        made = (await self.send(False)).json()["fulfillment"]
        body = {"tracking_info": {"company": "Post", "number": "RR2"}, "notify_customer": is_told}
        return await self.seller.ask("POST", f"fulfillments/{made['id']}/update_tracking", json={"fulfillment": body})


@pytest.fixture
async def desks(till, shops, sellers):
    made = []
    for shop, seller in zip(shops, (sellers.acorn, sellers.birch), strict=True):
        email = f"buyer-{token_hex(6)}@example.com"  # the post office has all tests' messages
        made.append(Desk(shop, seller, (await buy(till, shop, email=email, quantity=3)).more["order"]))
    return made


async def asked_for(till, shop):
    return [row["payload"]["notice_id"] for row in await rows(till.db, shop.id, NOTICES)]


async def do(shop, notice_id):
    event = {"store_id": shop.id, "outbox_id": 1, "topic": str(Topic.BUYER_NOTICE), "payload": {"notice_id": notice_id}}
    await asyncio.to_thread(handle, event)


@pytest.mark.parametrize(
    ("deed", "subject", "texts"),
    [
        (Desk.cancel, "Order #1001 was cancelled", ["was cancelled", "3 ", "Cup", "€59.97", "given back to you"]),
        (Desk.cancel_in_the_body, "Order #1001 was cancelled", ["was cancelled"]),
        (Desk.refund, "Order #1001 was refunded", ["About your refund", "2 ", "Cup", "€39.98", "given back to you"]),
        (
            Desk.send,
            "Order #1001 is on its way",
            ["were sent with Post", "3 ", "Cup", "RR1", "https://post.example/RR1"],
        ),
        (Desk.send_the_older_way, "Order #1001 is on its way", ["were sent with Post", "RR1"]),
        (Desk.track, "Order #1001 can be followed", ["New tracking information", "RR2"]),
    ],
)
async def test_the_buyer_is_told_once_if_the_merchant_wants_it(
    till,
    desks,
    post_office,
    workbench,
    deed,
    subject,
    texts,
):
    acorn, birch = desks
    for desk, is_told in ((acorn, True), (birch, False)):
        answer = await deed(desk, is_told)
        assert answer.status_code in (200, 201), answer.text
    assert await asked_for(till, birch.shop) == []
    [notice] = await asked_for(till, acorn.shop)
    await do(birch.shop, notice)  # birch has no such notice
    for _ in range(2):
        await do(acorn.shop, notice)
    recipient = acorn.order["email"]
    [message] = [each for each in await messages(post_office, recipient) if "confirmed" not in each["subject"]]
    assert (message["subject"], message["from"]) == (subject, "Acorn <orders@stoa.localhost>")
    for text in (*texts, acorn.order["status_url"]):
        assert text in message["text"]
        assert text in message["html"]
    assert await messages(post_office, birch.order["email"]) == []


async def test_a_refund_asked_for_again_under_its_key_is_told_once(till, desks):
    acorn, _ = desks
    for _ in range(2):
        assert (await acorn.refund(True)).status_code == 201
    assert len(await asked_for(till, acorn.shop)) == 1


async def test_what_is_not_so_any_more_is_not_told(till, desks, post_office, workbench):
    acorn, birch = desks
    for desk in desks:
        made = (await desk.send(True)).json()["fulfillment"]
        if desk is acorn:
            assert (await desk.seller.ask("POST", f"fulfillments/{made['id']}/cancel")).status_code == 200
        [notice] = await asked_for(till, desk.shop)
        await do(desk.shop, notice)
    assert await messages(post_office, acorn.order["email"]) == []
    assert len(await messages(post_office, birch.order["email"])) == 1


async def test_money_that_did_not_go_back_is_not_promised(till, desks, post_office, workbench):
    acorn, _ = desks
    refund = {"transactions": [{"kind": "refund", "amount": "5.00"}], "notify": True}
    await acorn.seller.post(f"orders/{acorn.order['id']}/refunds", {"refund": refund})
    failed = "UPDATE payment SET status = 'failure' WHERE store_id = %s AND kind = 'refund' RETURNING 1"
    await rows(till.db, acorn.shop.id, failed)
    [notice] = await asked_for(till, acorn.shop)
    await do(acorn.shop, notice)
    assert await messages(post_office, acorn.order["email"]) == []


async def test_what_a_merchant_wrote_is_text_and_only_the_web_is_linked(
    till,
    desks,
    post_office,
    workbench,
):
    acorn, _ = desks
    await acorn.send(True, company="<b>Post</b>", number="RR1", url=UNTRUSTED)
    [notice] = await asked_for(till, acorn.shop)
    await do(acorn.shop, notice)
    [message] = await messages(post_office, acorn.order["email"])
    assert UNTRUSTED not in message["html"] + message["text"]
    assert "<b>Post</b>" not in message["html"]
    assert "&lt;b&gt;Post" in message["html"]


async def test_nobody_is_told_of_an_order_without_an_address(till, desks, sellers):
    acorn, _ = desks
    order = (await sellers.acorn.post("orders", {"order": {"line_items": [{"title": "Card", "price": "1"}]}}))["order"]
    await sellers.acorn.ask("POST", f"orders/{order['id']}/cancel?email=true")
    assert await asked_for(till, acorn.shop) == []
    assert queue_of(Topic.BUYER_NOTICE) == EVENT_QUEUE
