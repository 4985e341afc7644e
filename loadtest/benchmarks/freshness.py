"""From a merchant's write to every edge worker: how long until a new price is on every page that shows it.

A black box: it writes through the admin API, then asks each edge worker by itself for the product page, the collection
page and the JSON twins until all of them show the new price. Time runs from the moment the write was answered.
"""

import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import track

from contracts.money import to_cents, to_decimal_text, to_display
from standalone.errors import StandaloneError
from standalone.ready_file import EdgeWorker, Ready, StoreAccess, read_ready

WRITES = 100
GIVE_UP_SECONDS = 5.0
PAUSE_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Subject:
    """The product whose price is changed, and where shoppers see it."""

    store: StoreAccess
    variant_id: int
    price_minor: int
    currency: str
    locale: str
    product_path: str
    collection_path: str

    def sightings(self, minor: int) -> dict[str, str]:
        """What each page must contain once it shows this price."""
        shown = to_display(minor, self.currency, self.locale)
        return {
            self.product_path: shown,
            self.collection_path: shown,
            f"{self.product_path}.js": f'"price":{to_cents(minor, self.currency)}',
            f"{self.product_path}.json": f'"price":"{to_decimal_text(minor, self.currency)}"',
            f"{self.collection_path}/products.json": f'"price":"{to_decimal_text(minor, self.currency)}"',
        }


async def run(data_dir: Path, console: Console) -> dict[str, Any]:
    """Keys: writes, p50_ms, p99_ms, max_ms, missed (pages that did not change within 5 s), workers, pages."""
    ready = read_ready(data_dir)
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(timeout=10, limits=limits) as client:
        subject = await choose_subject(client, ready)
        delays: list[float | None] = []
        for step in track(range(1, WRITES + 1), "writing prices", console=console, transient=True):
            delays += await one_write(client, ready, subject, subject.price_minor + step)
        await set_price(client, ready, subject, subject.price_minor)
    return summary(delays, len(ready.edge_workers))


def summary(delays: list[float | None], workers: int) -> dict[str, Any]:
    seen = sorted(delay * 1000 for delay in delays if delay is not None)
    share: Callable[[float], float] = lambda limit_ms: sum(delay <= limit_ms for delay in seen) / len(delays)  # noqa: E731
    return {
        "writes": WRITES,
        "workers": workers,
        "sightings": len(delays),
        "p50_ms": round(statistics.median(seen), 1),
        "p99_ms": round(seen[min(len(seen) - 1, int(len(seen) * 0.99))], 1),
        "max_ms": round(seen[-1], 1),
        "missed": len(delays) - len(seen),
        "fresh_within": {f"{limit}s": round(share(limit * 1000), 4) for limit in (0.25, 1, 2, 5)},
    }


async def choose_subject(client: httpx.AsyncClient, ready: Ready) -> Subject:
    """The first product of the first demo shop that has a collection."""
    for store in ready.stores:
        collections = (await _shop_json(client, ready, store, "/collections.json"))["collections"]
        for collection in collections:
            path = f"/collections/{collection['handle']}"
            feed = await _shop_json(client, ready, store, f"{path}/products.json")
            single = [product for product in feed["products"] if len(product["variants"]) == 1]
            if single:
                return await _subject(client, ready, store, path, single[0])
    raise StandaloneError("No shop here has a collection with a product of one variant; start with the demo shops.")


async def _subject(
    client: httpx.AsyncClient, ready: Ready, store: StoreAccess, path: str, product: dict[str, Any]
) -> Subject:
    shop = (await _admin(client, ready, store, "GET", "shop.json"))["shop"]
    js = await _shop_json(client, ready, store, f"/products/{product['handle']}.js")
    return Subject(
        store=store,
        variant_id=product["variants"][0]["id"],
        price_minor=int(js["price"]),
        currency=shop["currency"],
        locale=shop["primary_locale"],
        product_path=f"/products/{product['handle']}",
        collection_path=path,
    )


async def one_write(client: httpx.AsyncClient, ready: Ready, subject: Subject, minor: int) -> list[float | None]:
    """Seconds until each page of each worker showed the price; None where it never did."""
    await set_price(client, ready, subject, minor)
    answered = time.monotonic()
    waits = [
        _until_seen(client, worker, subject.store.host, path, text, answered)
        for worker in ready.edge_workers
        for path, text in subject.sightings(minor).items()
    ]
    return await asyncio.gather(*waits)


async def _until_seen(
    client: httpx.AsyncClient, worker: EdgeWorker, host: str, path: str, text: str, since: float
) -> float | None:
    while time.monotonic() - since < GIVE_UP_SECONDS:
        answer = await client.get(worker.url + path, headers={"Host": host})
        if text in answer.text:
            return time.monotonic() - since
        await asyncio.sleep(PAUSE_SECONDS)
    return None


async def set_price(client: httpx.AsyncClient, ready: Ready, subject: Subject, minor: int) -> None:
    price = to_decimal_text(minor, subject.currency)
    body = {"variant": {"id": subject.variant_id, "price": price}}
    await _admin(client, ready, subject.store, "PUT", f"variants/{subject.variant_id}.json", body)


async def _shop_json(client: httpx.AsyncClient, ready: Ready, store: StoreAccess, path: str) -> dict[str, Any]:
    answer = await client.get(ready.edge_workers[0].url + path, headers={"Host": store.host})
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


async def _admin(
    client: httpx.AsyncClient, ready: Ready, store: StoreAccess, method: str, path: str, body: Any = None
) -> dict[str, Any]:
    url = f"{ready.origin}/admin/api/2024-10/{path}"
    answer = await client.request(method, url, json=body, headers={"X-Stoa-Access-Token": store.admin_token})
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
