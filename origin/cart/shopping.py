"""What a shopper does with a cart: the cart of the state server, the catalog's offers and the rules, put together."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from contracts.tenant import StoreId
from origin.cart import editing
from origin.cart.editing import CartError, Edited, Wish
from origin.cart.offers import Offer, read_offers
from origin.cart.pricing import PricedCart, price_cart
from origin.carts import Cart, Carts
from origin.db import Database, Tx
from origin.errors import Conflict, NotFound, Unavailable

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
        async with self._db.tenant(store_id) as tx:
            return await priced_in(tx, store_id, cart)

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
        done = Edited(Cart(""))

        async def edit(cart: Cart) -> Cart:
            nonlocal done
            wanted = {line.variant_id for line in cart.lines} | set(variant_ids)
            async with self._db.tenant(store_id) as tx:
                offers = await read_offers(tx, store_id, wanted)
            pruned = replace(cart, lines=tuple(line for line in cart.lines if line.variant_id in offers))
            done = rule(pruned, offers)
            notice = done.refusal.description if done.refusal and is_told_later else None
            return replace(done.cart, notice=notice)

        cart = await self._carts.change(store_id, token, edit)
        async with self._db.tenant(store_id) as tx:
            return Changed(await priced_in(tx, store_id, cart), done.refusal, done.keys)


async def _without_notice(cart: Cart) -> Cart:
    return replace(cart, notice=None)


async def priced_in(tx: Tx, store_id: StoreId, cart: Cart) -> PricedCart:
    """Raises NotFound when there is no such store."""
    shop = await (await tx.execute("SELECT currency FROM shop WHERE store_id = %s", [store_id])).fetchone()
    if shop is None:
        raise NotFound("store")
    offers = await read_offers(tx, store_id, {line.variant_id for line in cart.lines})
    return price_cart(cart, offers, shop["currency"])
