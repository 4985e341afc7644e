"""`python -m origin` serves the origin."""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from contracts import crash_points
from contracts.collector import collect_rarely
from origin.app import create_app
from origin.logs import log_as_json, wrong_settings
from origin.settings import OriginSettings

KEEP_ALIVE_SECONDS = 30
"""Far longer than an edge keeps an idle connection (4 s): what is sent on one that is just being closed, as by an
origin that stood still for a moment, has no answer, and a cart or a checkout cannot be sent twice."""


def main() -> None:
    log_as_json()
    try:
        settings = OriginSettings()  # from the environment
    except ValidationError as error:
        sys.exit(f"The origin cannot start. {wrong_settings(error)}")
    app = create_app(settings)
    app.openapi()  # or whoever asks for it first holds up all shops for a quarter of a second
    serve(app, settings)


def serve(app: FastAPI, settings: OriginSettings) -> None:
    crash_points.arm(settings.crash_at)
    collect_rarely()
    uvicorn.run(
        app,
        host=settings.origin_host,
        port=settings.origin_port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        log_level="warning",
        log_config=None,  # ours
    )


if __name__ == "__main__":
    main()
