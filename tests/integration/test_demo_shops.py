"""The demo shops, made over HTTP in a real origin: once, completely, and completed after an interruption."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvicorn

from origin.app import create_app
from origin.settings import OriginSettings
from standalone.demo.catalog import SHOP_NAMES, load_shop
from standalone.demo.filler import DemoShopError
from standalone.demo.shops import DemoShop, ensure_demo_shops

API = "/admin/api/2024-10"


class Announced(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@pytest.fixture
async def origin_url(origin_settings: OriginSettings) -> AsyncIterator[str]:
    """The address of an origin that listens on a free port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        server = Announced(uvicorn.Config(create_app(origin_settings), log_level="warning", lifespan="on", ws="none"))
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(sockets=[listener]))
            async with asyncio.timeout(60):
                await server.listens.wait()
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            server.should_exit = True


@dataclass(slots=True)
class Seen:
    """What was reported while shops were made."""

    steps: dict[str, list[int]] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    made: list[DemoShop] = field(default_factory=list)

    def report(self, name: str, done: int, total: int) -> None:
        self.steps.setdefault(name, []).append(done)
        self.totals[name] = total


class Demo:
    """The demo shops of one origin."""

    def __init__(self, url: str, platform_token: str) -> None:
        self.url, self._token = url, platform_token

    async def ensure(self, seen: Seen, known: dict[str, str]) -> dict[str, DemoShop]:
        shops = await ensure_demo_shops(self.url, self._token, known, seen.report, seen.made.append)
        return {shop.subdomain: shop for shop in shops}

    async def interrupted(self, after_steps: int) -> dict[str, str]:
        """The tokens of shops whose making stopped when all had one and one of them had come so many steps."""
        seen = Seen()

        def interrupt(name: str, done: int, total: int) -> None:
            if done >= after_steps and len(seen.made) == len(SHOP_NAMES):
                raise InterruptedError(name)

        with pytest.raises(InterruptedError):
            await ensure_demo_shops(self.url, self._token, {}, interrupt, seen.made.append)
        return {shop.subdomain: shop.admin_token for shop in seen.made}

    async def get(self, shop: DemoShop, path: str, **query: str) -> Any:
        async with httpx.AsyncClient(
            base_url=self.url, headers={"X-Stoa-Access-Token": shop.admin_token}, verify=False
        ) as client:
            answer = await client.get(f"{API}/{path}.json", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()[path.rpartition("/")[2]]

    async def listed(self, shop: DemoShop, root: str) -> dict[str, dict[str, Any]]:
        return {row["handle"]: row for row in await self.get(shop, root, limit="250")}

    async def collections(self, shop: DemoShop) -> dict[str, dict[str, Any]]:
        return await self.listed(shop, "custom_collections") | await self.listed(shop, "smart_collections")


@pytest.fixture
def demo(origin_url: str, origin_settings: OriginSettings) -> Demo:
    return Demo(origin_url, origin_settings.platform_token)


def assert_is_as_its_catalog_says(products: dict[str, dict[str, Any]], name: str) -> None:
    catalog = load_shop(name)
    assert set(products) == {product.handle for product in catalog.products}
    for product in catalog.products:
        row = products[product.handle]
        assert [variant["price"] for variant in row["variants"]] == [each.price for each in product.variants]
        quantities = [each.quantity or 0 for each in product.variants]
        assert [variant["inventory_quantity"] for variant in row["variants"]] == quantities, product.handle
        assert [image["alt"] for image in row["images"]] == [picture.alt for picture in product.pictures]


def assert_colours_show_their_own_picture(mug: dict[str, Any]) -> None:
    alts = {image["id"]: image["alt"] for image in mug["images"]}
    for variant in mug["variants"]:
        assert alts[variant["image_id"]].endswith(variant["option2"].lower())


async def test_three_shops_are_made_as_their_catalogs_say_and_a_second_time_nothing_changes(demo: Demo) -> None:
    seen = Seen()
    shops = await demo.ensure(seen, {})
    assert sorted(shop.subdomain for shop in seen.made) == sorted(SHOP_NAMES)
    before = {name: await demo.listed(shop, "products") for name, shop in shops.items()}
    for name, shop in shops.items():
        catalog = load_shop(name)
        assert seen.steps[catalog.name] == list(range(1, seen.totals[catalog.name] + 1))
        assert_is_as_its_catalog_says(before[name], name)
        collections = await demo.collections(shop)
        assert set(collections) == {collection.handle for collection in catalog.collections}
        for handle, row in collections.items():
            assert row["image"]["src"]
            assert await demo.get(shop, "products/count", collection_id=str(row["id"])) >= 3, handle
        assert set(await demo.listed(shop, "pages")) == {page.handle for page in catalog.pages}
    assert_colours_show_their_own_picture(before["kiln"]["morning-mug"])

    again = Seen()
    assert await demo.ensure(again, {name: shop.admin_token for name, shop in shops.items()}) == shops
    assert again.made == []
    assert {name: await demo.listed(shop, "products") for name, shop in shops.items()} == before


async def test_a_shop_whose_filling_was_interrupted_is_completed(demo: Demo) -> None:
    known = await demo.interrupted(after_steps=10)
    assert known
    shops = await demo.ensure(Seen(), known)
    for name, shop in shops.items():
        assert_is_as_its_catalog_says(await demo.listed(shop, "products"), name)


async def test_a_shop_whose_token_is_lost_or_another_s_is_refused_with_a_sentence(demo: Demo) -> None:
    known = await demo.interrupted(after_steps=1)
    with pytest.raises(DemoShopError, match=r"exists, but its admin token is not known here.*--no-demo"):
        await demo.ensure(Seen(), {})
    name, other = sorted(known)[:2]
    with pytest.raises(DemoShopError, match=f"the token known for {name} is the one of {other}[.]"):
        await demo.ensure(Seen(), known | {name: known[other]})
