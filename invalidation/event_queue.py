"""Events from the outbox as rq jobs, in JSON: reading a pickled job would run what is in it. The job's id is the row's,
so an event handed over twice is one job."""

from collections.abc import Iterable, Mapping
from typing import Any

from rq import Queue, Retry
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

from contracts.events import EVENT_JOB, IMPORT_QUEUE, QUEUES, queue_of
from invalidation.coalesce import Row

RETRY_SECONDS = (1, 5, 30, 120, 600)
_KEEP_RESULT_SECONDS = 3600  # a row that comes again after a crash finds the finished job for this long
_KEEP_FAILED_SECONDS = 7 * 86_400


class EventQueue:
    """rq speaks to the state server without async: call it in a thread. Errors of the connection pass through."""

    def __init__(self, connection: Any, queues: Mapping[str, Queue], job_seconds: Mapping[str, int]) -> None:
        """Both by the queue's name."""
        self._connection = connection
        self._queues = queues
        self._job_seconds = job_seconds

    @classmethod
    def on(cls, connection: Any, *, job_seconds: int, import_job_seconds: int) -> "EventQueue":
        """`connection`: a sync client of the state server."""
        queues = {name: Queue(name, connection=connection, serializer=JSONSerializer) for name in QUEUES}
        return cls(connection, queues, dict.fromkeys(QUEUES, job_seconds) | {IMPORT_QUEUE: import_job_seconds})

    def enqueue(self, rows: Iterable[Row]) -> int:
        """How many became jobs now: not those that had before, or that nobody listens to."""
        with self._connection.pipeline(transaction=False) as names:
            enqueued = sum(self._enqueue_one(row, names) for row in rows)
            names.execute()
        return enqueued

    def _enqueue_one(self, row: Row, names: Any) -> bool:
        """`names`: of the queues, which rq writes down at each job; no worker needs them, so once for all will do."""
        name = queue_of(str(row.topic))
        if name is None:
            return False
        event = {"store_id": row.store_id, "outbox_id": row.id, "topic": row.topic, "payload": dict(row.payload or {})}
        try:
            self._queues[name].enqueue(
                EVENT_JOB,
                event,
                job_id=f"event-{row.store_id}-{row.id}",
                unique=True,
                pipeline=names,
                job_timeout=self._job_seconds[name],
                result_ttl=_KEEP_RESULT_SECONDS,
                failure_ttl=_KEEP_FAILED_SECONDS,
                retry=Retry(max=len(RETRY_SECONDS), interval=list(RETRY_SECONDS)),
                description=f"{row.topic} of store {row.store_id}",
            )
        except DuplicateJobError:
            return False
        return True
