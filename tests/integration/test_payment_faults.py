"""What the payment sandbox does wrong on purpose, and how its keys, clock and events behave then."""

import re
from pathlib import Path

import httpx
import pytest
import stripe
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from standalone.command import free_port
from standalone.payment_sandbox.faults import Dice, Fault, Faults
from tests.fixtures.checkout import WEBHOOK_SECRET, listening, until
from tests.house.sources import ROOT

PAYMENT = {"amount": "1000", "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
MANUAL = Path(ROOT, "docs", "payment_sandbox.md").read_text(encoding="utf-8")


async def pay(sandbox, key=None, **more):
    return await sandbox.post("/v1/payment_intents", key, **PAYMENT | more)


async def test_a_500_before_anything_was_done_is_replayed_until_the_key_is_forgotten(sandbox):
    await sandbox.turn(upcoming=["error_before"])
    answers = [await pay(sandbox, "key") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [500, 500]
    assert answers[0].json() == answers[1].json()
    assert (answers[1].headers["Idempotent-Replayed"], await sandbox.intents()) == ("true", [])
    assert (await pay(sandbox, "key", amount="2000")).json()["error"]["type"] == "idempotency_error"
    await sandbox.client.post(f"{sandbox.url}/sandbox/clock", json={"advance_seconds": 24 * 3600 - 60})
    assert (await pay(sandbox, "key")).status_code == 500
    await sandbox.client.post(f"{sandbox.url}/sandbox/clock", json={"advance_seconds": 120})
    assert (await pay(sandbox, "key")).status_code == 200


async def test_a_500_after_success_is_replayed_though_the_money_has_moved(sandbox):
    await sandbox.turn(upcoming=["error_after"])
    assert [(await pay(sandbox, "key")).status_code for _ in range(3)] == [500, 500, 500]
    assert await sandbox.succeeded() == 1


@pytest.mark.parametrize(("fault", "charges"), [("reset_before", 0), ("reset_after", 1), ("hang_after", 1)])
async def test_a_connection_that_ends_says_nothing_of_what_was_done(sandbox, fault, charges):
    await sandbox.turn(upcoming=[fault], hang_ms=50)
    with pytest.raises(httpx.ReadError):
        await pay(sandbox, "key")
    assert await sandbox.succeeded() == charges
    again = await pay(sandbox, "key")
    assert (again.status_code, "Idempotent-Replayed" in again.headers) == (200, charges == 1)
    assert await sandbox.succeeded() == 1


async def test_a_client_that_does_not_wait_finds_its_payment_made(sandbox):
    impatient = httpx.Timeout(20, read=0.3)  # only once all is sent
    await sandbox.turn(upcoming=["hang_after"])
    with pytest.raises(httpx.ReadTimeout):
        await sandbox.client.post(f"{sandbox.url}/v1/payment_intents", data=PAYMENT, timeout=impatient)
    assert await sandbox.succeeded() == 1


async def test_too_many_requests_leave_the_key_free(sandbox):
    await sandbox.turn(upcoming=["rate_limit", None])
    assert [(await pay(sandbox, "key")).status_code for _ in range(2)] == [429, 200]


async def test_refused_parameters_leave_the_key_free_and_an_impossible_request_does_not(sandbox):
    assert (await pay(sandbox, "key", amount="many")).status_code == 400
    assert (await pay(sandbox, "key")).status_code == 200
    intent = (await sandbox.intents())[0]
    path = f"/v1/payment_intents/{intent['id']}/capture"
    first, again = await sandbox.post(path, "late"), await sandbox.post(path, "late")
    assert (first.status_code, first.json(), again.headers.get("Idempotent-Replayed")) == (400, again.json(), "true")
    assert (await pay(sandbox, "k" * 256)).status_code == 400


async def test_a_key_is_one_account_s(sandbox):
    assert (await pay(sandbox, "key")).status_code == 200
    headers = {"Authorization": "Bearer sk_test_2", "Idempotency-Key": "key"}
    other = await sandbox.client.post(f"{sandbox.url}/v1/payment_intents", data=PAYMENT, headers=headers)
    assert (other.status_code, "Idempotent-Replayed" in other.headers, await sandbox.succeeded()) == (200, False, 2)


async def test_faults_befall_whom_they_are_meant_for(sandbox):
    await sandbox.turn(shares={"error_before": 1}, operations=["payment_intent.retrieve"])
    intent = (await pay(sandbox)).json()
    assert (await sandbox.client.get(f"{sandbox.url}/v1/payment_intents/{intent['id']}")).status_code == 500
    assert len(await sandbox.intents()) == 1


async def test_knobs_are_told_turned_and_turned_back_over_http(sandbox):
    address = f"{sandbox.url}/sandbox/faults"
    assert (await sandbox.turn(latency_ms=5, webhook_lost=0.25))["webhook_lost"] == 0.25
    assert (await sandbox.turn(shares={"hang_after": 0.5}))["latency_ms"] == 5
    for wrong in ({"colour": 1}, {"latency_ms": -1}, {"webhook_lost": 2}, {"shares": {"fire": 1}}, [1]):
        assert (await sandbox.client.post(address, json=wrong)).status_code == 422
    assert (await sandbox.client.post(address, content=b"{")).status_code == 422
    assert (await sandbox.client.get(address)).json()["shares"] == {"hang_after": 0.5}
    assert (await sandbox.client.delete(address)).json() == Faults().model_dump(mode="json")
    assert (await sandbox.client.post(f"{sandbox.url}/sandbox/clock", json={"advance_seconds": -1})).status_code == 422


def test_every_knob_and_fault_is_in_the_manual_and_nothing_else():
    assert re.findall(r"^\| `(\w+)` \|", MANUAL, re.MULTILINE) == [*Faults.model_fields, *Fault]


def test_the_same_seed_throws_the_same_dice_and_a_latency_has_its_median_and_its_tail():
    def thrown(seed):
        dice = Dice(Faults(seed=seed, latency_ms=300, latency_p99_ms=900, shares={Fault.HANG_AFTER: 0.1}))
        return [(dice.latency_seconds(), dice.fault("refund.create", is_post=True)) for _ in range(4000)]

    drawn = thrown(7)
    assert drawn == thrown(7) != thrown(8)
    latencies = sorted(latency for latency, _ in drawn)
    assert 0.28 < latencies[2000] < 0.32
    assert 0.75 < latencies[3960] < 1.1
    assert 300 < sum(fault is Fault.HANG_AFTER for _, fault in drawn) < 500


async def test_what_was_paid_just_now_is_listed_at_once_and_searched_later(sandbox):
    await sandbox.turn(search_lag_ms=60_000)
    paid = (await pay(sandbox, **{"metadata[stoa_attempt]": "a"})).json()
    query = {"query": "metadata['stoa_attempt']:'a'"}
    assert (await sandbox.get("/v1/payment_intents/search", **query))["data"] == []
    assert await sandbox.intents() == [paid]
    await sandbox.client.post(f"{sandbox.url}/sandbox/clock", json={"advance_seconds": 61})
    assert (await sandbox.get("/v1/payment_intents/search", **query))["data"] == [paid]


async def test_lists_are_cut_by_time_and_read_in_both_directions(sandbox):
    ids = []
    for _ in range(4):
        ids.insert(0, (await pay(sandbox)).json()["id"])
        await sandbox.client.post(f"{sandbox.url}/sandbox/clock", json={"advance_seconds": 100})

    async def listed(**params):
        page = await sandbox.get("/v1/payment_intents", **params)
        return [each["id"] for each in page["data"]], page["has_more"]

    assert await listed(limit="2") == (ids[:2], True)
    assert await listed(limit="2", starting_after=ids[1]) == (ids[2:], False)
    assert await listed(limit="2", ending_before=ids[3]) == (ids[1:3], True)
    third = (await sandbox.get(f"/v1/payment_intents/{ids[1]}"))["created"]
    assert await listed(**{"created[gte]": str(third)}) == (ids[:2], False)
    assert await listed(**{"created[gt]": str(third)}) == (ids[:1], False)
    assert await listed(**{"created[lt]": str(third)}) == (ids[2:], False)
    assert await listed(created=str(third)) == ([ids[1]], False)
    for wrong in ({"limit": "101"}, {"starting_after": "pi_nobody"}, {"customer_account": "x"}):
        answer = await sandbox.client.get(f"{sandbox.url}/v1/payment_intents", params=wrong)
        assert answer.status_code == 400


class Receiver:
    """Takes the provider's events, with its signature checked."""

    def __init__(self) -> None:
        self.events: list[stripe.Event] = []
        self.app = Starlette(routes=[Route("/hook", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        signature = request.headers["Stripe-Signature"]
        self.events.append(stripe.Webhook.construct_event(await request.body(), signature, WEBHOOK_SECRET))
        return Response()

    @property
    def kinds(self) -> list[str]:
        return [event.type for event in self.events]


@pytest.fixture
async def receiver(sandbox):
    taker = Receiver()
    async with listening(taker.app, free_port()) as url:
        sandbox.knobs.webhooks.url = f"{url}/hook"
        yield taker


async def delivered(sandbox):
    await until(lambda: not sandbox.knobs.webhooks.is_busy)


async def test_events_come_signed_and_once(sandbox, receiver):
    await pay(sandbox)
    await delivered(sandbox)
    assert receiver.kinds == ["payment_intent.succeeded"]


async def test_events_come_twice_or_never(sandbox, receiver):
    await sandbox.turn(webhook_twice=1)
    await pay(sandbox)
    await delivered(sandbox)
    assert [event.id for event in receiver.events] == [receiver.events[0].id] * 2
    await sandbox.turn(webhook_lost=1)
    await pay(sandbox)
    assert not sandbox.knobs.webhooks.is_busy
    assert len((await sandbox.get("/v1/events"))["data"]) == 2


async def test_events_come_late_and_out_of_order(sandbox, receiver):
    await sandbox.turn(webhook_delay_ms=300, seed=1)
    for _ in range(8):
        await pay(sandbox)
    await delivered(sandbox)
    happened = [event["id"] for event in reversed((await sandbox.get("/v1/events"))["data"])]
    heard = [event.id for event in receiver.events]
    assert sorted(heard) == sorted(happened)
    assert heard != happened


async def test_events_come_before_the_api_s_answer(sandbox, receiver):
    await sandbox.turn(webhook_before_answer=1)
    await pay(sandbox)
    assert receiver.kinds == ["payment_intent.succeeded"]
