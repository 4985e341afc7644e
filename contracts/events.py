"""What travels from the outbox: messages on the bus and events for the job queue.

A bus message names the tags of one store that changed, or none (a heartbeat). The last message of a drain, and every
heartbeat, carries how long before its publication that drain *began*: who has applied it has heard everything that was
committed up to then (design, section 5).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import msgpack

BUS_KEY = "bus"
EPOCH_KEY = "bus:epoch"
MAX_TAGS_PER_MESSAGE = 512


class Topic(StrEnum):
    """Events that become jobs. The value is also the webhook topic merchants know."""

    ORDER_CREATED = "orders/create"
    ORDER_PAID = "orders/paid"
    ORDER_UPDATED = "orders/updated"
    ORDER_CANCELLED = "orders/cancelled"
    ORDER_DELETED = "orders/delete"
    ORDER_FULFILLED = "orders/fulfilled"
    ORDER_PARTIALLY_FULFILLED = "orders/partially_fulfilled"
    FULFILLMENT_CREATED = "fulfillments/create"
    FULFILLMENT_UPDATED = "fulfillments/update"
    REFUND_CREATED = "refunds/create"
    IMPORT_REQUESTED = "stoa/import"
    BUYER_NOTICE = "stoa/notice"


# Where the relay sends events: rq imports this name in the worker, so that the relay never imports the origin.
EVENT_JOB = "origin.jobs.events.handle"
EVENT_QUEUE = "events"
# An import may run for an hour; nobody's order confirmation waits for it.
IMPORT_QUEUE = "imports"
QUEUES = (EVENT_QUEUE, IMPORT_QUEUE)
# Merchants' webhooks will listen to these.
_UNHEARD = frozenset(
    {
        Topic.ORDER_PAID,
        Topic.ORDER_UPDATED,
        Topic.ORDER_CANCELLED,
        Topic.ORDER_DELETED,
        Topic.ORDER_FULFILLED,
        Topic.ORDER_PARTIALLY_FULFILLED,
        Topic.FULFILLMENT_CREATED,
        Topic.FULFILLMENT_UPDATED,
        Topic.REFUND_CREATED,
    }
)


def queue_of(topic: str) -> str | None:
    """The job queue an event goes to; each is worked by processes of its own. None: nobody listens to it yet. A topic
    of a newer release is queued: its worker will know it."""
    if topic in _UNHEARD:
        return None
    return IMPORT_QUEUE if topic == Topic.IMPORT_REQUESTED else EVENT_QUEUE


class StreamId(NamedTuple):
    """A message's id on the bus: milliseconds of the state server's clock, and a number within them."""

    ms: int
    number: int

    @classmethod
    def parse(cls, text: str | bytes) -> "StreamId":
        """Reads b"1700000000000-0". Raises ValueError."""
        plain = text.decode("ascii") if isinstance(text, bytes) else text
        ms, dash, number = plain.partition("-")
        if not (dash and ms.isdigit() and number.isdigit()):
            raise ValueError(f"{plain[:40]!r} is not a stream id")
        return cls(int(ms), int(number))

    def __str__(self) -> str:
        return f"{self.ms}-{self.number}"


@dataclass(frozen=True, slots=True)
class Position:
    """A place on the bus. Positions of different epochs cannot be compared: the bus lost something in between."""

    epoch: str
    id: StreamId

    def is_beyond(self, other: "Position") -> bool:
        return self.epoch == other.epoch and self.id > other.id


@dataclass(frozen=True, slots=True)
class BusMessage:
    """`drain_age_ms` is None on all but the last message of a drain.

    `committed_ms` is for the freshness meter alone: the earliest moment, by the state server's clock, at which what
    this tells of may have been committed. It travels beside the encoded message, in a field of its own that nobody
    needs: a release that does not know it reads the message all the same, and one without it is only not measured.
    """

    tags: tuple[str, ...] = ()
    drain_age_ms: int | None = None
    committed_ms: int | None = None

    def encode(self) -> bytes:
        encoded: bytes = msgpack.packb([1, list(self.tags), self.drain_age_ms])
        return encoded

    @classmethod
    def decode(cls, encoded: bytes) -> "BusMessage":
        """Raises ValueError on anything unknown: a purge that cannot be read must stop the follower."""
        try:
            version, tags, drain_age_ms = msgpack.unpackb(encoded)
        except (TypeError, ValueError) as error:
            raise ValueError("not a bus message") from error
        if version != 1:
            raise ValueError(f"bus message version {version!r} is not 1")
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise ValueError("a bus message's tags are a list of texts")
        if drain_age_ms is not None and not (type(drain_age_ms) is int and drain_age_ms >= 0):
            raise ValueError("a drain's age is a number of milliseconds or nothing")
        return cls(tuple(tags), drain_age_ms)
