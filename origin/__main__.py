"""`python -m origin` serves the origin."""

import uvicorn

from origin.app import create_app
from origin.settings import OriginSettings


def main() -> None:
    settings = OriginSettings()
    uvicorn.run(
        create_app(settings),
        host=settings.origin_host,
        port=settings.origin_port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
