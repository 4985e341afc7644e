"""A buyer's place in a shop's line, as a token that only we can make: the shop, the cart, when they came, and what they
were told. The token is the place: no server has to remember it."""

import hashlib
from dataclasses import dataclass, replace

from itsdangerous import BadSignature, URLSafeTimedSerializer

from contracts.tenant import StoreId
from origin.carts import Cart
from origin.errors import Invalid

# An estimate that was given holds, unless the line has become this much slower: then the buyer is told so.
_LATER_TIMES = 2.0
_LATER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """`cart` names this filling of a cart, which is one purchase; `due_us` is the moment the buyer was told of, 0
    before that; `ahead_at_first` how many were before them then. Moments are in microseconds, by the state server's
    clock."""

    cart: str
    arrived_us: int = 0
    due_us: int = 0
    ahead_at_first: int = 0

    def told(self, ahead: int, pace_per_s: float, arrived_us: int, now_us: int) -> "Told":
        """What to tell the buyer now. The moment never moves away, but for a line that has become much slower."""
        seconds = ahead / pace_per_s
        due_us, is_later = now_us + round(seconds * 1_000_000), False
        if self.due_us:
            left_seconds = max(0.0, (self.due_us - now_us) / 1_000_000)
            is_later = seconds > left_seconds * _LATER_TIMES + _LATER_SECONDS
            due_us = due_us if is_later else min(due_us, self.due_us)
        first = max(self.ahead_at_first, ahead)
        left = max(0, due_us - now_us) / 1_000_000
        return Told(replace(self, arrived_us=arrived_us, due_us=due_us, ahead_at_first=first), left, is_later=is_later)


@dataclass(frozen=True, slots=True)
class Told:
    """The place as it is from now on, and what it says. `is_later`: that is later than what was said before."""

    place: Place
    seconds: float
    is_later: bool


class Places:
    def __init__(self, signing_key: str, kept_seconds: int) -> None:
        self._tokens = URLSafeTimedSerializer(signing_key, salt="waiting-room")
        self._kept_seconds = kept_seconds

    def sign(self, store_id: StoreId, place: Place) -> str:
        return self._tokens.dumps([store_id, place.cart, place.arrived_us, place.due_us, place.ahead_at_first])

    def read(self, store_id: StoreId, cart: Cart, token: str) -> Place:
        """Raises Invalid for a token that is not ours, too old, or another shop's, cart's or purchase's."""
        try:
            named, holder, arrived_us, due_us, first = self._tokens.loads(token, max_age=self._kept_seconds)
        except (BadSignature, ValueError, TypeError) as error:
            raise _refused() from error
        if named != store_id or holder != name_of(cart):
            raise _refused()
        return Place(holder, arrived_us, due_us, first)


def name_of(cart: Cart) -> str:
    """What is in it after it was ordered is another purchase, and has to queue for itself."""
    return digest(f"{cart.token} {cart.generation}")


def digest(cart_token: str) -> str:
    """Names a cart to those who may not open it."""
    return hashlib.blake2b(cart_token.encode(), digest_size=9).hexdigest()


def _refused() -> Invalid:
    return Invalid({"place": ["is not a place in this shop's line, or has expired; leave it out to get a new one"]})
