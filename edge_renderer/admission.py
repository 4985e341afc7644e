"""Whether a shop may have something done beyond a hit, now. Never asked on hits; a refusal is decided before anything
is read, waited for or asked.

Two refusals mean different things: OverShare is the shop's own excess (429), Overloaded the worker's (503).
"""

from contracts.tenant import StoreId
from edge_renderer.budgets import Buckets
from edge_renderer.errors import Overloaded, OverShare, Refusal
from edge_renderer.shedding import Shedder

_SPARE = 0.25
"""The part of a bucket that the less important may not use: pages nobody has asked for yet leave it to the renewal of
those that are read."""


class Admission:
    def __init__(self, fills: Buckets, carts: Buckets, checkouts: Buckets, shedder: Shedder) -> None:
        self._fills = fills
        self._carts = carts
        self._checkouts = checkouts
        self._shedder = shedder

    def miss(self, store_id: StoreId) -> None:
        """A page this worker does not have. Raises OverShare or Overloaded."""
        self._shed(store_id)
        self._charge(self._fills, store_id, Refusal.FILL_BUDGET, spare=_SPARE)

    def found(self, store_id: StoreId) -> None:
        """The page was there after all, in the cache server: nothing had to be made."""
        self._fills.give_back(store_id)

    def may_renew(self, store_id: StoreId | None) -> bool:
        """Whether a page that may still be served stale is made anew at once. If not, a later request tries again; and
        when it may be served no more, its renewal is due and not asked about here."""
        return store_id is None or self._fills.take(store_id)

    def cart(self, store_id: StoreId) -> None:
        """Raises OverShare or Overloaded."""
        self._shed(store_id)
        self._charge(self._carts, store_id, Refusal.PASS_BUDGET, spare=0.0)

    def checkout(self, store_id: StoreId) -> None:
        """Who pays comes before who looks: only the shop's own budget counts, and it is a large one, because the origin
        has a line for those who come at once, and gives each a place in it. Raises OverShare."""
        self._charge(self._checkouts, store_id, Refusal.PASS_BUDGET, spare=0.0)

    def _shed(self, store_id: StoreId) -> None:
        if self._shedder.refuses(store_id):
            raise Overloaded("the worker is late, and this shop is the most of it", Refusal.LATE, 2)

    def _charge(self, buckets: Buckets, store_id: StoreId, refusal: Refusal, *, spare: float) -> None:
        if not buckets.take(store_id, spare=spare):
            seconds = buckets.retry_after_seconds(store_id, spare=spare)
            raise OverShare("the shop's budget is spent", refusal, seconds)
