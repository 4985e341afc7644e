"""C2, the job queue: whoever can write to the state server makes the workers do an event anew, and nothing else."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from rq import Callback, Queue
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.webhook import Webhook

from contracts.events import EVENT_JOB, EVENT_QUEUE, Topic
from tests.attacks.arena import Arena

DONE = {JobStatus.FINISHED, JobStatus.FAILED}


class _Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.fixture(scope="module")
def state(arena: Arena) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(arena.platform.ready.state_url) as made:
        yield made


def _status(job: Job) -> JobStatus:
    """In the end, after a real worker of the platform took it up."""
    deadline = time.monotonic() + 30
    while (status := job.get_status()) not in DONE:
        assert time.monotonic() < deadline, f"the job is {status}"
        time.sleep(0.02)
    return status


def _in_json(state: redis.Redis) -> Queue:
    return Queue(EVENT_QUEUE, connection=state, serializer=JSONSerializer)


_EVENT = {"store_id": 1, "outbox_id": 1, "topic": str(Topic.ORDER_PAID), "payload": {}}


def test_c2_a_pickled_job_is_not_even_read(state: redis.Redis, tmp_path: Path) -> None:
    traps = [tmp_path / name for name in ("argument", "meta", "function")]
    queue = Queue(EVENT_QUEUE, connection=state)
    jobs = [
        queue.enqueue(EVENT_JOB, _Bomb(traps[0]), description="x"),
        queue.enqueue(EVENT_JOB, _EVENT, meta={"x": _Bomb(traps[1])}, description="x"),
        queue.enqueue(os.mkdir, str(traps[2])),
    ]
    assert [_status(job) for job in jobs] == [JobStatus.FAILED] * 3
    assert [trap for trap in traps if trap.exists()] == []


@pytest.mark.parametrize("function", ["os.mkdir", "posix.mkdir", "pathlib.Path.mkdir", f"{EVENT_JOB}.__globals__", ""])
def test_c2_a_job_does_what_the_relay_queues_or_nothing(state: redis.Redis, tmp_path: Path, function: str) -> None:
    trap = tmp_path / "trap"
    assert _status(_in_json(state).enqueue(function, str(trap))) == JobStatus.FAILED
    assert not trap.exists()


def test_c2_a_job_on_an_instance_is_refused(state: redis.Redis) -> None:
    """With one the function's name would be the name of an attribute."""
    job = Job.create(EVENT_JOB, connection=state, serializer=JSONSerializer, origin=EVENT_QUEUE)
    job.data = JSONSerializer.dumps(["upper", EVENT_JOB, [], {}])
    assert _status(_in_json(state).enqueue_job(job)) == JobStatus.FAILED


def test_c2_an_event_put_there_by_hand_calls_nothing_back(state: redis.Redis) -> None:
    """Had a callback been called, the job would have failed: `os.mkdir` cannot be called with what one is given."""
    trap = Callback("os.mkdir")
    with socket.create_server(("127.0.0.1", 0)) as ear:
        ear.setblocking(False)
        url = f"http://127.0.0.1:{ear.getsockname()[1]}/"
        hooks = [Webhook(url, "finished"), Webhook(url, "failed")]
        job = _in_json(state).enqueue(EVENT_JOB, _EVENT, on_success=trap, on_failure=trap, webhooks=hooks)
        after = _in_json(state).enqueue(EVENT_JOB, _EVENT)  # webhooks are sent between two jobs
        assert [_status(job), _status(after)] == [JobStatus.FINISHED] * 2
        with pytest.raises(BlockingIOError):
            ear.accept()
