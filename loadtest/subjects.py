"""Shops made for measuring freshness: in each, one product whose price is the number of the write that set it."""

import json
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from loadtest.watching import Connection
from standalone.ready_file import Ready

PRODUCTS = 12
FIRST_PRICE_MINOR = 1_000_000
MOST_VERSIONS = 1_000_000
# What must stand before is asked after the first digit: a pattern that begins with a byte is found twice as fast.
_SHOWN_PRICE = re.compile(rb'1(?:(?<=\$1)|(?<="price":1)|(?<="price":"1))(\d),?(\d{3})\.?(\d{2})\b')
_TEXT = "<p>Made by hand. " + "The glaze breaks over the rim. " * 10 + "</p>"

PAGES = {
    "product": "/products/blue-mug",
    "product.js": "/products/blue-mug.js",
    "product.json": "/products/blue-mug.json",
    "collection": "/collections/mugs",
    "home": "/",
    "search": "/search?q=mug",
    "products.json": "/products.json",
}


def version_in(body: bytes) -> int:
    """The oldest version that a page shows; 0 if it shows none."""
    found = [int(b"".join(digits)) for digits in _SHOWN_PRICE.findall(body)]
    return min(found, default=0)


@dataclass(slots=True)
class Subject:
    """`version`: of the last write, which nobody else makes."""

    store_id: int
    host: str
    admin: Connection
    admin_host: str
    token: str
    variant_id: int
    version: int = 0

    async def write(self) -> int:
        """Sets the next price. When it returns, the answer has just come. Raises ValueError if it is not 200."""
        self.version += 1
        minor = FIRST_PRICE_MINOR + self.version
        price = f"{minor // 100}.{minor % 100:02}"
        body = json.dumps({"variant": {"id": self.variant_id, "price": price}}).encode()
        [reply] = await self.admin.ask(
            f"PUT /admin/api/2024-10/variants/{self.variant_id}.json HTTP/1.1\r\nHost: {self.admin_host}\r\n"
            f"X-Stoa-Access-Token: {self.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        if reply.status != 200:
            raise ValueError(f"the write was answered {reply.status}: {reply.body[:200]!r}")
        return self.version


@asynccontextmanager
async def subjects(ready: Ready, shops: int) -> AsyncIterator[list[Subject]]:
    """New shops, closed when they have served."""
    platform = {"Authorization": f"Bearer {ready.platform_token}"}
    batch = secrets.token_hex(4)
    made: list[Subject] = []
    async with httpx.AsyncClient(base_url=ready.origin, timeout=30) as client:
        try:
            for number in range(shops):
                name = {"name": f"Fresh {number}", "subdomain": f"fresh-{number}-{batch}", "currency": "USD"}
                answer = await client.post("/platform/stores", json=name, headers=platform)
                made.append(await _stocked(client, ready, answer.raise_for_status().json()))
            yield made
        finally:
            for subject in made:
                await subject.admin.close()
                await client.post(f"/platform/stores/{subject.store_id}/close", headers=platform)


async def _stocked(client: httpx.AsyncClient, ready: Ready, created: dict[str, Any]) -> Subject:
    """Twelve products in one collection; the first is the one that changes."""
    token = created["admin_token"]

    async def post(path: str, name: str, fields: dict[str, Any]) -> dict[str, Any]:
        url, headers = f"/admin/api/2024-10/{path}.json", {"X-Stoa-Access-Token": token}
        answer = await client.post(url, json={name: fields}, headers=headers)
        found: dict[str, Any] = answer.raise_for_status().json()[name]
        return found

    collection = await post("custom_collections", "custom_collection", {"title": "Mugs"})
    products = []
    for number in range(PRODUCTS):
        title, price = (f"Mug {number}", "7.50") if number else ("Blue Mug", f"{FIRST_PRICE_MINOR // 100}.00")
        fields = {"title": title, "body_html": _TEXT, "variants": [{"price": price}]}
        product = await post("products", "product", fields)
        await post("collects", "collect", {"collection_id": collection["id"], "product_id": product["id"]})
        products.append(product)
    store = created["store"]
    admin = Connection(ready.origin)
    admin_host = ready.origin.partition("//")[2]
    return Subject(store["id"], store["host"], admin, admin_host, token, products[0]["variants"][0]["id"])
