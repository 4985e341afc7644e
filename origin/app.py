"""The origin's ASGI app: its routes, and what they work with, built when it starts and closed when it stops."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from redis.asyncio import Redis

from origin.api import health, internal, platform
from origin.api.errors import install_error_handlers
from origin.collaborators import Collaborators
from origin.db import Database
from origin.settings import OriginSettings

THEMES = Path(__file__).parent.parent / "themes"
ROUTERS = (health.router, platform.router, internal.router)


def create_app(settings: OriginSettings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        db = Database(
            settings.app_database_url,
            settings.router_database_url,
            connections=settings.origin_database_connections,
        )
        state = Redis.from_url(settings.state_url, socket_timeout=1, socket_connect_timeout=1)
        themes = frozenset(path.parent.name for path in THEMES.glob("*/theme.toml"))
        await db.open()
        app.state.collaborators = Collaborators(settings, db, state, themes)
        try:
            yield
        finally:
            await state.aclose()
            await db.close()

    app = FastAPI(title="Stoa", version="0.1.0", lifespan=lifespan, docs_url="/docs", redoc_url=None)
    install_error_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    return app
