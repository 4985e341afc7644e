"""Every kind of answer of the payment sandbox has the shape of the provider's own, through its library and raw HTTP.

The published examples lie beside the clone; without them nothing is compared, and that is said.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import stripe
from stripe import StripeClient

from origin.payments import HttpClient
from tests.fixtures.checkout import until
from tests.fixtures.stripe_shapes import Shapes

FIXTURES = Path(__file__).parents[3] / "shared" / "data" / "stripe" / "fixtures.json"
PAYMENT = {"amount": 1000, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
BANK = {"payment_method": "pm_card_authenticationRequired", "return_url": "http://shop.test/back"}
CONNECTED = {
    "transfer_data": {"destination": "acct_acorn"},
    "on_behalf_of": "acct_acorn",
    "application_fee_amount": 30,
    "shipping": {"name": "Ada", "address": {"line1": "1 Way", "country": "BE"}},
    "description": "Order at Acorn",
    "metadata": {"stoa_attempt": "a-1"},
    "receipt_email": "ada@example.com",
}
RAW = {"amount": "1000", "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}


@pytest.fixture(scope="module")
def shapes() -> Shapes:
    if not FIXTURES.exists():
        pytest.skip(f"NOT COMPARED: the provider's published examples are not at {FIXTURES}")
    return Shapes(json.loads(FIXTURES.read_text())["resources"])


class Provider:
    """The library's client, and the bytes behind what it made of them."""

    def __init__(self, url: str, shapes: Shapes) -> None:
        self._http = HttpClient(10, url)
        addresses = {"api": url}
        self.v1 = StripeClient("sk_test_1", base_addresses=addresses, http_client=self._http, max_network_retries=0).v1
        self._shapes = shapes

    async def close(self) -> None:
        await self._http.close_async()

    async def holds(self, asked) -> stripe.StripeObject:
        """The answer, once its shape has been looked at."""
        answer = await asked
        assert list(self._shapes.wrong(json.loads(answer.last_response.body))) == []
        return answer

    async def pay(self, **params) -> stripe.PaymentIntent:
        return await self.holds(self.v1.payment_intents.create_async(PAYMENT | params))


@pytest.fixture
async def provider(sandbox, shapes) -> AsyncIterator[Provider]:
    opened = Provider(sandbox.url, shapes)
    yield opened
    await opened.close()


def test_the_shapes_themselves_refuse_what_is_wrong(shapes):
    example = json.loads(FIXTURES.read_text())["resources"]["refund"]
    assert list(shapes.wrong(example)) == []
    for change, word in (
        ({"amount": "100"}, "amount"),
        ({"colour": 1}, "colour"),
        ({"id": None}, "id"),
        ({"metadata": []}, "metadata"),
        ({"destination_details": {"type": 1}}, "destination_details"),
    ):
        assert any(word in sentence for sentence in shapes.wrong(example | change)), change
    without = {name: value for name, value in example.items() if name != "currency"}
    assert any("currency" in sentence for sentence in shapes.wrong(without))


async def test_intents_in_every_state_and_their_charges(provider, sandbox):
    v1 = provider.v1
    bare = await provider.holds(v1.payment_intents.create_async({"amount": 5, "currency": "jpy"}))
    await provider.holds(v1.payment_intents.confirm_async(bare.id, {"payment_method": "pm_card_amex"}))
    manual = await provider.pay(capture_method="manual")
    expand = {"expand": ["latest_charge"]}
    await provider.holds(v1.payment_intents.retrieve_async(manual.id, expand))
    await provider.holds(v1.payment_intents.capture_async(manual.id, {"amount_to_capture": 600} | expand))
    await provider.holds(v1.payment_intents.cancel_async((await provider.pay(capture_method="manual")).id, expand))
    for result in ("complete", "fail"):
        waiting = await provider.pay(**BANK)
        assert waiting.status == "requires_action"
        await sandbox.answer_bank(waiting.next_action.redirect_to_url.url, result)
        await provider.holds(v1.payment_intents.retrieve_async(waiting.id, expand))
    for each in await provider.holds(v1.payment_intents.list_async({"limit": 100, "expand": ["data.latest_charge"]})):
        if each.latest_charge:
            await provider.holds(v1.charges.retrieve_async(each.latest_charge.id))


async def test_a_destination_charge_its_refund_and_whatever_they_move(provider):
    v1 = provider.v1
    intent = await provider.pay(**CONNECTED)
    charge = await provider.holds(v1.charges.retrieve_async(intent.latest_charge))
    terms = {"reverse_transfer": True, "refund_application_fee": True, "reason": "requested_by_customer"}
    for amount in (400, 600):
        wanted = {"payment_intent": intent.id, "amount": amount, **terms}
        refund = await provider.holds(v1.refunds.create_async(wanted))
        await provider.holds(v1.refunds.retrieve_async(refund.id))
        await provider.holds(v1.balance_transactions.retrieve_async(refund.balance_transaction))
    await provider.holds(v1.transfers.retrieve_async(charge.transfer))
    await provider.holds(v1.application_fees.retrieve_async(charge.application_fee))
    await provider.holds(v1.charges.retrieve_async(charge.id))
    await provider.holds(v1.balance.retrieve_async())
    await provider.holds(v1.balance.retrieve_async(options={"stripe_account": "acct_acorn"}))
    for lists in (v1.refunds, v1.charges, v1.transfers, v1.application_fees, v1.events):
        assert (await provider.holds(lists.list_async())).data
    found = await provider.holds(v1.payment_intents.search_async({"query": "metadata['stoa_attempt']:'a-1'"}))
    assert [each.id for each in found.data] == [intent.id]


async def test_a_refund_that_the_bank_sends_back_was_accepted_first(provider, sandbox):
    v1 = provider.v1
    intent = await provider.pay(payment_method="pm_card_refundFail", **CONNECTED)
    await sandbox.turn(refund_failure_ms=0)
    terms = {"reverse_transfer": True, "refund_application_fee": True}
    refund = await provider.holds(v1.refunds.create_async({"payment_intent": intent.id, "amount": 400, **terms}))
    assert refund.status == "succeeded"
    async with asyncio.timeout(10):
        while refund.status != "failed":
            refund = await provider.holds(v1.refunds.retrieve_async(refund.id))
    assert refund.failure_reason == "expired_or_canceled_card"
    back = await provider.holds(v1.balance_transactions.retrieve_async(refund.failure_balance_transaction))
    assert back.amount == 400
    charge = await provider.holds(v1.charges.retrieve_async(intent.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert (await sandbox.post(f"/sandbox/fail_refund/{refund.id}")).json()["status"] == "failed"
    told = [event.type for event in (await provider.holds(v1.events.list_async())).data]
    assert [told.count(kind) for kind in ("refund.failed", "refund.updated", "charge.refund.updated")] == [1, 1, 1]
    again = await provider.holds(v1.refunds.create_async({"payment_intent": intent.id}))
    assert again.amount == 1000
    assert (await sandbox.post("/sandbox/fail_refund/re_nobodys")).status_code == 404


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
    ],
)
async def test_a_decline_is_the_library_s_card_error(provider, shapes, card, code, decline_code):
    with pytest.raises(stripe.CardError) as caught:
        await provider.pay(payment_method=card)
    body = json.loads(caught.value.http_body)
    error = body["error"]
    assert list(shapes.wrong_error(body)) == []
    assert list(shapes.wrong(error["payment_intent"])) == []
    assert (caught.value.http_status, error["code"], error["decline_code"]) == (402, code, decline_code)
    await provider.holds(provider.v1.charges.retrieve_async(error["charge"]))
    await provider.holds(provider.v1.payment_intents.retrieve_async(error["payment_intent"]["id"]))


async def test_refusals_are_the_library_s_errors(provider, sandbox, shapes):
    intents = provider.v1.payment_intents
    succeeded = await provider.pay()
    await intents.create_async(PAYMENT, {"idempotency_key": "used"})

    async def refused(kind, asked):
        with pytest.raises(kind) as caught:
            await asked
        assert list(shapes.wrong_error(json.loads(caught.value.http_body))) == []
        return caught.value

    await refused(stripe.IdempotencyError, intents.create_async(PAYMENT | {"amount": 2}, {"idempotency_key": "used"}))
    unknown = await refused(stripe.InvalidRequestError, intents.create_async(PAYMENT | {"colour": "red"}))
    assert (unknown.code, unknown.param) == ("parameter_unknown", "colour")
    assert (await refused(stripe.InvalidRequestError, intents.retrieve_async("pi_nobody"))).http_status == 404
    assert (await refused(stripe.InvalidRequestError, intents.cancel_async(succeeded.id))).http_status == 400
    await sandbox.turn(upcoming=["rate_limit", "error_before"])
    await refused(stripe.RateLimitError, intents.create_async(PAYMENT))
    assert (
        await refused(stripe.APIError, intents.create_async(PAYMENT, {"idempotency_key": "new"}))
    ).http_status == 500
    await sandbox.turn(upcoming=["reset_after"])
    with pytest.raises(stripe.APIConnectionError):
        await intents.create_async(PAYMENT)


async def test_without_the_library_errors_have_the_same_shape(sandbox, shapes):
    with sandbox.at_work():
        first = asyncio.create_task(sandbox.post("/v1/payment_intents", "busy", **RAW))
        await until(lambda: sandbox.knobs.running_keys)
        conflict = await sandbox.post("/v1/payment_intents", "busy", **RAW)
    assert (conflict.status_code, (await first).status_code) == (409, 200)
    assert conflict.json()["error"]["code"] == "idempotency_key_in_use"
    stranger = await sandbox.client.get(f"{sandbox.url}/v1/payment_intents", headers={"Authorization": "Bearer no"})
    nowhere = await sandbox.client.get(f"{sandbox.url}/v1/customers")
    garbled = await sandbox.client.post(f"{sandbox.url}/v1/payment_intents", content=b"%%%&&&=")
    assert (stranger.status_code, nowhere.status_code, garbled.status_code) == (401, 404, 400)
    for answer in (conflict, stranger, nowhere, garbled):
        assert list(shapes.wrong_error(answer.json())) == []
        assert answer.headers["Content-Type"] == "application/json"
    paid = await sandbox.post("/v1/payment_intents", **RAW)
    assert list(shapes.wrong(paid.json())) == []
    assert paid.headers["Request-Id"].startswith("req_")
