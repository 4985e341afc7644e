"""What it costs to send an order. One rule for now: nothing for what needs no parcel, free for everything else."""

from dataclasses import dataclass

from origin.cart.pricing import PricedCart


@dataclass(frozen=True, slots=True)
class ShippingRate:
    title: str
    price_minor: int


def shipping_rate(priced: PricedCart) -> ShippingRate | None:
    """None when nothing has to be sent."""
    return ShippingRate("Standard shipping", 0) if priced.requires_shipping else None


def total_minor(priced: PricedCart) -> int:
    """What the buyer pays: the page shows it, the submission is checked against it."""
    rate = shipping_rate(priced)
    return priced.total_minor + (rate.price_minor if rate else 0)
