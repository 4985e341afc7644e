"""A page that was read is made anew as soon as it is purged; one that nobody read is left to its next reader."""

import asyncio

import pytest

from edge_renderer.cache import tiers
from edge_renderer.cache.made import Built, Source, Standing
from tests.fixtures.bus import ACORN, ACORN_PRODUCT, ACORN_SHOP, BIRCH
from tests.integration.test_tiers import Edge, World, told, world

__all__ = ["world"]


async def renewing_edge(world: World) -> Edge:
    edge = await world.edge()
    edge.renews = True
    return edge


async def landed(edge: Edge) -> None:
    while len(edge.tiers._flights):  # noqa: ASYNC110 - nobody waits for what is made for nobody
        await asyncio.sleep(0.001)


async def test_a_page_that_was_read_is_new_before_anybody_asks_for_it_again(world: World) -> None:
    edge = await renewing_edge(world)
    for store_id in (ACORN, ACORN, BIRCH, BIRCH):
        await edge.get(store_id)
    await world.change(ACORN, "acorn 2")
    await edge.hear()
    await landed(edge)
    assert world.origin.asked == 3
    assert told(await edge.get(ACORN)) == ("acorn 2", Source.LOCAL, Standing.FRESH)
    assert told(await edge.get(BIRCH)) == ("birch 1", Source.LOCAL, Standing.FRESH)
    assert (edge.counters.renewals, world.origin.asked) == (1, 3)


async def test_a_page_that_nobody_has_read_since_it_was_made_is_made_for_nobody(world: World) -> None:
    edge = await renewing_edge(world)
    await edge.get()
    for text in ("acorn 2", "acorn 3"):
        await world.change(ACORN, text)
        await edge.hear()
        await landed(edge)
    assert (edge.counters.renewals, world.origin.asked) == (0, 1)
    await edge.get()
    await landed(edge)
    assert told(await edge.get()) == ("acorn 3", Source.LOCAL, Standing.FRESH)
    for text in ("acorn 4", "acorn 5"):
        await world.change(ACORN, text)
        await edge.hear()
        await landed(edge)
    assert edge.counters.renewals == 1, "for the one read of acorn 3"


async def test_while_it_is_made_the_old_page_is_served_and_no_second_fill_runs(world: World) -> None:
    edge = await renewing_edge(world)
    await edge.get()
    await edge.get()
    world.origin.gate.clear()
    await world.change(ACORN, "acorn 2")
    await edge.hear()
    assert told(await edge.get()) == ("acorn 1", Source.LOCAL, Standing.STALE)
    world.origin.gate.set()
    await landed(edge)
    assert told(await edge.get()) == ("acorn 2", Source.LOCAL, Standing.FRESH)
    assert world.origin.asked == 2


async def test_a_purge_of_much_renews_no_more_at_once_than_is_allowed(world: World) -> None:
    edge = await renewing_edge(world)
    asked: list[int] = []

    async def get(number: int) -> None:
        async def fill(_: object) -> Built:
            asked.append(number)
            await world.origin.gate.wait()
            return Built(200, ((b"content-type", b"text/html"),), b"text", frozenset((ACORN_PRODUCT,)))

        await edge.tiers.get(f"p/41/{number}", ACORN, fill, renew=fill)

    for _ in range(2):
        for number in range(tiers.MOST_RENEWALS + 5):
            await get(number)
    world.origin.gate.clear()
    asked.clear()
    await world.relay.drain((ACORN_SHOP,))
    await edge.hear()
    async with asyncio.timeout(10):
        while len(asked) < tiers.MOST_RENEWALS:  # noqa: ASYNC110 - nobody waits for what is made for nobody
            await asyncio.sleep(0.001)
    assert len(set(asked)) == len(asked)
    world.origin.gate.set()
    await landed(edge)
    assert len(asked) == tiers.MOST_RENEWALS, "the others wait for who asks"


async def test_a_renewal_that_fails_leaves_the_page_to_who_asks_next(world: World) -> None:
    edge = await renewing_edge(world)
    await edge.get()
    await edge.get()
    world.origin.has_turns = False
    await world.change(ACORN, "acorn 2")
    await edge.hear()
    await landed(edge)
    assert edge.counters.failed_fills == 1
    world.origin.has_turns = True
    assert told(await edge.get()) == ("acorn 1", Source.LOCAL, Standing.STALE)
    await landed(edge)
    assert told(await edge.get()) == ("acorn 2", Source.LOCAL, Standing.FRESH)


@pytest.mark.parametrize("is_allowed", [False, True])
async def test_a_renewal_counts_against_the_shops_budget(world: World, is_allowed: bool) -> None:
    edge = await renewing_edge(world)
    edge.tiers._may_renew = lambda store_id: is_allowed
    await edge.get()
    await edge.get()
    await world.change(ACORN, "acorn 2")
    await edge.hear()
    await landed(edge)
    assert edge.counters.renewals == is_allowed
