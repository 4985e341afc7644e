"""The origin's ASGI app: its routes, and what they work with, built when it starts and closed when it stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI
from redis.asyncio import Redis
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
from origin.collaborators import Collaborators
from origin.db import Database
from origin.jobs.imports import keep_resuming
from origin.metrics import OriginMetrics, ops_server
from origin.orders.moves import Moves
from origin.payment_list import PaymentList
from origin.payments import Payments
from origin.settings import OriginSettings
from origin.sole_worker import SoleWorker

ROUNDS_MISSED = 3
"""Then another origin reconciles."""
THEMES = Path(__file__).parent.parent / "themes"
STOREFRONT = (*checkout.ROUTES, *webhook.ROUTES, *cart.ROUTES, *orders.ROUTES)  # looked through in this order
ROUTERS = (health.router, platform.router, *admin.routers)


class OriginApp(FastAPI):
    """Edges' questions are answered before the framework does anything for a request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or not await self.state.internal.answer(scope, receive, send):
            await super().__call__(scope, receive, send)


def create_app(settings: OriginSettings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        db = Database(
            settings.app_database_url,
            settings.router_database_url,
            connections=settings.origin_database_connections,
            answer_seconds=settings.origin_database_seconds,
        )
        state = Redis.from_url(settings.state_url, socket_timeout=1, socket_connect_timeout=1)
        themes = frozenset(path.parent.name for path in THEMES.glob("*/theme.toml"))
        payments = Payments(settings)
        await db.open()
        checkouts = Checkouts(db, Carts(state), payments, settings)
        room = waiting_room_of(settings, db, state)
        app.state.collaborators = Collaborators(
            settings, db, state, payments, checkouts, room, Moves(db, payments), themes
        )
        app.state.internal = InternalRoutes(app.state.collaborators)
        sole = SoleWorker(settings.router_database_url, RECONCILER_LOCK, ROUNDS_MISSED * settings.reconcile_seconds)
        metrics = OriginMetrics()
        reconciler = Reconciler(db, checkouts, PaymentList(payments.client), metrics, settings)
        reconciling = asyncio.create_task(reconciler.run(sole))
        completer = asyncio.create_task(Completer(db, checkouts, payments, settings.reservation_seconds).run())
        resuming = asyncio.create_task(keep_resuming(db))
        try:
            with ops_server(metrics, settings.origin_ops_port):
                yield
        finally:
            for task in (completer, resuming, reconciling):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await sole.close()
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
    app.router.routes.extend(STOREFRONT)  # first, since they are asked for the most
    for router in ROUTERS:
        app.include_router(router)
    return app
