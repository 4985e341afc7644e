"""Two edge workers beside real Valkey servers: what one made the other uses, and a merchant's change reaches both."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from contracts import keys
from contracts.events import Position
from contracts.tenant import StoreId
from tests.fixtures import snapshots
from tests.fixtures.bus import HandRelay, bus_at
from tests.fixtures.edges import BOWL, TEA, Worker, page_of, worker
from tests.fixtures.made_up_shops import ACORN_ID, BIRCH_ID
from tests.fixtures.scripted_origin import ScriptedOrigin, scripted_origin

BOWL_TAG = keys.product_tag(ACORN_ID, snapshots.card("acorn", 0)["id"])


@dataclass(slots=True)
class Hall:
    """An origin, a relay's hand on the bus, and two edges that hear it."""

    origin: ScriptedOrigin
    relay: HandRelay
    first: Worker
    second: Worker

    async def change(self, *tags: str) -> Position:
        """A merchant's change of these, applied at both edges."""
        position = (await self.relay.drain(tags)).position
        await self.first.has_heard(position)
        await self.second.has_heard(position)
        return position

    async def settle(self) -> None:
        await self.first.edge.tiers.settle()
        await self.second.edge.tiers.settle()


@pytest.fixture
async def hall(state_url: str, cache_url: str) -> AsyncIterator[Hall]:
    async with scripted_origin() as origin, bus_at(state_url) as bus:
        relay = HandRelay(bus)
        await relay.drain()
        servers = {"state_url": state_url, "cache_url": cache_url}
        async with worker(origin, **servers) as first, worker(origin, **servers) as second:
            made = Hall(origin, relay, first, second)
            start = (await relay.drain()).position
            await first.has_heard(start)
            await second.has_heard(start)
            heartbeat = (await relay.drain()).position
            await first.has_heard(heartbeat)
            await second.has_heard(heartbeat)
            yield made


def asked_for_bowl(origin: ScriptedOrigin) -> int:
    return origin.asked_for("snapshot?target=" + BOWL.replace("/", "%2F"))


async def test_what_one_edge_has_made_the_other_takes_from_the_cache_server(hall: Hall) -> None:
    made = await hall.first.at("acorn").get(BOWL)
    assert made.headers["cache-status"] == "stoa-l2; fwd=uri-miss; stored, stoa-l1; fwd=uri-miss; stored"
    await hall.settle()
    taken = await hall.second.at("acorn").get(BOWL)
    assert taken.headers["cache-status"] == "stoa-l2; hit, stoa-l1; fwd=uri-miss; stored"
    kept = await hall.second.at("acorn").get(BOWL)
    assert kept.headers["cache-status"] == "stoa-l1; hit"
    assert made.content == taken.content == kept.content
    assert made.headers["etag"] == taken.headers["etag"]
    assert hall.origin.asked_for("") == 2  # whose host it is, and the bowl


async def test_a_change_reaches_every_edge_and_leaves_the_other_shop_alone(hall: Hall) -> None:
    for edge in (hall.first, hall.second):
        await edge.at("acorn").get(BOWL)
        await edge.at("birch").get(TEA)
    await hall.settle()
    hall.origin.retitle("acorn", page_of(BOWL), "Bowl of another name")
    await hall.change(BOWL_TAG)
    asked_before = hall.origin.asked_for(f"/stores/{BIRCH_ID}/")
    for edge in (hall.first, hall.second):
        edge.clock.now += 1.01  # past the moment for which the old page may be shown while the new one is made
        assert "Bowl of another name" in (await edge.at("acorn").get(BOWL)).text
        assert (await edge.at("birch").get(TEA)).headers["cache-status"] == "stoa-l1; hit"
    assert hall.origin.asked_for(f"/stores/{BIRCH_ID}/") == asked_before


async def test_every_twin_of_a_product_changes_with_it(hall: Hall) -> None:
    targets = [BOWL, f"{BOWL}.js", f"{BOWL}.json"]
    for target in targets:
        await hall.first.at("acorn").get(target)
        hall.origin.retitle("acorn", page_of(target), "Bowl of another name")
    await hall.change(BOWL_TAG)
    hall.first.clock.now += 1.01
    for target in targets:
        assert "Bowl of another name" in (await hall.first.at("acorn").get(target)).text


async def test_a_new_shop_is_served_at_once_though_its_host_was_known_to_be_nobodys(hall: Hall) -> None:
    host = "cedar.example.com"
    for edge in (hall.first, hall.second):
        assert (await edge.at(host).get("/robots.txt")).status_code == 404
    assert hall.origin.asked_for(f"/hosts/{host}") == 1
    hall.origin.add(snapshots.tenant("cedar"))
    await hall.change(keys.host_tag(host))
    for edge in (hall.first, hall.second):
        edge.clock.now += 1.01
        assert (await edge.at(host).get("/robots.txt")).status_code == 200


async def test_a_moved_host_shows_the_shop_it_moved_to(hall: Hall) -> None:
    assert "Acorn Pottery" in (await hall.first.at("acorn").get("/")).text
    hall.origin.tenants["acorn.example.com"] = snapshots.tenant("birch")
    await hall.change(keys.host_tag("acorn.example.com"))
    hall.first.clock.now += 1.01
    answer = await hall.first.at("acorn").get("/")
    assert "Birch" in answer.text
    assert "Acorn" not in answer.text


async def test_an_edge_that_starts_later_takes_nothing_that_was_changed_meanwhile(
    hall: Hall, state_url: str, cache_url: str
) -> None:
    await hall.first.at("acorn").get(BOWL)
    await hall.first.at("birch").get(TEA)
    await hall.settle()
    hall.origin.retitle("acorn", page_of(BOWL), "Bowl of another name")
    await hall.change(BOWL_TAG)
    async with worker(hall.origin, state_url=state_url, cache_url=cache_url) as third:
        await third.has_heard((await hall.relay.drain()).position)
        await third.has_heard((await hall.relay.drain()).position)
        assert "Bowl of another name" in (await third.at("acorn").get(BOWL)).text
        unchanged = await third.at("birch").get(TEA)
        assert unchanged.headers["cache-status"].startswith("stoa-l2; hit")


async def test_a_lapsed_lease_asks_the_origin_and_its_word_is_enough(hall: Hall) -> None:
    await hall.first.at("acorn").get(BOWL)
    hall.first.clock.now += 10  # nothing was heard for so long
    asked = await hall.first.at("acorn").get(BOWL)
    assert asked.status_code == 200
    assert "fwd-status=304" in asked.headers["cache-status"]
    assert (await hall.first.at("acorn").get(BOWL)).headers["cache-status"] == "stoa-l1; hit; detail=revalidated"
    assert asked_for_bowl(hall.origin) == 2


async def test_a_missing_product_appears_as_soon_as_it_is_created(hall: Hall) -> None:
    target = "/products/brand-new"
    assert (await hall.first.at("acorn").get(target)).status_code == 404
    hall.origin.overrides[StoreId(ACORN_ID), target] = hall.origin.page("acorn", page_of(BOWL))
    await hall.change(keys.listing_tag(ACORN_ID))
    hall.first.clock.now += 1.01
    assert (await hall.first.at("acorn").get(target)).status_code == 200


async def test_the_numbers_tell_of_it(hall: Hall) -> None:
    await hall.first.at("acorn").get(BOWL)
    await hall.first.at("acorn").get(BOWL)
    await hall.change(BOWL_TAG)
    await hall.first.has_heard((await hall.relay.drain()).position)
    ops = hall.first.edge.ops
    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await ops({"type": "http", "method": "GET", "path": "/metrics"}, _nothing, send)  # type: ignore[arg-type]
    text = sent[1]["body"]
    assert isinstance(text, bytes)
    for line in (
        b"stoa_edge_cache_fills_total 2.0",
        b"stoa_edge_cache_hits_local_total 2.0",
        b"stoa_edge_cache_purged_entries_total 1.0",
        b"stoa_edge_commit_to_applied_seconds_count 1.0",
        b'stoa_edge_answers_total{status="2xx"} 2.0',
        b"stoa_edge_has_lease 1.0",
    ):
        assert line in text


async def _nothing() -> dict[str, object]:
    return {"type": "http.request", "body": b"", "more_body": False}
