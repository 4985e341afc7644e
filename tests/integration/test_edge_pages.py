"""What a shopper gets from one edge worker. Its state and cache servers are down, so every page here shows, too, that
neither is needed."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from contracts.page import MAX_TARGET_BYTES
from contracts.snapshot import Snapshot
from contracts.tenant import StoreStatus
from tests.fixtures import snapshots
from tests.fixtures.edges import BOWL, TEA, Worker, worker
from tests.fixtures.made_up_shops import ACORN_ID, BIRCH_ID
from tests.fixtures.scripted_origin import ScriptedOrigin, scripted_origin


@pytest.fixture
async def origin() -> AsyncIterator[ScriptedOrigin]:
    async with scripted_origin() as made:
        yield made


@pytest.fixture
async def edge(origin: ScriptedOrigin) -> AsyncIterator[Worker]:
    async with worker(origin) as made:
        yield made


@pytest.mark.parametrize(
    ("target", "content_type"),
    [
        ("/", "text/html"),
        (BOWL, "text/html"),
        (f"{BOWL}.js", "application/json"),
        (f"{BOWL}.json", "application/json"),
        ("/collections/table", "text/html"),
        ("/collections/table/products.json", "application/json"),
        ("/collections", "text/html"),
        ("/collections.json", "application/json"),
        ("/products.json", "application/json"),
        ("/search?q=bowl", "text/html"),
        ("/search/suggest.json?q=bowl", "application/json"),
        ("/pages/about", "text/html"),
        ("/sitemap.xml", "application/xml"),
        ("/robots.txt", "text/plain"),
        ("/cart", "text/html"),
    ],
)
async def test_every_kind_of_page_is_served(edge: Worker, target: str, content_type: str) -> None:
    answer = await edge.at("acorn").get(target)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(content_type)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers


async def test_each_shop_gets_its_own_pages(edge: Worker) -> None:
    acorn, birch = await edge.at("acorn").get("/"), await edge.at("birch").get("/")
    assert "Acorn Pottery" in acorn.text
    assert "Birch" not in acorn.text
    assert "Birch &amp; Leaf" in birch.text
    assert "Acorn" not in birch.text
    assert (await edge.at("birch").get(BOWL)).status_code == 404
    assert (await edge.at("birch").get(TEA)).status_code == 200


async def test_a_host_is_read_without_case_port_and_final_dot(edge: Worker, origin: ScriptedOrigin) -> None:
    first = await edge.at("acorn").get("/")
    for host in ("ACORN.example.com", "acorn.example.com.:8080"):
        again = await edge.at("acorn").get("/", headers={"host": host})
        assert again.content == first.content
    assert origin.asked_for("/internal/hosts/") == 1


async def test_an_unknown_host_learns_nothing_and_sees_nothing_of_what_it_sent(edge: Worker) -> None:
    for host in ("evil.example.org", "localhost", "a_b.example.com", "<script>.example.com", "::1", "acorn"):
        answer = await edge.at("acorn").get("/", headers={"host": host, "x-forwarded-host": "acorn.example.com"})
        assert answer.status_code == 404
        assert "Acorn" not in answer.text
        assert host not in answer.text


async def test_headers_that_name_another_shop_are_not_heard(edge: Worker) -> None:
    plain = await edge.at("acorn").get("/")
    names = ("x-forwarded-host", "x-host", "x-original-url", "x-rewrite-url", "forwarded", "x-forwarded-proto")
    for name in names:
        answer = await edge.at("acorn").get("/", headers={name: "birch.example.com"})
        assert answer.content == plain.content
        assert "birch" not in str(answer.headers).lower()


async def test_cookies_change_nothing_of_a_page(edge: Worker, origin: ScriptedOrigin) -> None:
    plain = await edge.at("acorn").get(BOWL)
    marked = await edge.at("acorn").get(BOWL, headers={"cookie": "cart=marked; session=marked"})
    assert marked.content == plain.content
    assert marked.headers["etag"] == plain.headers["etag"]
    assert origin.asked_for("/snapshot") == 1


async def test_parameters_nobody_knows_make_no_second_page(edge: Worker, origin: ScriptedOrigin) -> None:
    answers = [await edge.at("acorn").get(f"{BOWL}?utm_source={number}&x=<script>") for number in range(5)]
    assert len({answer.content for answer in answers}) == 1
    assert origin.asked_for("/snapshot") == 1
    assert answers[-1].headers["cache-status"].startswith("stoa-l1; hit")


async def test_another_spelling_is_redirected_within_the_shop(edge: Worker) -> None:
    answer = await edge.at("acorn").get(f"/collections/table{BOWL}/?variant=3&utm=x")
    assert (answer.status_code, answer.headers["location"]) == (301, f"{BOWL}?variant=3")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("target", ["//evil.example/", "/products/%2e%2e/cart", "/a%00b", "/products/%0d%0aX:1"])
async def test_a_target_no_page_has_is_refused(edge: Worker, target: str) -> None:
    url = httpx.URL("http://acorn.example.com").copy_with(raw_path=target.encode())
    answer = await edge.at("acorn").get(url)
    assert answer.status_code == 400
    assert "evil" not in answer.text


async def test_an_address_too_long_is_said_to_be(edge: Worker) -> None:
    assert (await edge.at("acorn").get("/" + "a" * MAX_TARGET_BYTES)).status_code == 414


async def test_a_missing_page_is_said_in_the_shops_look_and_costs_one_fill_for_all_made_up_paths(
    edge: Worker, origin: ScriptedOrigin
) -> None:
    answers = [await edge.at("acorn").get(f"/wp-admin/{number}.php") for number in range(20)]
    assert {answer.status_code for answer in answers} == {404}
    assert "Acorn Pottery" in answers[0].text
    assert "wp-admin" not in answers[0].text
    assert origin.asked_for("/missing") == 1
    assert answers[0].headers["cdn-cache-control"] == "no-store"
    assert (await edge.at("birch").get("/wp-admin")).status_code == 404
    assert origin.asked_for("/missing") == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE"])
async def test_pages_are_only_read(edge: Worker, origin: ScriptedOrigin, method: str) -> None:
    answer = await edge.at("acorn").request(method, BOWL)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert origin.asked_for("/snapshot") == 0


async def test_a_page_asked_for_with_a_body_is_refused(edge: Worker) -> None:
    assert (await edge.at("acorn").request("GET", BOWL, content=b"{}")).status_code == 400
    assert (await edge.at("acorn").get(BOWL)).status_code == 200


async def test_head_says_what_get_would_and_a_good_copy_is_confirmed(edge: Worker) -> None:
    get = await edge.at("acorn").get(BOWL)
    head = await edge.at("acorn").head(BOWL)
    varying = {"cache-status", "x-request-id"}
    assert {name: value for name, value in head.headers.items() if name not in varying} == {
        name: value for name, value in get.headers.items() if name not in varying
    }
    assert head.content == b""
    confirmed = await edge.at("acorn").get(BOWL, headers={"if-none-match": get.headers["etag"]})
    assert (confirmed.status_code, confirmed.content) == (304, b"")


async def test_theme_files_are_served_for_a_year_and_only_by_their_whole_path(edge: Worker) -> None:
    home = (await edge.at("acorn").get("/")).text
    path = "/theme/" + home.partition('"/theme/')[2].partition('"')[0]
    asset = await edge.at("birch").get(path)
    assert asset.status_code == 200
    assert "immutable" in asset.headers["cache-control"]
    again = await edge.at("birch").get(path, headers={"if-none-match": asset.headers["etag"]})
    assert again.status_code == 304
    for made_up in ("/theme/agora-0/agora.css", "/theme/../settings.py", "/theme/"):
        assert (await edge.at("birch").get(made_up)).status_code in {400, 404}


async def test_uploaded_files_are_cached_by_shop_and_can_run_nothing(edge: Worker, origin: ScriptedOrigin) -> None:
    origin.files[BIRCH_ID, 6] = ("text/html", b"<script>")
    first, second = [await edge.at("acorn").get(f"/files/5/{name}.svg") for name in ("logo", "other-name")]
    assert first.status_code == second.status_code == 200
    assert first.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert "immutable" in first.headers["cache-control"]
    assert origin.asked_for(f"/internal/stores/{ACORN_ID}/files/5") == 1
    for name in ("acorn", "birch"):
        assert (await edge.at(name).get("/files/6/page.svg")).status_code == 404


async def test_a_file_over_the_limit_is_served_but_not_kept(origin: ScriptedOrigin) -> None:
    origin.files[ACORN_ID, 7] = ("image/png", b"p" * 3000)
    async with worker(origin, edge_file_bytes=2000) as edge:
        answers = [await edge.at("acorn").get("/files/7/a.png") for _ in range(2)]
        assert [len(answer.content) for answer in answers] == [3000, 3000]
        assert origin.asked_for("/files/7") == 2


async def test_a_suspended_shop_is_closed_to_all_and_promises_no_time(edge: Worker, origin: ScriptedOrigin) -> None:
    origin.change("acorn", status=StoreStatus.SUSPENDED)
    for target in ("/", BOWL, "/cart", "/checkout", "/robots.txt"):
        answer = await edge.at("acorn").get(target)
        assert answer.status_code == 503
        assert "retry-after" not in answer.headers
        assert "Acorn Pottery" in answer.text
    assert (await edge.at("acorn").post("/cart/add.js")).headers["content-type"] == "application/problem+json"
    assert not origin.passed
    assert (await edge.at("birch").get("/")).status_code == 200


async def test_a_closed_shop_is_gone(edge: Worker, origin: ScriptedOrigin) -> None:
    origin.change("acorn", status=StoreStatus.CLOSED)
    page, twin = await edge.at("acorn").get(BOWL), await edge.at("acorn").get(f"{BOWL}.js")
    assert (page.status_code, twin.status_code) == (410, 410)
    assert "Acorn Pottery" in page.text
    assert twin.json()["status"] == 410
    assert origin.asked_for("/stores/") == 0


async def test_a_cart_is_one_shoppers_and_kept_nowhere(edge: Worker, origin: ScriptedOrigin) -> None:
    origin.carts[ACORN_ID, "mine-1"] = snapshots.cart("acorn", [snapshots.line("acorn", 0, 3)])
    full = await edge.at("acorn").get("/cart", headers={"cookie": "a=b; cart=mine-1"})
    empty = await edge.at("acorn").get("/cart", headers={"cookie": "cart=<script>"})
    assert snapshots.line("acorn", 0)["title"] in full.text
    assert snapshots.line("acorn", 0)["title"] not in empty.text
    assert {answer.headers["cache-control"] for answer in (full, empty)} == {"private, no-store"}
    assert "mine-1" not in full.text
    assert "etag" not in full.headers
    assert origin.asked_for("/cart?token=mine-1") == 1
    await edge.at("acorn").get("/cart", headers={"cookie": "cart=mine-1"})
    assert origin.asked_for("/cart?token=mine-1") == 2


async def test_a_page_that_cannot_be_made_is_an_apology_and_never_stored(edge: Worker, origin: ScriptedOrigin) -> None:
    origin.overrides[ACORN_ID, f"{BOWL}.js"] = Snapshot(parts={"shop": snapshots.shop_part()})
    failed = await edge.at("acorn").get(f"{BOWL}.js")
    assert failed.status_code == 503
    assert failed.headers["cache-control"] == "no-store"
    assert "x-request-id" in failed.headers
    del origin.overrides[ACORN_ID, f"{BOWL}.js"]
    assert (await edge.at("acorn").get(f"{BOWL}.js")).status_code == 200


async def test_without_an_origin_known_pages_are_served_and_said_to_be_unverified(
    edge: Worker, origin: ScriptedOrigin
) -> None:
    known = await edge.at("acorn").get("/")
    origin.fault = 500
    edge.clock.now += 2
    still = await edge.at("acorn").get("/")
    assert still.content == known.content
    assert still.headers["cache-status"] == "stoa-l1; hit; detail=unverified"
    unknown = await edge.at("acorn").get(BOWL)
    assert unknown.status_code == 503
    assert int(unknown.headers["retry-after"]) > 0
    assert "Acorn Pottery" in unknown.text
    script = await edge.at("acorn").get(f"{BOWL}.js")
    assert script.headers["content-type"] == "application/problem+json"
    stranger = await edge.at("birch").get("/")
    assert (stranger.status_code, "retry-after" in stranger.headers) == (503, True)
    origin.fault = None
    assert (await edge.at("acorn").get(BOWL)).status_code == 200


async def test_a_wrong_secret_makes_no_shop_unknown(origin: ScriptedOrigin) -> None:
    """The origin's routes do not exist for it: a 404 that says nothing about the host."""
    async with worker(origin, edge_secret="another secret of some length") as edge:
        assert (await edge.at("acorn").get("/")).status_code == 503


async def test_shoppers_who_come_together_cost_one_fill(edge: Worker, origin: ScriptedOrigin) -> None:
    await edge.at("acorn").get("/")
    hold = origin.hold(BOWL)
    asking = [asyncio.create_task(edge.at("acorn").get(BOWL)) for _ in range(6)]
    await hold.arrived.wait()
    hold.release()
    answers = await asyncio.gather(*asking)
    assert len({answer.content for answer in answers}) == 1
    assert origin.asked_for("/snapshot?target=" + BOWL.replace("/", "%2F")) == 1
    assert sum("collapsed" in answer.headers["cache-status"] for answer in answers) == 5


async def test_one_shops_rush_leaves_turns_to_the_others(origin: ScriptedOrigin) -> None:
    async with worker(origin, edge_tenant_fills=1, edge_wait_seconds=0.05) as edge:
        await edge.at("acorn").get("/robots.txt")
        hold = origin.hold(BOWL)
        held = asyncio.create_task(edge.at("acorn").get(BOWL))
        await hold.arrived.wait()
        refused = await edge.at("acorn").get("/collections/table")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert (await edge.at("birch").get("/collections/table")).status_code == 200
        hold.release()
        assert (await held).status_code == 200
        assert (await edge.at("acorn").get("/collections/table")).status_code == 200
