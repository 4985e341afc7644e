"""One filling of a cart becomes at most one order, and sales do not get in the way of those who write the catalog."""

import asyncio

import pytest

from origin.cart.editing import Wish
from origin.cart.shopping import Shopping
from origin.catalog import inventory
from origin.catalog.availability import lock_products
from origin.checkout import attempts
from origin.checkout.answers import AnswerKind, processing
from origin.payments import RequiresAction
from tests.fixtures.buying import AT_THE_BANK, ATTEMPTS, ORDERS, buy, fill, late_success, make_due, reserve, submission
from tests.fixtures.checkout import levels, rows, until


async def test_a_cart_sent_from_many_pages_at_once_is_one_order(till, shops, sandbox):
    acorn, birch = shops
    token = await fill(till, acorn)
    with sandbox.at_work():
        pages = [
            asyncio.create_task(till.checkouts.submit(acorn.id, f"page-{number}", submission(token)))
            for number in range(4)
        ]
        await until(lambda: sum(page.done() for page in pages) == 3)
    answers = await asyncio.gather(*pages)
    assert sorted(answer.kind for answer in answers) == [AnswerKind.CART_TAKEN] * 3 + [AnswerKind.PLACED]
    placed = next(answer for answer in answers if answer.kind == AnswerKind.PLACED)
    assert {answer.attempt_id for answer in answers} == {placed.attempt_id}
    assert {answer.status for answer in answers} == {201, 409}
    assert await sandbox.succeeded() == 1
    assert await levels(till.db, acorn.id, acorn.cup) == (4, 0, 1)
    assert [row["id"] for row in await rows(till.db, acorn.id, ATTEMPTS)] == [placed.attempt_id]
    assert (await till.checkouts.submit(acorn.id, "page-9", submission(token))).kind == AnswerKind.CART_EMPTY
    assert (await buy(till, birch, "page-0")).kind == AnswerKind.PLACED


async def test_a_cart_is_free_again_after_a_decline_and_after_it_was_emptied(till, shops):
    acorn, _ = shops
    token = await fill(till, acorn)
    declined = await till.checkouts.submit(acorn.id, "1", submission(token, "pm_card_visa_chargeDeclined"))
    assert declined.kind == AnswerKind.DECLINED
    assert (await till.checkouts.submit(acorn.id, "2", submission(token))).kind == AnswerKind.PLACED
    await Shopping(till.db, till.carts).add(acorn.id, token, [Wish(acorn.cup, 1)])
    assert (await till.checkouts.submit(acorn.id, "3", submission(token))).kind == AnswerKind.PLACED
    assert [row["number"] for row in await rows(till.db, acorn.id, ORDERS)] == [None, 1001, 1002]


async def test_who_comes_back_from_the_bank_unpaid_may_pay_in_another_way(till, shops, sandbox):
    acorn, _ = shops
    token = await fill(till, acorn, quantity=5)
    waiting = await till.checkouts.submit(acorn.id, "bank", submission(token, AT_THE_BANK))
    assert waiting.kind == AnswerKind.REQUIRES_ACTION
    assert (await till.checkouts.submit(acorn.id, "card", submission(token))).kind == AnswerKind.PLACED
    assert await levels(till.db, acorn.id, acorn.cup) == (0, 0, 5)
    assert sorted(intent["status"] for intent in await sandbox.intents()) == ["canceled", "succeeded"]
    assert (await till.checkouts.look(acorn.id, waiting.attempt_id)).kind == AnswerKind.EXPIRED


async def test_who_had_paid_at_the_bank_is_led_to_that_order(till, shops, sandbox):
    acorn, _ = shops
    sandbox.knobs.webhooks.url = ""
    token = await fill(till, acorn)
    waiting = await till.checkouts.submit(acorn.id, "bank", submission(token, AT_THE_BANK))
    await sandbox.answer_bank(waiting.more["redirect_url"], "complete")
    taken = await till.checkouts.submit(acorn.id, "card", submission(token))
    assert (taken.kind, taken.attempt_id) == (AnswerKind.CART_TAKEN, waiting.attempt_id)
    assert (await till.checkouts.look(acorn.id, taken.attempt_id)).kind == AnswerKind.PLACED
    assert await sandbox.succeeded() == 1


async def test_a_late_success_is_refunded_when_the_cart_was_ordered_again(till, shops, sandbox):
    acorn, _ = shops
    late = await late_success(till, acorn)
    await rows(till.db, acorn.id, "UPDATE inventory_level SET available = 20 WHERE store_id = %s RETURNING 1")
    assert (await till.checkouts.submit(acorn.id, "again", submission(late.cart_token))).kind == AnswerKind.PLACED
    await make_due(till, acorn, seconds=1000)
    await till.completer.run_once()
    assert (await till.checkouts.submit(acorn.id, "key", late)).kind == AnswerKind.REFUNDED
    assert await levels(till.db, acorn.id, acorn.cup) == (15, 0, 5)
    assert [row["state"] for row in await rows(till.db, acorn.id, ORDERS)] == ["expired", "placed"]


async def test_what_was_given_up_is_not_charged_when_its_key_comes_again(till, shops, sandbox):
    acorn, _ = shops
    wanted = submission(await fill(till, acorn))
    attempt = await reserve(till, acorn, wanted)
    await till.checkouts.give_up(acorn.id, attempt)
    await make_due(till, acorn)
    assert (await till.checkouts.submit(acorn.id, "key", wanted)).kind == AnswerKind.PROCESSING
    assert await sandbox.intents() == []


async def test_a_stale_word_from_the_bank_does_not_undo_the_decision_to_refund(till, shops):
    acorn, _ = shops
    attempt = await reserve(till, acorn, submission(await fill(till, acorn)))
    async with till.db.tenant(acorn.id) as tx:
        await attempts.reached(tx, acorn.id, attempt, "authorised", intent_id="pi_1")
    answer = await till.checkouts.settle(acorn.id, attempt, RequiresAction("pi_1", "https://bank.example"))
    assert answer == processing(attempt)
    assert [row["recovery_point"] for row in await rows(till.db, acorn.id, ATTEMPTS)] == ["authorised"]


async def test_a_refusal_that_comes_late_does_not_finish_what_somebody_else_went_on_with(till, shops):
    acorn, _ = shops
    wanted = submission(await fill(till, acorn))
    attempt = await reserve(till, acorn, wanted)
    async with till.db.tenant(acorn.id) as tx:
        await attempts.refuse(tx, acorn.id, attempt, processing(attempt))
    assert [row["recovery_point"] for row in await rows(till.db, acorn.id, ATTEMPTS)] == ["reserved"]


@pytest.mark.parametrize(("settle", "left"), [("authorise", (10, 0, 5)), ("give_up", (15, 0, 0))])
async def test_a_sale_and_a_merchants_change_of_its_stock_do_not_deadlock(till, shops, settle, left):
    """1. The merchant's change holds the product; 2. the sale is settled; 3. the merchant's change takes the level."""
    acorn, _ = shops
    attempt = await reserve(till, acorn, submission(await fill(till, acorn, quantity=5)))
    [variant] = await rows(till.db, acorn.id, "SELECT * FROM variant WHERE store_id = %s AND id = %s", acorn.cup)
    [place] = await rows(till.db, acorn.id, "SELECT id FROM location WHERE store_id = %s")
    async with till.db.tenant(acorn.id) as tx:
        await lock_products(tx, acorn.id, [variant["product_id"]])
        settling = asyncio.create_task(getattr(till.checkouts, settle)(acorn.id, attempt))
        await _somebody_waits(till, acorn)
        await inventory.adjust_level(tx, acorn.id, variant["inventory_item_id"], place["id"], 10)
    await settling
    assert await levels(till.db, acorn.id, acorn.cup) == left


async def _somebody_waits(till, shop):
    async with asyncio.timeout(20):
        while not await rows(till.db, shop.id, "SELECT %s FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
