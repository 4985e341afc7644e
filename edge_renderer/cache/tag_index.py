"""Which entries carry a tag, in little memory: most tags are on one page, and a dictionary of one weighs five tags."""

from collections.abc import Collection, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class TagIndex(Generic[T]):
    """A tag's only carrier stands in the index by itself; a second one makes them the keys of a dictionary, in the
    order they came: what a purge brings about then happens in an order that can be repeated."""

    def __init__(self) -> None:
        self._carriers: dict[str, T | dict[T, None]] = {}

    def __len__(self) -> int:
        return len(self._carriers)

    def carriers(self, tag: str) -> Collection[T]:
        found = self._carriers.get(tag)
        if found is None:
            return ()
        return found.keys() if isinstance(found, dict) else (found,)

    def items(self) -> Iterator[tuple[str, Collection[T]]]:
        return ((tag, self.carriers(tag)) for tag in self._carriers)

    def add(self, tag: str, carrier: T) -> None:
        found = self._carriers.setdefault(tag, carrier)
        if isinstance(found, dict):
            found[carrier] = None
        elif found is not carrier:
            self._carriers[tag] = {found: None, carrier: None}

    def discard(self, tag: str, carrier: T) -> None:
        """One that was added."""
        found = self._carriers[tag]
        if not isinstance(found, dict):
            del self._carriers[tag]
            return
        del found[carrier]
        if len(found) == 1:
            [self._carriers[tag]] = found
