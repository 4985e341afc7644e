"""Leaky buckets: how many calls each client has made that have not yet leaked away."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MAX_CLIENTS = 10_000


@dataclass(slots=True)
class _Level:
    used: float
    at: float


class Buckets:
    """One per process, in memory: a restart forgives everybody, and a failing store cannot stop the API."""

    def __init__(self, size: int, leak_per_second: float, clock: Callable[[], float]) -> None:
        self.size = size
        self.leak_per_second = leak_per_second
        self._clock = clock
        self._levels: OrderedDict[bytes, _Level] = OrderedDict()

    def pour(self, client: bytes) -> tuple[int, float]:
        """Counts one call. Returns (used, 0), or (size, seconds to wait) when the bucket is full."""
        now = self._clock()
        level = self._levels.setdefault(client, _Level(0.0, now))
        self._levels.move_to_end(client)
        level.used = max(0.0, level.used - (now - level.at) * self.leak_per_second)
        level.at = now
        if level.used + 1 > self.size:
            return self.size, (level.used + 1 - self.size) / self.leak_per_second
        level.used += 1
        # Who has not called for longest has the emptiest bucket, so little is lost with it.
        while len(self._levels) > MAX_CLIENTS:
            self._levels.popitem(last=False)
        return round(level.used), 0.0
