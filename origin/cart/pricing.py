"""A cart at today's prices: pure arithmetic on what the shopper chose and what the catalog offers."""

from collections import Counter
from collections.abc import Iterable
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
        most = self.offer.most
        if most is None or self.line.quantity < most:
            return None
        if self.offer.is_limited_by_shop:
            return f"At most {most:,} per order"
        return f"Only {most} left" if most else "Sold out"

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
            "available_quantity": offer.most,
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
    short = [_short(offer) for offer in short_of(lines)]
    told = [cart.notice] if cart.notice else []
    return PricedCart(cart, prices.currency, lines, (*told, *gone, *changed, *short))


def short_of(lines: Iterable[PricedLine]) -> list[Offer]:
    """What the lines together have more of than one order can have."""
    offers: dict[int, Offer] = {}
    sums: Counter[int] = Counter()
    for priced in lines:
        offers[priced.offer.variant_id] = priced.offer
        sums[priced.offer.variant_id] += priced.line.quantity
    return [offer for offer in offers.values() if offer.most is not None and sums[offer.variant_id] > offer.most]


def _short(offer: Offer) -> str:
    title = offer.full_title
    if offer.is_limited_by_shop:
        return f"One order can have at most {offer.max_per_order:,} of “{title}”. Please change its quantity to go on."
    return (
        f"Only {offer.most} of “{title}” left." if offer.most else f"“{title}” has sold out. Please remove it to go on."
    )
