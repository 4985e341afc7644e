"""What each shop costs this worker: CPU seconds of the work done for it, which count half as much every few seconds."""

import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

from contracts.tenant import StoreId

T = TypeVar("T")
HALF_LIFE_SECONDS = 2.0
_FORGOTTEN_SECONDS = 0.0002
_MOST_SHOPS = 10_000


class Costs:
    """`work` counts what a piece of work costs, `fade` is called every so often. Shops whose work has faded to less
    than a fifth of a millisecond are forgotten, so memory is bounded by what one core can do in some seconds."""

    def __init__(self, thread_time: Callable[[], float] = time.thread_time) -> None:
        self._thread_time = thread_time
        self.by_shop: dict[StoreId, float] = {}
        self.total = 0.0

    async def work(self, store_id: StoreId | None, work: Callable[[], Awaitable[T]]) -> T:
        """Does it, and counts the time this thread spends in it between its own awaits."""
        return await (work() if store_id is None else _Metered(work(), store_id, self))

    def add(self, store_id: StoreId, seconds: float) -> None:
        if store_id in self.by_shop or len(self.by_shop) < _MOST_SHOPS:
            self.by_shop[store_id] = self.by_shop.get(store_id, 0.0) + seconds
            self.total += seconds

    def fade(self, seconds: float) -> None:
        """That much time has passed."""
        left = 0.5 ** (seconds / HALF_LIFE_SECONDS)
        self.by_shop = {
            store_id: cost * left for store_id, cost in self.by_shop.items() if cost * left > _FORGOTTEN_SECONDS
        }
        self.total = sum(self.by_shop.values())

    @property
    def fair(self) -> float:
        """A shop's share of what all cost. It leaves room for one shop more: a shop alone has no right to all."""
        return self.total / (len(self.by_shop) + 1)

    def now(self) -> float:
        return self._thread_time()


class _Metered(Generic[T]):
    """An awaitable like the one inside, each of whose steps is timed."""

    __slots__ = ("_costs", "_step", "_store_id")

    def __init__(self, work: Awaitable[T], store_id: StoreId, costs: Costs) -> None:
        self._step: Generator[Any, Any, T] = work.__await__()
        self._store_id = store_id
        self._costs = costs

    def __await__(self) -> "_Metered[T]":
        return self

    def __iter__(self) -> "_Metered[T]":
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        began = self._costs.now()
        try:
            return self._step.send(value)
        finally:
            self._costs.add(self._store_id, self._costs.now() - began)

    def throw(self, *error: Any) -> Any:
        began = self._costs.now()
        try:
            return self._step.throw(*error)
        finally:
            self._costs.add(self._store_id, self._costs.now() - began)

    def close(self) -> None:
        self._step.close()
