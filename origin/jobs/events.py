"""What the worker does for each event of the outbox. An event may come more than once: every handler bears that."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from contracts import crash_points
from contracts.events import Topic
from contracts.tenant import StoreId
from origin.carts import Carts
from origin.checkout.flow import Checkouts
from origin.db import Database
from origin.errors import MisconfiguredError, NotFound
from origin.jobs.imports import handle_import_requested
from origin.jobs.mail import confirm_order
from origin.payments import Payments
from origin.settings import OriginSettings
from origin.templating import environment

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Event:
    store_id: StoreId
    topic: Topic
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tools:
    """What handlers work with, for one job."""

    settings: OriginSettings
    db: Database
    carts: Carts


Handler = Callable[[Tools, Event], Awaitable[None]]


def handle(event: dict[str, Any]) -> None:
    """The job the relay queues (contracts.events.EVENT_JOB): `store_id`, `topic`, `payload`."""
    crash_points.reached("job.begun")
    asyncio.run(_handle(Event(StoreId(int(event["store_id"])), Topic(event["topic"]), event["payload"])))
    crash_points.reached("job.done")


async def _handle(event: Event) -> None:
    settings = OriginSettings()
    db = Database(settings.app_database_url, settings.router_database_url, connections=2)
    carts, close = Carts.connect(settings.state_url)
    await db.open()
    try:
        await HANDLERS[event.topic](Tools(settings, db, carts), event)
    finally:
        await close()
        await db.close()


async def order_created(tools: Tools, event: Event) -> None:
    """Empties the cart, should the checkout's process have died before it could; then tells the buyer, unless a
    merchant wrote the order and did not want that."""
    order_id = int(event.payload["order_id"])
    await _empty_cart(tools, event.store_id, order_id)
    if event.payload.get("is_quiet"):
        return
    try:
        await confirm_order(tools.db, tools.settings, environment(), event.store_id, order_id)
    except NotFound:
        log.warning("order is gone; nobody told", store_id=event.store_id, order_id=order_id)


async def _empty_cart(tools: Tools, store_id: StoreId, order_id: int) -> None:
    async with tools.db.tenant(store_id) as tx:
        cursor = await tx.execute(
            "SELECT id FROM checkout_attempt WHERE store_id = %s AND order_id = %s", [store_id, order_id]
        )
        row = await cursor.fetchone()
    if row is not None:
        payments = Payments(tools.settings)
        try:
            await Checkouts(tools.db, tools.carts, payments, tools.settings).empty_cart(store_id, row["id"])
        finally:
            await payments.close()


async def nobody_listens(_tools: Tools, _event: Event) -> None:
    """Yet: it has been handed on, and that was all."""


async def import_requested(tools: Tools, event: Event) -> None:
    await handle_import_requested(tools.db, event.store_id, event.payload)


# Merchants' webhooks will listen to these.
_UNHEARD = (
    Topic.ORDER_PAID,
    Topic.ORDER_UPDATED,
    Topic.ORDER_CANCELLED,
    Topic.ORDER_DELETED,
    Topic.ORDER_FULFILLED,
    Topic.ORDER_PARTIALLY_FULFILLED,
    Topic.FULFILLMENT_CREATED,
    Topic.FULFILLMENT_UPDATED,
    Topic.REFUND_CREATED,
)
HANDLERS: dict[Topic, Handler] = {
    **dict.fromkeys(_UNHEARD, nobody_listens),
    Topic.ORDER_CREATED: order_created,
    Topic.IMPORT_REQUESTED: import_requested,
}


def check() -> None:
    """Before the worker starts: every topic has its handler. Raises MisconfiguredError."""
    missing = [str(topic) for topic in Topic if topic not in HANDLERS]
    if missing:
        raise MisconfiguredError(f"no handler for {', '.join(missing)}")
