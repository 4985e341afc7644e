"""What can go wrong on purpose, and the dice that say when: the same seed and requests give the same faults.

docs/payment_sandbox.md lists every knob for people; a test compares.
"""

import math
import random
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

_99TH_PERCENTILE = 2.326  # of the standard normal distribution, in deviations
_MOST_MS = 600_000

Share = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[int, Field(ge=0, le=_MOST_MS)]


class Fault(StrEnum):
    """Before: nothing was done. After: it was done, kept and told, and the client does not learn it."""

    RATE_LIMIT = "rate_limit"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    HANG_AFTER = "hang_after"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"


class Faults(BaseModel):
    """Assigning checks too."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, strict=False)

    seed: int = Field(1, description="of the dice; setting it throws them from the beginning")
    latency_ms: Milliseconds = Field(0, description="passes before a request is executed; with a p99, the median")
    latency_p99_ms: Milliseconds = Field(0, description="99th percentile of a log-normal latency; 0: always the same")
    answer_ms: Milliseconds = Field(0, description="passes between execution and answer")
    hang_ms: Milliseconds = Field(60_000, description="how long a `hang_after` says nothing before it hangs up")
    shares: dict[Fault, Share] = Field(default={}, description="part of the requests that each fault befalls, 0 to 1")
    upcoming: list[Fault | None] = Field(
        default=[], max_length=1000, description="faults of the next requests, in this order, before any dice"
    )
    operations: list[str] = Field(
        default=[], description="whom faults befall, as `payment_intent.create`; empty: whatever is posted"
    )
    search_lag_ms: Milliseconds = Field(0, description="how long a new payment cannot be found by searching")
    refund_failure_ms: Milliseconds = Field(
        1000, description="how long after it was accepted a refund to a card that loses them fails"
    )
    webhook_delay_ms: Milliseconds = Field(
        0, description="events come late by up to this much, each by its own: so they come out of order"
    )
    webhook_twice: Share = Field(0, description="part of the events that come twice")
    webhook_lost: Share = Field(0, description="part of the events that never come")
    webhook_before_answer: Share = Field(
        0, description="part of the requests whose events are delivered before their answer is sent"
    )


class Dice:
    """Faults, latencies and events draw from streams of their own, so that one does not shift the other's."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._throw_anew()

    def turn(self, changes: Mapping[str, Any]) -> None:
        """What is not named stays. Raises ValueError, and changes nothing, for what is no knob or out of its range."""
        self.faults = Faults.model_validate(self.faults.model_dump() | dict(changes))
        if "seed" in changes:
            self._throw_anew()

    def _throw_anew(self) -> None:
        self._requests = random.Random(f"{self.faults.seed} requests")  # noqa: S311 - guards nothing
        self._latencies = random.Random(f"{self.faults.seed} latencies")  # noqa: S311
        self._events = random.Random(f"{self.faults.seed} events")  # noqa: S311

    def latency_seconds(self) -> float:
        median, p99 = self.faults.latency_ms, self.faults.latency_p99_ms
        if not 0 < median < p99:
            return median / 1000
        deviation = math.log(p99 / median) / _99TH_PERCENTILE
        return min(self._latencies.lognormvariate(math.log(median), deviation), _MOST_MS) / 1000

    def fault(self, operation: str, *, is_post: bool) -> Fault | None:
        if not (operation in self.faults.operations if self.faults.operations else is_post):
            return None
        if self.faults.upcoming:
            return self.faults.upcoming.pop(0)
        drawn = self._requests.random()
        for fault, share in self.faults.shares.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None

    def comes_before_answer(self) -> bool:
        return self._events.random() < self.faults.webhook_before_answer

    def event_delays_seconds(self) -> list[float]:
        """When an event is delivered: once, twice, or not at all."""
        if self._events.random() < self.faults.webhook_lost:
            return []
        times = 2 if self._events.random() < self.faults.webhook_twice else 1
        return [self._events.random() * self.faults.webhook_delay_ms / 1000 for _ in range(times)]
