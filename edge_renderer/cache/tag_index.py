"""Which entries carry a tag, in little memory: most tags are on one page, and a set of one weighs five tags."""

from collections.abc import Collection, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class TagIndex(Generic[T]):
    """A tag's only carrier stands in the index by itself; a second one makes them a set."""

    def __init__(self) -> None:
        self._carriers: dict[str, T | set[T]] = {}

    def __len__(self) -> int:
        return len(self._carriers)

    def carriers(self, tag: str) -> Collection[T]:
        found = self._carriers.get(tag)
        if found is None:
            return ()
        return found if isinstance(found, set) else (found,)

    def items(self) -> Iterator[tuple[str, Collection[T]]]:
        return ((tag, self.carriers(tag)) for tag in self._carriers)

    def add(self, tag: str, carrier: T) -> None:
        found = self._carriers.setdefault(tag, carrier)
        if isinstance(found, set):
            found.add(carrier)
        elif found is not carrier:
            self._carriers[tag] = {found, carrier}

    def discard(self, tag: str, carrier: T) -> None:
        """One that was added."""
        found = self._carriers[tag]
        if not isinstance(found, set):
            del self._carriers[tag]
            return
        found.discard(carrier)
        if len(found) == 1:
            self._carriers[tag] = found.pop()
