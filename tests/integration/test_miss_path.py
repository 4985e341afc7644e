"""A page that is in no cache: how often the origin and PostgreSQL are asked for it, and what an errand may bring."""

from collections.abc import AsyncIterator

import msgpack
import psycopg
import pytest
from prometheus_client import CollectorRegistry

from contracts import keys
from contracts.snapshot import Snapshot
from contracts.tenant import StoreId
from edge_renderer.errand import Errand
from edge_renderer.metrics import EdgeMetrics
from edge_renderer.snapshots import OriginClient, lines_to_origin
from loadtest.shops import made_up_shops
from origin.db import Database
from tests.fixtures import snapshots
from tests.fixtures.bus import HandRelay, bus_at
from tests.fixtures.edges import BOWL, TEA, Worker, edge_settings, worker
from tests.fixtures.made_up_shops import ACORN_ID, BIRCH_ID
from tests.fixtures.origin import EDGE_SECRET
from tests.fixtures.round_trips import counted
from tests.fixtures.scripted_origin import ScriptedOrigin, scripted_origin

BOWL_TAG = keys.product_tag(ACORN_ID, snapshots.card("acorn", 0)["id"])


@pytest.fixture
async def stage(state_url: str) -> AsyncIterator[tuple[ScriptedOrigin, HandRelay, Worker]]:
    """An origin that brings snapshots along, a relay's hand on the bus, and an edge with a lease."""
    async with scripted_origin() as origin, bus_at(state_url) as bus:
        origin.brings_along = True
        relay = HandRelay(bus)
        await relay.drain()
        async with worker(origin, state_url=state_url) as edge:
            for _ in range(2):
                await edge.has_heard((await relay.drain()).position)
            yield origin, relay, edge


async def test_a_page_of_a_shop_that_the_edge_has_not_met_costs_one_request(stage):
    origin, _, edge = stage
    for name, target in (("acorn", BOWL), ("birch", TEA)):
        page = await edge.at(name).get(target)
        assert page.status_code == 200
        assert origin.asked_for(f"/internal/hosts/{name}") == 1
    assert origin.asked_for("") == 2
    again = await edge.at("acorn").get(BOWL)
    assert again.headers["cache-status"] == "stoa-l1; hit"
    assert (await edge.at("acorn").get("/collections")).status_code == 200
    assert origin.asked_for("") == 3  # of a known host, the page's snapshot alone


async def test_a_page_brought_along_goes_stale_like_any_other_and_the_other_shops_stays(stage):
    _, relay, edge = stage
    await edge.at("acorn").get(BOWL)
    await edge.at("birch").get(TEA)
    await edge.has_heard((await relay.drain((BOWL_TAG,))).position)
    stale = await edge.at("acorn").get(BOWL)
    assert "stale" in stale.headers["cache-status"]
    assert (await edge.at("birch").get(TEA)).headers["cache-status"] == "stoa-l1; hit"


def errand_of(edge: Worker, target: str) -> Errand:
    return Errand(target, edge.edge.follower, edge.clock)


async def errands(origin: ScriptedOrigin, edge: Worker) -> dict[StoreId, Errand]:
    """Both shops' hosts asked about, with a page of each brought along."""
    made = {ACORN_ID: errand_of(edge, BOWL), BIRCH_ID: errand_of(edge, TEA)}
    settings = edge_settings(origin.url)
    lines = lines_to_origin(settings)
    client = OriginClient(lines, EdgeMetrics(CollectorRegistry()), settings)
    for name, errand in zip(("acorn", "birch"), made.values(), strict=True):
        await errand.run(client, f"{name}.example.com")
    await lines.close()
    return made


async def test_what_was_brought_is_not_used_once_a_change_of_it_is_heard(stage):
    origin, relay, edge = stage
    brought = await errands(origin, edge)
    await edge.has_heard((await relay.drain((BOWL_TAG,))).position)
    assert brought[ACORN_ID].take(ACORN_ID) is None
    assert brought[BIRCH_ID].take(BIRCH_ID) is not None


async def test_what_was_brought_is_used_once_and_for_its_own_shop_only(stage):
    origin, _, edge = stage
    brought = await errands(origin, edge)
    assert brought[ACORN_ID].take(BIRCH_ID) is None
    assert brought[BIRCH_ID].take(BIRCH_ID) is not None
    assert brought[BIRCH_ID].take(BIRCH_ID) is None


async def test_what_was_brought_is_not_used_late_or_without_a_lease(stage):
    origin, _, edge = stage
    brought = await errands(origin, edge)
    edge.clock.now += 0.3
    assert brought[ACORN_ID].take(ACORN_ID) is None
    unproven = await errands(origin, edge)
    edge.edge.follower.lease.end()
    assert unproven[BIRCH_ID].take(BIRCH_ID) is None


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


async def test_a_transaction_with_its_tenant_and_its_statement_is_one_round_trip(database, acorn, birch):
    statement = b"SELECT store_id, currency FROM shop WHERE store_id >= %(from)s"
    async with counted(database.app) as (url, turns):
        db = Database(url, database.router, connections=1)
        await db.open()
        for _ in range(2):  # the first prepares the statement too
            for shop, currency in ((acorn, "EUR"), (birch, "USD")):
                before = turns.count
                row = await db.read_row(shop.id, statement, {"from": 0})
                assert turns.count - before == 1
                assert row == {"store_id": shop.id, "currency": currency}  # the other shop's row is not there
        await db.close()


async def test_a_statement_that_fails_leaves_a_connection_that_serves_the_next_tenant(database, acorn, birch):
    db = Database(database.app, database.router, connections=1)
    await db.open()
    with pytest.raises(psycopg.errors.DivisionByZero):
        await db.read_row(acorn.id, b"SELECT 1 / %(zero)s::int AS x", {"zero": 0})
    assert await db.read_row(birch.id, b"SELECT currency FROM shop", {}) == {"currency": "USD"}
    await db.close()


async def test_after_a_rollback_a_statement_that_was_prepared_is_prepared_again(database, acorn, birch):
    """psycopg answers a rollback with DEALLOCATE ALL, once it has prepared something itself."""
    db = Database(database.app, database.router, connections=1)
    await db.open()
    statement = b"SELECT store_id, currency FROM shop"
    assert await db.read_row(acorn.id, statement, {}) == {"store_id": acorn.id, "currency": "EUR"}
    with pytest.raises(RuntimeError):
        async with db.tenant(acorn.id) as tx:
            await tx.execute("SELECT 1", prepare=True)
            raise RuntimeError
    for shop, currency in ((birch, "USD"), (acorn, "EUR")):
        assert await db.read_row(shop.id, statement, {}) == {"store_id": shop.id, "currency": currency}
    await db.close()


async def test_made_up_shops_are_served_alike_for_the_same_seed_and_gone_afterwards(database, origin, db):
    inside = {"Stoa-Edge-Secret": EDGE_SECRET}
    seen = []
    for batch in ("one", "two"):
        async with made_up_shops(database.admin, batch, 2, seed=5) as shops:
            for path in shops[1].paths:
                answer = await origin.get(f"/internal/hosts/{shops[1].host}", params={"target": path}, headers=inside)
                record = msgpack.unpackb(answer.content)
                assert record["tenant"]["store_id"] == shops[1].store_id
                assert Snapshot.decode(record["snapshot"]).status == 200, path
            seen.append((shops[1].paths, record["tenant"]["name"]))
        assert (await origin.get(f"/internal/hosts/{shops[1].host}", headers=inside)).status_code == 404
    assert seen[0] == seen[1]
