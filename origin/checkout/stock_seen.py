"""What is left of the goods in the carts of those who wait, or who want what has sold out: asked of PostgreSQL once a
second for a variant, however many want to know."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from contracts.tenant import StoreId
from origin.cart.offers import Offer, read_prices
from origin.db import Database

_FRESH_SECONDS = 1.0
_MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class _Seen:
    asked_at: float
    answer: "asyncio.Task[Mapping[int, Offer]]"


class StockSeen:
    """A view for those who wait; what a checkout sells is decided by its own transaction."""

    def __init__(self, db: Database, clock: Callable[[], float]) -> None:
        self._db = db
        self._clock = clock
        self._seen: dict[tuple[StoreId, int], _Seen] = {}
        self._gone: dict[tuple[StoreId, int], None] = {}  # oldest first

    def note_gone(self, store_id: StoreId, variant_ids: Collection[int]) -> None:
        """A checkout found nothing left of these: from now on it is looked first, before the next one begins."""
        for variant in variant_ids:
            self._gone[store_id, variant] = None
        while len(self._gone) > _MOST_REMEMBERED:
            del self._gone[next(iter(self._gone))]

    def may_be_gone(self, store_id: StoreId, variant_ids: Collection[int]) -> bool:
        """Whether one of them was gone when it was last looked for. Costs nothing."""
        return any((store_id, variant) in self._gone for variant in variant_ids)

    async def offers(self, store_id: StoreId, variant_ids: Collection[int]) -> Mapping[int, Offer]:
        """Without those that cannot be bought any more. Raises Unavailable when the database is away."""
        now = self._clock()
        wanted = sorted(variant_ids)
        stale = [variant for variant in wanted if self._is_stale((store_id, variant), now)]
        if stale:
            self._ask(store_id, stale, now)
        answers = {id(seen.answer): seen.answer for seen in (self._seen[store_id, variant] for variant in wanted)}
        found: dict[int, Offer] = {}
        for answer in answers.values():
            found |= await asyncio.shield(answer)  # one who goes away does not take the answer from the others
        for variant, offer in found.items():
            if offer.available_quantity != 0:
                self._gone.pop((store_id, variant), None)
        return {variant: found[variant] for variant in wanted if variant in found}

    def _is_stale(self, key: tuple[StoreId, int], now: float) -> bool:
        seen = self._seen.get(key)
        return seen is None or (seen.answer.done() and now - seen.asked_at >= _FRESH_SECONDS)

    def _ask(self, store_id: StoreId, variant_ids: list[int], now: float) -> None:
        if len(self._seen) > _MOST_REMEMBERED:
            self._seen = {key: seen for key, seen in self._seen.items() if not self._is_stale(key, now)}
        asked = _Seen(now, asyncio.create_task(self._read(store_id, variant_ids)))
        self._seen |= {(store_id, variant): asked for variant in variant_ids}

    async def _read(self, store_id: StoreId, variant_ids: list[int]) -> Mapping[int, Offer]:
        return (await read_prices(self._db, store_id, variant_ids)).offers
