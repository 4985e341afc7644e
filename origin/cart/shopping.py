"""What a shopper does with a cart: the cart of the state server, the catalog's offers and the rules, put together."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from contracts.tenant import StoreId
from origin.cart import editing
from origin.cart.editing import CartError, Edited, Wish
from origin.cart.offers import Offer, Prices, read_prices
from origin.cart.pricing import PricedCart, price_cart
from origin.carts import Cart, Carts
from origin.db import Database
from origin.errors import Conflict, Unavailable

Rule = Callable[[Cart, Mapping[int, Offer]], Edited]


@dataclass(frozen=True, slots=True)
class Changed:
    """The cart after a change. `refusal` says what of it was not possible; `keys` are the lines it was about."""

    priced: PricedCart
    refusal: CartError | None
    keys: tuple[str, ...]


class Shopping:
    def __init__(self, db: Database, carts: Carts) -> None:
        self._db = db
        self._carts = carts

    async def show(self, store_id: StoreId, token: str | None) -> PricedCart:
        """At today's prices. Raises Unavailable when the carts cannot be reached."""
        cart = await self._carts.read(store_id, token)
        prices = await read_prices(self._db, store_id, cart.variant_ids)
        return price_cart(cart, prices)

    async def forget_notice(self, store_id: StoreId, cart: Cart) -> None:
        """After a page has said it."""
        if cart.notice:
            with suppress(Conflict, Unavailable):  # then it is said once more
                await self._carts.change(store_id, cart.token, _without_notice)

    async def add(
        self, store_id: StoreId, token: str | None, wishes: Sequence[Wish], *, is_told_later: bool = False
    ) -> Changed:
        """Raises CartError when nothing was changed; what could be added is added even if `refusal` says not all.

        `is_told_later`: the next page says it, because the answer to a plain form cannot.
        """
        wanted = {wish.variant_id for wish in wishes}

        def rule(cart: Cart, offers: Mapping[int, Offer]) -> Edited:
            return editing.add(cart, offers, wishes)

        return await self._change(store_id, token, rule, wanted, is_told_later=is_told_later)

    async def set_quantities(
        self,
        store_id: StoreId,
        token: str | None,
        quantities: Mapping[str, int],
        *,
        also: Callable[[Cart], Cart] | None = None,
        is_told_later: bool = False,
    ) -> Changed:
        """By line key or variant id (as text). `also` changes what else there is, in the same step: all or nothing."""

        def rule(cart: Cart, offers: Mapping[int, Offer]) -> Edited:
            by_key = {}
            for line in cart.lines:
                wanted = quantities.get(line.key, quantities.get(str(line.variant_id)))
                if wanted is not None:
                    by_key[line.key] = wanted
            return editing.set_quantities(also(cart) if also else cart, offers, by_key)

        return await self._change(store_id, token, rule, is_told_later=is_told_later)

    async def clear(self, store_id: StoreId, token: str | None) -> Changed:
        """Takes everything out; the note and the attributes stay."""
        return await self._change(store_id, token, lambda cart, _offers: Edited(replace(cart, lines=())))

    async def _change(
        self,
        store_id: StoreId,
        token: str | None,
        rule: Rule,
        variant_ids: Collection[int] = (),
        *,
        is_told_later: bool = False,
    ) -> Changed:
        """At the prices that the last try has read."""
        done, prices = Edited(Cart("")), Prices("", {})

        async def edit(cart: Cart) -> Cart:
            nonlocal done, prices
            prices = await read_prices(self._db, store_id, cart.variant_ids | set(variant_ids))
            pruned = replace(cart, lines=tuple(line for line in cart.lines if line.variant_id in prices.offers))
            done = rule(pruned, prices.offers)
            notice = done.refusal.description if done.refusal and is_told_later else None
            return replace(done.cart, notice=notice)

        cart = await self._carts.change(store_id, token, edit)
        return Changed(price_cart(cart, prices), done.refusal, done.keys)


async def _without_notice(cart: Cart) -> Cart:
    return replace(cart, notice=None)
