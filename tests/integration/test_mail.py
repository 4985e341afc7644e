"""From a placed order to the buyer's mailbox: the event's job, the message, and the worker that runs it."""

import asyncio
import os
import signal
import subprocess
import sys

import httpx
import pytest
import redis

from contracts.events import Topic
from invalidation.coalesce import Row
from invalidation.event_queue import EventQueue
from origin.jobs.events import handle
from standalone.command import Command, free_port
from tests.fixtures.checkout import rows
from tests.fixtures.servers import running
from tests.integration.test_checkout import buy, fill


@pytest.fixture(scope="module")
def post_office(tmp_path_factory):
    """A sink as a program; yields its SMTP address and the address of its messages."""
    folder = tmp_path_factory.mktemp("post")
    smtp_port, page_port = free_port(), free_port()
    argv = (sys.executable, "-m", "standalone.smtp_sink", f"--smtp-port={smtp_port}", f"--page-port={page_port}")

    async def is_ready():
        async with httpx.AsyncClient() as client:
            try:
                return (await client.get(f"http://127.0.0.1:{page_port}/health")).status_code == 200
            except httpx.TransportError:
                return False

    with running(Command("smtp", (*argv, f"--folder={folder / 'mail'}")), is_ready, folder):
        yield f"smtp://127.0.0.1:{smtp_port}", f"http://127.0.0.1:{page_port}/messages.json"


@pytest.fixture
def environment(till_settings, post_office):
    settings = till_settings.model_copy(update={"smtp_url": post_office[0]})
    return {f"STOA_{name.upper()}": str(value) for name, value in settings.model_dump().items()}


async def messages(post_office, recipient):
    async with httpx.AsyncClient() as client:
        found = (await client.get(post_office[1])).json()
    return [message for message in found if recipient in message["to"]]


def event(shop, order):
    payload = {"order_id": order["id"]}
    return {"store_id": shop.id, "outbox_id": 1, "topic": str(Topic.ORDER_CREATED), "payload": payload}


async def test_the_buyer_is_told_once(till, shops, post_office, environment, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    acorn, birch = shops
    order = (await buy(till, acorn, email="once@example.com")).more["order"]
    for _ in range(2):
        await asyncio.to_thread(handle, event(acorn, order))
    await asyncio.to_thread(handle, event(birch, order))  # another shop's id names no order here
    found = await messages(post_office, "once@example.com")
    assert [message["subject"] for message in found] == ["Order #1001 confirmed"]
    assert found[0]["from"] == "Acorn <orders@stoa.localhost>"
    for text in ("Cup", "€19.99", "Ghent", order["status_url"]):
        assert text in found[0]["text"]
        assert text in found[0]["html"]


async def test_the_job_empties_a_cart_whose_checkout_died_before_it_could(till, shops, environment, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    acorn, _ = shops
    answer = await buy(till, acorn, email="cart@example.com")
    attempt = (
        await rows(till.db, acorn.id, "SELECT cart_token, cart_generation FROM checkout_attempt WHERE store_id = %s")
    )[0]
    token = await fill(till, acorn)
    await till.carts.change(acorn.id, token, lambda cart: _as_of(cart, attempt["cart_generation"]))
    await rows(till.db, acorn.id, f"UPDATE checkout_attempt SET cart_token = '{token}' WHERE store_id = %s RETURNING 1")
    await asyncio.to_thread(handle, event(acorn, answer.more["order"]))
    assert (await till.carts.read(acorn.id, token)).lines == ()


async def _as_of(cart, generation):
    return type(cart)(cart.token, cart.lines, cart.note, cart.attributes, generation)


def start_worker(environment):
    return subprocess.Popen([sys.executable, "-m", "origin.jobs"], env=os.environ | environment)


async def test_the_worker_runs_queued_events_and_ends_when_asked(till, shops, post_office, environment, state_url):
    acorn, _ = shops
    order = (await buy(till, acorn, email="worker@example.com")).more["order"]
    with redis.Redis.from_url(state_url) as connection:
        queue = EventQueue.on(connection, job_seconds=60, import_job_seconds=60)
        row = Row(acorn.id, 1, [], str(Topic.ORDER_CREATED), {"order_id": order["id"]})
        assert await asyncio.to_thread(queue.enqueue, [row]) == 1
    worker = start_worker(environment)
    try:
        async with asyncio.timeout(60):
            while not await messages(post_office, "worker@example.com"):  # noqa: ASYNC110 - another program's work
                await asyncio.sleep(0.1)
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, 30) == 0
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait()
