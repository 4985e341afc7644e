"""What a bounded memory keeps, by each rule of who goes: only the bookkeeping, so that millions of requests are quick.

Each takes a page and its bytes and says whether it was there. `Sieving` is L1 with its shares, by L1's own Sieve; the
others have no shares.
"""

from collections import OrderedDict
from typing import Protocol

from edge_renderer.cache.sieve import Node, Sieve
from loadtest.traces import shop_of


class Rule(Protocol):
    def ask(self, page: int, size: int) -> bool:
        """True: it was there. False: it is now, if it fits at all."""
        ...


class LeastRecent:
    def __init__(self, max_bytes: int) -> None:
        self._free = max_bytes
        self._kept: OrderedDict[int, int] = OrderedDict()

    def ask(self, page: int, size: int) -> bool:
        if page in self._kept:
            self._touch(page)
            return True
        self._free -= size
        while self._free < 0:
            self._free += self._kept.popitem(last=False)[1]
        self._kept[page] = size
        return False

    def _touch(self, page: int) -> None:
        self._kept.move_to_end(page)


class FirstIn(LeastRecent):
    def _touch(self, page: int) -> None:
        """A hit changes nothing."""


class _Kept:
    __slots__ = ("node", "page", "share_node", "size", "visited")

    def __init__(self, page: int, size: int) -> None:
        self.page = page
        self.size = size
        self.visited = False
        self.node: Node[_Kept]
        self.share_node: Node[_Kept]


class _Share:
    __slots__ = ("sieve", "used")

    def __init__(self) -> None:
        self.sieve: Sieve[_Kept] = Sieve()
        self.used = 0


class Sieving:
    def __init__(self, max_bytes: int, share_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._share_bytes = share_bytes
        self._used = 0
        self._sieve: Sieve[_Kept] = Sieve()
        self._kept: dict[int, _Kept] = {}
        self._shares: dict[int, _Share] = {}

    def ask(self, page: int, size: int) -> bool:
        kept = self._kept.get(page)
        if kept is not None:
            kept.visited = True
            return True
        if size <= self._share_bytes:
            self._keep(_Kept(page, size))
        return False

    def _keep(self, new: _Kept) -> None:
        shop = shop_of(new.page)
        share = self._shares.get(shop)
        while share is not None and share.used + new.size > self._share_bytes:
            self._evict(share.sieve)
        while self._used + new.size > self._max_bytes:
            self._evict(self._sieve)
        share = self._shares.setdefault(shop, _Share())
        self._kept[new.page] = new
        new.node, new.share_node = self._sieve.add(new), share.sieve.add(new)
        self._used += new.size
        share.used += new.size

    def _evict(self, sieve: Sieve[_Kept]) -> None:
        victim = sieve.next_to_go()
        assert victim is not None
        shop = shop_of(victim.page)
        share = self._shares[shop]
        del self._kept[victim.page]
        self._sieve.remove(victim.node)
        share.sieve.remove(victim.share_node)
        self._used -= victim.size
        share.used -= victim.size
        if not share.used:
            del self._shares[shop]
