"""What a worker takes for a job. The state server is not trusted with more than events: a job is a few keys there, and
whoever can write them could name any function, callback or address to call."""

from collections.abc import Callable, Mapping
from typing import Any

from rq.job import Job, JobStatus

from contracts.events import EVENT_JOB


class NoEvent(ValueError):
    """A job that the relay cannot have queued."""


class EventJob(Job):
    """Does EVENT_JOB or nothing. With rq's JSON serializer, which the queues and the worker are given, reading it runs
    nothing either, as unpickling would."""

    @property
    def func(self) -> Callable[..., Any]:
        if self.func_name != EVENT_JOB or self.instance is not None:
            raise NoEvent(f"{str(self.func_name)[:100]!r} is not what the relay queues")
        named: Callable[..., Any] = super().func
        return named

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Without what rq would call besides: the relay never asks for it."""
        super().restore(raw_data)
        self._success_callback_name = self._failure_callback_name = self._stopped_callback_name = None
        self.webhooks = []

    def _handle_success(self, result_ttl: Any, pipeline: Any, *_told: Any, **_named: Any) -> None:
        """Nobody asks what an event's handler returned, only whether its row comes again: then the job is found."""
        self.set_status(JobStatus.FINISHED, pipeline=pipeline)
        self.finished_job_registry.add(self, result_ttl, pipeline)
