"""The rules of putting things into a cart: pure functions from a cart and today's offers to the next cart.

Asking for more than there is sets the most there is, and says so: the ecosystem's scripts count on both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from origin.cart.offers import Offer
from origin.carts import Cart, CartLine, line_key
from origin.errors import OriginError

MAX_QUANTITY = 1_000_000
MAX_LINES = 250
MAX_PROPERTIES = 20
MAX_TEXT = 1_000
MAX_NOTE = 5_000


class CartError(OriginError):
    """Refused: `status` and words in the ecosystem's shape. The cart is as it was, or at its maximum."""

    def __init__(self, status: int, description: str, message: str = "Cart Error") -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.message = message


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing to add."""

    variant_id: int
    quantity: int
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edited:
    """The next cart, what was not possible in it, and the keys of the lines that were touched."""

    cart: Cart
    refusal: CartError | None = None
    keys: tuple[str, ...] = ()


def add(cart: Cart, offers: Mapping[int, Offer], wishes: Sequence[Wish]) -> Edited:
    """Raises CartError 404 for a variant that this shop does not sell: then nothing at all is added."""
    refusal: CartError | None = None
    keys: list[str] = []
    for wish in wishes:
        offer = offers.get(wish.variant_id)
        if offer is None:
            raise CartError(404, "Cannot find variant")
        if wish.quantity < 1:
            raise CartError(422, "Quantity must be 1 or more.")
        key = line_key(wish.variant_id, wish.properties)
        before = _quantity_of(cart, key)
        cart, allowed = _set(cart, offer, wish.properties, before + wish.quantity)
        keys.append(key)
        if allowed < before + wish.quantity:
            refusal = _refusal(offer, allowed - before, has_some=before > 0)
    return Edited(cart, refusal, tuple(dict.fromkeys(keys)))


def set_quantities(cart: Cart, offers: Mapping[int, Offer], quantities: Mapping[str, int]) -> Edited:
    """By line key; zero removes. A key that is not in the cart is ignored."""
    refusal: CartError | None = None
    for line in cart.lines:
        wanted = quantities.get(line.key)
        if wanted is None:
            continue
        offer = offers.get(line.variant_id)
        if offer is None or wanted == 0:
            cart = replace(cart, lines=tuple(other for other in cart.lines if other.key != line.key))
            continue
        cart, allowed = _set(cart, offer, line.properties, wanted)
        if allowed < wanted:
            refusal = _refusal(offer, allowed, has_some=False)
    return Edited(cart, refusal, tuple(quantities))


def with_note(cart: Cart, note: str | None) -> Cart:
    return replace(cart, note=(note or "")[:MAX_NOTE] or None)


def with_attributes(cart: Cart, attributes: Mapping[str, str]) -> Cart:
    """Merged; an empty value removes."""
    merged = {**cart.attributes, **attributes}
    kept = {name[:MAX_TEXT]: value[:MAX_TEXT] for name, value in merged.items() if value}
    if len(kept) > MAX_PROPERTIES:
        raise CartError(422, f"A cart can have at most {MAX_PROPERTIES} attributes.")
    return replace(cart, attributes=kept)


def check_quantity(quantity: int) -> int:
    if quantity < 0:
        raise CartError(422, "Quantity must not be negative.")
    if quantity > MAX_QUANTITY:
        raise CartError(422, f"Quantity must be at most {MAX_QUANTITY:,}.")
    return quantity


def check_properties(properties: Mapping[str, str]) -> dict[str, str]:
    if len(properties) > MAX_PROPERTIES or any(len(text) > MAX_TEXT for item in properties.items() for text in item):
        raise CartError(422, f"An item can have at most {MAX_PROPERTIES} properties of {MAX_TEXT} characters.")
    return {name: value for name, value in properties.items() if value}


def _quantity_of(cart: Cart, key: str) -> int:
    return next((line.quantity for line in cart.lines if line.key == key), 0)


def _set(cart: Cart, offer: Offer, properties: Mapping[str, str], wanted: int) -> tuple[Cart, int]:
    """The cart with as much of it as there is, and how much that is."""
    key = line_key(offer.variant_id, properties)
    allowed = min(check_quantity(wanted), MAX_QUANTITY)
    if offer.most is not None:
        elsewhere = sum(
            other.quantity for other in cart.lines if other.variant_id == offer.variant_id and other.key != key
        )
        allowed = min(allowed, max(offer.most - elsewhere, 0))
    line = CartLine(offer.variant_id, allowed, offer.price_minor, offer.full_title, dict(properties))
    is_known = any(other.key == key for other in cart.lines)
    lines = tuple(line if other.key == key else other for other in cart.lines)
    if not is_known:
        lines = (*lines, line)
    lines = tuple(other for other in lines if other.quantity > 0)
    if len(lines) > MAX_LINES:
        raise CartError(422, f"A cart can hold at most {MAX_LINES} different items.")
    return replace(cart, lines=lines), allowed


def _refusal(offer: Offer, added: int, *, has_some: bool) -> CartError:
    if offer.available_quantity == 0:
        return CartError(422, f"The product '{offer.full_title}' is already sold out.")
    if offer.is_limited_by_shop:
        text = f"One order can have at most {offer.max_per_order:,} of '{offer.full_title}'."
    elif has_some and added <= 0:
        text = "The maximum quantity of this item is already in your cart."
    else:
        text = f"Only {max(added, 0)} items were added to your cart due to availability."
    return CartError(422, text, text)
