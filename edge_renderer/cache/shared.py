"""L2: entries on the cache server, shared by all edges. Losing it costs time and never truth.

Nothing here decides whether an entry may be served: writes are unconditional, validity is decided at read (`tiers`).
Before each entry stands its position, for the server to compare: an edge that has heard what changed since is not sent
what it could not serve.
No failure leaves this module: it is counted, and reads as a miss. After several in a row the server is left alone for
a while, so that a slow one does not slow every page.
"""

import hashlib
import re
import secrets
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from redis.exceptions import NoScriptError, RedisError

from contracts.events import Position, StreamId
from contracts.tenant import StoreId
from edge_renderer.cache.counters import CacheCounters
from edge_renderer.cache.entry import Entry, EntryError, decode_entry, encode_entry
from edge_renderer.errors import CacheError
from invalidation.lease import Clock, lease_clock
from invalidation.line import Line

_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
_MARK_BYTES = 29
_GET_OR_LOCK = f"""local is_there = redis.call('EXISTS', KEYS[1])
if is_there == 1 and redis.call('GETRANGE', KEYS[1], 0, {_MARK_BYTES - 1}) >= ARGV[3] then
  return redis.call('GET', KEYS[1])
end
local is_ours = redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
return is_ours + 2 * is_there"""
_SET_AND_RELEASE = """redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if redis.call('GET', KEYS[2]) == ARGV[3] then redis.call('DEL', KEYS[2]) end"""


class _Script:
    """What the server does in one go. It knows a script by its digest once it has been told the text."""

    def __init__(self, line: Line, text: str) -> None:
        self._line = line
        self._text = text
        self._digest = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - the server's name for it
        self._keys = len(set(re.findall(r"KEYS\[\d\]", text)))

    async def run(self, *values: str | bytes | int) -> Any:
        """`values`: the keys and then the arguments."""
        try:
            return await self._line.ask("EVALSHA", self._digest, self._keys, *values)
        except NoScriptError:
            return await self._line.ask("EVAL", self._text, self._keys, *values)


@dataclass(frozen=True, slots=True)
class Found:
    """An entry in whatever standing; or else the lock's `token`: empty if it cannot be known who has the lock, None if
    another edge is making the page. `has_older`: there is an entry, but older than what was asked for."""

    entry: Entry | None = None
    token: str | None = None
    has_older: bool = False


class SharedCache:
    """`secret` seals what is stored: whoever can only write to the cache server cannot put words in a shop's mouth.
    `namespace` keeps releases that render differently apart."""

    def __init__(
        self,
        cache_url: str,
        secret: str,
        counters: CacheCounters,
        *,
        namespace: str = "1",
        answer_seconds: float = 0.05,
        failures_to_rest: int = 5,
        rest_seconds: float = 1.0,
        lock_seconds: float = 2.0,
        clock: Clock = lease_clock,
    ) -> None:
        self._line = Line(cache_url, answer_seconds)
        self._release = _Script(self._line, _RELEASE)
        self._get_or_lock = _Script(self._line, _GET_OR_LOCK)
        self._set_and_release = _Script(self._line, _SET_AND_RELEASE)
        self._seal_key = hashlib.blake2b(secret.encode(), digest_size=32, person=b"stoa entry").digest()
        self._namespace = namespace
        self._counters = counters
        self._failures_to_rest = failures_to_rest
        self._rest_seconds = rest_seconds
        self._lock_ms = round(lock_seconds * 1000)
        self._clock = clock
        self._failures = 0
        self._rests_until = float("-inf")

    async def close(self) -> None:
        await self._line.close()

    @property
    def is_resting(self) -> bool:
        return self._clock() < self._rests_until

    async def get(self, key: str, store_id: StoreId | None) -> Entry | None:
        try:
            encoded = await self._ask(self._line.ask("GET", self._name("e", key)))
        except CacheError:
            return None
        return None if encoded is None else self._decoded(encoded, key, store_id)

    async def get_or_lock(self, key: str, store_id: StoreId | None, least: StreamId | None) -> Found:
        """In one round trip: what there is, if it was made at `least` or later; if not, the lock, if nobody has it."""
        token = secrets.token_hex(8)
        names = [self._name("e", key), self._name("l", key)]
        mark = _mark(least) if least else b""
        try:
            found = await self._ask(self._get_or_lock.run(*names, token, self._lock_ms, mark))
        except CacheError:
            return Found(token="")
        if isinstance(found, int):
            return Found(token=token if found & 1 else None, has_older=bool(found & 2))
        entry = self._decoded(found, key, store_id)
        return Found(entry) if entry is not None else Found(token="")

    async def set(self, entry: Entry, token: str = "") -> None:
        """And lets go of the lock that `token` is of."""
        names = [self._name("e", entry.key), self._name("l", entry.key)]
        lifetime_ms = max(1, entry.lifetime_ms)
        try:
            encoded = _marked(encode_entry(entry, self._seal_key), entry.position)
            if token:
                await self._ask(self._set_and_release.run(*names, encoded, lifetime_ms, token))
            else:
                await self._ask(self._line.ask("SET", names[0], encoded, "PX", lifetime_ms))
            self._counters.shared_writes += 1
        except EntryError:
            self._counters.shared_writes_skipped += 1
            await self.unlock(entry.key, token)
        except CacheError:
            self._counters.shared_writes_skipped += 1

    async def unlock(self, key: str, token: str) -> None:
        """Only one's own lock: a fill that took longer than its lock must not release the next one's."""
        if token:
            with suppress(CacheError):
                await self._ask(self._release.run(self._name("l", key), token))

    def _decoded(self, encoded: Any, key: str, store_id: StoreId | None) -> Entry | None:
        try:
            if not isinstance(encoded, bytes):
                raise EntryError("not even a text")
            entry = decode_entry(encoded[_MARK_BYTES:], self._seal_key, key, store_id)
            if entry.position is None or encoded[:_MARK_BYTES] != _mark(entry.position.id):
                raise EntryError("it does not stand where it was made")
            return entry
        except EntryError:
            self._counters.shared_garbage += 1
            return None

    def _name(self, kind: str, key: str) -> str:
        return f"{kind}{self._namespace}:{key}"

    async def _ask(self, question: Coroutine[Any, Any, Any]) -> Any:
        if self.is_resting:
            question.close()
            raise CacheError("the cache server is left alone for a moment")
        try:
            answer = await question
        except (RedisError, OSError, TimeoutError) as error:
            self._note_failure()
            raise CacheError(f"the cache server cannot be used: {error}") from error
        self._failures = 0
        return answer

    def _note_failure(self) -> None:
        """At the end of a rest one more failure is enough for the next."""
        self._counters.shared_errors += 1
        self._failures += 1
        if self._failures >= self._failures_to_rest:
            self._rests_until = self._clock() + self._rest_seconds
            self._failures = self._failures_to_rest - 1


def _mark(at: StreamId) -> bytes:
    """In order of time, byte by byte."""
    return b"%016d-%012d" % at


def _marked(encoded: bytes, position: Position | None) -> bytes:
    assert position is not None, "what has no position is never encoded"
    return _mark(position.id) + encoded
