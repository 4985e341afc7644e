"""`python -m origin.jobs` works the job queue: one rq worker that outlives restarts of the state server."""

import logging
import signal
import sys
import time
from types import FrameType

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue, Worker

from contracts.events import EVENT_QUEUE
from origin.jobs import events
from origin.settings import OriginSettings

QUEUES = (EVENT_QUEUE, "imports")
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0
GOOD_RUN_SECONDS = 60.0


class Stop:
    """Remembers that somebody asked us to end, also while no worker is there to hear it."""

    def __init__(self) -> None:
        self.is_asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.is_asked = True

    def pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.is_asked and time.monotonic() < until:
            time.sleep(0.05)


def main() -> None:
    settings = OriginSettings()
    events.check()
    logging.basicConfig(level=logging.WARNING)
    stop = Stop()
    pause = FIRST_PAUSE_SECONDS
    while not stop.is_asked:
        started = time.monotonic()
        try:
            was_asked = _work(settings.state_url)
        except (redis.RedisError, OSError) as error:
            print(f"worker: the state server cannot be reached ({error}); trying again", file=sys.stderr, flush=True)
            was_asked = False
        if was_asked:
            return
        stop = Stop()  # rq's worker had put its own signal handlers in place
        pause = (
            FIRST_PAUSE_SECONDS
            if time.monotonic() - started > GOOD_RUN_SECONDS
            else min(pause * 2, LONGEST_PAUSE_SECONDS)
        )
        stop.pause(pause)


def _work(state_url: str) -> bool:
    """Until somebody asks us to end (True) or the connection is lost (False)."""
    # rq retries a lost connection on its own with growing pauses of up to a minute; ours are shorter.
    connection = redis.Redis.from_url(state_url, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0))
    with connection:
        connection.ping()
        worker = Worker([Queue(name, connection=connection) for name in QUEUES], connection=connection)
        worker.work(logging_level="WARNING", with_scheduler=True)
        # The worker also ends when the connection is lost. It notes when it was asked to; it has no other word for it.
        return worker._shutdown_requested_date is not None


if __name__ == "__main__":
    main()
