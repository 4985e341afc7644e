"""How many checkouts a second, of one variant and of many, and how long each takes beyond the payment; beside them, in
the same run, the design that comes to mind first (loadtest/obvious_checkout.py).

Submissions go straight to the origin, as an edge hands them on, each with a cart of its own that was filled before. One
part gives the rate at saturation (closed loop, with so many buyers that more would not give more), the next the
latencies at half of that (open loop, from the intended start), once the first one's jobs are done. There are more
buyers at once than a shop has slots for (STOA_CHECKOUT_SHOP_AT_ONCE), as those at the provider
need none; who waits for one does so within the request, and that time counts. The provider is the sandbox, and takes
`payment_ms` for each payment; what is not an order at once is a failure.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console

from contracts.tenant import StoreId
from loadtest import obvious_checkout
from loadtest.buyers import PLENTY, checkouts, payments_that_take, stock_up
from loadtest.closed_loop import closed_loop
from loadtest.cpu_time import cpu_ms_each, cpu_seconds
from loadtest.open_loop import Address, open_loop
from loadtest.rest import breaks_at_rest, jobs_done
from loadtest.shops import made_up_shops
from standalone.data_folder import DataFolder
from standalone.ready_file import Ready, read_ready

WARM_UP = 200
CALM_SECONDS = 15.0
CONNECTIONS = 128
"""Far more than are busy at once, and so few that none is idle for as long as the origin keeps it."""
OBVIOUS_BUYERS = 16


@dataclass(frozen=True, slots=True)
class Counter:
    """Where one shop's buyers go. `variants`: what they take in turn."""

    ready: Ready
    edge_secret: str
    store_id: StoreId
    variants: list[int]

    @property
    def address(self) -> Address:
        parts = urlsplit(self.ready.origin)
        return parts.hostname or "127.0.0.1", parts.port or 80

    async def breaks(self, console: Console) -> list[str]:
        """Without its e-mails: the sink keeps the last thousand."""
        began_with = dict.fromkeys(self.variants, PLENTY)
        return await breaks_at_rest(self.ready, self.store_id, began_with, console, has_mail=False)


async def run(
    data_dir: Path,
    console: Console,
    *,
    orders: int = 1000,
    buyers: int = 96,
    payment_ms: int = 300,
    obvious_seconds: float = 15.0,
) -> dict[str, Any]:
    """Keys: one_variant_per_s, distinct_variants_per_s, obvious_design_per_s, ratio (first to third), p95_ms and
    p95_beyond_payment_ms (one variant, half of saturation); one_variant and distinct_variants with all times, the
    processor time of an order and what was said to those who failed; failed; breaks (what does not hold of the books;
    must be empty)."""
    ready, secret = read_ready(data_dir), DataFolder(data_dir).secrets().get("edge_secret")
    async with made_up_shops(ready.database_url, secrets.token_hex(3), 2) as (sale, calm):
        one = Counter(ready, secret, sale.store_id, (await stock_up(ready.database_url, sale.store_id))[:1])
        many = Counter(ready, secret, calm.store_id, await stock_up(ready.database_url, calm.store_id))
        async with payments_that_take(ready, 0):
            for counter in (one, many):
                await closed_loop(counter.address, await _orders(counter, WARM_UP), 16)
        async with payments_that_take(ready, payment_ms):
            console.print("the obvious design")
            obvious = await obvious_checkout.sell(ready, obvious_seconds, OBVIOUS_BUYERS)
            console.print(f"{obvious.per_s:.1f}/s; {orders} orders of one variant, then of {len(many.variants)}")
            rows = [await _measured(counter, orders, buyers, payment_ms, console) for counter in (one, many)]
    per_s = [row["orders_per_s"] for row in rows]
    return {
        "one_variant_per_s": per_s[0],
        "distinct_variants_per_s": per_s[1],
        "obvious_design_per_s": round(obvious.per_s, 2),
        "ratio": round(per_s[0] / obvious.per_s, 1),
        "p95_ms": rows[0]["p95_ms"],
        "p95_beyond_payment_ms": rows[0]["p95_beyond_payment_ms"],
        "payment_ms": payment_ms,
        "failed": sum(row["failed"] for row in rows),
        "breaks": [each for row in rows for each in row.pop("breaks")],
        "one_variant": rows[0],
        "distinct_variants": rows[1],
    }


async def _orders(counter: Counter, count: int) -> Any:
    return await checkouts(counter.ready, counter.edge_secret, counter.store_id, counter.variants, count, "checkout")


async def _measured(counter: Counter, orders: int, buyers: int, payment_ms: int, console: Console) -> dict[str, Any]:
    requests = await _orders(counter, orders)
    before = cpu_seconds(counter.ready)
    busy = await closed_loop(counter.address, requests, buyers)
    spent = cpu_ms_each(before, cpu_seconds(counter.ready), busy.statuses[201])
    per_s = busy.statuses[201] / busy.seconds
    console.print(f"{per_s:.0f} orders/s; waiting for their jobs, then {per_s / 2:.0f}/s for {CALM_SECONDS:.0f} s")
    await jobs_done(counter.ready)
    requests = await _orders(counter, max(1, int(per_s / 2 * CALM_SECONDS)))
    calm = await open_loop(counter.address, requests, per_s / 2, CALM_SECONDS * 2, CONNECTIONS)
    times = {name: calm.as_dict()[name] for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms")}
    failures = busy.failures(201) + calm.failures(201)
    beyond = {name.replace("_ms", "_beyond_payment_ms"): round(value - payment_ms, 3) for name, value in times.items()}
    return {
        "orders_per_s": round(per_s, 1),
        **times,
        **beyond,
        "failed": failures.total(),
        "failures": dict(failures),
        "cpu_ms": spent,
        "breaks": await counter.breaks(console),
    }
