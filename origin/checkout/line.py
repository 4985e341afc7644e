"""The lines of buyers before the shops' checkouts, on the state server, so that all origin processes see the same.

A line is rebuilt from its buyers' tokens if the server loses it. Whoever stops asking is left out of it; their token
still has the moment they came, and puts them back where they were.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.tenant import StoreId
from origin.checkout.places import digest
from origin.checkout.slots import HELD_TIMES
from origin.errors import Unavailable

_BUCKET_SECONDS = 5

# A slot is the asking process's own, taken before it asks, so here only the order counts. In one step: 1. A finds
# itself among the first; 2. B, who came before, joins again; 3. A would go in before B.
# Nobody is told to look later than half-way to their turn: who never does is then missed by about their turn, and keeps
# nobody behind them waiting longer than if they had come. Those moments come before the wish for few looks.
_ASK = """
    local line, due, inside = KEYS[1], KEYS[2], KEYS[3]
    local member, arrived, has_slot, window = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1', tonumber(ARGV[4])
    local looks_per_s, longest, bucket = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
    local held_times, missed_looks, hold = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
    local time = redis.call('TIME')
    local seconds = tonumber(time[1])
    local now = seconds * 1000000 + tonumber(time[2])
    local number = math.floor(seconds / bucket)
    local gone = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, 500)
    if #gone > 0 then
        redis.call('ZREM', line, unpack(gone))
        redis.call('ZREM', due, unpack(gone))
    end
    if redis.call('EXISTS', inside) == 1 then return {'inside', 0, 0, now, now, 0, 0} end
    if arrived == 0 or arrived > now then arrived = now end
    redis.call('ZADD', line, 'LT', arrived, member)
    arrived = tonumber(redis.call('ZSCORE', line, member))
    local ahead, waiting = redis.call('ZRANK', line, member), redis.call('ZCARD', line)
    local pace = line .. ':pace:'
    if has_slot and ahead < window then
        redis.call('ZREM', line, member)
        redis.call('ZREM', due, member)
        redis.call('SET', inside, 1, 'EX', ARGV[5])
        redis.call('INCR', pace .. number)
        redis.call('EXPIRE', pace .. number, bucket * 4)
        return {'admitted', ahead, waiting, arrived, now, 0, 0}
    end
    local before = redis.call('MGET', pace .. number, pace .. (number - 1), pace .. (number - 2))
    local per_s = ((tonumber(before[2]) or 0) + (tonumber(before[3]) or 0)) / (2 * bucket)
    if per_s == 0 then per_s = (tonumber(before[1]) or 0) / (seconds % bucket + 1) end
    if per_s == 0 then per_s = window end
    local look, turn = 1, ahead / per_s
    if ahead >= held_times * window then
        look = math.max(2, math.min(turn / 2, math.max(waiting / looks_per_s, math.min(longest, turn / 4))))
    end
    look = math.ceil(look)
    redis.call('ZADD', due, now + (missed_looks * look + hold) * 1000000, member)
    redis.call('EXPIRE', line, 3600)
    redis.call('EXPIRE', due, 3600)
    return {'waiting', ahead, waiting, arrived, now, look, math.floor(per_s * 1000)}
"""


@dataclass(frozen=True, slots=True)
class LineLimits:
    """`window`: how many at the front may take a free slot, so that one who has just left keeps nobody waiting.
    `missed_looks`: after so many times what they were told, and the `hold_seconds` of an answer, a place passes on."""

    window: int
    inside_seconds: int
    looks_per_second: float
    look_seconds: float
    missed_looks: float
    hold_seconds: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How a buyer stands: let in now, inside since before, or waiting behind `ahead` of the `waiting`."""

    state: str
    ahead: int
    waiting: int
    arrived_us: int
    now_us: int
    look_seconds: int
    pace_per_s: float


class Line:
    def __init__(self, state: "Redis", limits: LineLimits) -> None:
        self._state = state
        self._limits = limits
        self._script = state.register_script(_ASK)  # by its hash: to send and hash it costs more than to run it

    async def ask(self, store_id: StoreId, cart: str, arrived_us: int, *, has_slot: bool) -> Standing:
        """Joins the line, or stays in it, or is let in. Raises Unavailable when the state server is away."""
        limits = self._limits
        try:
            state, ahead, waiting, arrived, now, look, pace = await self._script(
                _keys(store_id, cart),
                [
                    *(cart, arrived_us, "1" if has_slot else "0", limits.window, limits.inside_seconds),
                    *(limits.looks_per_second, limits.look_seconds, _BUCKET_SECONDS, HELD_TIMES),
                    *(limits.missed_looks, limits.hold_seconds),
                ],
            )
        except RedisError as error:
            raise _unreachable() from error
        name = state.decode() if isinstance(state, bytes) else str(state)
        return Standing(name, int(ahead), int(waiting), int(arrived), int(now), int(look), max(int(pace), 1) / 1000)

    async def leave(self, store_id: StoreId, cart: str) -> None:
        """Out of the line, or out of the checkout: the next purchase of this cart queues. Raises Unavailable."""
        line, due, inside = _keys(store_id, cart)
        try:
            async with self._state.pipeline(transaction=False) as pipeline:
                pipeline.zrem(line, cart)
                pipeline.zrem(due, cart)
                pipeline.delete(inside)
                await pipeline.execute()
        except RedisError as error:
            raise _unreachable() from error


class KeptForms:
    """What those who wait had typed, so that a page without scripts need not be sent again when their turn comes."""

    def __init__(self, state: "Redis", kept_seconds: int) -> None:
        self._state = state
        self._kept_seconds = kept_seconds

    async def keep(self, store_id: StoreId, cart_token: str, fields: Mapping[str, Any]) -> None:
        try:
            await self._state.set(_form_key(store_id, cart_token), json.dumps(fields), ex=self._kept_seconds)
        except RedisError as error:
            raise _unreachable() from error

    async def read(self, store_id: StoreId, cart_token: str) -> dict[str, Any] | None:
        try:
            kept = await self._state.get(_form_key(store_id, cart_token))
        except RedisError as error:
            raise _unreachable() from error
        return dict(json.loads(kept)) if kept else None

    async def forget(self, store_id: StoreId, cart_token: str) -> None:
        try:
            await self._state.delete(_form_key(store_id, cart_token))
        except RedisError as error:
            raise _unreachable() from error


def _unreachable() -> Unavailable:
    return Unavailable("the line before the checkout cannot be reached")


def _keys(store_id: StoreId, cart: str) -> tuple[str, str, str]:
    return f"line:{store_id}", f"line:{store_id}:due", f"line:{store_id}:inside:{cart}"


def _form_key(store_id: StoreId, cart_token: str) -> str:
    return f"line:{store_id}:form:{digest(cart_token)}"
