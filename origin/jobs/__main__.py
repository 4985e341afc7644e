"""`python -m origin.jobs` works the job queue: one rq worker that outlives restarts of the state server."""

import logging
import signal
import sys
import time
from collections.abc import Callable
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
    """Hears that somebody asks us to end while no rq worker is there to hear it."""

    def __init__(self) -> None:
        self.is_asked = False
        self.listen()

    def listen(self) -> None:
        self._handle_with(self._ask)

    def yield_to_worker(self) -> None:
        """Until rq has its own handlers, in this process and the scheduler's, a signal simply ends the process: one
        that only set a flag here would be lost, and rq would wait for its scheduler for ever."""
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


class EndingWorker(Worker):
    """Tells whether it ended because somebody asked, which rq forgets when it was idle, or lost its connection."""

    max_connection_wait_time = LONGEST_PAUSE_SECONDS  # rq's own is a minute
    was_asked = False

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self.was_asked = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def main() -> None:
    settings = OriginSettings()
    events.check()
    logging.basicConfig(level=logging.WARNING)
    stop = Stop()
    pause = FIRST_PAUSE_SECONDS
    while not stop.is_asked:
        started = time.monotonic()
        try:
            was_asked = _work(settings.state_url, stop)
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


def _work(state_url: str, stop: Stop) -> bool:
    """Until somebody asks us to end (True) or the connection is lost (False)."""
    connection = redis.Redis.from_url(state_url, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0))
    with connection:
        connection.ping()
        worker = EndingWorker([Queue(name, connection=connection) for name in QUEUES], connection=connection)
        if stop.is_asked:
            return True
        stop.yield_to_worker()
        worker.work(logging_level="WARNING", with_scheduler=True)
        return worker.was_asked


if __name__ == "__main__":
    main()
