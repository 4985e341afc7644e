"""After the authorisation, in the payment sandbox: captures, cancellations, refunds, and to whom the money goes."""

import pytest

PAYMENT = {"amount": "1000", "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
MANUAL = PAYMENT | {"capture_method": "manual"}
TO_ACORN = PAYMENT | {
    "transfer_data[destination]": "acct_acorn",
    "on_behalf_of": "acct_acorn",
    "application_fee_amount": "30",
}
BANK = {"payment_method": "pm_card_authenticationRequired", "return_url": "http://shop.test/back"}


async def pay(sandbox, **form):
    answer = await sandbox.post("/v1/payment_intents", **form)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refund(sandbox, intent, **form):
    answer = await sandbox.post("/v1/refunds", payment_intent=intent["id"], **form)
    return answer.status_code, answer.json()


async def charge_of(sandbox, intent):
    return await sandbox.get(f"/v1/charges/{intent['latest_charge']}")


async def balance(sandbox, account=""):
    answer = await sandbox.client.get(f"{sandbox.url}/v1/balance", headers={"Stripe-Account": account})
    return {each["currency"]: each["amount"] for each in answer.json()["available"]}


async def events(sandbox):
    return [event["type"] for event in reversed((await sandbox.get("/v1/events", limit="100"))["data"])]


async def state_of(sandbox, state):
    """An intent in this state."""
    match state:
        case "requires_payment_method":
            return await pay(sandbox, amount="1000", currency="eur")
        case "requires_confirmation":
            return await pay(sandbox, amount="1000", currency="eur", payment_method="pm_card_visa")
        case "requires_action":
            return await pay(sandbox, **PAYMENT | BANK)
        case "requires_capture":
            return await pay(sandbox, **MANUAL)
        case _:
            return await pay(sandbox, **PAYMENT)


@pytest.mark.parametrize(
    "state", ["requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"]
)
async def test_what_has_not_succeeded_can_be_cancelled_once(sandbox, state):
    intent = await state_of(sandbox, state)
    assert intent["status"] == state
    path = f"/v1/payment_intents/{intent['id']}/cancel"
    cancelled = (await sandbox.post(path, cancellation_reason="abandoned")).json()
    assert (cancelled["status"], cancelled["cancellation_reason"]) == ("canceled", "abandoned")
    assert (cancelled["amount_capturable"], cancelled["next_action"]) == (0, None)
    again = await sandbox.post(path)
    assert (again.status_code, again.json()["error"]["code"]) == (400, "payment_intent_unexpected_state")
    if state == "requires_capture":
        assert (await charge_of(sandbox, intent))["refunded"]


async def test_what_has_succeeded_cannot_be_cancelled_and_a_reason_has_to_be_one(sandbox):
    intent = await state_of(sandbox, "succeeded")
    path = f"/v1/payment_intents/{intent['id']}/cancel"
    assert (await sandbox.post(path)).json()["error"]["payment_intent"]["status"] == "succeeded"
    assert (await sandbox.post(path, cancellation_reason="whim")).status_code == 400


async def test_a_part_is_captured_once_and_no_more_than_was_authorised(sandbox):
    intent = await pay(sandbox, **MANUAL)
    assert (intent["amount_capturable"], intent["amount_received"]) == (1000, 0)
    path = f"/v1/payment_intents/{intent['id']}/capture"
    assert (await sandbox.post(path, amount_to_capture="1001")).json()["error"]["param"] == "amount_to_capture"
    captured = (await sandbox.post(path, amount_to_capture="600")).json()
    assert (captured["status"], captured["amount_capturable"], captured["amount_received"]) == ("succeeded", 0, 600)
    assert (await sandbox.post(path)).status_code == 400
    charge = await charge_of(sandbox, intent)
    assert (charge["amount"], charge["amount_captured"], charge["captured"]) == (1000, 600, True)
    assert await balance(sandbox) == {"eur": 600}
    assert await events(sandbox) == [
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
    ]


async def test_refunds_in_parts_end_at_what_was_captured(sandbox):
    intent = await pay(sandbox, **MANUAL)
    assert (await refund(sandbox, intent))[0] == 400
    await sandbox.post(f"/v1/payment_intents/{intent['id']}/capture", amount_to_capture="600")
    assert (await refund(sandbox, intent, amount="601"))[0] == 400
    for amount in ("100", "200"):
        status, made = await refund(sandbox, intent, amount=amount)
        assert (status, made["amount"]) == (200, int(amount))
    assert not (await charge_of(sandbox, intent))["refunded"]
    assert (await refund(sandbox, intent))[1]["amount"] == 300
    charge = await charge_of(sandbox, intent)
    assert (charge["refunded"], charge["amount_refunded"], len(charge["refunds"]["data"])) == (True, 600, 3)
    status, refused = await refund(sandbox, intent)
    assert (status, refused["error"]["code"]) == (400, "charge_already_refunded")
    assert await balance(sandbox) == {"eur": 0}
    assert (await events(sandbox))[-2:] == ["refund.created", "charge.refunded"]
    listed = (await sandbox.get("/v1/refunds", payment_intent=intent["id"]))["data"]
    assert [each["amount"] for each in listed] == [300, 200, 100]
    assert await sandbox.get(f"/v1/refunds/{listed[0]['id']}") == listed[0]


@pytest.mark.parametrize("form", [{"amount": "0"}, {"amount": "-5"}, {"reason": "whim"}, {"amount": "1.5"}])
async def test_a_refund_that_makes_no_sense_is_refused_and_nothing_moves(sandbox, form):
    intent = await pay(sandbox, **PAYMENT)
    assert (await refund(sandbox, intent, **form))[0] == 400
    assert await balance(sandbox) == {"eur": 1000}


async def test_a_declined_payment_cannot_be_refunded(sandbox):
    declined = await sandbox.post("/v1/payment_intents", **PAYMENT | {"payment_method": "pm_card_chargeDeclined"})
    assert (await refund(sandbox, declined.json()["error"]["payment_intent"]))[0] == 400


async def test_the_account_gets_the_amount_less_the_fee_and_the_platform_keeps_it(sandbox):
    charge = await charge_of(sandbox, await pay(sandbox, **TO_ACORN))
    transfer = await sandbox.get(f"/v1/transfers/{charge['transfer']}")
    fee = await sandbox.get(f"/v1/application_fees/{charge['application_fee']}")
    assert (transfer["amount"], transfer["destination"], transfer["source_transaction"]) == (
        1000,
        "acct_acorn",
        charge["id"],
    )
    assert (fee["amount"], fee["account"], fee["charge"]) == (30, "acct_acorn", charge["id"])
    assert (await balance(sandbox), await balance(sandbox, "acct_acorn")) == ({"eur": 30}, {"eur": 970})
    assert await balance(sandbox, "acct_birch") == {}
    moved = await sandbox.get(f"/v1/balance_transactions/{fee['balance_transaction']}")
    assert (moved["amount"], moved["net"], moved["source"], moved["type"]) == (30, 30, fee["id"], "application_fee")


async def test_a_refund_takes_the_transfer_and_the_fee_back_only_when_it_is_told_to(sandbox):
    plain = await pay(sandbox, **TO_ACORN)
    await refund(sandbox, plain)
    assert (await balance(sandbox), await balance(sandbox, "acct_acorn")) == ({"eur": -970}, {"eur": 970})
    returned = await pay(sandbox, **TO_ACORN)
    for amount in ("333", "667"):
        status, _ = await refund(
            sandbox, returned, amount=amount, reverse_transfer="true", refund_application_fee="true"
        )
        assert status == 200
    assert (await balance(sandbox), await balance(sandbox, "acct_acorn")) == ({"eur": -970}, {"eur": 970})
    charge = await charge_of(sandbox, returned)
    transfer = await sandbox.get(f"/v1/transfers/{charge['transfer']}")
    fee = await sandbox.get(f"/v1/application_fees/{charge['application_fee']}")
    assert (transfer["reversed"], transfer["amount_reversed"]) == (True, 1000)
    assert (fee["refunded"], fee["amount_refunded"]) == (True, 30)


async def test_money_that_goes_nowhere_cannot_be_taken_back(sandbox):
    intent = await pay(sandbox, **PAYMENT)
    assert (await refund(sandbox, intent, reverse_transfer="true"))[0] == 400
    assert (await refund(sandbox, intent, refund_application_fee="true"))[0] == 400
    assert not (await charge_of(sandbox, intent))["amount_refunded"]


async def test_a_captured_part_is_what_is_transferred(sandbox):
    intent = await pay(sandbox, **TO_ACORN | MANUAL)
    assert await balance(sandbox, "acct_acorn") == {}
    await sandbox.post(
        f"/v1/payment_intents/{intent['id']}/capture", amount_to_capture="600", application_fee_amount="20"
    )
    assert (await balance(sandbox), await balance(sandbox, "acct_acorn")) == ({"eur": 20}, {"eur": 580})


@pytest.mark.parametrize(
    "terms",
    [
        {"application_fee_amount": "30"},
        {"application_fee_amount": "1001", "transfer_data[destination]": "acct_1"},
        {"transfer_data[destination]": "somebody"},
        {"transfer_data[destination]": "acct_1", "transfer_data[amount]": "1001"},
        {"transfer_data[destination]": "acct_1", "transfer_data[amount]": "9", "application_fee_amount": "1"},
    ],
)
async def test_terms_that_cannot_be_are_refused(sandbox, terms):
    assert (await sandbox.post("/v1/payment_intents", **PAYMENT | terms)).status_code == 400
    assert await sandbox.intents() == []


async def test_the_banks_page_leads_to_success_or_failure_and_a_new_card_may_follow(sandbox):
    for result, status in (("complete", "succeeded"), ("fail", "requires_payment_method")):
        intent = await pay(sandbox, **PAYMENT | BANK)
        back = await sandbox.answer_bank(intent["next_action"]["redirect_to_url"]["url"], result)
        assert back.startswith("http://shop.test/back?payment_intent=")
        assert (await sandbox.get(f"/v1/payment_intents/{intent['id']}"))["status"] == status
    failed = await sandbox.get(f"/v1/payment_intents/{intent['id']}")
    assert failed["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    again = await sandbox.post(f"/v1/payment_intents/{intent['id']}/confirm", payment_method="pm_card_visa")
    assert again.json()["status"] == "succeeded"


async def test_a_card_that_its_bank_confirms_may_still_have_no_funds(sandbox):
    card = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"
    intent = await pay(sandbox, **PAYMENT | BANK | {"payment_method": card})
    await sandbox.answer_bank(intent["next_action"]["redirect_to_url"]["url"], "complete")
    after = await sandbox.get(f"/v1/payment_intents/{intent['id']}")
    assert (after["status"], after["last_payment_error"]["decline_code"]) == (
        "requires_payment_method",
        "insufficient_funds",
    )
    assert await balance(sandbox) == {}
