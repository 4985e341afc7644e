"""One shop's rush at an edge: beyond its budget it gets 429, hits are never refused, the other shop notices nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from edge_renderer.shedding import TICK_SECONDS
from tests.fixtures.edges import BOWL, TEA, Worker, worker
from tests.fixtures.made_up_shops import ACORN_ID, BIRCH_ID
from tests.fixtures.scripted_origin import ScriptedOrigin, scripted_origin

LATE_SECONDS = 10 * TICK_SECONDS


@pytest.fixture
async def origin() -> AsyncIterator[ScriptedOrigin]:
    async with scripted_origin() as made:
        yield made


@pytest.fixture
async def edge(origin: ScriptedOrigin) -> AsyncIterator[Worker]:
    """Eight new pages, carts and checkouts at a go, then two a second of the first two; a quarter of the pages is for
    what matters more."""
    limits = {f"edge_tenant_{kind}_burst": 8 for kind in ("fills", "passes", "checkouts")}
    rates = {"edge_tenant_fills_per_second": 2, "edge_tenant_passes_per_second": 2}
    async with worker(origin, **limits, **rates) as made:
        for name, page in (("acorn", BOWL), ("birch", TEA)):
            assert (await made.at(name).get(page)).status_code == 200
        yield made


def refused(edge: Worker, why: str) -> float:
    return float(edge.edge.metrics.refused.labels(why)._value.get())


async def searches(edge: Worker, name: str, times: int, word: str = "bowl") -> list[int]:
    """Statuses of searches that nobody has asked for before."""
    return [(await edge.at(name).get(f"/search?q={word}+{number}")).status_code for number in range(times)]


async def carts(edge: Worker, name: str, times: int) -> list[int]:
    return [(await edge.at(name).post("/cart/add.js", json={"id": 1})).status_code for _ in range(times)]


async def test_beyond_its_budget_of_new_pages_a_shop_is_told_to_wait_and_the_other_is_not(
    edge: Worker, origin: ScriptedOrigin
) -> None:
    assert (await searches(edge, "acorn", 20)).count(429) == 15  # six, and the page that is held took one
    assert refused(edge, "fill_budget") == 15
    assert await searches(edge, "birch", 5) == [200] * 5
    answer = await edge.at("acorn").get("/search?q=once+more")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert "Acorn Pottery" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    edge.clock.now += 1
    assert await searches(edge, "acorn", 3, word="later") == [200, 200, 429]


async def test_a_refusal_asks_nobody_anything(edge: Worker, origin: ScriptedOrigin) -> None:
    await searches(edge, "acorn", 10)
    asked = sum(origin.asked.values())
    assert await searches(edge, "acorn", 10, word="flood") == [429] * 10
    assert sum(origin.asked.values()) == asked


async def test_hits_are_never_refused(edge: Worker) -> None:
    await searches(edge, "acorn", 50)
    await carts(edge, "acorn", 50)
    for _ in range(50):
        assert (await edge.at("acorn").get(BOWL)).status_code == 200


async def test_what_is_held_is_checked_though_the_budget_is_spent(edge: Worker, origin: ScriptedOrigin) -> None:
    """This edge has no lease: the origin's word for a page is good for a second."""
    edge.clock.now += 2
    await searches(edge, "acorn", 50)
    asked = origin.asked_for("target=" + BOWL.replace("/", "%2F"))
    assert (await edge.at("acorn").get(BOWL)).status_code == 200
    assert origin.asked_for("target=" + BOWL.replace("/", "%2F")) == asked + 1


async def test_carts_leave_checkouts_their_budget(edge: Worker) -> None:
    assert await carts(edge, "acorn", 10) == [200] * 8 + [429] * 2
    checkouts = [
        (await edge.at("acorn").post("/checkout", data={"email": "a@example.com"})).status_code for _ in range(9)
    ]
    assert checkouts == [200] * 8 + [429]
    assert await carts(edge, "birch", 6) == [200] * 6
    script = await edge.at("acorn").post("/cart/add.js", json={"id": 1})
    assert script.headers["content-type"] == "application/problem+json"
    assert script.json()["status"] == 429


async def test_while_the_loop_is_late_the_dearest_shop_is_refused_and_the_small_one_is_not(
    origin: ScriptedOrigin,
) -> None:
    async with worker(origin, edge_late_seconds=1e-9) as edge:  # whatever it sees itself meanwhile is late, too
        await edge.at("acorn").get(BOWL)
        await edge.at("birch").get(TEA)
        fairness = edge.edge.fairness
        fairness.costs.add(ACORN_ID, 5.0)
        for _ in range(10):
            fairness.shedder.judge(LATE_SECONDS)
        assert set(await searches(edge, "acorn", 5)) == {503}
        assert set(await carts(edge, "acorn", 5)) == {503}
        assert refused(edge, "late") == 10
        assert (await edge.at("acorn").get(BOWL)).status_code == 200
        assert (await edge.at("acorn").post("/checkout", data={})).status_code == 200
        assert await searches(edge, "birch", 5) == [200] * 5
        assert fairness.costs.by_shop[BIRCH_ID] > 0


async def test_of_those_who_wait_only_so_many_may(origin: ScriptedOrigin) -> None:
    async with worker(origin, edge_tenant_carts=1, edge_tenant_waiting=2) as edge:
        await edge.at("acorn").get("/robots.txt")
        hold = origin.hold("/cart/add.js")
        asking = {asyncio.create_task(carts(edge, "acorn", 1)) for _ in range(5)}
        refusals: list[int] = []
        while len(refusals) < 2:
            done, asking = await asyncio.wait(asking, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            refusals += [status for task in done for status in task.result()]
        assert (refusals, refused(edge, "shop_turns")) == ([429, 429], 2)
        assert (await edge.at("birch").get("/collections/table")).status_code == 200
        hold.release()
        assert await asyncio.gather(*asking) == [[200]] * 3


async def test_beside_a_small_shop_a_large_ones_carts_reach_the_origin_one_by_one_and_are_overtaken(
    origin: ScriptedOrigin,
) -> None:
    async with worker(origin) as edge:
        await edge.at("acorn").get(BOWL)
        await edge.at("birch").get(TEA)
        edge.edge.fairness.costs.add(ACORN_ID, 5.0)
        hold = origin.hold("/cart/add.js")
        asking = [asyncio.create_task(carts(edge, "acorn", 1)) for _ in range(8)]
        await hold.arrived.wait()
        assert (await edge.at("birch").post("/cart/change.js", json={"line": 1})).status_code == 200
        assert (await edge.at("birch").get("/collections/table")).status_code == 200
        assert origin.asked_for("/cart/add.js") == 1
        hold.release()
        assert await asyncio.gather(*asking) == [[200]] * 8


async def until_asked(origin: ScriptedOrigin, text: str, times: int) -> None:
    async with asyncio.timeout(10):
        while origin.asked_for(text) < times:  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def test_made_up_hosts_turn_no_first_visitor_away_while_there_is_room_in_line_and_keep_no_known_shop_waiting(
    origin: ScriptedOrigin,
) -> None:
    async with worker(origin) as edge:
        await edge.at("acorn").get("/")
        slow = origin.hold("/internal/hosts/nobody-")
        flood = [asyncio.create_task(edge.at(f"nobody-{number}.example.org").get("/")) for number in range(200)]
        await until_asked(origin, "/internal/hosts/nobody-", 8)
        first_visit = asyncio.create_task(edge.at("birch").get(TEA))
        assert (await edge.at("acorn").get(BOWL)).status_code == 200
        edge.clock.now += 2  # without a lease, whose acorn's host is has to be asked again
        assert (await edge.at("acorn").get(BOWL)).status_code == 200
        assert origin.asked_for("/internal/hosts/acorn") == 2
        assert origin.asked_for("/internal/hosts/nobody-") == 8
        slow.release()
        assert (await first_visit).status_code == 200
        assert {answer.status_code for answer in await asyncio.gather(*flood)} == {404}


async def test_when_too_many_hosts_are_asked_about_it_is_the_worker_that_is_busy(origin: ScriptedOrigin) -> None:
    async with worker(origin, edge_unknown_hosts=1, edge_unknown_hosts_waiting=1) as edge:
        slow = origin.hold("/internal/hosts/nobody-")
        flood = [asyncio.create_task(edge.at(f"nobody-{number}.example.org").get("/")) for number in range(2)]
        async with asyncio.timeout(10):
            while not edge.edge.fairness.hosts.waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        answer = await edge.at("birch").get(TEA)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert refused(edge, "all_turns") == 1
        slow.release()
        await asyncio.gather(*flood)
