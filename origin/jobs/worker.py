"""One rq worker over one queue, set up so that the job of a killed worker runs again within seconds.

One queue: only then rq moves a job to a list of jobs under way instead of just popping it, and a worker killed between
taking a job and noting it down loses nothing.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import FrameType
from typing import Any

from redis.exceptions import RedisError
from rq import Queue, SimpleWorker, Worker
from rq.executions import Execution
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker import BaseWorker

from contracts import crash_points
from contracts.events import IMPORT_QUEUE
from origin.jobs.event_job import EventJob

HEARTBEAT_SECONDS = 2
LAPSE_SECONDS = 7  # without a heartbeat; then the job is somebody else's
TEND_SECONDS = 1  # between two looks, while idle, for jobs of dead workers and for jobs whose retry is due
TEND_LOCK_SECONDS = 10  # rq's own outlives a worker killed while tending by a quarter of an hour
LONGEST_PAUSE_SECONDS = 5.0
_RQ_MARGIN_SECONDS = 15  # rq waits for a job this much shorter than its `worker_ttl`


class _JobsUnderWay(IntermediateQueue):
    """Jobs between the queue and the worker's books, where none stays for more than a moment."""

    def should_be_cleaned_up(self, job_id: str) -> bool:
        seen = self.get_first_seen(job_id)
        return seen is not None and now() - seen > timedelta(seconds=LAPSE_SECONDS)


class TendedQueue(Queue):
    job_class = EventJob

    def acquire_maintenance_lock(self) -> bool:
        return bool(self.connection.set(self.registry_cleaning_key, 1, nx=True, ex=TEND_LOCK_SECONDS))

    @property
    def intermediate_queue(self) -> IntermediateQueue:
        return _JobsUnderWay(self.key, connection=self.connection)


class QueueWorker(BaseWorker):
    """Tells whether it ended because somebody asked, which rq forgets when it was idle, or lost its connection.

    It looks after retries itself: rq's scheduler is a process of its own, whose lock outlives it by a minute.
    """

    job_class = EventJob
    queue_class = TendedQueue
    max_connection_wait_time = LONGEST_PAUSE_SECONDS  # rq's own is a minute
    was_asked = False

    def __init__(self, queue_name: str, connection: Any) -> None:
        super().__init__(
            [TendedQueue(queue_name, connection=connection, serializer=JSONSerializer)],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=_RQ_MARGIN_SECONDS + TEND_SECONDS,
            job_monitoring_interval=HEARTBEAT_SECONDS,
            maintenance_interval=TEND_SECONDS,
        )
        self._retries = RQScheduler(
            self.queues, connection=connection, serializer=JSONSerializer, logging_level="WARNING"
        )
        self._retries.prepare_registries([queue_name])

    def execute_job(self, job: Job, queue: Queue) -> None:
        crash_points.reached("job.taken")
        super().execute_job(job, queue)

    def handle_job_success(self, *arguments: Any, **named: Any) -> None:
        super().handle_job_success(*arguments, **named)
        crash_points.reached("job.acknowledged")

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        return LAPSE_SECONDS

    def clean_registries(self) -> None:
        super().clean_registries()  # type: ignore[no-untyped-call]
        # Two workers at once may queue a job twice, which every handler bears.
        self._retries.enqueue_scheduled_jobs()  # type: ignore[no-untyped-call]

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self.was_asked = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


class EventWorker(QueueWorker, SimpleWorker):
    """Does the jobs in its own process, which keeps what they opened: a process of its own for each would spend most of
    its time on connecting."""

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        with self._heartbeats(job, execution):
            return super().perform_job(job, queue, execution)

    @contextmanager
    def _heartbeats(self, job: Job, execution: Execution) -> Iterator[None]:
        """From a thread, while the job has this one."""
        is_done = threading.Event()

        def beat() -> None:
            while not is_done.wait(HEARTBEAT_SECONDS):
                with suppress(RedisError):  # the next may come through; without any, the job is somebody else's
                    self.maintain_heartbeats(job, execution)

        heart = threading.Thread(target=beat, name="heartbeats", daemon=True)
        heart.start()
        try:
            yield
        finally:
            is_done.set()
            heart.join()


class ImportWorker(QueueWorker, Worker):
    """Each in a process of its own, which may take an hour and much memory, and can be ended at once."""

    def handle_warm_shutdown_request(self) -> None:
        """The import that runs is not waited for: it goes on where it was."""
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)


def worker_of(queue_name: str, connection: Any) -> QueueWorker:
    return (ImportWorker if queue_name == IMPORT_QUEUE else EventWorker)(queue_name, connection)
