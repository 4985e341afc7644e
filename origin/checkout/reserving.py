"""The claim of a key and the reserve phase: the cart at our own rows' prices, the stock held, the order pending. All of
it or nothing."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.money import to_decimal_text
from contracts.tenant import StoreId
from origin.cart.offers import Prices, ask_prices
from origin.cart.pricing import PricedCart, price_cart, short_of
from origin.carts import Cart
from origin.checkout import attempts, stock
from origin.checkout.answers import CART_EMPTY, IN_PROGRESS, Answer, AnswerKind, cart_taken
from origin.checkout.attempts import Attempt, Claim
from origin.checkout.shipping import shipping_rate, total_minor
from origin.checkout.stock import Shortage
from origin.checkout.submission import Submission, missing_address
from origin.db import Tx
from origin.errors import Invalid, OriginError
from origin.orders.placing import NewOrder, insert_lines, insert_pending, withdraw

MAX_SUM = 2**53 - 1  # of money or grams: what every client can read


class Refused(OriginError):
    """Nothing was reserved, and the buyer has to be asked again: the transaction is rolled back by this."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.detail)
        self.answer = answer


class CartTaken(Refused):
    """This filling of the cart is an order already: `by` is its attempt, if that is still remembered."""

    def __init__(self, by: Attempt | None) -> None:
        super().__init__(cart_taken(by.id if by else None))
        self.by = by


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """Of one attempt: what its buyer submitted, and the cart it is about."""

    attempt_id: int
    submission: Submission
    cart: Cart


@dataclass(frozen=True, slots=True, eq=False)
class Beginning:
    """What a buyer submits for the first time, as far as anybody knows, and the cart it is about."""

    claim: Claim
    cart: Cart


@dataclass(frozen=True, slots=True)
class Held:
    """Stock for one order, and what that has of its cart, by line."""

    order_id: int
    ordered: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Begun:
    """A key that was new. `told`: as `reserve` says; the attempt is there in any case."""

    attempt: Attempt
    wish: Wish
    told: Held | OriginError


async def begin(tx: Tx, store_id: StoreId, beginnings: Sequence[Beginning], held_seconds: float) -> list[Begun | None]:
    """Claims each key and reserves for it, as `reserve` does; None for a key that somebody has claimed before."""
    claiming = await attempts.claim_new(tx, store_id, [each.claim for each in beginnings])
    asking = await ask_prices(tx, store_id, {variant for each in beginnings for variant in each.cart.variant_ids})
    claimed, prices = await claiming.read(), await asking.read()
    new = [
        (attempt, Wish(attempt.id, each.claim.wanted, each.cart))
        for attempt, each in zip(claimed, beginnings, strict=True)
        if attempt
    ]
    wishes, attempt_ids = [wish for _, wish in new], {attempt.id for attempt, _ in new}
    told = await _serve(tx, store_id, wishes, prices, attempt_ids, held_seconds)
    begun = (Begun(attempt, wish, heard) for (attempt, wish), heard in zip(new, told, strict=True))
    return [next(begun) if attempt else None for attempt in claimed]


async def reserve(tx: Tx, store_id: StoreId, wishes: Sequence[Wish], held_seconds: float) -> list[Held | OriginError]:
    """Of each wish its order, or why it got nothing: Refused, or Invalid when an address or a way to pay is missing."""
    asking = await ask_prices(tx, store_id, {variant for wish in wishes for variant in wish.cart.variant_ids})
    open_ones = await _open(tx, store_id, wishes)
    return await _serve(tx, store_id, wishes, await asking.read(), open_ones, held_seconds)


async def _serve(
    tx: Tx, store_id: StoreId, wishes: Sequence[Wish], prices: Prices, open_ones: set[int], held_seconds: float
) -> list[Held | OriginError]:
    """First come, first served. The levels are locked last: they are what everybody wants. `open_ones`: attempts."""
    told: dict[Wish, Held | OriginError] = {}
    asked: dict[Wish, NewOrder] = {}
    for wish in wishes:
        try:
            if wish.attempt_id not in open_ones:
                raise Refused(IN_PROGRESS)
            open_ones.discard(wish.attempt_id)  # who took an attempt over may be in one batch with who had it before
            asked[wish] = _new_order(price_cart(wish.cart, prices), wish.submission)
        except OriginError as error:
            told[wish] = error
    if asked:
        told |= await _take(tx, store_id, asked, held_seconds)
    return [told[wish] for wish in wishes]


async def _open(tx: Tx, store_id: StoreId, wishes: Sequence[Wish]) -> set[int]:
    """The attempts that are ours still: a lease may have ended, and somebody else gone on or forgotten the attempt."""
    locking = await attempts.lock_all(tx, store_id, [wish.attempt_id for wish in wishes])
    return {attempt.id for attempt in (await locking.read()).values() if attempt.recovery_point == "started"}


async def _take(
    tx: Tx, store_id: StoreId, asked: Mapping[Wish, NewOrder], held_seconds: float
) -> dict[Wish, Held | OriginError]:
    news = list(asked.values())
    inserting = await insert_pending(tx, store_id, news)
    await insert_lines(tx, store_id, news)
    locking = await stock.lock_levels(tx, store_id, {item for new in news for item in _tracked(new.cart)})
    ids, levels = await inserting.read(), await locking.read()
    orders = {order_id: wish for wish, order_id in zip(asked, ids, strict=True) if order_id is not None}
    wanted = {order_id: _tracked(asked[wish].cart) for order_id, wish in orders.items()}
    short = await stock.reserve(tx, store_id, levels, wanted, held_seconds)
    if short:
        await withdraw(tx, store_id, list(short))
    kept = {order_id: wish for order_id, wish in orders.items() if order_id not in short}
    if kept:
        reserved = {wish.attempt_id: (order_id, wish.cart.generation) for order_id, wish in kept.items()}
        await attempts.reserved(tx, store_id, reserved)
    told: dict[Wish, Held | OriginError] = {
        wish: Held(order_id, _ordered(asked[wish].cart)) for order_id, wish in kept.items()
    }
    told |= {
        orders[order_id]: Refused(_stock_gone(asked[orders[order_id]].cart, short[order_id])) for order_id in short
    }
    for wish in asked:
        if wish not in told:
            told[wish] = CartTaken(await attempts.with_cart(tx, store_id, wish.cart.token, wish.cart.generation))
    return told


def _new_order(priced: PricedCart, wanted: Submission) -> NewOrder:
    _check(priced, wanted)
    rate = shipping_rate(priced)
    return NewOrder(
        token=secrets.token_urlsafe(24),
        email=wanted.email,
        address=wanted.address.data() if wanted.address else None,
        shipping_title=rate.title if rate else None,
        shipping_minor=rate.price_minor if rate else 0,
        note=wanted.note,
        cart=priced,
    )


def _check(priced: PricedCart, wanted: Submission) -> None:
    gone = [
        line for line in priced.cart.lines if line.variant_id not in {kept.offer.variant_id for kept in priced.lines}
    ]
    if not priced.lines:
        raise Refused(CART_EMPTY)
    if gone and wanted.expected_total_minor is None:
        lines = [
            {"variant_id": line.variant_id, "title": line.title, "requested": line.quantity, "available": 0}
            for line in gone
        ]
        raise Refused(Answer(AnswerKind.STOCK_GONE, f"“{gone[0].title}” is no longer available.", {"lines": lines}))
    for offer in short_of(priced.lines):
        if offer.is_limited_by_shop:
            raise Invalid({"cart": [f"has more of “{offer.full_title}” than one order can: {offer.max_per_order:,}"]})
    if priced.requires_shipping and wanted.address is None:
        raise missing_address()
    total = total_minor(priced)
    if max(total, priced.total_grams) > MAX_SUM:
        raise Invalid({"cart": ["is too large for one order; please order less at once"]})
    if total and not wanted.payment_method:
        raise Invalid({"payment_method": ["can't be blank"]})
    if wanted.expected_total_minor not in (None, total):
        raise Refused(_price_changed(priced, total))


def _price_changed(priced: PricedCart, total: int) -> Answer:
    return Answer(
        AnswerKind.PRICE_CHANGED,
        "The total has changed since you saw it. Please check it and confirm again.",
        {"total_price": to_decimal_text(total, priced.currency), "total_minor": total},
    )


def _ordered(priced: PricedCart) -> dict[str, int]:
    return {line.line.key: line.line.quantity for line in priced.lines}


def _tracked(priced: PricedCart) -> dict[int, int]:
    sums: dict[int, int] = {}
    for line in priced.lines:
        if line.offer.is_tracked:
            item_id = line.offer.inventory_item_id
            sums[item_id] = sums.get(item_id, 0) + line.line.quantity
    return sums


def _stock_gone(priced: PricedCart, shortage: Shortage) -> Answer:
    lines = [
        {
            "key": line.line.key,
            "variant_id": line.offer.variant_id,
            "title": line.offer.full_title,
            "requested": line.line.quantity,
            "available": shortage.left[line.offer.inventory_item_id],
        }
        for line in priced.lines
        if line.offer.inventory_item_id in shortage.left
    ]
    first = lines[0]
    left = (
        f"Only {first['available']} of “{first['title']}” left"
        if first["available"]
        else f"“{first['title']}” has sold out"
    )
    return Answer(AnswerKind.STOCK_GONE, f"{left}. Please change your cart.", {"lines": lines})
