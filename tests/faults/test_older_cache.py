"""An older dump of the cache server is restored: no page comes back from the dead."""

from dataclasses import dataclass

import redis.asyncio

from contracts import keys
from tests.fixtures import snapshots
from tests.fixtures.bus import HandRelay, bus_at
from tests.fixtures.edges import BOWL, TEA, Worker, page_of, worker
from tests.fixtures.made_up_shops import ACORN_ID
from tests.fixtures.scripted_origin import ScriptedOrigin, scripted_origin

BOWL_TAG = keys.product_tag(ACORN_ID, snapshots.card("acorn", 0)["id"])


@dataclass(frozen=True, slots=True)
class Dump:
    """All that a server held at one moment."""

    values: dict[bytes, bytes]

    @classmethod
    async def of(cls, url: str) -> "Dump":
        async with redis.asyncio.Redis.from_url(url) as client:
            return cls({key: await client.dump(key) for key in await client.keys()})

    async def restore(self, url: str) -> None:
        async with redis.asyncio.Redis.from_url(url) as client:
            await client.flushall()
            for key, value in self.values.items():
                await client.restore(key, 0, value)


async def heard(edge: Worker, relay: HandRelay, *tags: str) -> None:
    await edge.has_heard((await relay.drain(tags)).position)
    await edge.has_heard((await relay.drain()).position)


async def changed(origin: ScriptedOrigin, edge: Worker, relay: HandRelay) -> None:
    """The merchant's change, and the edge's new page of it on the cache server."""
    origin.retitle("acorn", page_of(BOWL), "Bowl of another name")
    await heard(edge, relay, BOWL_TAG)
    edge.clock.now += 1.01
    await heard(edge, relay)
    assert "Bowl of another name" in (await edge.at("acorn").get(BOWL)).text
    await edge.edge.tiers.settle()


async def test_pages_of_an_older_dump_count_only_if_nothing_in_them_has_changed(state_url: str, cache_url: str) -> None:
    async with scripted_origin() as origin, bus_at(state_url) as bus:
        relay = HandRelay(bus)
        await relay.drain()
        async with worker(origin, state_url=state_url, cache_url=cache_url) as edge:
            await heard(edge, relay)
            await edge.at("acorn").get(BOWL)
            await edge.at("birch").get(TEA)
            await edge.edge.tiers.settle()
            older = await Dump.of(cache_url)
            await changed(origin, edge, relay)
        await older.restore(cache_url)
        async with worker(origin, state_url=state_url, cache_url=cache_url) as edge:
            await heard(edge, relay)
            assert "Bowl of another name" in (await edge.at("acorn").get(BOWL)).text
            unchanged = await edge.at("birch").get(TEA)
            assert unchanged.headers["cache-status"].startswith("stoa-l2; hit")
            assert edge.edge.counters.shared_stale == 1
