"""How often each shop may do a thing: a token bucket a shop, kept as the one moment at which it will be full again.

A shop that has not used its bucket lately needs no memory, for a full bucket is what everybody starts with.
"""

import math
from collections.abc import Callable

from contracts.tenant import StoreId

_LEAST_SWEPT = 1024


class Buckets:
    """`rate_per_s` for as long as one likes, `burst` at once after a pause. Not more shops are remembered than have
    taken something within the time a bucket needs to fill."""

    def __init__(self, rate_per_s: float, burst: int, clock: Callable[[], float]) -> None:
        self._token_seconds = 1 / rate_per_s
        self._depth_seconds = burst / rate_per_s
        self._clock = clock
        self._full_at: dict[StoreId, float] = {}
        self._sweep_at = _LEAST_SWEPT

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, store_id: StoreId, *, spare: float = 0.0) -> bool:
        """A token, unless less than the share `spare` of the bucket would be left, which is for what matters more."""
        now = self._clock()
        full_at = max(now, self._full_at.get(store_id, now)) + self._token_seconds
        if full_at - now > self._depth_seconds * (1 - spare) + 1e-9:
            return False
        self._full_at[store_id] = full_at
        if len(self._full_at) > self._sweep_at:
            self._sweep(now)
        return True

    def give_back(self, store_id: StoreId) -> None:
        """A token that turned out not to be needed."""
        full_at = self._full_at.get(store_id)
        if full_at is not None:
            self._full_at[store_id] = full_at - self._token_seconds

    def retry_after_seconds(self, store_id: StoreId, *, spare: float = 0.0) -> int:
        """Whole seconds until there is a token again, at least 1."""
        now = self._clock()
        full_at = max(now, self._full_at.get(store_id, now)) + self._token_seconds
        return max(1, math.ceil(full_at - now - self._depth_seconds * (1 - spare)))

    def _sweep(self, now: float) -> None:
        self._full_at = {store_id: full_at for store_id, full_at in self._full_at.items() if full_at > now}
        self._sweep_at = max(_LEAST_SWEPT, 2 * len(self._full_at))
