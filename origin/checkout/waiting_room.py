"""Whose checkout is worked on now, and who waits for it in line: first come, first served, each shop for itself.

A shop's rush has a bounded number of slots in each origin process (slots.py). Beyond them its buyers stand in a line
that all processes share (line.py), with their place in their own hands (places.py). Who has been let in stays inside
until the purchase is over, and is never asked to wait again.
"""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog

from contracts.tenant import StoreId
from origin.carts import Cart, Carts
from origin.checkout.answers import IN_PROGRESS, Answer, AnswerKind
from origin.checkout.cart_turns import CartTurns, End
from origin.checkout.line import KeptForms, Line, LineLimits, Standing
from origin.checkout.places import Place, Places, name_of
from origin.checkout.slots import Elsewhere, Slots
from origin.checkout.stock_seen import StockSeen
from origin.db import Database
from origin.errors import Invalid, NotFound, Unavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = structlog.get_logger()

_OVER = frozenset({AnswerKind.STOCK_GONE, AnswerKind.REFUNDED})
"""After these the same cart queues again. A declined card, say, is tried again from inside."""


class WaitingSettings(Protocol):
    @property
    def signing_key(self) -> str: ...
    @property
    def reservation_seconds(self) -> int: ...
    @property
    def checkout_shop_at_once(self) -> int: ...
    @property
    def checkout_at_once(self) -> int: ...
    @property
    def checkout_hold_seconds(self) -> float: ...
    @property
    def waiting_look_seconds(self) -> float: ...
    @property
    def waiting_looks_per_second(self) -> float: ...
    @property
    def waiting_missed_looks(self) -> float: ...
    @property
    def place_seconds(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Left:
    """What there still is of a line of the cart; `available` None: no limit."""

    key: str
    variant_id: int
    title: str
    requested: int
    available: int | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """`token` is the buyer's place, to be brought along next time, `look_seconds` from now. `is_near`: their turn may
    come with the next request. `is_later`: the line has become slower than what they were told."""

    token: str
    ahead: int
    ahead_at_first: int
    seconds: float
    is_later: bool
    is_near: bool
    look_seconds: int
    stock: tuple[Left, ...]


class WaitingRoom:
    def __init__(
        self,
        slots: Slots,
        line: Line,
        places: Places,
        carts: Carts,
        stock: StockSeen,
        forms: KeptForms,
        *,
        hold_seconds: float,
    ) -> None:
        self.forms = forms
        self.slots = slots
        self._line = line
        self._places = places
        self._carts = carts
        self._stock = stock
        self._hold_seconds = hold_seconds
        self._turns = CartTurns(hold_seconds)

    async def through(
        self,
        store_id: StoreId,
        cart_token: str,
        token: str,
        work: Callable[[Elsewhere, Cart | None], Awaitable[Answer]],
        *,
        is_forgiving: bool = False,
    ) -> Answer | Waiting:
        """The answer of `work`, when it is this buyer's turn; how they stand, when it is not; or that all is sold out.

        `work` is given the cart as it was read here, unless this request has waited since: the buyer may have changed
        or ordered it in another window. `token`: their place, empty for a new one. Raises Invalid for one that is not
        this purchase's (or gives a new one, if it `is_forgiving`: a browser's cookie is of the last purchase), and
        whatever `work` raises. In progress, when one request of this cart is at work and another waits for it. Without
        the state server there is no line, and everybody goes in: better slow than closed.
        """
        place = standing = seen = None
        try:
            cart = await self._carts.read(store_id, cart_token)
            if cart.lines:
                place = self._place(store_id, cart, token, is_forgiving=is_forgiving)
                standing, has_waited = await self._ask(store_id, place)
                seen = None if has_waited else cart
        except Unavailable as error:
            log.warning("no line before the checkout", store_id=store_id, error=str(error))
        if place is None or standing is None:
            # Or it has been ordered: then there is nothing to wait for, and its answer is kept.
            return await work(nullcontext, None)
        if standing.state == "waiting":
            return await self._sold_out(store_id, cart, place) or await self._waiting(store_id, cart, place, standing)
        end = None
        try:
            # Not for those who were inside before: of them the answer may be kept already.
            is_new = standing.state == "admitted"
            wants_look = is_new and (place.arrived_us or self._stock.may_be_gone(store_id, cart.variant_ids))
            gone = await self._sold_out(store_id, cart, place) if wants_look else None
            end = self._turns.take(store_id, place.cart)
            if end is None:
                seen, end = None, await self._turn(store_id, place.cart)
            answer = gone or (await work(partial(self._elsewhere, store_id, end), seen) if end else IN_PROGRESS)
        finally:
            if end:
                end()
            self.slots.give_back(store_id)
        if answer.kind in _OVER and answer is not gone:
            await self._leave(store_id, place.cart)
        if answer.kind == AnswerKind.STOCK_GONE:
            lines = answer.more.get("lines", ())
            self._stock.note_gone(store_id, [line["variant_id"] for line in lines if not line["available"]])
        return answer

    async def look(self, store_id: StoreId, cart_token: str, token: str) -> Answer | Waiting | None:
        """How a buyer stands, without going in; None when the line is over for them, one way or the other."""
        cart = await self._carts.read(store_id, cart_token)
        if not cart.lines:
            return None
        place = self._place(store_id, cart, token, is_forgiving=True)
        standing = await self._line.ask(store_id, place.cart, place.arrived_us, has_slot=False)
        if standing.state != "waiting":
            return None
        return await self._sold_out(store_id, cart, place) or await self._waiting(store_id, cart, place, standing)

    def _place(self, store_id: StoreId, cart: Cart, token: str, *, is_forgiving: bool) -> Place:
        try:
            return self._places.read(store_id, cart, token) if token else Place(name_of(cart))
        except Invalid:
            if not is_forgiving:
                raise
            return Place(name_of(cart))

    async def _ask(self, store_id: StoreId, place: Place) -> tuple[Standing, bool]:
        """With a slot taken, unless the answer is that the buyer waits; the first in line wait for one a little, and
        whether they have is told, too."""
        has_waited, has_slot = False, self.slots.take(store_id)
        try:
            standing = await self._line.ask(store_id, place.cart, place.arrived_us, has_slot=has_slot)
            if standing.state == "waiting" and not has_slot and standing.look_seconds == 1:
                has_waited = True
                has_slot = await self.slots.wait(store_id, standing.arrived_us, self._hold_seconds)
                if has_slot:
                    standing = await self._line.ask(store_id, place.cart, standing.arrived_us, has_slot=True)
        except BaseException:
            if has_slot:
                self.slots.give_back(store_id)
            raise
        if standing.state == "waiting" and has_slot:
            self.slots.give_back(store_id)
        elif standing.state == "inside" and not has_slot:
            self.slots.force(store_id)
        return standing, has_waited

    async def _turn(self, store_id: StoreId, cart: str) -> End | None:
        """After another request of this cart; who waits for that leaves the slot to others."""
        with self.slots.elsewhere(store_id):
            return await self._turns.wait(store_id, cart)

    @contextmanager
    def _elsewhere(self, store_id: StoreId, end: End) -> Iterator[None]:
        """Another request of the cart may see how far this one has come, while that is at the provider."""
        end()
        with self.slots.elsewhere(store_id):
            yield

    async def _leave(self, store_id: StoreId, cart: str) -> None:
        with suppress(Unavailable):  # both marks of the state server end by themselves
            await self._line.leave(store_id, cart)

    async def _waiting(self, store_id: StoreId, cart: Cart, place: Place, standing: Standing) -> Waiting:
        told = place.told(standing.ahead, standing.pace_per_s, standing.arrived_us, standing.now_us)
        return Waiting(
            self._places.sign(store_id, told.place),
            standing.ahead,
            told.place.ahead_at_first,
            told.seconds,
            told.is_later,
            standing.look_seconds == 1,
            standing.look_seconds,
            await self._left(store_id, cart),
        )

    async def _left(self, store_id: StoreId, cart: Cart) -> tuple[Left, ...]:
        """Empty when nobody can say: that is no reason to send anybody away."""
        try:
            offers = await self._stock.offers(store_id, cart.variant_ids)
        except (Unavailable, NotFound):
            return ()
        known = [(line, offers.get(line.variant_id)) for line in cart.lines]
        return tuple(
            Left(
                line.key,
                line.variant_id,
                offer.full_title if offer else line.title,
                line.quantity,
                offer.available_quantity if offer else 0,
            )
            for line, offer in known
        )

    async def _sold_out(self, store_id: StoreId, cart: Cart, place: Place) -> Answer | None:
        """Who is told so has left the line."""
        gone = [left for left in await self._left(store_id, cart) if left.available == 0]
        if not gone:
            return None
        await self._leave(store_id, place.cart)
        lines = [
            {"key": it.key, "variant_id": it.variant_id, "title": it.title, "requested": it.requested, "available": 0}
            for it in gone
        ]
        return Answer(
            AnswerKind.STOCK_GONE, f"“{gone[0].title}” has sold out. Please change your cart.", {"lines": lines}
        )


def waiting_room_of(settings: WaitingSettings, db: Database, state: "Redis") -> WaitingRoom:
    limits = LineLimits(
        window=settings.checkout_shop_at_once,
        inside_seconds=settings.reservation_seconds,
        looks_per_second=settings.waiting_looks_per_second,
        look_seconds=settings.waiting_look_seconds,
        missed_looks=settings.waiting_missed_looks,
        hold_seconds=settings.checkout_hold_seconds,
    )
    return WaitingRoom(
        Slots(settings.checkout_shop_at_once, settings.checkout_at_once),
        Line(state, limits),
        Places(settings.signing_key, settings.place_seconds),
        Carts(state),
        StockSeen(db, time.monotonic),
        KeptForms(state, settings.place_seconds),
        hold_seconds=settings.checkout_hold_seconds,
    )
