"""Checkout against the real payment sandbox: what is sold, charged and kept, whatever is sent twice or dies halfway."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from origin.cart.editing import Wish
from origin.cart.shopping import Shopping
from origin.carts import Cart
from origin.checkout import completer
from origin.checkout.answers import AnswerKind
from origin.checkout.completer import ASKING_AT_ONCE, AT_ONCE, Completer
from origin.checkout.flow import Checkouts
from origin.checkout.reserving import Refused
from origin.errors import Invalid, Unavailable
from origin.payments import Payments, Told
from standalone.payment_sandbox.ledger import Slice
from tests.fixtures.buying import ATTEMPTS, ORDERS, begin, buy, fill, late_success, make_due, reserve, submission
from tests.fixtures.checkout import add_variant, levels, rows, until


async def test_a_paid_order_is_placed_and_told(till, shops, sandbox):
    acorn, birch = shops
    answer = await buy(till, acorn, quantity=2)
    order = answer.more["order"]
    assert (answer.status, answer.kind) == (201, AnswerKind.PLACED)
    assert (order["number"], order["name"], order["total_price"], order["currency"]) == (1001, "#1001", "39.98", "EUR")
    assert await levels(till.db, acorn.id, acorn.cup) == (3, 0, 2)
    assert await levels(till.db, birch.id, birch.cup) == (5, 0, 0)
    events = await rows(
        till.db, acorn.id, "SELECT topic FROM outbox WHERE store_id = %s AND topic IS NOT NULL ORDER BY id"
    )
    assert [event["topic"] for event in events] == ["orders/create", "orders/paid"]
    payments = await rows(till.db, acorn.id, "SELECT status, amount_minor, card FROM payment WHERE store_id = %s")
    assert [(row["status"], row["amount_minor"], row["card"]["last4"]) for row in payments] == [
        ("success", 3998, "4242")
    ]
    customers = await rows(till.db, acorn.id, "SELECT email, last_name FROM customer WHERE store_id = %s")
    assert customers == [{"email": "ada@example.com", "last_name": "Lovelace"}]
    sold = await rows(till.db, acorn.id, "SELECT units_sold FROM product WHERE store_id = %s ORDER BY id")
    assert [row["units_sold"] for row in sold] == [2, 0]
    assert (await buy(till, birch)).more["order"]["number"] == 1001
    assert (await buy(till, acorn, "key-2")).more["order"]["number"] == 1002
    assert await sandbox.succeeded() == 3


async def test_the_cart_is_emptied_of_what_was_ordered_only(till, shops):
    acorn, _ = shops
    token = await fill(till, acorn)
    wanted = submission(token)
    attempt = await reserve(till, acorn, wanted)
    await Shopping(till.db, till.carts).add(acorn.id, token, [Wish(acorn.plate, 1)])
    await till.checkouts.authorise(acorn.id, attempt)
    left = await till.carts.read(acorn.id, token)
    assert [line.variant_id for line in left.lines] == [acorn.plate]
    await till.checkouts.empty_cart(acorn.id, attempt)
    assert await till.carts.read(acorn.id, token) == left


async def test_a_declined_card_gives_the_stock_back_at_once(till, shops, sandbox):
    acorn, _ = shops
    answer = await buy(till, acorn, card="pm_card_visa_chargeDeclined", quantity=5)
    assert (answer.status, answer.more["code"]) == (402, "generic_decline")
    assert "declined" in answer.detail
    assert await levels(till.db, acorn.id, acorn.cup) == (5, 0, 0)
    assert [row["state"] for row in await rows(till.db, acorn.id, ORDERS)] == ["declined"]
    assert await sandbox.succeeded() == 0
    assert (await buy(till, acorn, "key-2", quantity=5)).status == 201


async def test_the_same_key_gives_one_order_and_one_charge(till, shops, sandbox):
    acorn, birch = shops
    wanted = submission(await fill(till, acorn))
    with sandbox.at_work():
        both = [asyncio.create_task(till.checkouts.submit(acorn.id, "same", wanted)) for _ in range(2)]
        await until(lambda: any(submitted.done() for submitted in both))
    first, second = await asyncio.gather(*both)
    assert sorted([first.kind, second.kind]) == [AnswerKind.IN_PROGRESS, AnswerKind.PLACED]
    third = await till.checkouts.submit(acorn.id, "same", wanted)
    assert (third.kind, third.is_replay) == (AnswerKind.PLACED, True)
    assert (await till.checkouts.submit(acorn.id, "same", submission(wanted.cart_token, "pm_card_amex"))).status == 422
    assert (await buy(till, birch, "same")).kind == AnswerKind.PLACED
    assert await sandbox.succeeded() == 2
    assert len(await rows(till.db, acorn.id, ORDERS)) == 1


async def test_of_two_carts_for_the_last_unit_one_wins(till, shops, sandbox):
    acorn, _ = shops
    last = await add_variant(till.db, acorn.id, "Last", 500, 1)
    tokens = [await fill(till, acorn, last) for _ in range(5)]
    answers = await asyncio.gather(
        *(till.checkouts.submit(acorn.id, f"key-{token}", submission(token)) for token in tokens)
    )
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status == 409)
    assert refused.kind == AnswerKind.STOCK_GONE
    assert [(line["variant_id"], line["available"]) for line in refused.more["lines"]] == [(last, 0)]
    assert await levels(till.db, acorn.id, last) == (0, 0, 1)
    assert await sandbox.succeeded() == 1
    states = await rows(till.db, acorn.id, "SELECT availability FROM product WHERE store_id = %s AND handle = 'last'")
    assert states == [{"availability": "sold_out"}]


async def test_carts_with_the_same_goods_in_another_order_do_not_wait_for_each_other_forever(till, shops):
    acorn, _ = shops
    other = await add_variant(till.db, acorn.id, "Bowl", 100, 100)
    await rows(till.db, acorn.id, "UPDATE inventory_level SET available = 100 WHERE store_id = %s RETURNING 1")
    shopping = Shopping(till.db, till.carts)

    async def order(number):
        wishes = [Wish(acorn.cup, 1), Wish(other, 2)]
        added = await shopping.add(acorn.id, None, wishes if number % 2 else wishes[::-1])
        return await till.checkouts.submit(acorn.id, f"key-{number}", submission(added.priced.cart.token))

    answers = await asyncio.gather(*(order(number) for number in range(12)))
    assert {answer.status for answer in answers} == {201}
    assert await levels(till.db, acorn.id, acorn.cup) == (88, 0, 12)
    assert await levels(till.db, acorn.id, other) == (76, 0, 24)
    numbers = sorted(answer.more["order"]["number"] for answer in answers)
    assert numbers == list(range(1001, 1013))


async def test_lines_are_sold_all_or_not_at_all(till, shops):
    acorn, _ = shops
    rare = await add_variant(till.db, acorn.id, "Rare", 100, 1)
    shopping = Shopping(till.db, till.carts)
    token = (await shopping.add(acorn.id, None, [Wish(acorn.cup, 2), Wish(rare, 1)])).priced.cart.token
    async with till.db.tenant(acorn.id) as tx:
        await tx.execute("UPDATE inventory_level SET available = 0 WHERE store_id = %s AND available = 1", [acorn.id])
    answer = await till.checkouts.submit(acorn.id, "key", submission(token))
    assert [line["title"] for line in answer.more["lines"]] == ["Rare"]
    assert await levels(till.db, acorn.id, acorn.cup) == (5, 0, 0)
    assert await rows(till.db, acorn.id, ORDERS) == []


async def test_the_completer_goes_on_where_a_process_died_after_reserving(till, shops, sandbox):
    acorn, birch = shops
    wanted = submission(await fill(till, acorn, quantity=2))
    await reserve(till, acorn, wanted)
    assert await levels(till.db, acorn.id, acorn.cup) == (3, 2, 0)
    assert (await till.checkouts.submit(acorn.id, "key", wanted)).kind == AnswerKind.IN_PROGRESS
    assert await till.completer.run_once() == 0
    await make_due(till, acorn)
    assert await till.completer.run_once() == 1
    assert await levels(till.db, acorn.id, acorn.cup) == (3, 0, 2)
    assert (await till.carts.read(acorn.id, wanted.cart_token)).lines == ()
    assert await sandbox.succeeded() == 1
    assert (await till.checkouts.submit(acorn.id, "key", wanted)).kind == AnswerKind.PLACED
    assert await rows(till.db, birch.id, ORDERS) == []


async def test_a_charge_whose_process_died_before_it_was_written_down_is_found(till, shops, sandbox):
    acorn, _ = shops
    wanted = submission(await fill(till, acorn))
    attempt = await reserve(till, acorn, wanted)
    charge = await till.checkouts.charge_of(acorn.id, attempt)
    await till.payments.charge(charge)
    await make_due(till, acorn)
    await till.completer.run_once()
    assert await levels(till.db, acorn.id, acorn.cup) == (4, 0, 1)
    assert len(await sandbox.intents()) == 1


async def test_the_buyer_may_take_over_what_a_dead_process_began(till, shops, sandbox):
    acorn, _ = shops
    wanted = submission(await fill(till, acorn))
    await reserve(till, acorn, wanted)
    await make_due(till, acorn)
    assert (await till.checkouts.submit(acorn.id, "key", wanted)).kind == AnswerKind.PLACED
    assert await sandbox.succeeded() == 1


async def test_a_claim_whose_process_died_is_forgotten(till, shops):
    acorn, _ = shops
    _, refused = await begin(till, acorn, submission(await fill(till, acorn), expected_total_minor=1))
    assert isinstance(refused, Refused)
    await make_due(till, acorn)
    await till.completer.run_once()
    assert await rows(till.db, acorn.id, ATTEMPTS) == []
    assert await rows(till.db, acorn.id, "SELECT 1 FROM deadline WHERE store_id = %s") == []


async def test_an_answer_that_never_came_is_settled_later_and_charged_once(till, shops, sandbox, till_settings):
    acorn, _ = shops
    hasty = Payments(till_settings, timeout_seconds=0.2)
    sandbox.knobs.answer_ms = 1000
    impatient = replace(till, checkouts=Checkouts(till.db, till.carts, hasty, till_settings))
    answer = await buy(impatient, acorn)
    await hasty.close()
    assert (answer.status, answer.kind) == (202, AnswerKind.PROCESSING)
    assert await levels(till.db, acorn.id, acorn.cup) == (4, 1, 0)
    sandbox.knobs.answer_ms = 0
    await make_due(till, acorn)
    await till.completer.run_once()
    assert await levels(till.db, acorn.id, acorn.cup) == (4, 0, 1)
    assert len(await sandbox.intents()) == 1


async def test_nothing_new_is_charged_after_the_time_is_up(till, shops, sandbox, monkeypatch):
    monkeypatch.setattr(completer, "PATIENCE_SECONDS", 20)  # the provider answers, and is heard
    acorn, _ = shops
    wanted = submission(await fill(till, acorn))
    await reserve(till, acorn, wanted)
    await make_due(till, acorn, seconds=1000)
    await till.completer.run_once()
    assert await levels(till.db, acorn.id, acorn.cup) == (5, 0, 0)
    assert await sandbox.intents() == []
    assert (await till.checkouts.submit(acorn.id, "key", wanted)).kind == AnswerKind.EXPIRED


async def test_a_late_success_is_an_order_if_the_goods_are_still_there(till, shops):
    acorn, _ = shops
    wanted = await late_success(till, acorn)
    await make_due(till, acorn, seconds=1000)
    await till.completer.run_once()
    assert await levels(till.db, acorn.id, acorn.cup) == (0, 0, 5)
    assert (await till.checkouts.submit(acorn.id, "key", wanted)).kind == AnswerKind.PLACED


async def test_a_late_success_is_refunded_if_they_are_not(till, shops, sandbox):
    acorn, _ = shops
    wanted = await late_success(till, acorn)
    assert (await buy(till, acorn, "other", quantity=1)).status == 201
    await make_due(till, acorn, seconds=1000)
    await till.completer.run_once()
    assert await levels(till.db, acorn.id, acorn.cup) == (4, 0, 1)
    assert (await till.checkouts.submit(acorn.id, "key", wanted)).kind == AnswerKind.REFUNDED
    refunded = [intent for intent in await sandbox.intents() if intent["amount"] == 5 * 1999]
    charge = await sandbox.get(f"/v1/charges/{refunded[0]['latest_charge']}")
    assert charge["refunded"]


async def test_a_changed_price_is_said_and_nothing_is_charged(till, shops, sandbox):
    acorn, _ = shops
    token = await fill(till, acorn)
    await rows(till.db, acorn.id, "UPDATE variant SET price_minor = 2500 WHERE store_id = %s RETURNING 1")
    answer = await till.checkouts.submit(acorn.id, "key", submission(token, expected_total_minor="1999"))
    assert (answer.status, answer.kind, answer.more["total_price"]) == (409, AnswerKind.PRICE_CHANGED, "25.00")
    assert await levels(till.db, acorn.id, acorn.cup) == (5, 0, 0)
    answer = await till.checkouts.submit(acorn.id, "key-2", submission(token, expected_total_minor=2500))
    assert answer.more["order"]["total_price"] == "25.00"
    assert [intent["amount"] for intent in await sandbox.intents()] == [2500]


async def test_an_empty_cart_and_a_missing_address_leave_the_key_free(till, shops):
    acorn, birch = shops
    assert (await till.checkouts.submit(acorn.id, "key", submission(""))).kind == AnswerKind.CART_EMPTY
    token = await fill(till, acorn)
    assert (await till.checkouts.submit(birch.id, "key", submission(token))).kind == AnswerKind.CART_EMPTY
    with pytest.raises(Invalid) as wrong:
        await till.checkouts.submit(acorn.id, "key", submission(token, shipping_address=None))
    assert "shipping_address.city" in wrong.value.fields
    assert (await till.checkouts.submit(acorn.id, "key", submission(token))).status == 201


async def test_what_costs_nothing_needs_no_payment(till, shops, sandbox):
    acorn, _ = shops
    gift = await add_variant(till.db, acorn.id, "Gift", 0, 3, is_shipped=False)
    answer = await buy(till, acorn, card="", variant_id=gift, shipping_address=None)
    assert (answer.status, answer.more["order"]["total_price"]) == (201, "0.00")
    assert await levels(till.db, acorn.id, gift) == (2, 0, 1)
    assert sandbox.knobs.requests == 0


async def test_what_may_be_oversold_is(till, shops):
    acorn, _ = shops
    poster = await add_variant(till.db, acorn.id, "Poster", 700, 1, policy="continue")
    assert (await buy(till, acorn, variant_id=poster, quantity=3)).status == 201
    assert await levels(till.db, acorn.id, poster) == (-2, 0, 3)


async def test_a_connected_shop_is_paid_with_a_destination_charge(till, shops, sandbox, till_settings):
    acorn, birch = shops
    await rows(till.db, acorn.id, "UPDATE shop SET stripe_account_id = 'acct_acorn' WHERE store_id = %s RETURNING 1")
    settings = till_settings.model_copy(update={"application_fee_basis_points": 250})
    for_a_share = replace(till, checkouts=Checkouts(till.db, till.carts, till.payments, settings))
    assert (await buy(for_a_share, acorn)).status == 201
    assert (await buy(for_a_share, birch)).status == 201
    plain, connected = await sandbox.intents()
    assert connected["transfer_data"] == {"destination": "acct_acorn"}
    assert (connected["on_behalf_of"], connected["application_fee_amount"]) == ("acct_acorn", 49)
    assert (plain["transfer_data"], plain["application_fee_amount"]) == (None, None)


async def test_a_late_payment_is_given_back_by_the_account_that_got_it(till, shops, sandbox, till_settings):
    acorn, _ = shops
    await rows(till.db, acorn.id, "UPDATE shop SET stripe_account_id = 'acct_acorn' WHERE store_id = %s RETURNING 1")
    settings = till_settings.model_copy(update={"application_fee_basis_points": 250})
    for_a_share = replace(till, checkouts=Checkouts(till.db, till.carts, till.payments, settings))
    await late_success(for_a_share, acorn)
    await rows(till.db, acorn.id, "UPDATE inventory_level SET available = 0 WHERE store_id = %s RETURNING 1")
    [late] = await sandbox.intents()
    assert await for_a_share.checkouts.hear(late["id"])
    for account in ("", "acct_acorn"):
        headers = {"Stripe-Account": account}
        balance = (await sandbox.client.get(f"{sandbox.url}/v1/balance", headers=headers)).json()
        assert [each["amount"] for each in balance["available"]] == [0], account


async def test_answers_are_forgotten_after_their_time_and_orders_are_not(till, shops):
    acorn, _ = shops
    await buy(till, acorn)
    await make_due(till, acorn)
    await till.completer.run_once()
    assert await rows(till.db, acorn.id, ATTEMPTS) == []
    assert len(await rows(till.db, acorn.id, ORDERS)) == 1
    assert isinstance(await till.carts.read(acorn.id, None), Cart)


async def test_the_answers_of_a_sale_are_forgotten_together_so_that_nothing_waits_for_each(till, shops):
    acorn, birch = shops
    for number in range(3):
        await buy(till, acorn, f"key-{number}")
    await reserve(till, acorn, submission(await fill(till, acorn)))
    await buy(till, birch)
    for shop in shops:
        await make_due(till, shop)
    finished, *_, open_one = [row["id"] for row in await rows(till.db, acorn.id, ATTEMPTS)]
    await till.completer.drive(acorn.id, finished)
    deadlines = "SELECT subject_id AS id FROM deadline WHERE store_id = %s"
    for asked in (ATTEMPTS, deadlines):
        assert [row["id"] for row in await rows(till.db, acorn.id, asked)] == [open_one]
        assert len(await rows(till.db, birch.id, asked)) == 1


async def test_who_comes_late_for_an_attempt_that_was_finished_meanwhile_leaves_its_answer(till, shops, sandbox):
    """1. Two completers find it due; 2. one finishes it; 3. the other's turn comes."""
    acorn, birch = shops
    wanted = [submission(await fill(till, shop)) for shop in shops]
    late = await reserve(till, acorn, wanted[0])
    assert (await till.checkouts.submit(birch.id, "key", wanted[1])).kind == AnswerKind.PLACED
    await make_due(till, acorn)
    await till.completer.run_once()
    await till.completer.drive(acorn.id, late)
    for shop, submitted in zip(shops, wanted, strict=True):
        answer = await till.checkouts.submit(shop.id, "key", submitted)
        assert (answer.kind, answer.is_replay) == (AnswerKind.PLACED, True)
    assert await sandbox.succeeded() == 2


async def test_an_attempt_that_fails_or_waits_does_not_keep_the_others_waiting(till, shops, sandbox):
    acorn, birch = shops
    wanted = [submission(await fill(till, acorn)) for _ in range(3)]
    first, *_ = [await reserve(till, acorn, each, f"key-{number}") for number, each in enumerate(wanted)]
    await reserve(till, birch, submission(await fill(till, birch)))
    async with till.db.tenant(acorn.id) as tx:
        await tx.execute(
            "UPDATE checkout_attempt SET response_body = '[1]' WHERE store_id = %s AND id = %s", [acorn.id, first]
        )
    for shop in shops:
        await make_due(till, shop)
    with sandbox.at_work():
        round_of_all = asyncio.create_task(till.completer.run_once())
        await until(lambda: len(sandbox.knobs.running_keys) == 3)
    assert await round_of_all == 4
    assert await levels(till.db, acorn.id, acorn.cup) == (2, 1, 2)
    assert await levels(till.db, birch.id, birch.cup) == (4, 0, 1)


async def test_a_webhook_is_not_taken_while_the_provider_cannot_be_asked(till, shops, sandbox, till_settings):
    acorn, _ = shops
    late = await late_success(till, acorn)
    await make_due(till, acorn, seconds=1000)
    [intent] = await sandbox.intents()
    hasty = Payments(till_settings, timeout_seconds=0.2)
    sandbox.knobs.latency_ms = 1000
    with pytest.raises(Unavailable):
        await Checkouts(till.db, till.carts, hasty, till_settings).hear(intent["id"])
    await hasty.close()
    sandbox.knobs.latency_ms = 0
    assert await till.checkouts.hear(intent["id"])
    assert (await till.checkouts.submit(acorn.id, "key", late)).kind == AnswerKind.PLACED


@pytest.mark.alone
@pytest.mark.parametrize("provider_ms", [0, 1500])
async def test_what_expired_can_be_bought_within_a_second_however_slow_the_provider(
    till, shops, sandbox, till_settings, provider_ms
):
    settings = till_settings.model_copy(update={"reservation_seconds": 1})
    checkouts = Checkouts(till.db, till.carts, till.payments, settings)
    hurried = replace(till, checkouts=checkouts)
    for shop in shops:
        answer = await buy(hurried, shop, card="pm_card_authenticationRequired", quantity=5)
        assert answer.kind == AnswerKind.REQUIRES_ACTION
    sandbox.knobs.latency_ms = provider_ms
    completing = asyncio.create_task(Completer(till.db, checkouts, till.payments, 1).run())
    begun = datetime.now(UTC)  # the buyers may have taken longer than their time

    async def seconds_late(shop):
        async with asyncio.timeout(10):
            while await levels(till.db, shop.id, shop.cup) != (5, 0, 0):  # noqa: ASYNC110 - only the database knows
                await asyncio.sleep(0.01)
        back = datetime.now(UTC)
        [held] = await rows(till.db, shop.id, "SELECT expires_at FROM reservation WHERE store_id = %s")
        return (back - max(held["expires_at"], begun)).total_seconds()

    assert max(await asyncio.gather(*map(seconds_late, shops))) < 1
    sandbox.knobs.latency_ms = 0
    completing.cancel()
    await asyncio.gather(completing, return_exceptions=True)


async def test_a_webhook_settles_what_the_buyers_own_request_could_not(till, shops, sandbox):
    """The provider's 500 after it has charged comes again under that key for a day; its message knows better."""
    acorn, birch = shops
    sandbox.knobs.webhooks.url = ""
    await sandbox.turn(upcoming=["error_after"])
    assert (await buy(till, acorn)).kind == AnswerKind.PROCESSING
    [intent] = await sandbox.intents()
    told = Told(intent["id"], intent["metadata"])
    waiting = await reserve(till, birch, submission(await fill(till, birch)))
    at_work = told.metadata | {"stoa_store_id": str(birch.id), "stoa_attempt_id": str(waiting)}
    before = sandbox.knobs.requests
    assert await till.checkouts.hear_of(Told("pi_of_birch", at_work))
    assert sandbox.knobs.requests == before  # birch's buyer is at it: the provider need not be asked
    assert await till.checkouts.hear_of(told)
    assert await levels(till.db, acorn.id, acorn.cup) == (4, 0, 1)
    assert await levels(till.db, birch.id, birch.cup) == (4, 1, 0)


async def test_a_webhook_that_overtakes_a_lost_answer_tells_what_it_was(till, shops, sandbox):
    acorn, birch = shops
    sandbox.knobs.webhooks.url = ""
    await sandbox.turn(upcoming=["error_after"])
    with sandbox.at_work(is_done=True):
        buying = asyncio.create_task(buy(till, acorn))
        await until(lambda: sandbox.knobs.ledger.find("payment_intent", {}, Slice()))
        [intent] = sandbox.knobs.ledger.find("payment_intent", {}, Slice())
        assert await till.checkouts.hear_of(Told(intent["id"], intent["metadata"]))
    assert (await buying).kind == AnswerKind.PLACED
    assert await levels(till.db, acorn.id, acorn.cup) == (4, 0, 1)
    assert await levels(till.db, birch.id, birch.cup) == (5, 0, 0)


async def test_a_provider_that_hangs_keeps_no_more_stock_than_one_that_is_well(till, shops, sandbox, till_settings):
    """More attempts run out at once than the completer has places."""
    acorn, birch = shops
    patient = Payments(till_settings, timeout_seconds=60)
    checkouts = Checkouts(till.db, till.carts, patient, till_settings)
    many = await add_variant(till.db, acorn.id, "Many", 100, AT_ONCE + 1)
    for number in range(AT_ONCE + 1):
        await reserve(till, acorn, submission(await fill(till, acorn, many)), f"key-{number}")
    await reserve(till, birch, submission(await fill(till, birch)))
    for shop in shops:
        await make_due(till, shop, seconds=1000)
    sandbox.knobs.latency_ms = 60_000
    async with asyncio.timeout(20):
        assert await Completer(till.db, checkouts, patient, 900).run_once() == AT_ONCE + 2
    requests = sandbox.knobs.requests
    assert await levels(till.db, acorn.id, many) == (AT_ONCE + 1, 0, 0)
    assert await levels(till.db, birch.id, birch.cup) == (5, 0, 0)
    # They are due again, and asked about for as long as the provider takes: others' stock does not wait for that.
    completing = asyncio.create_task(Completer(till.db, checkouts, patient, 900).run())
    await make_due(till, acorn)
    await until(lambda: sandbox.knobs.requests >= requests + ASKING_AT_ONCE)
    await reserve(till, birch, submission(await fill(till, birch)), "another")
    await make_due(till, birch, seconds=1000)
    async with asyncio.timeout(10):
        while await levels(till.db, birch.id, birch.cup) != (5, 0, 0):  # noqa: ASYNC110 - only the database knows
            await asyncio.sleep(0.05)
    completing.cancel()
    await asyncio.gather(completing, return_exceptions=True)
    await patient.close()
