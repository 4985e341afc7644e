"""A cart at today's prices: pure arithmetic on what the shopper chose and what the catalog offers."""

from dataclasses import dataclass
from typing import Any

from origin.cart.offers import Offer, Prices
from origin.carts import Cart, CartLine


@dataclass(frozen=True, slots=True)
class PricedLine:
    line: CartLine
    offer: Offer

    @property
    def line_minor(self) -> int:
        return self.line.quantity * self.offer.price_minor

    @property
    def previous_price_minor(self) -> int | None:
        """What it cost when it was added, if that is not what it costs now."""
        return self.line.price_minor if self.line.price_minor != self.offer.price_minor else None

    @property
    def notice(self) -> str | None:
        left = self.offer.available_quantity
        if left is None or self.line.quantity < left:
            return None
        return "Sold out" if left == 0 else f"Only {left} left"

    def data(self) -> dict[str, Any]:
        """The `line` of docs/snapshots.md."""
        offer = self.offer
        return {
            "key": self.line.key,
            "variant_id": offer.variant_id,
            "product_id": offer.product_id,
            "title": offer.title,
            "variant_title": offer.variant_title,
            "url": offer.url,
            "quantity": self.line.quantity,
            "price_minor": offer.price_minor,
            "line_minor": self.line_minor,
            "previous_price_minor": self.previous_price_minor,
            "sku": offer.sku,
            "vendor": offer.vendor,
            "grams": offer.grams,
            "available_quantity": offer.available_quantity,
            "notice": self.notice,
            "image": offer.image,
            "properties": dict(self.line.properties),
            "requires_shipping": offer.requires_shipping,
            "taxable": offer.taxable,
        }


@dataclass(frozen=True, slots=True)
class PricedCart:
    """`lines` are what can be bought; what cannot any more is told in `notices`."""

    cart: Cart
    currency: str
    lines: tuple[PricedLine, ...]
    notices: tuple[str, ...]

    @property
    def item_count(self) -> int:
        return sum(priced.line.quantity for priced in self.lines)

    @property
    def total_minor(self) -> int:
        return sum(priced.line_minor for priced in self.lines)

    @property
    def total_grams(self) -> int:
        return sum(priced.offer.grams * priced.line.quantity for priced in self.lines)

    @property
    def requires_shipping(self) -> bool:
        return any(priced.offer.requires_shipping for priced in self.lines)

    def data(self) -> dict[str, Any]:
        """The `cart` part of docs/snapshots.md."""
        return {
            "token": self.cart.token,
            "note": self.cart.note,
            "attributes": dict(self.cart.attributes),
            "currency": self.currency,
            "item_count": self.item_count,
            "total_minor": self.total_minor,
            "original_total_minor": self.total_minor,
            "requires_shipping": self.requires_shipping,
            "notices": list(self.notices),
            "items": [priced.data() for priced in self.lines],
        }


def price_cart(cart: Cart, prices: Prices) -> PricedCart:
    offers = prices.offers
    lines = tuple(PricedLine(line, offers[line.variant_id]) for line in cart.lines if line.variant_id in offers)
    gone = [
        f"“{line.title}” is no longer available and was removed."
        for line in cart.lines
        if line.variant_id not in offers
    ]
    changed = (
        ["The price of some items has changed."] if any(line.previous_price_minor is not None for line in lines) else []
    )
    short = [_short(priced) for priced in lines if _is_short(priced)]
    told = [cart.notice] if cart.notice else []
    return PricedCart(cart, prices.currency, lines, (*told, *gone, *changed, *short))


def _is_short(priced: PricedLine) -> bool:
    left = priced.offer.available_quantity
    return left is not None and priced.line.quantity > left


def _short(priced: PricedLine) -> str:
    left = priced.offer.available_quantity
    title = priced.offer.full_title
    return f"Only {left} of “{title}” left." if left else f"“{title}” has sold out. Please remove it to go on."
