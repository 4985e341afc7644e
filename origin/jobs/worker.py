"""One rq worker over one queue, set up so that the job of a killed worker runs again within seconds.

One queue: only then rq moves a job to a list of jobs under way instead of just popping it, and a worker killed between
taking a job and noting it down loses nothing.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
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
from origin.jobs.events import WORKBENCH

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

    def move_dependents_to_ready(self, *_arguments: Any, **_named: Any) -> dict[str, list[str]]:
        """None: the relay queues nothing that waits for another job."""
        return {}

    def acquire_maintenance_lock(self) -> bool:
        return bool(self.connection.set(self.registry_cleaning_key, 1, nx=True, ex=TEND_LOCK_SECONDS))

    @property
    def intermediate_queue(self) -> IntermediateQueue:
        return _JobsUnderWay(self.key, connection=self.connection)


class QueueWorker(BaseWorker):
    """Tells whether it ended because somebody asked, which rq forgets when it was idle, or lost its connection.

    It looks after retries itself: rq's scheduler is a process of its own, whose lock outlives it by a minute. And it
    says how it is now and then, not six times around every job: each time is a question to the state server, and
    together they cost more than the e-mail between them.
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

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """With a job's books at each job, else after HEARTBEAT_SECONDS, and always for as long as an idle worker's."""
        if pipeline is not None:
            super().heartbeat(pipeline=pipeline)
        elif self.last_heartbeat is None or now() - self.last_heartbeat >= timedelta(seconds=HEARTBEAT_SECONDS):
            with self.connection.pipeline() as together:
                super().set_state(self.get_state(), pipeline=together)
                super().heartbeat(pipeline=together)
                together.execute()

    def set_state(self, state: str, pipeline: Any = None) -> None:
        """Told with a job's books, or with the next heartbeat."""
        if pipeline is None:
            self._state = state
        else:
            super().set_state(state, pipeline=pipeline)

    def check_for_suspension(self, burst: bool) -> None:
        if self.should_run_maintenance_tasks:  # as often as everything else is looked at that seldom happens
            super().check_for_suspension(burst)

    def handle_execution_ended(self, job: Job, queue: Queue, heartbeat_ttl: int) -> None:
        """Without a heartbeat for a job whose end is written next."""
        job.ended_at = now()

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

    def __init__(self, queue_name: str, connection: Any) -> None:
        super().__init__(queue_name, connection)
        self._heart = _Heart(self.maintain_heartbeats)

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        with self._heart.beating_for(job, execution):
            return super().perform_job(job, queue, execution)

    def clean_registries(self) -> None:
        super().clean_registries()
        WORKBENCH.rest()


class _Heart:
    """Says from a thread that a job is under way, while the job has the worker's own; one thread for all its jobs."""

    def __init__(self, beat: Callable[[Job, Execution], object]) -> None:
        self._beat = beat
        self._under_way: tuple[Job, Execution] | None = None
        self._still = threading.Lock()  # held during a beat: when a job's end is written, nothing says that it runs
        self._thread: threading.Thread | None = None

    @contextmanager
    def beating_for(self, job: Job, execution: Execution) -> Iterator[None]:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._live, name="heartbeats", daemon=True)
            self._thread.start()
        self._under_way = job, execution
        try:
            yield
        finally:
            with self._still:
                self._under_way = None

    def _live(self) -> None:
        while True:
            time.sleep(HEARTBEAT_SECONDS)
            with self._still, suppress(RedisError):  # the next may come through; without any, the job is another's
                if self._under_way:
                    self._beat(*self._under_way)


class ImportWorker(QueueWorker, Worker):
    """Each in a process of its own, which may take an hour and much memory, and can be ended at once."""

    def handle_warm_shutdown_request(self) -> None:
        """The import that runs is not waited for: it goes on where it was."""
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)


def worker_of(queue_name: str, connection: Any) -> QueueWorker:
    return (ImportWorker if queue_name == IMPORT_QUEUE else EventWorker)(queue_name, connection)
