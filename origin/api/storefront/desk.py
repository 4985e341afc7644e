"""Who serves a shopper: the cart and the checkout, put together from the origin's collaborators."""

from typing import Annotated

from fastapi import Depends

from origin.api.dependencies import Origin
from origin.cart.shopping import Shopping
from origin.carts import Carts
from origin.checkout.flow import Checkouts


def cart_desk(origin: Origin) -> Shopping:
    return Shopping(origin.db, Carts(origin.state))


def checkout_desk(origin: Origin) -> Checkouts:
    return Checkouts(origin.db, Carts(origin.state), origin.payments, origin.settings)


CartDesk = Annotated[Shopping, Depends(cart_desk)]
CheckoutDesk = Annotated[Checkouts, Depends(checkout_desk)]
