"""From a placed order to the buyer's mailbox: the event's job, the message, and the worker that runs it."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import redis

from contracts.events import EVENT_JOB, Topic
from invalidation.coalesce import Row
from invalidation.event_queue import EventQueue
from origin.catalog.handles import Handled, unique
from origin.imports.records import find_import, request_import
from origin.imports.running import run_import
from origin.jobs.events import handle
from origin.jobs.worker import EventWorker
from standalone.leftovers import end_session
from tests.fixtures.buying import buy, fill
from tests.fixtures.checkout import rows
from tests.fixtures.mail import messages
from tests.fixtures.product_csv import many


def event(shop, order):
    payload = {"order_id": order["id"]}
    return {"store_id": shop.id, "outbox_id": 1, "topic": str(Topic.ORDER_CREATED), "payload": payload}


async def test_the_buyer_is_told_once(till, shops, post_office, workbench):
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


async def test_nobody_is_told_of_an_order_that_was_cancelled_meanwhile(till, shops, post_office, workbench):
    acorn, _ = shops
    orders = [(await buy(till, shop, email="gone@example.com")).more["order"] for shop in shops]
    await rows(till.db, acorn.id, "UPDATE sales_order SET cancelled_at = now() WHERE store_id = %s RETURNING 1")
    for shop, order in zip(shops, orders, strict=True):
        await asyncio.to_thread(handle, event(shop, order))
    found = await messages(post_office, "gone@example.com")
    assert [message["from"] for message in found] == ["Birch <orders@stoa.localhost>"]


async def test_the_job_empties_a_cart_whose_checkout_died_before_it_could(till, shops, workbench):
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


@contextmanager
def worker(environment, queue="events"):
    """A worker program; what is left of it and its work-horse in the end is killed."""
    argv = [sys.executable, "-m", "origin.jobs", f"--queue={queue}"]
    started = subprocess.Popen(argv, env=os.environ | environment, start_new_session=True)
    try:
        yield started
    finally:
        kill(started)


def kill(process):
    process.kill()
    process.wait()
    end_session(process.pid)


async def enqueue(state_url, row):
    with redis.Redis.from_url(state_url) as connection:
        queue = EventQueue.on(connection, job_seconds=60, import_job_seconds=60)
        assert await asyncio.to_thread(queue.enqueue, [row]) == 1


async def arrival(post_office, recipient, seconds):
    async with asyncio.timeout(seconds):
        while not await messages(post_office, recipient):  # noqa: ASYNC110 - another program's work
            await asyncio.sleep(0.1)


async def test_the_worker_runs_queued_events_and_ends_when_asked(till, shops, post_office, environment, state_url):
    acorn, _ = shops
    order = (await buy(till, acorn, email="worker@example.com")).more["order"]
    await enqueue(state_url, Row(acorn.id, 1, [], str(Topic.ORDER_CREATED), {"order_id": order["id"]}))
    with worker(environment) as running_worker:
        await arrival(post_office, "worker@example.com", 60)
        running_worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(running_worker.wait, 30) == 0


async def test_the_job_of_a_killed_worker_is_done_soon_after(till, shops, post_office, environment, state_url):
    acorn, _ = shops
    order = (await buy(till, acorn, email="killed@example.com")).more["order"]
    await enqueue(state_url, Row(acorn.id, 2, [], str(Topic.ORDER_CREATED), {"order_id": order["id"]}))
    callers = asyncio.Queue()
    # A mail server that takes the call and says nothing.
    deaf = await asyncio.start_server(lambda _reader, writer: callers.put_nowait(writer), "127.0.0.1", 0)
    smtp_url = f"smtp://127.0.0.1:{deaf.sockets[0].getsockname()[1]}"
    async with asyncio.timeout(60):
        with worker(environment | {"STOA_SMTP_URL": smtp_url}):
            caller = await callers.get()
    caller.close()
    deaf.close()
    assert await messages(post_office, "killed@example.com") == []
    with worker(environment):
        await arrival(post_office, "killed@example.com", 25)  # about ten, and time to start


async def test_a_worker_of_imports_ends_at_once_when_asked_and_the_import_goes_on_later(
    till, shops, environment, state_url
):
    acorn, _ = shops
    asked = await request_import(till.db, acorn.id, filename="p.csv", body=many(3), overwrites=False, at_most=5)
    await enqueue(state_url, Row(acorn.id, 3, [], str(Topic.IMPORT_REQUESTED), {"import_id": asked.id}))
    async with till.db.tenant(acorn.id) as tx:
        await unique(tx, acorn.id, Handled.PRODUCT, ["item-1-x"])  # the import has to wait for it
        with worker(environment, "imports") as running_worker:
            async with asyncio.timeout(60):
                while (await find_import(till.db, acorn.id, asked.id)).state == "queued":  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            running_worker.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(running_worker.wait, 5) == 0
    statement = "UPDATE product_import SET locked_until = NULL WHERE store_id = %s RETURNING state"
    assert await rows(till.db, acorn.id, statement) == [{"state": "running"}]
    await run_import(till.db, acorn.id, asked.id)
    done = await find_import(till.db, acorn.id, asked.id)
    assert (done.state, done.products_created) == ("done", 3)


async def test_a_job_that_takes_long_stays_its_workers(state_url, monkeypatch):
    monkeypatch.setattr("origin.jobs.worker.HEARTBEAT_SECONDS", 0.05)
    with redis.Redis.from_url(state_url) as connection:
        worker = EventWorker("events", connection)
        worker.register_birth()
        job = worker.queues[0].enqueue(EVENT_JOB, {})
        execution = worker.prepare_execution(job)
        connection.zadd(job.started_job_registry.key, {execution.composite_key: 1})  # lapsed since 1970
        with worker._heart.beating_for(job, execution):
            async with asyncio.timeout(10):
                while connection.zscore(job.started_job_registry.key, execution.composite_key) == 1:  # noqa: ASYNC110 - a thread
                    await asyncio.sleep(0.01)
