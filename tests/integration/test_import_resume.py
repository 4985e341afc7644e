"""Imports that are interrupted: what was committed is kept and counted once, and somebody takes the rest up."""

import asyncio

import psycopg
import pytest

from origin.catalog.handles import Handled, unique
from origin.db import Database
from origin.errors import Unavailable
from origin.imports import leases
from origin.imports.records import find_import, request_import
from origin.imports.running import run_import
from origin.jobs.imports import handle_import_requested
from tests.fixtures.product_csv import counts, csv_text, many, rows, sentences


@pytest.fixture
def shops(acorn, birch):
    return acorn.id, birch.id


async def requested(db, store_id, body, *, overwrites=False):
    asked = await request_import(db, store_id, filename="p.csv", body=body, overwrites=overwrites, at_most=5)
    return asked.id


async def lapse(db, store_id, import_id):
    """As if the time of the lease had passed."""
    await rows(
        db,
        store_id,
        "UPDATE product_import SET locked_until = now() - interval '1 second' WHERE id = %s RETURNING id",
        import_id,
    )
    await rows(db, store_id, "UPDATE deadline SET due_at = now() - interval '1 second' RETURNING subject_id")


async def progress(db, store_id, import_id):
    return (await find_import(db, store_id, import_id)).bytes_read


async def crash_in_the_second_batch(db, store_id, import_id):
    """Holds a handle of the second batch, waits for the first to be committed, and kills the run."""
    async with db.tenant(store_id) as tx:
        await unique(tx, store_id, Handled.PRODUCT, ["item-300-x"])
        run = asyncio.create_task(run_import(db, store_id, import_id))
        async with asyncio.timeout(20):
            while not await progress(db, store_id, import_id):  # noqa: ASYNC110 - the row is all there is to see
                await asyncio.sleep(0.01)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


async def test_after_a_crash_nothing_is_repeated_and_nothing_is_counted_twice(db, shops):
    acorn, birch = shops
    import_id = await requested(db, acorn, many(450))
    await crash_in_the_second_batch(db, acorn, import_id)
    broken_off = await find_import(db, acorn, import_id)
    assert counts(broken_off) == ("running", 200, 0, 0, 0)
    assert broken_off.rows_read == 200

    await run_import(db, acorn, import_id)
    assert counts(await find_import(db, acorn, import_id)) == ("running", 200, 0, 0, 0), "somebody still has the lease"

    await lapse(db, acorn, import_id)
    await run_import(db, acorn, import_id)
    done = await find_import(db, acorn, import_id)
    assert counts(done) == ("done", 450, 0, 0, 0)
    assert (done.rows_read, done.bytes_read, list(done.report)) == (450, done.body_bytes, [])
    assert await rows(db, acorn, "SELECT count(*) AS n, count(DISTINCT handle) AS handles FROM product") == [
        {"n": 450, "handles": 450}
    ]
    assert await rows(db, birch, "SELECT id FROM product") == []


async def test_a_handle_from_before_the_crash_is_still_known(db, shops):
    acorn, _ = shops
    import_id = await requested(db, acorn, many(450) + csv_text(["item-3-x", "Item"]))
    await crash_in_the_second_batch(db, acorn, import_id)
    await lapse(db, acorn, import_id)
    await run_import(db, acorn, import_id)
    record = await find_import(db, acorn, import_id)
    assert counts(record) == ("done", 450, 0, 0, 1)


async def test_an_interrupted_import_is_handed_out_again_once(db, shops):
    acorn, birch = shops
    import_id = await requested(db, acorn, many(450))
    other_id = await requested(db, birch, many(1))
    await crash_in_the_second_batch(db, acorn, import_id)
    assert await leases.resume_due(db) == 0, "nothing is due yet"
    await lapse(db, acorn, import_id)
    assert sorted(await asyncio.gather(leases.resume_due(db), leases.resume_due(db))) == [0, 1]
    events = await rows(db, acorn, "SELECT topic, payload FROM outbox WHERE topic IS NOT NULL ORDER BY id")
    assert events == [{"topic": "stoa/import", "payload": {"import_id": import_id}}] * 2
    await handle_import_requested(db, acorn, events[-1]["payload"])
    assert (await find_import(db, acorn, import_id)).state == "done"
    assert (await find_import(db, birch, other_id)).state == "queued"


async def test_an_import_that_waits_its_turn_is_not_handed_out_again_and_again(db, shops):
    acorn, birch = shops
    for store_id in (acorn, acorn, birch):
        await requested(db, store_id, many(1))
    for seconds in (leases.LEASE_SECONDS, leases.WAITING_SECONDS / 2):
        await hasten(db, shops, seconds)
        assert await leases.resume_due(db) == 0
    await hasten(db, shops, leases.WAITING_SECONDS)
    assert await leases.resume_due(db) == 3, "their events may have been lost"
    await hasten(db, shops, leases.LEASE_SECONDS)
    assert await leases.resume_due(db) == 0


async def hasten(db, shops, seconds):
    """As if this much time had passed."""
    for store_id in shops:
        statement = "UPDATE deadline SET due_at = due_at - make_interval(secs => %s) RETURNING due_at"
        await rows(db, store_id, statement, seconds)


async def test_the_event_may_come_again_after_the_end(db, shops):
    acorn, _ = shops
    import_id = await requested(db, acorn, many(3))
    for _ in range(3):
        await handle_import_requested(db, acorn, {"import_id": import_id})
    assert counts(await find_import(db, acorn, import_id)) == ("done", 3, 0, 0, 0)
    assert await rows(db, acorn, "SELECT * FROM deadline") == []
    [stored] = await rows(db, acorn, "SELECT body FROM product_import")
    assert stored["body"] is None


async def test_another_shops_import_is_not_there(db, shops):
    acorn, birch = shops
    import_id = await requested(db, acorn, many(3))
    await run_import(db, birch, import_id)
    assert (await find_import(db, acorn, import_id)).state == "queued"


async def test_who_was_overtaken_cannot_commit(db, shops):
    acorn, _ = shops
    import_id = await requested(db, acorn, many(3))
    slow = await leases.claim(db, acorn, import_id)
    await lapse(db, acorn, import_id)
    fast = await leases.claim(db, acorn, import_id)
    assert (slow.bytes_read, fast.bytes_read) == (0, 0)
    async with db.tenant(acorn) as tx:
        await leases.advance(tx, acorn, import_id, leases.Step(fast.bytes_read, 100))
    with pytest.raises(leases.Overtaken):
        async with db.tenant(acorn) as tx:
            await leases.advance(tx, acorn, import_id, leases.Step(slow.bytes_read, 100))
    with pytest.raises(leases.Overtaken):
        await leases.finish(db, acorn, import_id, slow.bytes_read)


async def test_an_import_that_kills_whoever_works_on_it_fails_in_the_end(db, shops):
    acorn, _ = shops
    import_id = await requested(db, acorn, many(3))
    for _ in range(leases.MAX_ATTEMPTS):
        assert await leases.claim(db, acorn, import_id) is not None
        await lapse(db, acorn, import_id)
    await run_import(db, acorn, import_id)
    record = await find_import(db, acorn, import_id)
    assert counts(record) == ("failed", 0, 0, 0, 0)
    assert record.error == "the import was interrupted 5 times at byte 0"


async def test_two_imports_of_one_file_at_once_make_each_product_once(db, shops):
    acorn, _ = shops
    first, second = await requested(db, acorn, many(250)), await requested(db, acorn, many(250))
    await asyncio.gather(run_import(db, acorn, first), run_import(db, acorn, second))
    found = [await find_import(db, acorn, import_id) for import_id in (first, second)]
    assert [record.state for record in found] == ["done", "done"], [sentences(record, "failed") for record in found]
    assert sum(record.products_created for record in found) == 250
    assert sum(record.products_skipped for record in found) == 250
    assert len(await rows(db, acorn, "SELECT id FROM product")) == 250


async def test_a_database_that_takes_too_long_costs_no_attempt_and_no_waiting(db, shops, database):
    acorn, _ = shops
    import_id = await requested(db, acorn, many(3))
    async with await psycopg.AsyncConnection.connect(database.admin, autocommit=True) as admin:
        await admin.execute(f"ALTER ROLE stoa_app IN DATABASE {database.name} SET lock_timeout = '50ms'".encode())
    impatient = Database(database.app, database.router, connections=1)
    await impatient.open()
    async with db.tenant(acorn) as tx:
        await unique(tx, acorn, Handled.PRODUCT, ["item-1-x"])
        with pytest.raises(Unavailable):
            await run_import(impatient, acorn, import_id)
    await impatient.close()
    [row] = await rows(db, acorn, "SELECT state, attempts, locked_until FROM product_import")
    assert row == {"state": "running", "attempts": 0, "locked_until": None}
    await run_import(db, acorn, import_id)
    assert counts(await find_import(db, acorn, import_id)) == ("done", 3, 0, 0, 0)
