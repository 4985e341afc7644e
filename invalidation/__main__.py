"""Runs the relay: `python -m invalidation`, told by the environment (STOA_RELAY_DATABASE_URL, STOA_STATE_URL)."""

import asyncio
import signal
import sys

import redis
import structlog
import uvloop
from pydantic import ValidationError
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts import crash_points
from contracts.collector import collect_rarely
from invalidation.bus import Bus
from invalidation.errors import MisconfiguredError
from invalidation.event_queue import EventQueue
from invalidation.logs import log_as_json
from invalidation.ops import ops_server
from invalidation.relay import Relay
from invalidation.settings import RelaySettings

log = structlog.get_logger()


async def relay_until_stopped(settings: RelaySettings) -> None:
    """Ends at SIGTERM or SIGINT. Raises MisconfiguredError, or OSError when the ops port is taken."""
    bus = Bus(settings.state_url, answer_seconds=settings.relay_state_seconds)
    seconds = settings.relay_state_seconds
    jobs = redis.Redis.from_url(
        settings.state_url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0)
    )
    queue = EventQueue.on(jobs, job_seconds=settings.job_seconds, import_job_seconds=settings.import_job_seconds)
    relay = Relay(settings, bus, queue)
    running = asyncio.create_task(relay.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    try:
        async with ops_server(relay.counters, settings.relay_ops_port):
            await asyncio.wait([running])
            if not running.cancelled():
                await running
    finally:
        running.cancel()
        await bus.close()
        jobs.close()


def main() -> None:
    log_as_json()
    try:
        settings = RelaySettings()  # from the environment
    except ValidationError as error:
        # Without the values: a URL holds a password.
        wrong = "; ".join(f"STOA_{detail['loc'][0]}".upper() + f": {detail['msg']}" for detail in error.errors())
        sys.exit(f"The relay cannot start. {wrong}")
    crash_points.arm(settings.crash_at)
    collect_rarely()
    try:
        uvloop.run(relay_until_stopped(settings))
    except MisconfiguredError as error:
        sys.exit(f"The relay cannot start: {error}")
    except OSError as error:
        sys.exit(f"The relay cannot listen on 127.0.0.1:{settings.relay_ops_port}: {error.strerror}")


if __name__ == "__main__":
    main()
