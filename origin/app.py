"""The origin's ASGI app: its routes, and what they work with, built when it starts and closed when it stops."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from origin.api import health, platform
from origin.api.admin import routes as admin
from origin.api.admin.surface import AdminSurface
from origin.api.errors import install_error_handlers
from origin.api.internal import InternalRoutes
from origin.api.storefront import cart, checkout, orders, webhook
from origin.carts import Carts
from origin.checkout.completer import Completer
from origin.checkout.flow import Checkouts
from origin.checkout.reconciler import RECONCILER_LOCK, Reconciler
from origin.checkout.waiting_room import waiting_room_of
from origin.checkout.watchman import WATCHMAN_LOCK, Watchman
from origin.collaborators import Collaborators
from origin.db import Database
from origin.jobs.imports import keep_resuming
from origin.metrics import OriginMetrics, ops_server
from origin.orders.failed_refunds import FailedRefunds
from origin.orders.moves import Moves
from origin.payment_list import PaymentList
from origin.payments import Payments
from origin.settings import OriginSettings
from origin.sole_worker import SoleWorker
from origin.state import StateClient

ROUNDS_MISSED = 3
"""Then another origin does what one does for all."""
BOOKS_SECONDS = 60.0
"""A look at a large shop's books may take so long."""
THEMES = Path(__file__).parent.parent / "themes"
STOREFRONT = (*checkout.ROUTES, *webhook.ROUTES, *cart.ROUTES, *orders.ROUTES)  # looked through in this order
_STOREFRONT_WORDS = frozenset(route.path.split("/")[1] for route in STOREFRONT)
ROUTERS = (health.router, platform.router, *admin.routers)


class OriginApp(FastAPI):
    """What is asked for the most takes a short way: edges' questions are answered before a framework does anything for
    a request, and shoppers' by an app that has no more of it than they need."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
        elif scope["type"] == "http" and scope["path"][1:].partition("/")[0] in _STOREFRONT_WORDS:
            await self.state.storefront(scope, receive, send)
        elif not await self.state.internal.answer(scope, receive, send):
            await super().__call__(scope, receive, send)


@asynccontextmanager
async def _at_work(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Beside the requests; cancelled when they end."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _sole(settings: OriginSettings, lock_id: int, round_seconds: float) -> SoleWorker:
    return SoleWorker(settings.router_database_url, lock_id, ROUNDS_MISSED * round_seconds)


def _storefront(app: FastAPI, settings: OriginSettings) -> Starlette:
    storefront = Starlette(routes=STOREFRONT, max_body_size=settings.origin_body_bytes)
    storefront.state = app.state
    install_error_handlers(storefront)
    return storefront


def create_app(settings: OriginSettings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        db = Database(
            settings.app_database_url,
            settings.router_database_url,
            connections=settings.origin_database_connections,
            answer_seconds=settings.origin_database_seconds,
        )
        state = StateClient.of(settings.state_url)
        themes = frozenset(path.parent.name for path in THEMES.glob("*/theme.toml"))
        payments = Payments(settings)
        await db.open()
        checkouts = Checkouts(db, Carts(state), payments, settings)
        room = waiting_room_of(settings, db, state)
        metrics = OriginMetrics()
        refunds = FailedRefunds(db, payments, metrics)
        app.state.collaborators = Collaborators(
            settings, db, state, payments, checkouts, room, Moves(db, payments), refunds, themes
        )
        app.state.internal = InternalRoutes(app.state.collaborators)
        reconciler = Reconciler(db, checkouts, PaymentList(payments.client), metrics, settings)
        watchman = Watchman(db, metrics, settings)
        reconciling = _sole(settings, RECONCILER_LOCK, settings.reconcile_seconds)
        watching = _sole(settings, WATCHMAN_LOCK, settings.book_check_seconds + BOOKS_SECONDS)
        try:
            async with _at_work(
                Completer(db, checkouts, payments, settings.reservation_seconds).run(),
                keep_resuming(db),
                reconciler.run(reconciling),
                watchman.run(watching),
            ):
                with ops_server(metrics, settings.origin_ops_port):
                    yield
        finally:
            await reconciling.close()
            await watching.close()
            await payments.close()
            await state.aclose()
            await db.close()

    app = OriginApp(
        title="Stoa",
        version="0.1.0",
        lifespan=lifespan,
        docs_url="/docs",
        redoc_url=None,
        max_body_size=settings.origin_body_bytes,
    )
    install_error_handlers(app)
    app.add_middleware(
        AdminSurface,
        bucket_size=settings.admin_bucket_size,
        leak_per_second=settings.admin_bucket_leak_per_second,
    )
    app.state.storefront = _storefront(app, settings)
    for router in ROUTERS:
        app.include_router(router)
    return app
