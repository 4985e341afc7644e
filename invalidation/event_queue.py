"""Events from the outbox as rq jobs, in JSON: reading a pickled job would run what is in it. The job's id is the row's,
so an event handed over twice is one job."""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
from rq import Queue, Retry
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import now, utcformat

from contracts.events import EVENT_JOB, IMPORT_QUEUE, QUEUES, queue_of
from invalidation.coalesce import Row

RETRY_SECONDS = (1, 5, 30, 120, 600)
_KEEP_RESULT_SECONDS = 3600  # a row that comes again after a crash finds the finished job for this long
_KEEP_FAILED_SECONDS = 7 * 86_400
_MOST_AT_ONCE = 200
"""Jobs the state server is given in one call: it does nothing else meanwhile."""
_ENQUEUE = Path(__file__).with_name("enqueue.lua").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Form:
    """A job of one queue as rq writes it down, once for all: but for its data, its description and its times, every
    job's fields are these. To have rq make each anew takes several times what the state server needs for it."""

    queue_key: str
    fields: Mapping[str, str | bytes]

    @classmethod
    def of(cls, queue: Queue, job_seconds: int) -> "_Form":
        job = queue.create_job(
            EVENT_JOB,
            timeout=job_seconds,
            result_ttl=_KEEP_RESULT_SECONDS,
            failure_ttl=_KEEP_FAILED_SECONDS,
            retry=Retry(max=len(RETRY_SECONDS), interval=list(RETRY_SECONDS)),
        )
        fields = {name: value for name, value in job.to_dict().items() if value is not None}
        return cls(queue.key, {name: _plain(value) for name, value in fields.items()})

    def fill(self, row: Row, made_at: str) -> tuple[str, str, str, list[str | bytes]]:
        """As the script takes it."""
        name = f"event-{row.store_id}-{row.id}"
        event = {"store_id": row.store_id, "outbox_id": row.id, "topic": row.topic, "payload": dict(row.payload or {})}
        fields = {
            **self.fields,
            "created_at": made_at,
            "enqueued_at": made_at,
            "description": f"{row.topic} of store {row.store_id}",
            "data": zlib.compress(json.dumps((EVENT_JOB, None, (event,), {})).encode()),
        }
        return Job.key_for(name), name, self.queue_key, [part for field in fields.items() for part in field]


def _plain(value: Any) -> str | bytes:
    return value if isinstance(value, str | bytes) else str(value)


class EventQueue:
    """Asks the state server without async: call it in a thread. Errors of the connection pass through."""

    def __init__(self, connection: Any, queues: Mapping[str, Queue], job_seconds: Mapping[str, int]) -> None:
        """Both by the queue's name."""
        self._forms = {name: _Form.of(queue, job_seconds[name]) for name, queue in queues.items()}
        self._script = connection.register_script(_ENQUEUE)

    @classmethod
    def on(cls, connection: Any, *, job_seconds: int, import_job_seconds: int) -> "EventQueue":
        """`connection`: a sync client of the state server."""
        queues = {name: Queue(name, connection=connection, serializer=JSONSerializer) for name in QUEUES}
        return cls(connection, queues, dict.fromkeys(QUEUES, job_seconds) | {IMPORT_QUEUE: import_job_seconds})

    def enqueue(self, rows: Iterable[Row]) -> int:
        """How many became jobs now: not those that had before, or that nobody listens to."""
        made_at = utcformat(now())
        heard = [(row, name) for row in rows if (name := queue_of(str(row.topic)))]
        jobs = [self._forms[name].fill(row, made_at) for row, name in heard]
        return sum(self._enqueue(jobs[at : at + _MOST_AT_ONCE]) for at in range(0, len(jobs), _MOST_AT_ONCE))

    def _enqueue(self, jobs: Sequence[Any]) -> int:
        return int(self._script(keys=[Queue.redis_queues_keys], args=[msgpack.packb(jobs, use_bin_type=False)]))
