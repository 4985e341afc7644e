"""Writing to the outbox: the visible line in every transaction that changes what a shopper sees.

What is added here reaches the bus and the job queue if and only if the transaction commits (design, section 5).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from contracts.events import MAX_TAGS_PER_MESSAGE, Topic
from contracts.keys import shop_tag
from contracts.tenant import StoreId

Tx = psycopg.AsyncConnection[Any]


async def add(tx: Tx, store_id: StoreId, tags: Iterable[str]) -> None:
    """Purges `tags` once this transaction has committed. Past the limit of a message, the whole shop."""
    wanted = sorted(set(tags))
    if not wanted:
        return
    if len(wanted) > MAX_TAGS_PER_MESSAGE:
        hosts = [tag for tag in wanted if tag.startswith("h/")]
        wanted = [*hosts, shop_tag(store_id)]
    await tx.execute("INSERT INTO outbox (store_id, tags) VALUES (%s, %s)", [store_id, wanted])


async def add_event(tx: Tx, store_id: StoreId, topic: Topic, payload: Mapping[str, Any]) -> None:
    """Hands `payload` to the job queue once this transaction has committed; at least once."""
    await add_events(tx, store_id, [(topic, payload)])


async def add_events(tx: Tx, store_id: StoreId, events: Sequence[tuple[Topic, Mapping[str, Any]]]) -> None:
    """The same of several, in their order."""
    await tx.execute(
        """INSERT INTO outbox (store_id, topic, payload)
           SELECT %s, topic, payload FROM jsonb_to_recordset(%s) AS event (topic text, payload jsonb)""",
        [store_id, Jsonb([{"topic": str(topic), "payload": dict(payload)} for topic, payload in events])],
    )
