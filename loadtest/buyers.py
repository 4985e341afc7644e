"""Checkouts of many buyers, made before the clock starts: each has a cart of its own and a submission that is ready to
be sent to the origin, as an edge would hand it on.
"""

import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import psycopg

from contracts.tenant import StoreId
from loadtest.open_loop import Request, post
from origin.carts import Cart, CartLine, Carts, Edit
from standalone.ready_file import Ready

_ADDRESS = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "address1": "1 Way",
    "city": "Ghent",
    "zip": "9000",
    "country_code": "BE",
}
PLENTY = 10_000_000


async def stock_up(database_url: str, store_id: StoreId) -> list[int]:
    """Nothing of this shop will sell out. Returns its variants, each of another product."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("UPDATE inventory_level SET available = %s WHERE store_id = %s", [PLENTY, store_id])
        cursor = await connection.execute(
            "SELECT min(id) FROM variant WHERE store_id = %s GROUP BY product_id ORDER BY 1", [store_id]
        )
        return [variant_id for (variant_id,) in await cursor.fetchall()]


async def checkouts(
    ready: Ready, edge_secret: str, store_id: StoreId, variants: Sequence[int], count: int, name: str
) -> list[Request]:
    """`count` buyers, each of one piece; they take the variants in turn."""
    carts, close = Carts.connect(ready.state_url)
    host = ready.origin.partition("://")[2]
    headers = (
        "Content-Type: application/json",
        "Accept: application/json",
        f"Stoa-Edge-Secret: {edge_secret}",
        f"Stoa-Store-Id: {store_id}",
        "Stoa-Client-Address: 127.0.0.1",
    )
    made = []
    for number in range(count):
        cart = await carts.change(store_id, None, _with(variants[number % len(variants)]))
        body = {
            "email": f"{secrets.token_hex(4)}@example.com",
            "shipping_address": _ADDRESS,
            "payment_method": "pm_card_visa",
            "cart": cart.token,
        }
        key = f"Idempotency-Key: {secrets.token_hex(12)}"
        made.append(post(host, "/checkout", json.dumps(body).encode(), *headers, key, name=name))
    await close()
    return made


def _with(variant_id: int) -> Edit:
    async def fill(cart: Cart) -> Cart:
        return replace(cart, lines=(CartLine(variant_id, 1, 0, ""),))

    return fill


@asynccontextmanager
async def payments_that_take(ready: Ready, ms: int) -> AsyncIterator[None]:
    """The sandbox answers so slowly meanwhile. Raises httpx.HTTPError."""
    async with httpx.AsyncClient(base_url=ready.stripe_url) as client:
        before = (await client.get("/sandbox/faults")).raise_for_status().json()["latency_ms"]
        (await client.post("/sandbox/faults", json={"latency_ms": ms})).raise_for_status()
        try:
            yield
        finally:
            (await client.post("/sandbox/faults", json={"latency_ms": before})).raise_for_status()
