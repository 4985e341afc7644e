"""A shop's books after a load, once all is quiet: held against where its stock began and what the provider says."""

import asyncio
import math
import time
from collections.abc import Mapping

from redis.asyncio import Redis
from rich.console import Console
from rq import Queue

from contracts.events import EVENT_QUEUE
from contracts.tenant import StoreId
from standalone.audit import audit_platform
from standalone.ready_file import Ready

QUIET_SECONDS = 60.0
DONE_SECONDS = 120.0


async def breaks_at_rest(
    ready: Ready, store_id: StoreId, began_with: Mapping[int, int], console: Console, *, has_mail: bool = True
) -> list[str]:
    """What does not hold; empty is right. What is still under way, the last e-mails above all, has time for as long as
    it gets less. `began_with`: variant -> units."""
    least, until = math.inf, time.monotonic() + QUIET_SECONDS
    with console.status("") as status:
        while True:
            found = await audit_platform(ready, store_id, began_with, has_mail=has_mail)
            if len(found) < least:
                least, until = len(found), time.monotonic() + QUIET_SECONDS
            if not found or time.monotonic() > until:
                return [f"{broken.rule}: {broken.what}" for broken in found]
            status.update(f"{len(found)} things still to be done, such as: {found[-1].rule}")
            await asyncio.sleep(1)


async def jobs_done(ready: Ready) -> None:
    """When the worker has nothing left to do: what it does for the last load would be a load of its own in the next.
    Raises TimeoutError."""
    key = f"{Queue.redis_queue_namespace_prefix}{EVENT_QUEUE}"
    async with Redis.from_url(ready.state_url) as state, asyncio.timeout(DONE_SECONDS):
        while True:
            if not await state.llen(key):
                return
            await asyncio.sleep(0.5)
