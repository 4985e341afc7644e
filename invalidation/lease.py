"""The lease: until when this process may answer from its cache without asking (design, section 5).

It is arithmetic on one local clock and durations; no two hosts' clocks are ever compared.
"""

import time
from collections.abc import Callable
from functools import partial

Clock = Callable[[], float]
"""Seconds that never go back."""

LEASE_SECONDS = 4.0


lease_clock: Clock = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"""Monotonic seconds that go on while the machine sleeps, where the system has such a clock: a laptop or a virtual
machine that wakes up must find its leases lapsed."""


class Lease:
    """`heard_until`: everything committed up to then, by the local clock, has been heard and applied."""

    __slots__ = ("_seconds", "until")

    def __init__(self, seconds: float = LEASE_SECONDS) -> None:
        self._seconds = seconds
        self.until = float("-inf")

    def is_valid(self, now: float) -> bool:
        return now < self.until

    @property
    def heard_until(self) -> float:
        return self.until - self._seconds

    def extend(self, asked_at: float, age_seconds: float, drain_age_seconds: float) -> None:
        """The reply to a request that left at `asked_at` shows, `age_seconds` old by the server's clock, a message
        whose drain began `drain_age_seconds` before it was published.

        The server looked at its clock at or after `asked_at`, so the drain began no earlier than the difference says.
        A negative age means that the server's clock was set back: then nothing is known, and nothing is extended.
        What was heard before stays heard, so a lease never gets shorter by hearing more.
        """
        if age_seconds >= 0 and drain_age_seconds >= 0:
            self.until = max(self.until, asked_at + self._seconds - age_seconds - drain_age_seconds)

    def end(self) -> None:
        self.until = float("-inf")
