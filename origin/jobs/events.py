"""What the worker does for each event of the outbox. An event may come more than once: every handler bears that."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

import structlog
import uvloop

from contracts import crash_points
from contracts.events import Topic, queue_of
from contracts.tenant import StoreId
from origin.carts import Carts
from origin.checkout.flow import Checkouts
from origin.db import Database
from origin.errors import MisconfiguredError, NotFound, Unavailable
from origin.jobs.imports import handle_import_requested
from origin.jobs.mail import confirm_order
from origin.jobs.notices import send_notice
from origin.jobs.post import Post
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
    carts: Carts
    checkouts: Checkouts
    post: Post


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
            self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        try:
            self._runner.run(self._do(event))
        except BaseException:
            self.put_away()
            raise

    def rest(self) -> None:
        """Now and then between two jobs: what nobody uses any more is put away."""
        if self._tools is not None:
            self._tools.post.rest()

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
        post = Post(settings.smtp_url, time.monotonic)
        self._to_close.callback(post.close)
        return Tools(settings, db, carts, Checkouts(db, carts, payments, settings), post)


WORKBENCH = Workbench()


def handle(event: dict[str, Any]) -> None:
    """The job the relay queues (contracts.events.EVENT_JOB): `store_id`, `topic`, `payload`."""
    crash_points.reached("job.begun")
    topic = Topic(event["topic"])
    if queue_of(topic):  # a relay of an older release may queue what nobody listens to
        WORKBENCH.do(Event(StoreId(int(event["store_id"])), topic, event["payload"]))
    crash_points.reached("job.done")


# What an order still asks for, in one round trip.
_LEFT_TO_DO = b"""
    SELECT attempt.id AS attempt_id, attempt.cart_token, attempt.cart_generation,
           confirmation_sent_at IS NOT NULL OR cancelled_at IS NOT NULL AS is_settled
    FROM sales_order
    LEFT JOIN checkout_attempt AS attempt ON attempt.store_id = %(store)s AND attempt.order_id = sales_order.id
    WHERE sales_order.store_id = %(store)s AND sales_order.id = %(order)s
"""


async def order_created(tools: Tools, event: Event) -> None:
    """Empties the cart, should the checkout's process have died before it could; then tells the buyer, unless that was
    done before, the order has been cancelled since, or a merchant wrote it and did not want that."""
    order_id = int(event.payload["order_id"])
    told = {"store_id": event.store_id, "order_id": order_id}
    left = await tools.db.read_row(event.store_id, _LEFT_TO_DO, {"store": event.store_id, "order": order_id})
    if left is None:
        log.warning("order is gone; nobody told", **told)
        return
    if left["attempt_id"] is not None:
        await _empty_cart(tools, event.store_id, left)
    if event.payload.get("is_quiet") or left["is_settled"]:
        return
    if not tools.settings.smtp_url:
        log.info("no mail server is set; order not confirmed by e-mail", **told)
        return
    try:
        await confirm_order(tools.db, tools.settings, environment(), tools.post, event.store_id, order_id)
    except NotFound:
        log.warning("order is gone; nobody told", **told)


async def _empty_cart(tools: Tools, store_id: StoreId, left: Mapping[str, Any]) -> None:
    """Nearly always it is another cart by now, and that is all there is to know."""
    try:
        cart = await tools.carts.read(store_id, left["cart_token"])
    except Unavailable as error:
        log.warning("cart not emptied yet", store_id=store_id, attempt_id=left["attempt_id"], error=str(error))
        return
    if cart.token and cart.generation == left["cart_generation"]:
        await tools.checkouts.empty_cart(store_id, left["attempt_id"])


async def import_requested(tools: Tools, event: Event) -> None:
    await handle_import_requested(tools.db, event.store_id, event.payload)


async def buyer_notice(tools: Tools, event: Event) -> None:
    notice_id = int(event.payload["notice_id"])
    try:
        await send_notice(tools.db, tools.settings, environment(), tools.post, event.store_id, notice_id)
    except NotFound:
        log.warning("order is gone; nobody told", store_id=event.store_id, notice_id=notice_id)


HANDLERS: dict[Topic, Handler] = {
    Topic.ORDER_CREATED: order_created,
    Topic.IMPORT_REQUESTED: import_requested,
    Topic.BUYER_NOTICE: buyer_notice,
}


def check() -> None:
    """Before the worker starts: every topic that is queued has its handler, and every letter its words, which are read
    now. Raises MisconfiguredError."""
    missing = [str(topic) for topic in Topic if queue_of(topic) and topic not in HANDLERS]
    if missing:
        raise MisconfiguredError(f"no handler for {', '.join(missing)}")
    for name in environment().list_templates(filter_func=lambda name: name.startswith("mail_")):
        environment().get_template(name)
