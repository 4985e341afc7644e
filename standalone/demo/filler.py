"""Fills one shop from its catalog through the admin API, as any merchant's script would.

What is there already, by handle, is left alone, so that a shop whose filling was interrupted is completed.
"""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import httpx

from standalone.demo.catalog import Collection, Product, Shop, Variant
from standalone.demo.pictures import Picture
from standalone.errors import StandaloneError

API = "/admin/api/2024-10"
MAX_PAUSES = 20
LONGEST_LIST = 250

Json = dict[str, Any]
T = TypeVar("T")


class DemoShopError(StandaloneError):
    """A demo shop could not be made; the message says why."""


class AdminClient:
    """The admin API as one shop's merchant. `turns` limits how many requests are under way at once, over all shops."""

    def __init__(self, client: httpx.AsyncClient, token: str, turns: asyncio.Semaphore) -> None:
        self._client = client
        self._headers = {"X-Stoa-Access-Token": token}
        self._turns = turns

    async def ask(self, method: str, path: str, body: Json | None = None) -> httpx.Response:
        for _ in range(MAX_PAUSES):
            async with self._turns:
                answer = await send(self._client, method, f"{API}{path}", self._headers, body)
            if answer.status_code != 429:
                return answer
            await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
        raise DemoShopError(f"the admin API asked for too many pauses at {path}; try again later")

    async def done(self, method: str, path: str, root: str, body: Json | None = None) -> Any:
        """What stands under `root` in a good answer."""
        answer = await self.ask(method, path, body)
        if not answer.is_success:
            raise refused(method, path, answer)
        return answer.json()[root]

    async def ids(self, root: str) -> dict[str, int]:
        """Handle -> id of everything of a kind that the shop has."""
        rows = await self.done("GET", f"/{root}.json?limit={LONGEST_LIST}&fields=id,handle", root)
        return {row["handle"]: row["id"] for row in rows}


async def send(
    client: httpx.AsyncClient, method: str, url: str, headers: Mapping[str, str], body: Json | None
) -> httpx.Response:
    try:
        return await client.request(method, url, headers=headers, json=body)
    except httpx.HTTPError as error:
        raise DemoShopError(f"the origin did not answer {method} {url} ({error!r}); is it running?") from error


def refused(method: str, path: str, answer: httpx.Response) -> DemoShopError:
    return DemoShopError(f"making a demo shop: {method} {path} answered {answer.status_code}: {answer.text[:500]}")


async def together(jobs: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All results in order. The first failure stops the others and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    return [task.result() for task in tasks]


class ShopFiller:
    """`step` is called after each thing made or found."""

    def __init__(self, admin: AdminClient, shop: Shop, step: Callable[[], None]) -> None:
        self._admin, self._shop, self._step = admin, shop, step

    @staticmethod
    def steps(shop: Shop) -> int:
        return len(shop.products) + len(shop.collections) + len(shop.pages) + 1

    async def fill(self) -> None:
        await together([self._products(), self._pages(), self._look()])
        product_ids = await self._admin.ids("products")
        custom, smart = await together([self._admin.ids("custom_collections"), self._admin.ids("smart_collections")])
        # In their own order, which is the order a home page shows them in.
        for collection in self._shop.collections:
            if collection.handle not in custom | smart:
                await self._make_collection(collection, product_ids)
            self._step()

    async def _products(self) -> None:
        known = await self._admin.ids("products")
        await together([self._product(product, product.handle in known) for product in self._shop.products])

    async def _product(self, product: Product, is_known: bool) -> None:
        if not is_known:
            body = {"product": product_body(product, self._shop.svg)}
            created = await self._admin.done("POST", "/products.json", "product", body)
            path = f"/products/{created['id']}.json"
            pictured = pictured_variants(product, created)
            if created["handle"] != product.handle:
                # 1. an interrupted run sends its request; 2. this run lists what there is; 3. the origin finishes
                # that request; 4. ours gets the handle with a number behind it, and must go.
                await self._admin.ask("DELETE", path)
            elif pictured:
                change = {"product": {"id": created["id"], "variants": pictured}}
                await self._admin.done("PUT", path, "product", change)
        self._step()

    async def _make_collection(self, collection: Collection, product_ids: Mapping[str, int]) -> None:
        body: Json = {
            "title": collection.title,
            "handle": collection.handle,
            "body_html": collection.body_html,
            "sort_order": collection.sort_order,
            "image": attachment(collection.picture, collection.handle, self._shop.svg),
        }
        root = "smart_collection" if collection.rules else "custom_collection"
        if collection.rules:
            body |= {"rules": [dict(rule) for rule in collection.rules], "disjunctive": collection.is_disjunctive}
        else:
            body["collects"] = [{"product_id": product_ids[handle]} for handle in collection.products]
        await self._admin.done("POST", f"/{root}s.json", root, {root: body})

    async def _pages(self) -> None:
        known = await self._admin.ids("pages")
        for page in self._shop.pages:
            if page.handle not in known:
                body = {"title": page.title, "handle": page.handle, "body_html": page.body_html}
                await self._admin.done("POST", "/pages.json", "page", {"page": body})
            self._step()

    async def _look(self) -> None:
        """Uploads the pictures that settings name."""
        current = (await self._admin.done("GET", "/storefront.json", "storefront"))["settings"]
        missing = {name: picture for name, picture in self._shop.images.items() if not current.get(name)}
        uploaded = {name: await self._upload(name, picture) for name, picture in missing.items()}
        if uploaded:
            change = {"settings": {**current, **uploaded}}
            await self._admin.done("PUT", "/storefront.json", "storefront", {"storefront": change})
        self._step()

    async def _upload(self, name: str, picture: Picture) -> str:
        body = {"file": attachment(picture, name.replace("_", "-"), self._shop.svg)}
        file = await self._admin.done("POST", "/files.json", "file", body)
        return str(file["path"])


def product_body(product: Product, svg: Callable[[Picture], str]) -> Json:
    body: Json = {
        "title": product.title,
        "handle": product.handle,
        "body_html": product.body_html,
        "vendor": product.vendor,
        "product_type": product.kind,
        "tags": ", ".join(product.tags),
        "status": "active",
        "variants": [variant_body(variant) for variant in product.variants],
        "images": [
            attachment(picture, f"{product.handle}-{number}", svg) for number, picture in enumerate(product.pictures, 1)
        ],
    }
    if product.option_names:
        body["options"] = [{"name": name} for name in product.option_names]
    return body


def variant_body(variant: Variant) -> Json:
    body: Json = {
        "price": variant.price,
        "compare_at_price": variant.compare_at,
        "sku": variant.sku,
        "grams": variant.grams,
        "requires_shipping": variant.requires_shipping,
        "inventory_policy": "continue" if variant.may_oversell else "deny",
        "inventory_management": None if variant.quantity is None else "shopify",
        **{f"option{number}": value for number, value in enumerate(variant.options, 1)},
    }
    if variant.quantity is not None:
        body["inventory_quantity"] = variant.quantity
    return body


def attachment(picture: Picture, name: str, svg: Callable[[Picture], str]) -> Json:
    return {
        "attachment": b64encode(svg(picture).encode()).decode(),
        "filename": f"{name}.svg",
        "alt": picture.alt,
    }


def pictured_variants(product: Product, created: Json) -> Sequence[Json]:
    """All variants of a created product, each with the picture that shows its colour; none if no picture does."""
    shown = {
        picture.shows: image["id"]
        for picture, image in zip(product.pictures, created["images"], strict=True)
        if picture.shows
    }
    if not shown:
        return ()
    images = (next((shown[value] for value in variant.options if value in shown), None) for variant in product.variants)
    return [
        {"id": row["id"], "image_id": image} if image else {"id": row["id"]}
        for row, image in zip(created["variants"], images, strict=True)
    ]
