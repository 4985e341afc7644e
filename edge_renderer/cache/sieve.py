"""SIEVE: which entry goes next. A hit only sets a bit; the hand walks from the oldest to the newest, forgives once.

After Zhang et al., "SIEVE is Simpler than LRU" (NSDI 2024). New ones enter at the head; the hand starts at the tail,
clears the bits of those visited since it last came by, and takes the first that was not.
"""

from typing import Generic, Protocol, TypeVar


class Visited(Protocol):
    visited: bool


T = TypeVar("T", bound=Visited)


class Node(Generic[T]):
    __slots__ = ("item", "newer", "older")

    def __init__(self, item: T) -> None:
        self.item = item
        self.newer: Node[T] | None = None
        self.older: Node[T] | None = None


class Sieve(Generic[T]):
    def __init__(self) -> None:
        self._newest: Node[T] | None = None
        self._oldest: Node[T] | None = None
        self._hand: Node[T] | None = None

    def add(self, item: T) -> Node[T]:
        node = Node(item)
        node.older = self._newest
        if self._newest is not None:
            self._newest.newer = node
        self._newest = node
        if self._oldest is None:
            self._oldest = node
        return node

    def remove(self, node: Node[T]) -> None:
        if self._hand is node:
            self._hand = node.newer
        if node.newer is not None:
            node.newer.older = node.older
        else:
            self._newest = node.older
        if node.older is not None:
            node.older.newer = node.newer
        else:
            self._oldest = node.newer
        node.newer = node.older = None

    def next_to_go(self, spared: T | None = None) -> T | None:
        """The victim; it stays until `remove`. Never `spared`, so there must be another. Ends after two rounds at most,
        for the first clears every bit."""
        node = self._hand or self._oldest
        if node is None:
            return None
        while node.item.visited or node.item is spared:
            node.item.visited = False
            node = node.newer or self._oldest
            assert node is not None
        self._hand = node
        return node.item
