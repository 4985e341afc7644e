"""Carts and checkout: what the origin gets is the edge's own request, what the shopper gets is for nobody else."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest

from tests.fixtures.edges import Worker, worker
from tests.fixtures.made_up_shops import ACORN_ID, BIRCH_ID
from tests.fixtures.scripted_origin import EDGE_SECRET, PassedAnswer, ScriptedOrigin, scripted_origin


@pytest.fixture
async def origin() -> AsyncIterator[ScriptedOrigin]:
    async with scripted_origin() as made:
        yield made


@pytest.fixture
async def edge(origin: ScriptedOrigin) -> AsyncIterator[Worker]:
    async with worker(origin) as made:
        yield made


async def test_the_origin_gets_a_request_the_edge_built(edge: Worker, origin: ScriptedOrigin) -> None:
    await edge.at("acorn").post(
        "/cart/add.js?x=1&y=%20",
        json={"id": 1},
        headers={
            "accept": "application/json",
            "cookie": "cart=abc; other=1",
            "idempotency-key": "key-1",
            "user-agent": "a browser",
            "x-requested-with": "XMLHttpRequest",
        },
    )
    (passed,) = origin.passed
    assert (passed.method, passed.target, passed.body) == ("POST", "/cart/add.js?x=1&y=%20", b'{"id":1}')
    assert passed.headers["stoa-edge-secret"] == EDGE_SECRET
    assert passed.headers["stoa-store-id"] == str(ACORN_ID)
    assert passed.headers["stoa-client-address"] == "192.0.2.7"
    assert passed.headers["content-length"] == str(len(passed.body))
    kept = ("accept", "content-type", "cookie", "idempotency-key", "user-agent", "x-requested-with")
    assert [passed.headers[name] for name in kept] == [
        "application/json",
        "application/json",
        "cart=abc; other=1",
        "key-1",
        "a browser",
        "XMLHttpRequest",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Connection",
        "Forwarded",
        "Range",
        "Stoa-Client-Address",
        "Stoa-Edge-Secret",
        "Stoa-Store-Id",
        "TE",
        "Upgrade",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-HTTP-Method-Override",
        "X-Stoa-Access-Token",
    ],
)
async def test_what_a_client_claims_does_not_reach_the_origin(edge: Worker, origin: ScriptedOrigin, name: str) -> None:
    await edge.at("acorn").get("/cart.js", headers={name: f"{BIRCH_ID}"})
    (passed,) = origin.passed
    assert passed.headers["stoa-store-id"] == str(ACORN_ID)
    assert str(BIRCH_ID) not in passed.headers.values()


async def test_each_shops_cart_goes_to_its_own_store(edge: Worker, origin: ScriptedOrigin) -> None:
    await edge.at("acorn").get("/cart.js", headers={"cookie": "cart=same"})
    await edge.at("birch").get("/cart.js", headers={"cookie": "cart=same"})
    assert [passed.headers["stoa-store-id"] for passed in origin.passed] == [str(ACORN_ID), str(BIRCH_ID)]


async def test_two_cookie_lines_arrive_as_one(edge: Worker, origin: ScriptedOrigin) -> None:
    await edge.at("acorn").get("/cart.js", headers=httpx.Headers([("cookie", "a=1"), ("cookie", "cart=2")]))
    assert origin.passed[0].headers["cookie"] == "a=1; cart=2"


async def test_a_body_without_a_length_goes_on_with_one(edge: Worker, origin: ScriptedOrigin) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"id=1&"
        yield b"quantity=2"

    content_type = {"content-type": "application/x-www-form-urlencoded"}
    await edge.at("acorn").post("/cart/add", content=pieces(), headers=content_type)
    (passed,) = origin.passed
    assert passed.body == b"id=1&quantity=2"
    assert passed.headers["content-length"] == "15"
    assert "transfer-encoding" not in passed.headers


async def test_a_body_over_the_limit_is_refused_before_the_origin_hears_of_it(origin: ScriptedOrigin) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 1000

    async with worker(origin, edge_pass_body_bytes=2000) as edge:
        assert (await edge.at("acorn").post("/cart/add.js", content=b"x" * 2001)).status_code == 413
        assert (await edge.at("acorn").post("/cart/add.js", content=pieces())).status_code == 413
        assert (await edge.at("acorn").post("/cart/add.js", content=b"x" * 2000)).status_code == 200
    assert len(origin.passed) == 1


async def test_of_the_answer_what_browsers_need_comes_back(edge: Worker, origin: ScriptedOrigin) -> None:
    origin.passed_answer = PassedAnswer(
        303,
        [
            (b"content-type", b"text/html"),
            (b"location", b"/checkout/abc"),
            (b"set-cookie", b"cart=1; Path=/; HttpOnly"),
            (b"set-cookie", b"note=2; Path=/"),
            (b"content-security-policy", b"default-src https://pay.example"),
            (b"idempotent-replayed", b"true"),
            (b"connection", b"X-Secret"),
            (b"x-secret", b"1"),
            (b"server", b"origin"),
            (b"stoa-tags", b"t/41/shop"),
        ],
        b"<p>on</p>",
    )
    answer = await edge.at("acorn").post("/checkout", data={"email": "a@example.com"})
    assert (answer.status_code, answer.headers["location"], answer.text) == (303, "/checkout/abc", "<p>on</p>")
    assert answer.headers.get_list("set-cookie") == ["cart=1; Path=/; HttpOnly", "note=2; Path=/"]
    assert answer.headers["content-security-policy"] == "default-src https://pay.example"
    assert answer.headers["idempotent-replayed"] == "true"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not {"x-secret", "server", "stoa-tags", "connection"} & set(answer.headers)


async def test_nothing_passed_on_is_ever_kept(edge: Worker, origin: ScriptedOrigin) -> None:
    before = len(edge.edge.tiers.local)
    for number in range(3):
        origin.passed_answer = PassedAnswer(body=b'{"item_count":%d}' % number)
        answer = await edge.at("acorn").get("/cart.js")
        assert answer.json() == {"item_count": number}
        assert "cache-status" not in answer.headers
    assert len(edge.edge.tiers.local) == before + 1  # whose host it is


async def test_head_is_answered_as_get_without_its_body(edge: Worker, origin: ScriptedOrigin) -> None:
    answer = await edge.at("acorn").head("/cart.js")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(origin.passed_answer.body))
    assert origin.passed[0].method == "GET"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_carts_are_read_and_posted_to_and_nothing_else(edge: Worker, origin: ScriptedOrigin, method: str) -> None:
    answer = await edge.at("acorn").request(method, "/cart/add.js")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert not origin.passed


async def test_posting_to_the_cart_page_is_the_origins(edge: Worker, origin: ScriptedOrigin) -> None:
    await edge.at("acorn").post("/cart", data={"updates[]": "1"})
    assert [passed.target for passed in origin.passed] == ["/cart"]


async def test_an_unknown_host_has_no_cart(edge: Worker, origin: ScriptedOrigin) -> None:
    assert (await edge.at("nobody").post("/cart/add.js")).status_code == 404
    assert not origin.passed


async def test_a_broken_answer_is_not_asked_for_again(edge: Worker, origin: ScriptedOrigin) -> None:
    """Only the shopper knows whether to do a thing again; each is told in their own words."""
    await edge.at("acorn").get("/robots.txt")
    origin.hangs_up = True
    script = await edge.at("acorn").post("/cart/add.js", json={})
    page = await edge.at("acorn").post("/cart/add", data={"id": "1"}, headers={"accept": "text/html"})
    assert (script.status_code, script.headers["content-type"]) == (503, "application/problem+json")
    assert script.json()["description"]
    assert (page.status_code, "retry-after" in page.headers) == (503, True)
    assert "Acorn Pottery" in page.text
    assert (origin.asked_for("/cart/add.js"), origin.asked_for("/cart/add")) == (1, 2)


async def test_without_an_origin_carts_are_away_and_pages_are_not() -> None:
    async with AsyncExitStack() as stack:
        origin = await stack.enter_async_context(scripted_origin())
        async with worker(origin) as edge:
            page = await edge.at("acorn").get("/")
            await stack.aclose()
            edge.clock.now += 2
            assert (await edge.at("acorn").post("/cart/add.js", json={})).status_code == 503
            cart = await edge.at("acorn").get("/cart")
            assert (cart.status_code, "Acorn Pottery" in cart.text) == (503, True)
            assert (await edge.at("acorn").get("/")).content == page.content
