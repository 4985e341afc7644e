"""The payment sandbox is what it stands for: its resources' shapes, its idempotency, what it refuses, what it keeps."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from standalone.command import free_port
from standalone.payment_sandbox.app import create_app
from standalone.payment_sandbox.ledger import Ledger
from standalone.payment_sandbox.sandbox import Sandbox
from standalone.payment_sandbox.webhooks import WebhookSender
from tests.fixtures.checkout import listening, until

FIXTURES = Path(__file__).parents[3] / "shared" / "data" / "stripe" / "fixtures.json"
PAYMENT = {"amount": "1000", "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}


async def create(sandbox, key=None, **more):
    headers = {"Idempotency-Key": key} if key else {}
    return await sandbox.client.post(f"{sandbox.url}/v1/payment_intents", data=PAYMENT | more, headers=headers)


async def test_its_resources_have_the_fields_of_the_published_examples(sandbox):
    if not FIXTURES.exists():
        pytest.skip(f"the published examples are not at {FIXTURES}")
    examples = json.loads(FIXTURES.read_text())["resources"]
    intent = (await create(sandbox)).json()
    charge = await sandbox.get(f"/v1/charges/{intent['latest_charge']}")
    refund = await sandbox.client.post(f"{sandbox.url}/v1/refunds", data={"payment_intent": intent["id"]})
    event = (await sandbox.get("/v1/events"))["data"][0]
    for name, made in (("payment_intent", intent), ("charge", charge), ("refund", refund.json()), ("event", event)):
        assert set(made) == set(examples[name]), name


async def test_the_same_key_answers_the_same_and_other_parameters_are_an_error(sandbox):
    first, again = await create(sandbox, "key"), await create(sandbox, "key")
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await create(sandbox, "key", amount="2000")
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert len(await sandbox.intents()) == 1


async def test_a_decline_is_kept_under_its_key_and_a_refused_parameter_is_not(sandbox):
    declined = [await create(sandbox, "declined", payment_method="pm_card_visa_chargeDeclined") for _ in range(2)]
    assert [answer.status_code for answer in declined] == [402, 402]
    assert declined[0].json() == declined[1].json()
    assert declined[0].json()["error"]["payment_intent"]["status"] == "requires_payment_method"
    unknown = await create(sandbox, "fresh", **{"shipping[address][zip]": "9000"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, "parameter_unknown")
    assert (await create(sandbox, "fresh")).status_code == 200


async def test_the_same_key_at_the_same_time_is_a_conflict(sandbox):
    with sandbox.at_work():
        first = asyncio.create_task(create(sandbox, "key"))
        await until(lambda: sandbox.knobs.running_keys)
        assert (await create(sandbox, "key")).status_code == 409
    assert (await first).status_code == 200


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"colour": "red"}, "parameter_unknown"),
        ({"payment_method_types[]": "card"}, "parameter_unknown"),
        ({"transfer_data[to]": "acct_1"}, "parameter_unknown"),
        ({"amount": "1.5"}, "parameter_invalid_integer"),
        ({"amount": ""}, "parameter_missing"),
        ({"payment_method": "pm_nobody"}, "resource_missing"),
    ],
)
async def test_what_the_provider_would_refuse_is_refused(sandbox, more, code):
    answer = await create(sandbox, **more)
    assert (answer.status_code, answer.json()["error"].get("code")) == (400, code)


async def test_only_test_keys_are_taken_and_unknown_addresses_are_said(sandbox):
    async with httpx.AsyncClient(verify=False) as client:
        for headers in ({}, {"Authorization": "Bearer sk_live_1"}, {"Authorization": "Basic !!"}):
            assert (await client.get(f"{sandbox.url}/v1/payment_intents", headers=headers)).status_code == 401
        assert (await client.get(f"{sandbox.url}/v1/customers")).status_code == 404


async def test_an_intent_is_captured_cancelled_and_refunded_only_where_it_can_be(sandbox):
    intent = (await create(sandbox, capture_method="manual")).json()
    address = f"{sandbox.url}/v1/payment_intents/{intent['id']}"
    assert intent["status"] == "requires_capture"
    captured = (await sandbox.client.post(f"{address}/capture", data={"amount_to_capture": "600"})).json()
    assert (captured["status"], captured["amount_received"]) == ("succeeded", 600)
    cancelled = await sandbox.client.post(f"{address}/cancel")
    assert cancelled.json()["error"]["code"] == "payment_intent_unexpected_state"
    refund = {"payment_intent": intent["id"], "amount": "700"}
    assert (await sandbox.client.post(f"{sandbox.url}/v1/refunds", data=refund)).status_code == 400
    assert (await sandbox.client.post(f"{sandbox.url}/v1/refunds", data=refund | {"amount": "600"})).status_code == 200


async def test_a_restart_keeps_payments_and_answers(tmp_path):
    async def once(work):
        knobs = Sandbox(Ledger(tmp_path / "payments.sqlite"), WebhookSender("", ""))
        headers = {"Authorization": "Bearer sk_test_1", "Idempotency-Key": "key"}
        async with (
            httpx.AsyncClient(headers=headers, verify=False) as client,
            listening(create_app(knobs), free_port()) as url,
        ):
            return await work(client, url)

    async def pay(client, url):
        return (await client.post(f"{url}/v1/payment_intents", data=PAYMENT)).json()

    async def look(client, url):
        return (await client.get(f"{url}/v1/payment_intents")).json()["data"]

    first = await once(pay)
    assert await once(look) == [first]
    assert await once(pay) == first
