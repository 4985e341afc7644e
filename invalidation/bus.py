"""The bus on the state server: publishing for the relay, reading for followers, tag positions for caches.

Everything the state server can do wrong becomes BusUnavailable here.
"""

import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from contracts.events import BUS_KEY, EPOCH_KEY, BusMessage, Position, StreamId
from contracts.keys import positions_key, shop_tag, store_of_tag
from contracts.tenant import StoreId
from invalidation.errors import BusUnavailable

SERVER_KEY = "bus:server"
MOST_POSITIONS = 10_000
"""Tags of one shop whose positions are kept; past that the whole shop counts as changed, and counting begins anew. A
shop that always has something to change would else collect every product it ever had, where nothing may be evicted."""
_PUBLISH = Path(__file__).with_name("publish.lua").read_text(encoding="utf-8")
_NOTHING = StreamId(0, 0)


@dataclass(frozen=True, slots=True)
class Published:
    position: Position
    server_ms: int


@dataclass(frozen=True, slots=True)
class DrainTimes:
    """When a drain began: by the server's clock, at the latest guess that is surely not too late, and how long ago by
    the relay's own clock."""

    began_server_ms: int
    age_ms: int


@dataclass(frozen=True, slots=True)
class Raw:
    """One message as it stands on the bus; None is an entry without the field every message has."""

    id: StreamId
    encoded: bytes | None
    committed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the bus showed: at most a batch of messages after a position, and then the server's clock, the epoch and
    the state of the stream. `asked_ms`: the server's clock when the question came, before it waited for messages."""

    messages: Sequence[Raw]
    server_ms: int
    epoch: str | None
    last: StreamId
    first: StreamId | None
    has_lost_messages: bool
    asked_ms: int | None = None


class Bus:
    """One client of the state server. `answer_seconds` bounds every answer, beyond the time a read asked to wait."""

    def __init__(self, state_url: str, *, answer_seconds: float = 1.0, longest_wait_ms: int = 500) -> None:
        self._redis: redis.asyncio.Redis = redis.asyncio.Redis.from_url(
            state_url,
            socket_timeout=answer_seconds + longest_wait_ms / 1000,
            socket_connect_timeout=answer_seconds,
            retry=Retry(NoBackoff(), 0),
            max_connections=64,
        )
        self._longest_wait_ms = longest_wait_ms
        self._publish = self._redis.register_script(_PUBLISH)

    async def close(self) -> None:
        with suppress(RedisError, OSError):  # a line that is stuck cannot be closed in an orderly way
            await self._redis.aclose()

    async def server_ms(self) -> int:
        async with _translated():
            return _milliseconds(await self._redis.time())

    async def publish(
        self,
        messages: Sequence[BusMessage],
        known_last: StreamId | None,
        drain: DrainTimes | None,
        *,
        most_messages: int,
        positions_ttl_ms: int,
    ) -> Published:
        """Adds `messages` and their tags' positions atomically. `drain` is given with the end of a drain: the last
        message will carry its age. Raises BusUnavailable; then it may or may not have happened."""
        body = [[message.encode(), _positions(message.tags), str(message.committed_ms or "")] for message in messages]
        arguments = [
            str(known_last) if known_last else "",
            secrets.token_hex(8),
            most_messages,
            positions_ttl_ms,
            MOST_POSITIONS,
            drain.began_server_ms if drain else "",
            drain.age_ms if drain else "",
            msgpack.packb(body, use_bin_type=False),
        ]
        async with _translated():
            reply = await self._publish(keys=[BUS_KEY, EPOCH_KEY, SERVER_KEY], args=arguments)
            epoch, last, server_ms = reply
            return Published(Position(_text(epoch), StreamId.parse(last)), int(server_ms))

    async def tail(self) -> Position | None:
        """Where the bus ends now, read in one piece with its epoch; None while it has no epoch."""
        async with _translated():
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.get(EPOCH_KEY)
            pipeline.xinfo_stream(BUS_KEY)
            epoch, info = await pipeline.execute(raise_on_error=False)
            stream = _stream(info)
            return None if epoch is None else Position(_text(epoch), stream.last)

    async def read(self, after: StreamId, count: int, wait_ms: int) -> Reading:
        """Messages after a position, waiting up to `wait_ms` for one, and what the server says right after that.

        The clock, the epoch and the stream's edges are read after the messages on the same connection: an epoch that is
        still ours was ours when the messages were read, and what was trimmed before the messages were read is seen.
        """
        wait_ms = min(wait_ms, self._longest_wait_ms)
        async with _translated():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.time()
            pipeline.execute_command("XREAD", "COUNT", count, "BLOCK", wait_ms, "STREAMS", BUS_KEY, str(after))
            pipeline.time()
            pipeline.get(EPOCH_KEY)
            pipeline.xinfo_stream(BUS_KEY)
            asked, found, time, epoch, info = await pipeline.execute(raise_on_error=False)
            for reply in (asked, found, time, epoch):
                if isinstance(reply, Exception):
                    raise reply
            stream = _stream(info)
            return Reading(
                messages=_messages(found),
                server_ms=_milliseconds(time),
                epoch=None if epoch is None else _text(epoch),
                last=stream.last,
                first=stream.first,
                has_lost_messages=stream.has_lost_messages,
                asked_ms=_milliseconds(asked),
            )

    async def positions(self, tags: Iterable[str]) -> tuple[Position | None, Mapping[str, StreamId]]:
        """Where the bus ends, and the last position of each of `tags` that changed lately. Raises BusUnavailable.

        The end tells a server that went back in time: then it has forgotten changes, and no relay may have noticed yet.
        """
        async with _translated():
            groups = _by_store(tags)
            pipeline = self._redis.pipeline(transaction=False)
            for store_id, names in groups.items():
                pipeline.hmget(positions_key(store_id), names)
            pipeline.get(EPOCH_KEY)
            pipeline.xinfo_stream(BUS_KEY)
            *replies, epoch, info = await pipeline.execute(raise_on_error=False)
            for reply in (*replies, epoch):
                if isinstance(reply, Exception):
                    raise reply
            found: dict[str, StreamId] = {}
            for names, values in zip(groups.values(), replies, strict=True):
                found |= {tag: StreamId.parse(value) for tag, value in zip(names, values, strict=True) if value}
            return None if epoch is None else Position(_text(epoch), _stream(info).last), found


@dataclass(frozen=True, slots=True)
class _Stream:
    last: StreamId
    first: StreamId | None
    has_lost_messages: bool


def _stream(info: Any) -> _Stream:
    if isinstance(info, ResponseError) and "no such key" in str(info):
        return _Stream(_NOTHING, None, False)
    if isinstance(info, Exception):
        raise info
    first = info["first-entry"]
    return _Stream(
        StreamId.parse(info["last-generated-id"]),
        StreamId.parse(first[0]) if first else None,
        info["entries-added"] != info["length"],
    )


def _messages(found: Any) -> list[Raw]:
    if not found:
        return []
    ((_, entries),) = found
    return [_raw(entry_id, fields or {}) for entry_id, fields in entries]


def _raw(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Raw:
    committed = fields.get(b"committed", b"")
    return Raw(StreamId.parse(entry_id), fields.get(b"m"), int(committed) if committed.isdigit() else None)


def _by_store(tags: Iterable[str]) -> dict[StoreId | None, list[str]]:
    groups: dict[StoreId | None, list[str]] = {}
    for tag in tags:
        groups.setdefault(store_of_tag(tag), []).append(tag)
    return groups


def _positions(tags: Iterable[str]) -> list[tuple[str, list[str], str]]:
    """As the script takes them: where they are kept, the tags, and the tag that stands for all of a store's."""
    return [
        (positions_key(store_id), names, "" if store_id is None else shop_tag(store_id))
        for store_id, names in _by_store(tags).items()
    ]


def _milliseconds(time: tuple[int, int]) -> int:
    return int(time[0]) * 1000 + int(time[1]) // 1000


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise BusUnavailable(f"the state server cannot be used: {error}") from error
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise BusUnavailable(f"the state server's answer makes no sense: {error!r}") from error
