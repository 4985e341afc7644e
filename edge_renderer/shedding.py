"""When the event loop is late, who is refused: the shops that cost more than their fair share, the dearest first.

The loop is late when even the promptest tick of a whole interval was late: one long render delays a tick, only a queue
delays all of them (the idea of CoDel). While it is late, an ever larger part of the work is refused; while it is not,
an ever smaller one.
"""

import asyncio
import time
from collections.abc import Callable

from contracts.tenant import StoreId
from edge_renderer.costs import Costs

TICK_SECONDS = 0.025
TICKS = 4
_MORE = 0.1
_LESS = 0.02


class Shedder:
    """`refuses` is asked once for each request that could be refused."""

    def __init__(self, costs: Costs, late_seconds: float) -> None:
        self._costs = costs
        self._late_seconds = late_seconds
        self.level = 0.0
        """The share of all work beyond hits that is to be refused."""
        self._shares: dict[StoreId, float] = {}
        self._owed: dict[StoreId, float] = {}

    def refuses(self, store_id: StoreId) -> bool:
        """Spreads a shop's refusals evenly over its requests."""
        share = self._shares.get(store_id, 0.0)
        if not share:
            return False
        owed = self._owed.get(store_id, 0.0) + share
        is_refused = owed >= 1.0
        self._owed[store_id] = owed - is_refused
        return is_refused

    def judge(self, lag_seconds: float) -> None:
        """At the end of an interval, with its promptest tick's lag."""
        step = _MORE if lag_seconds > self._late_seconds else -_LESS
        self.level = min(1.0, max(0.0, self.level + step))
        self._costs.fade(TICK_SECONDS * TICKS)
        self._shares = self._shares_to_refuse()
        self._owed = {store_id: owed for store_id, owed in self._owed.items() if store_id in self._shares}

    def _shares_to_refuse(self) -> dict[StoreId, float]:
        """By shop, the share of its work to refuse, so that `level` of all work is refused."""
        costs = self._costs.by_shop
        if not self.level or not costs:
            return {}
        fair = self._costs.fair
        left = self.level * self._costs.total
        shares = {}
        for store_id, cost in sorted(costs.items(), key=lambda item: item[1], reverse=True):
            if left <= 0 or cost <= fair:
                break
            shares[store_id] = min(1.0, left / cost)
            left -= cost
        return shares


class LoopWatch:
    """Rings every few milliseconds and notes how late it was. `observe` hears of every ring, `judge` of each interval's
    promptest."""

    def __init__(self, observe: Callable[[float], None], judge: Callable[[float], None]) -> None:
        self._observe = observe
        self._judge = judge
        self.lag_seconds = 0.0

    async def run(self) -> None:
        while True:
            promptest = float("inf")
            for _ in range(TICKS):
                due = time.perf_counter() + TICK_SECONDS
                await asyncio.sleep(TICK_SECONDS)
                lag = max(0.0, time.perf_counter() - due)
                promptest = min(promptest, lag)
                self._observe(lag)
            self.lag_seconds = promptest
            self._judge(promptest)
