"""`python -m origin.jobs --queue NAME` works one job queue: an rq worker that outlives restarts of the state server."""

import argparse
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

import redis
from pydantic import ValidationError
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts import crash_points, niceness
from contracts.events import QUEUES
from origin.jobs import events
from origin.jobs.worker import LONGEST_PAUSE_SECONDS, worker_of
from origin.logs import log_as_json, wrong_settings
from origin.settings import OriginSettings

FIRST_PAUSE_SECONDS = 0.5
GOOD_RUN_SECONDS = 60.0


class Stop:
    """Hears that somebody asks us to end while no rq worker is there to hear it."""

    def __init__(self) -> None:
        self.is_asked = False
        self.listen()

    def listen(self) -> None:
        self._handle_with(self._ask)

    def yield_to_worker(self) -> None:
        """Until rq has its own handlers, a signal simply ends the process: one that only set a flag would be lost."""
        self._handle_with(signal.SIG_DFL)

    def pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.is_asked and time.monotonic() < until:
            time.sleep(0.05)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.is_asked = True

    @staticmethod
    def _handle_with(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, handler)


def main() -> None:
    log_as_json()
    try:
        settings = OriginSettings()  # from the environment
    except ValidationError as error:
        sys.exit(f"The worker cannot start. {wrong_settings(error)}")
    crash_points.arm(settings.crash_at)
    options = _options()
    events.check()
    niceness.step_back(options.niceness)
    stop = Stop()
    pause = FIRST_PAUSE_SECONDS
    while not stop.is_asked:
        started = time.monotonic()
        try:
            was_asked = _work(settings.state_url, options.queue, stop)
        except (redis.RedisError, OSError) as error:
            print(f"worker: the state server cannot be reached ({error}); trying again", file=sys.stderr, flush=True)
            was_asked = False
        if was_asked:
            return
        stop.listen()
        pause = (
            FIRST_PAUSE_SECONDS
            if time.monotonic() - started > GOOD_RUN_SECONDS
            else min(pause * 2, LONGEST_PAUSE_SECONDS)
        )
        stop.pause(pause)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m origin.jobs", description="Works one queue of jobs.")
    parser.add_argument("--queue", required=True, choices=QUEUES, help="one process each: imports may run for an hour")
    niceness.add_option(parser)
    return parser.parse_args()


def _work(state_url: str, queue_name: str, stop: Stop) -> bool:
    """Until somebody asks us to end (True) or the connection is lost (False)."""
    connection = redis.Redis.from_url(state_url, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0))
    with connection:
        connection.ping()
        worker = worker_of(queue_name, connection)
        if stop.is_asked:
            return True
        stop.yield_to_worker()
        worker.work(logging_level="WARNING")
        return worker.was_asked


if __name__ == "__main__":
    main()
