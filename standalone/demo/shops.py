"""The demo shops: made once through the platform API, then filled as a merchant would fill them."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from standalone.demo.catalog import SHOP_NAMES, Shop, load_shop
from standalone.demo.filler import AdminClient, DemoShopError, ShopFiller, refused, send, together

REQUESTS_AT_ONCE = 8
REQUEST_SECONDS = 30.0

Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class DemoShop:
    store_id: int
    name: str
    host: str
    admin_token: str

    @property
    def subdomain(self) -> str:
        return self.host.partition(".")[0]


async def ensure_demo_shops(
    origin_url: str,
    platform_token: str,
    known: Mapping[str, str],
    report: Report,
    made: Callable[[DemoShop], None] = lambda shop: None,
) -> list[DemoShop]:
    """Makes what is missing of the demo shops and fills them; safe to call again after an interruption.

    `known`: subdomain -> admin token of shops made earlier. `report`: shop name, steps done, steps in all.
    `made` hears of each new shop as soon as its token exists, which is shown only once. Raises DemoShopError.
    """
    turns = asyncio.Semaphore(REQUESTS_AT_ONCE)
    limits = httpx.Limits(max_connections=REQUESTS_AT_ONCE)
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # plain http: see `origin_client`
    async with httpx.AsyncClient(base_url=origin_url, timeout=REQUEST_SECONDS, limits=limits, verify=nobody) as client:

        async def ensure(name: str) -> DemoShop:
            shop = load_shop(name)
            if name in known:
                demo = await _find(AdminClient(client, known[name], turns), shop, known[name])
            else:
                demo = await _create(client, platform_token, shop)
                made(demo)
            await _fill(AdminClient(client, demo.admin_token, turns), shop, report)
            return demo

        return await together([ensure(name) for name in SHOP_NAMES])


async def _fill(admin: AdminClient, shop: Shop, report: Report) -> None:
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        report(shop.name, done, ShopFiller.steps(shop))

    await ShopFiller(admin, shop, step).fill()


async def _create(client: httpx.AsyncClient, platform_token: str, shop: Shop) -> DemoShop:
    body = {
        "name": shop.name,
        "subdomain": shop.subdomain,
        "currency": shop.currency,
        "locale": shop.locale,
        "email": shop.email,
        "description": shop.description,
        "theme": "agora",
        "settings": dict(shop.settings),
        "navigation": dict(shop.navigation),
    }
    headers = {"Authorization": f"Bearer {platform_token}"}
    answer = await send(client, "POST", "/platform/stores", headers, body)
    if answer.status_code in (409, 422) and "subdomain" in answer.text:
        raise DemoShopError(
            f"a shop called {shop.subdomain} exists, but its admin token is not known here; "
            f"close that shop, or start without demo shops (--no-demo): {answer.text[:300]}"
        )
    if not answer.is_success:
        raise refused("POST", "/platform/stores", answer)
    created = answer.json()
    store = created["store"]
    return DemoShop(int(store["id"]), store["name"], store["host"], created["admin_token"])


async def _find(admin: AdminClient, shop: Shop, token: str) -> DemoShop:
    found = await admin.done("GET", "/shop.json", "shop")
    if str(found["domain"]).partition(".")[0] != shop.subdomain:
        raise DemoShopError(f"the token known for {shop.subdomain} is the one of {found['domain']}")
    return DemoShop(int(found["id"]), found["name"], found["domain"], token)
