"""The reserve phase: the cart at our own rows' prices, the stock held, the order pending. All of it or nothing."""

from contracts.money import to_decimal_text
from contracts.tenant import StoreId
from origin.cart.offers import read_prices_in
from origin.cart.pricing import PricedCart, price_cart
from origin.carts import Cart
from origin.checkout import attempts, stock
from origin.checkout.answers import CART_EMPTY, IN_PROGRESS, Answer, AnswerKind, cart_taken
from origin.checkout.attempts import Attempt
from origin.checkout.shipping import shipping_rate, total_minor
from origin.checkout.stock import Shortage
from origin.checkout.submission import Submission, missing_address
from origin.db import Tx
from origin.errors import Invalid, NotFound, OriginError
from origin.orders.placing import NewOrder, insert_pending

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


async def reserve(
    tx: Tx, store_id: StoreId, attempt_id: int, wanted: Submission, cart: Cart, held_seconds: float
) -> None:
    """Raises Refused, or Invalid when an address or a payment method is missing."""
    await _still_ours(tx, store_id, attempt_id)
    priced = price_cart(cart, await read_prices_in(tx, store_id, cart.variant_ids))
    _check(priced, wanted)
    rate = shipping_rate(priced)
    order_id = await insert_pending(
        tx,
        store_id,
        NewOrder(
            email=wanted.email,
            address=wanted.address.data() if wanted.address else None,
            shipping_title=rate.title if rate else None,
            shipping_minor=rate.price_minor if rate else 0,
            note=wanted.note,
            cart=priced,
        ),
    )
    if order_id is None:
        raise CartTaken(await attempts.with_cart(tx, store_id, cart.token, cart.generation))
    await attempts.reached(tx, store_id, attempt_id, "reserved", order_id=order_id, cart_generation=cart.generation)
    # The hot rows last: they stay locked until the commit that follows.
    shortage = await stock.reserve(tx, store_id, order_id, _tracked(priced), held_seconds)
    if shortage:
        raise Refused(_stock_gone(priced, shortage))


async def _still_ours(tx: Tx, store_id: StoreId, attempt_id: int) -> None:
    """Our lease may have ended, and somebody else went on with the attempt or forgot it."""
    try:
        attempt = await attempts.load(tx, store_id, attempt_id, for_update=True)
    except NotFound as error:
        raise Refused(IN_PROGRESS) from error
    if attempt.recovery_point != "started":
        raise Refused(IN_PROGRESS)


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
