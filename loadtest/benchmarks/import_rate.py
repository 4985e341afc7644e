"""How fast product CSVs go in, through the admin API, the relay and the worker: two made-up catalogs, two new shops.

One catalog has products of one variant, the other twelve variants each. Time runs from the upload to `done`.
"""

import asyncio
import csv
import io
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from standalone.ready_file import read_ready

POLL_SECONDS = 0.05
GIVE_UP_SECONDS = 120.0
COLUMNS = ("Handle", "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Option1 Name", "Option1 Value")
VARIANT_COLUMNS = (
    "Variant SKU",
    "Variant Grams",
    "Variant Inventory Tracker",
    "Variant Inventory Qty",
    "Variant Price",
)


@dataclass(frozen=True, slots=True)
class Catalog:
    name: str
    products: int
    variants_each: int

    def body(self) -> bytes:
        written = io.StringIO(newline="")
        writer = csv.writer(written)
        writer.writerow((*COLUMNS, *VARIANT_COLUMNS))
        for number in range(self.products):
            writer.writerows(self._rows(number))
        return written.getvalue().encode()

    def _rows(self, number: int) -> list[list[object]]:
        text = f"<p>Made by hand, number {number}. " + "The glaze breaks over the rim. " * 10 + "</p>"
        first = (f"Bowl {number} of {self.name}", text, "Kiln", "Bowls", "table, daily", "Size")
        price = f"{10 + number % 90}.50"
        return [
            [
                f"bowl-{number}-{self.name}",
                *(first if size == 0 else [""] * len(first)),
                f"No. {size}",
                *(f"B{number}-{size}", 400, "shopify", 20, price),
            ]
            for size in range(self.variants_each)
        ]


CATALOGS = (Catalog("plain", 2500, 1), Catalog("varied", 150, 12))


async def run(data_dir: Path, console: Console) -> dict[str, Any]:
    """Keys per catalog: products, variants, seconds, products_per_second, variants_per_second, again_seconds."""
    ready = read_ready(data_dir)
    result = {}
    async with httpx.AsyncClient(base_url=ready.origin, timeout=60) as client:
        for catalog in CATALOGS:
            console.print(f"importing {catalog.name}: {catalog.products} products of {catalog.variants_each} variants")
            token = await _new_shop(client, ready.platform_token, catalog.name)
            result[catalog.name] = await _measure(client, token, catalog)
    return result


async def _new_shop(client: httpx.AsyncClient, platform_token: str, name: str) -> str:
    subdomain = f"import-{name}-{secrets.token_hex(4)}"
    answer = await client.post(
        "/platform/stores",
        json={"name": f"Import of {name}", "subdomain": subdomain, "currency": "EUR"},
        headers={"Authorization": f"Bearer {platform_token}"},
    )
    token: str = answer.raise_for_status().json()["admin_token"]
    return token


async def _measure(client: httpx.AsyncClient, token: str, catalog: Catalog) -> dict[str, float]:
    body = catalog.body()
    seconds, first = await _import(client, token, body)
    again_seconds, again = await _import(client, token, body)
    if (first["products_created"], again["products_skipped"]) != (catalog.products, catalog.products):
        raise RuntimeError(f"not everything went in: {first | {'report': first['report'][:5]}}")
    variants = catalog.products * catalog.variants_each
    return {
        "products": catalog.products,
        "variants": variants,
        "seconds": round(seconds, 2),
        "products_per_second": round(catalog.products / seconds),
        "variants_per_second": round(variants / seconds),
        "again_seconds": round(again_seconds, 2),
    }


async def _import(client: httpx.AsyncClient, token: str, body: bytes) -> tuple[float, dict[str, Any]]:
    headers = {"X-Stoa-Access-Token": token}
    started = time.perf_counter()
    answer = await client.post(
        "/admin/api/2024-10/imports.json", files={"file": ("made-up.csv", body)}, headers=headers
    )
    import_id = answer.raise_for_status().json()["import"]["id"]
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while True:
            answer = await client.get(f"/admin/api/2024-10/imports/{import_id}.json", headers=headers)
            record: dict[str, Any] = answer.raise_for_status().json()["import"]
            if record["state"] in ("done", "failed"):
                return time.perf_counter() - started, record
            await asyncio.sleep(POLL_SECONDS)
