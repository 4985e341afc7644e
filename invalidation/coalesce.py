"""Outbox rows as the fewest bus messages: one a store and drain, or the whole shop when it is too much."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.events import MAX_TAGS_PER_MESSAGE, BusMessage
from contracts.keys import shop_tag, store_of_tag
from contracts.tenant import StoreId


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the outbox: tags to purge, an event for the job queue, or both. `age_ms`: since it was inserted, by
    PostgreSQL's clock when it was read."""

    store_id: StoreId
    id: int
    tags: Sequence[str] = ()
    topic: str | None = None
    payload: Mapping[str, Any] | None = None
    age_ms: int = 0


def coalesce(rows: Iterable[Row], committed_ms: Callable[[Row], int] | None = None) -> list[BusMessage]:
    """A message is as old as the oldest row in it."""
    by_store: dict[StoreId, list[Row]] = {}
    for row in rows:
        if row.tags:
            by_store.setdefault(row.store_id, []).append(row)
    return [
        BusMessage(part, committed_ms=min(map(committed_ms, theirs)) if committed_ms else None)
        for store_id, theirs in by_store.items()
        for part in _parts(store_id, {tag for row in theirs for tag in map(_readable(store_id), row.tags)})
    ]


def chunks(messages: Iterable[BusMessage], most_tags: int) -> Iterator[list[BusMessage]]:
    """Portions that keep the state server busy for a bounded time; at least one, if it is empty."""
    chunk: list[BusMessage] = []
    size = 0
    for message in messages:
        if chunk and size + len(message.tags) > most_tags:
            yield chunk
            chunk, size = [], 0
        chunk.append(message)
        size += len(message.tags)
    yield chunk


def _readable(store_id: StoreId) -> Any:
    """A tag nobody can read names nothing anybody holds, but somebody wanted a purge: then it is the whole shop."""

    def read(tag: str) -> str:
        try:
            is_ours = store_of_tag(tag) in (store_id, None) and tag[:2] in ("t/", "h/")
        except ValueError:
            is_ours = False
        return tag if is_ours else shop_tag(store_id)

    return read


def _parts(store_id: StoreId, tags: set[str]) -> list[tuple[str, ...]]:
    wanted = sorted(tags)
    if len(wanted) > MAX_TAGS_PER_MESSAGE:
        wanted = [*(tag for tag in wanted if tag.startswith("h/")), shop_tag(store_id)]
    return [tuple(wanted[at : at + MAX_TAGS_PER_MESSAGE]) for at in range(0, len(wanted), MAX_TAGS_PER_MESSAGE)]
