"""What passes each crash point, twice: of the origin, of whoever completes checkouts, of the relay and of the workers.

Each goes on until its own outcome is as if nothing had happened.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import stripe

from origin.carts import Cart
from origin.checkout.answers import AnswerKind
from origin.imports.records import request_import
from tests.crash.stage import Case, Stage
from tests.fixtures.buying import AT_THE_BANK, buy, fill, reserve, submission
from tests.fixtures.checkout import WEBHOOK_SECRET, StockedShop, rows

Story = Callable[[Stage, Case, StockedShop], Awaitable[None]]
BOWL = b"Handle,Title,Variant Price\nbowl,Bowl,5.00\n"
FREE = {"payment_method": "", "shipping_address": None}


def around(*steps: str) -> tuple[str, ...]:
    return tuple(f"{step}.{when}" for step in steps for when in ("commit", "committed"))


async def buy_twice(stage: Stage, case: Case, shop: StockedShop) -> None:
    for _ in range(2):
        assert await stage.purchase(case, shop) == AnswerKind.PLACED


async def buy_for_nothing(stage: Stage, case: Case, shop: StockedShop) -> None:
    for _ in range(2):
        assert await stage.purchase(case, shop, variant_id=shop.plate, **FREE) == AnswerKind.PLACED


async def be_declined(stage: Stage, case: Case, shop: StockedShop) -> None:
    for _ in range(2):
        kind = await stage.purchase(case, shop, payment_method="pm_card_visa_chargeDeclined")
        assert kind == AnswerKind.DECLINED


async def ask_again(stage: Stage, case: Case, shop: StockedShop) -> None:
    assert await stage.pay(case, shop, await fill(stage.till, shop), times=3) == AnswerKind.PLACED


async def want_what_is_gone(stage: Stage, case: Case, shop: StockedShop) -> None:
    async def gone(cart: Cart) -> Cart:
        return replace(cart, lines=tuple(replace(line, variant_id=2**40) for line in cart.lines))

    for _ in range(2):
        token = await fill(stage.till, shop)
        await stage.till.carts.change(shop.id, token, gone)
        assert await stage.pay(case, shop, token) == AnswerKind.CART_EMPTY


async def come_back_from_the_bank(stage: Stage, case: Case, shop: StockedShop) -> None:
    """And pay in another way."""
    for number in range(2):
        token = await fill(stage.till, shop)
        left = await stage.till.checkouts.submit(shop.id, f"left-{number}", submission(token, AT_THE_BANK))
        assert left.kind == AnswerKind.REQUIRES_ACTION
        assert await stage.pay(case, shop, token) == AnswerKind.PLACED


async def want_too_much(stage: Stage, case: Case, shop: StockedShop) -> None:
    carts = [await fill(stage.till, shop, quantity=3) for _ in range(3)]
    assert (await buy(stage.till, shop, email=stage.buyer(case), quantity=3)).kind == AnswerKind.PLACED
    for token in carts[:2]:
        assert await stage.pay(case, shop, token) == AnswerKind.STOCK_GONE


async def add_products(stage: Stage, case: Case, shop: StockedShop) -> None:
    for title in ("Bowl", "Plate"):
        body = {"product": {"title": title, "handle": title.lower()}}
        await stage.ask_admin(shop, "POST", "products.json", json=body)
        if title.lower() not in await _handles(stage, shop):
            answer = await stage.insist(lambda body=body: stage.ask_admin(shop, "POST", "products.json", json=body))
            assert answer.status_code == 201
    assert await _handles(stage, shop) == ["cup", "gift", "bowl", "plate"]


async def _handles(stage: Stage, shop: StockedShop) -> list[str]:
    made = await rows(stage.till.db, shop.id, "SELECT handle FROM product WHERE store_id = %s ORDER BY id")
    return [row["handle"] for row in made]


async def open_shops(stage: Stage, case: Case, shop: StockedShop) -> None:
    for number in range(2):
        body = {"name": "New", "subdomain": f"new-{shop.id}-{number}", "currency": "EUR"}
        answer = await stage.insist(lambda body=body: stage.ask_platform("POST", "stores", body))
        assert answer.status_code in (201, 422)  # 422: it was made, and the answer was lost
    async with stage.till.db.directory() as tx:
        cursor = await tx.execute("SELECT id FROM store WHERE subdomain LIKE %s", [f"new-{shop.id}-%"])
        assert len(await cursor.fetchall()) == 2


async def close_and_open(stage: Stage, case: Case, shop: StockedShop) -> None:
    for action, status in (("suspend", "suspended"), ("resume", "active")):
        path = f"stores/{shop.id}/{action}"
        answer = await stage.insist(lambda path=path: stage.ask_platform("POST", path, None))
        assert answer.json()["store"]["status"] == status


async def hand_in_files(stage: Stage, case: Case, shop: StockedShop) -> None:
    """A file whose answer was lost is handed in again, and imported twice: but never without its event."""
    for _ in range(2):
        answer = await stage.insist(
            lambda: stage.ask_admin(shop, "POST", "imports.json?overwrite=true", content=BOWL, type="text/csv")
        )
        assert answer.status_code == 202
    found = await rows(stage.till.db, shop.id, "SELECT 1 FROM product_import WHERE store_id = %s")
    asked = await rows(stage.till.db, shop.id, "SELECT 1 FROM outbox WHERE store_id = %s AND topic = 'stoa/import'")
    assert len(asked) == len(found) >= 2


async def give_money_back(stage: Stage, case: Case, shop: StockedShop) -> None:
    """A merchant returns two orders' money."""
    for number in range(2):
        email = stage.buyer(case)
        placed = await buy(stage.till, shop, email, email=email)
        path = f"orders/{placed.more['order']['id']}/refunds.json"
        body = {"refund": {"transactions": [{"kind": "refund", "amount": "19.99"}]}}
        key = {"Idempotency-Key": f"back-{number}"}
        await stage.insist(
            lambda path=path, body=body, key=key: stage.ask_admin(shop, "POST", path, json=body, headers=key)
        )
        await stage.recover(shop)
    back = "SELECT order_id FROM payment WHERE store_id = %s AND kind = 'refund' AND status = 'success'"
    assert len(await rows(stage.till.db, shop.id, back)) == 2


async def have_money_sent_back(stage: Stage, case: Case, shop: StockedShop) -> None:
    """The buyers' banks send back what a merchant has given back, and the provider tells it until it is taken."""
    await give_money_back(stage, case, shop)
    refunds = (await stage.sandbox.get("/v1/refunds", limit="2"))["data"]
    for refund in refunds:
        await stage.sandbox.post(f"/sandbox/fail_refund/{refund['id']}")
        payload = json.dumps({"type": "refund.failed", "data": {"object": {"id": refund["id"], "status": "failed"}}})
        signed = {"Stripe-Signature": stripe.WebhookSignature.generate_signature_header(payload, WEBHOOK_SECRET)}
        answer = await stage.insist(
            lambda payload=payload, signed=signed: stage.ask("POST", "/stripe/webhook", signed, content=payload)
        )
        assert answer.json()["handled"]
    back = "SELECT status FROM payment WHERE store_id = %s AND kind = 'refund'"
    assert await rows(stage.till.db, shop.id, back) == [{"status": "failure"}] * 2


BY_THE_ORIGIN: dict[Story, tuple[str, ...]] = {
    buy_twice: (
        *around("checkout.begin", "checkout.sell"),
        *("cart.write", "cart.written", "provider.ask", "provider.answered"),
    ),
    buy_for_nothing: around("checkout.place_free"),
    be_declined: around("checkout.settle"),
    ask_again: around("checkout.claim_again"),
    want_what_is_gone: around("checkout.release"),
    come_back_from_the_bank: around("checkout.reserve"),
    want_too_much: around("checkout.refuse"),
    add_products: around("admin.write"),
    open_shops: around("store.create"),
    close_and_open: around("store.status"),
    hand_in_files: around("import.request"),
    give_money_back: around("payment.take_over", "payment.settle"),
    have_money_sent_back: around("payment.come_back"),
}


async def leave_halfway(stage: Stage, case: Case, shop: StockedShop) -> list[str]:
    """Two buyers whose origin died after reserving."""
    for _ in range(2):
        email = stage.buyer(case)
        await reserve(stage.till, shop, submission(await fill(stage.till, shop), email=email), email)
    await stage.pass_time(shop)
    return []


async def give_up(stage: Stage, case: Case, shop: StockedShop) -> list[str]:
    """Two buyers of whose payment nobody heard in time."""
    named = []
    for number in range(2):
        attempt = await reserve(stage.till, shop, submission(await fill(stage.till, shop)), f"lost-{number}")
        named.append(f"{shop.id}:{attempt}")
    return named


async def pay_too_late(stage: Stage, case: Case, shop: StockedShop) -> list[str]:
    """Two buyers had paid, but that was heard when others had bought the last cups."""
    till = stage.till
    for number in range(2):
        wanted = submission(await fill(till, shop, quantity=2))
        attempt = await reserve(till, shop, wanted, f"late-{number}")
        charge = await till.checkouts.charge_of(shop.id, attempt)
        await till.payments.charge(charge)
        await till.checkouts.give_up(shop.id, attempt)
    assert (await buy(till, shop, "quick", quantity=4, email=stage.buyer(case))).kind == AnswerKind.PLACED
    await stage.pass_time(shop, 1000)
    return []


async def forget_imports(stage: Stage, case: Case, shop: StockedShop) -> list[str]:
    """Two files whose event got lost."""
    await hand_in(stage, shop)
    await stage.pass_time(shop)
    return []


async def hand_in(stage: Stage, shop: StockedShop) -> None:
    for name in ("first", "second"):
        await request_import(stage.till.db, shop.id, filename=name, body=BOWL, overwrites=True, at_most=5)


async def cut_off_who_waits(stage: Stage, shop: StockedShop) -> None:
    """Ends the connection of whoever waits for a lock."""
    async with stage.till.db.tenant(shop.id) as tx:
        await tx.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'"""
        )


BY_A_TENDER: dict[Callable[[Stage, Case, StockedShop], Awaitable[list[str]]], tuple[str, ...]] = {
    leave_halfway: around("checkout.take_over"),
    give_up: around("checkout.give_up"),
    pay_too_late: around("checkout.refunded"),
    forget_imports: around("import.resume"),
}
BY_THE_RELAY = ("relay.drained", "relay.published", "relay.enqueued", "relay.deleted")
BY_A_WORKER = ("job.taken", "job.begun", "job.done", "job.acknowledged", "mail.sent", *around("mail.confirm"))
BY_AN_IMPORT = around("import.claim", "import.total", "import.batch", "import.finish")
BY_AN_IMPORT_CUT_OFF = around("import.release")
