"""The edge beside the real origin: every page kind is made of what the origin really answers, for two shops."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from edge_renderer.app import running_edge
from origin.app import create_app
from origin.settings import OriginSettings
from tests.fixtures.bus import HandClock
from tests.fixtures.edges import Worker, edge_settings, theming
from tests.fixtures.origin import Shop
from tests.fixtures.scripted_origin import serving

_PRODUCT = {
    "product": {
        "title": "Walnut bowl",
        "body_html": "<p>Turned by hand.</p>",
        "options": [{"name": "Size", "values": ["Small", "Large"]}],
        "variants": [{"option1": "Small", "price": "34.00"}, {"option1": "Large", "price": "68.00"}],
    }
}

_TARGETS = (
    "/",
    "/products/bowl",
    "/products/bowl.js",
    "/products/bowl.json",
    "/collections",
    "/collections.json",
    "/collections/all",
    "/collections/all/products.json",
    "/products.json",
    "/search?q=walnut",
    "/search/suggest.json?q=walnut",
    "/sitemap.xml",
    "/robots.txt",
)


@pytest.fixture
async def edge(origin_settings: OriginSettings, acorn: Shop, birch: Shop) -> AsyncIterator[Worker]:
    """Both shops have a product of one handle; birch's costs more."""
    app = create_app(origin_settings)
    async with app.router.lifespan_context(app), serving(app) as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False, verify=False) as merchant:
            for shop, title in ((acorn, "Walnut bowl"), (birch, "Walnut bowl of birch")):
                product = {"product": _PRODUCT["product"] | {"title": title, "handle": "bowl"}}
                made = await merchant.post("/admin/api/2026-01/products.json", json=product, headers=shop.admin_headers)
                assert made.status_code == 201, made.text
        settings = edge_settings(url, edge_secret=origin_settings.edge_secret)
        clock = HandClock()
        async with running_edge(settings, theming(), clock) as running:
            worker = Worker(running, clock)
            yield worker
            await worker.close()


async def test_every_page_is_made_of_what_the_origin_answers(edge: Worker, acorn: Shop, birch: Shop) -> None:
    for shop, other in ((acorn, birch), (birch, acorn)):
        for target in _TARGETS:
            answer = await edge.at(shop.host).get(target)
            assert answer.status_code == 200, (target, answer.text)
            assert "set-cookie" not in answer.headers
            assert other.host not in answer.text


async def test_the_twins_of_each_shop_have_its_own_titles(edge: Worker, acorn: Shop, birch: Shop) -> None:
    for shop, title in ((acorn, "Walnut bowl"), (birch, "Walnut bowl of birch")):
        ajax = (await edge.at(shop.host).get("/products/bowl.js")).json()
        assert (ajax["title"], ajax["price_min"], ajax["price_max"]) == (title, 3400, 6800)
        feed = json.loads((await edge.at(shop.host).get("/products.json")).content)["products"]
        assert [product["title"] for product in feed] == [title]
        found = (await edge.at(shop.host).get("/search/suggest.json?q=walnut")).json()
        assert [product["title"] for product in found["resources"]["results"]["products"]] == [title]


async def test_what_is_missing_is_said_in_the_shops_look(edge: Worker, acorn: Shop) -> None:
    for target in ("/products/nothing", "/nowhere"):
        answer = await edge.at(acorn.host).get(target)
        assert (answer.status_code, "Acorn" in answer.text) == (404, True)
    assert (await edge.at("nobody.stoa.localhost").get("/")).status_code == 404


async def test_a_cart_filled_through_the_edge_is_on_its_page_and_in_no_other_shop(
    edge: Worker, acorn: Shop, birch: Shop
) -> None:
    variant_id = (await edge.at(acorn.host).get("/products/bowl.js")).json()["variants"][0]["id"]
    added = await edge.at(acorn.host).post("/cart/add.js", json={"id": variant_id, "quantity": 2})
    assert added.status_code == 200, added.text
    cookie = {"cookie": f"cart={added.cookies['cart']}"}
    assert (await edge.at(acorn.host).get("/cart.js", headers=cookie)).json()["item_count"] == 2
    assert "Walnut bowl" in (await edge.at(acorn.host).get("/cart", headers=cookie)).text
    assert (await edge.at(birch.host).get("/cart.js", headers=cookie)).json()["item_count"] == 0
    assert "Walnut bowl" not in (await edge.at(birch.host).get("/cart", headers=cookie)).text
