"""Carts on the state server: what a shopper wants, by variant and quantity. Prices and stock are the catalog's to say.

A cart belongs to its store: another store's token names nothing here. Concurrent changes of one cart cannot lose each
other: a write counts only if the cart is still what the change was made from.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts import crash_points
from contracts.crash_points import LineBroken
from contracts.tenant import StoreId
from origin.errors import Conflict, Unavailable

TTL_SECONDS = 14 * 24 * 3600
MAX_CART_BYTES = 256 * 1024
MAX_TRIES = 20
_TOKEN = re.compile("[0-9a-f]{32}")
_SET_IF_UNCHANGED = """
    if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
    return 1
"""


@dataclass(frozen=True, slots=True)
class CartLine:
    """`price_minor` and `title` are what the shopper saw when adding it."""

    variant_id: int
    quantity: int
    price_minor: int
    title: str
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Names the line within its cart: the same variant with other properties is another line."""
        return line_key(self.variant_id, self.properties)


@dataclass(frozen=True, slots=True)
class Cart:
    """`generation` changes when the cart was ordered: what is in it then is another purchase.

    `notice` is what the next page has to say about the last change.
    """

    token: str
    lines: tuple[CartLine, ...] = ()
    note: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    generation: str = ""
    notice: str | None = None

    @property
    def item_count(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def variant_ids(self) -> frozenset[int]:
        return frozenset(line.variant_id for line in self.lines)

    def without(self, ordered: Mapping[str, int]) -> "Cart":
        """Less what was ordered, by line key; as another generation."""
        left = (replace(line, quantity=line.quantity - ordered.get(line.key, 0)) for line in self.lines)
        lines = tuple(line for line in left if line.quantity > 0)
        note = self.note if lines else None
        return replace(self, lines=lines, note=note, generation=secrets.token_hex(8), notice=None)


Edit = Callable[[Cart], Awaitable[Cart]]


def is_token(text: str) -> bool:
    """Whether a cart could be called so."""
    return _TOKEN.fullmatch(text) is not None


def line_key(variant_id: int, properties: Mapping[str, str]) -> str:
    told = json.dumps(sorted(properties.items())).encode()
    return f"{variant_id}:{hashlib.blake2b(told, digest_size=16).hexdigest()}"


class Carts:
    def __init__(self, state: "Redis") -> None:
        self._state = state

    @classmethod
    def connect(cls, state_url: str) -> "tuple[Carts, Callable[[], Awaitable[None]]]":
        """For a program that needs the state server for nothing else; the second value closes it."""
        state = Redis.from_url(state_url, socket_timeout=1, socket_connect_timeout=1)
        return cls(state), state.aclose

    async def read(self, store_id: StoreId, token: str | None) -> Cart:
        """An unknown, expired or malformed token is an empty cart without a token. Raises Unavailable."""
        return _decode(token or "", await self._get(store_id, token))

    async def change(self, store_id: StoreId, token: str | None, edit: Edit) -> Cart:
        """Applies `edit`, again if somebody else changed the cart meanwhile; a new cart gets a token of ours.

        1. A reads two cups; 2. B reads two cups and writes three; 3. A's write of "two cups and a plate" would take B's
        cup away. It finds the cart changed, and A's edit runs again on three cups.
        """
        for _ in range(MAX_TRIES):
            old = await self._get(store_id, token)
            cart = _decode(token or "", old)
            if not cart.token:
                # Never a token from outside: who knows a token in advance would share the cart.
                cart, old = Cart(secrets.token_hex(16), generation=secrets.token_hex(8)), None
            changed = await edit(cart)
            if changed == cart and old is not None:
                return cart
            if await self._set(store_id, changed, old or b""):
                return changed
        raise Conflict("the cart is being changed from somewhere else; please try again")

    async def take_ordered(
        self, store_id: StoreId, token: str | None, generation: str | None, ordered: Mapping[str, int]
    ) -> None:
        """Takes out what became an order. Once: a second call for the same order finds another generation."""

        async def take(cart: Cart) -> Cart:
            return cart.without(ordered) if cart.generation == generation else cart

        if await self._get(store_id, token) is not None:
            await self.change(store_id, token, take)

    async def take_ordered_from(self, store_id: StoreId, cart: Cart, ordered: Mapping[str, int]) -> None:
        """The same for who has read the cart, which nearly always is as it was."""
        if not await self._set(store_id, cart.without(ordered), _encode(cart)):
            await self.take_ordered(store_id, cart.token, cart.generation, ordered)

    async def _get(self, store_id: StoreId, token: str | None) -> bytes | None:
        if not token or not is_token(token):
            return None
        try:
            found = await self._state.get(_key(store_id, token))
        except RedisError as error:
            raise _unreachable() from error
        return found.encode() if isinstance(found, str) else found

    async def _set(self, store_id: StoreId, cart: Cart, old: bytes) -> bool:
        encoded = _encode(cart)
        if len(encoded) > MAX_CART_BYTES:
            raise Conflict("the cart is full; remove something first")
        try:
            crash_points.reached("cart.write")
            done = await self._state.eval(
                _SET_IF_UNCHANGED, 1, _key(store_id, cart.token), old, encoded, str(TTL_SECONDS)
            )
            crash_points.reached("cart.written")
        except (RedisError, LineBroken) as error:
            raise _unreachable() from error
        return bool(done)


def _unreachable() -> Unavailable:
    return Unavailable("the shopping cart cannot be reached at the moment; please try again in a few seconds")


def _key(store_id: StoreId, token: str) -> str:
    return f"cart:{store_id}:{token}"


def _encode(cart: Cart) -> bytes:
    lines = [
        [line.variant_id, line.quantity, line.price_minor, line.title, dict(line.properties)] for line in cart.lines
    ]
    record = {
        "v": 1,
        "lines": lines,
        "note": cart.note,
        "attributes": dict(cart.attributes),
        "gen": cart.generation,
        "notice": cart.notice,
    }
    return json.dumps(record, separators=(",", ":"), sort_keys=True).encode()


def _decode(token: str, encoded: bytes | None) -> Cart:
    if encoded is None:
        return Cart("")
    try:
        record: dict[str, Any] = json.loads(encoded)
        lines = tuple(CartLine(*line) for line in record["lines"])
        return Cart(token, lines, record["note"], record["attributes"], record["gen"], record.get("notice"))
    except (ValueError, KeyError, TypeError):
        return Cart("")  # written by another version: an empty cart is better than none at all
