"""What the worker does for each event of the outbox. An event may come more than once: every handler bears that."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

import structlog

from contracts import crash_points
from contracts.events import Topic, queue_of
from contracts.tenant import StoreId
from origin.carts import Carts
from origin.checkout.flow import Checkouts
from origin.db import Database
from origin.errors import MisconfiguredError, NotFound
from origin.jobs.imports import handle_import_requested
from origin.jobs.mail import confirm_order
from origin.jobs.notices import send_notice
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
    """What handlers work with."""

    settings: OriginSettings
    db: Database
    checkouts: Checkouts


Handler = Callable[[Tools, Event], Awaitable[None]]


class Workbench:
    """The loop and the connections of one process, for one job after the other: to open them takes longer than most
    jobs. After a job that failed all are new: whatever it left behind is gone with them."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None
        self._tools: Tools | None = None
        self._to_close = AsyncExitStack()

    def do(self, event: Event) -> None:
        if self._runner is None:
            self._runner = asyncio.Runner()
        try:
            self._runner.run(self._do(event))
        except BaseException:
            self.put_away()
            raise

    def put_away(self) -> None:
        if self._runner is None:
            return
        with suppress(Exception):
            self._runner.run(self._to_close.aclose())
        self._runner.close()
        self._runner = self._tools = None

    async def _do(self, event: Event) -> None:
        if self._tools is None:
            self._tools = await self._take_out()
        await HANDLERS[event.topic](self._tools, event)

    async def _take_out(self) -> Tools:
        settings = OriginSettings()
        db = Database(settings.app_database_url, settings.router_database_url, connections=2)
        await db.open()
        self._to_close.push_async_callback(db.close)
        carts, close_carts = Carts.connect(settings.state_url)
        self._to_close.push_async_callback(close_carts)
        payments = Payments(settings)
        self._to_close.push_async_callback(payments.close)
        return Tools(settings, db, Checkouts(db, carts, payments, settings))


WORKBENCH = Workbench()


def handle(event: dict[str, Any]) -> None:
    """The job the relay queues (contracts.events.EVENT_JOB): `store_id`, `topic`, `payload`."""
    crash_points.reached("job.begun")
    topic = Topic(event["topic"])
    if queue_of(topic):  # a relay of an older release may queue what nobody listens to
        WORKBENCH.do(Event(StoreId(int(event["store_id"])), topic, event["payload"]))
    crash_points.reached("job.done")


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
        await tools.checkouts.empty_cart(store_id, row["id"])


async def import_requested(tools: Tools, event: Event) -> None:
    await handle_import_requested(tools.db, event.store_id, event.payload)


async def buyer_notice(tools: Tools, event: Event) -> None:
    notice_id = int(event.payload["notice_id"])
    try:
        await send_notice(tools.db, tools.settings, environment(), event.store_id, notice_id)
    except NotFound:
        log.warning("order is gone; nobody told", store_id=event.store_id, notice_id=notice_id)


HANDLERS: dict[Topic, Handler] = {
    Topic.ORDER_CREATED: order_created,
    Topic.IMPORT_REQUESTED: import_requested,
    Topic.BUYER_NOTICE: buyer_notice,
}


def check() -> None:
    """Before the worker starts: every topic that is queued has its handler. Raises MisconfiguredError."""
    missing = [str(topic) for topic in Topic if queue_of(topic) and topic not in HANDLERS]
    if missing:
        raise MisconfiguredError(f"no handler for {', '.join(missing)}")
