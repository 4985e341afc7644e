"""Checkout in atomic phases: claim and reserve, authorise, finalise (design, section 9).

Each phase is one transaction that also writes how far it came; the provider is asked with none open. Whoever finds an
attempt whose process died goes on from there with the same payment key, so nothing happens twice and nothing is lost.
"""

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog
from itsdangerous import BadSignature as BadLink
from itsdangerous import URLSafeSerializer

from contracts.tenant import StoreId
from origin.asked import Asked
from origin.carts import Cart, Carts, line_key
from origin.checkout import attempts, settling
from origin.checkout.answers import CART_EMPTY, IN_PROGRESS, KEY_REUSED, Answer, AnswerKind, processing
from origin.checkout.attempts import Attempt, Claim
from origin.checkout.billing import Due, ask_dues, charge_for, read_due
from origin.checkout.group_commit import GroupCommit, in_one_transaction, in_transaction
from origin.checkout.reserving import Beginning, Begun, CartTaken, Held, Refused, Wish, begin, reserve
from origin.checkout.settling import NotPlain, Paid, Rules
from origin.checkout.slots import Elsewhere
from origin.checkout.submission import Submission
from origin.db import Database, Tx
from origin.errors import Conflict, Invalid, NotFound, Unavailable
from origin.orders import placing
from origin.payments import Charge, Outcome, Payments, Succeeded, Told, Unknown, payment_of

log = structlog.get_logger()

_ORDERED = b"""
    SELECT cart_token, cart_generation, (
        SELECT json_agg(json_build_object('variant_id', variant_id, 'quantity', quantity, 'properties', properties))
        FROM order_line
        WHERE order_line.store_id = attempt.store_id AND order_line.order_id = attempt.order_id) AS lines
    FROM checkout_attempt AS attempt WHERE attempt.store_id = %(store)s AND attempt.id = %(attempt)s
"""


class CheckoutSettings(Protocol):
    @property
    def signing_key(self) -> str: ...
    @property
    def reservation_seconds(self) -> int: ...
    @property
    def application_fee_basis_points(self) -> int: ...
    def storefront_url(self, host: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Reserved:
    """What this process knows of an attempt it has just reserved stock for, and need not read again: what is to be
    paid, the cart it is of, and what of that was ordered."""

    due: Due
    cart: Cart
    ordered: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Bill:
    """Of one attempt: what is to be paid (None: nothing), and whether its stock may still be held for it."""

    charge: Charge | None
    is_open: bool


class Checkouts:
    def __init__(self, db: Database, carts: Carts, payments: Payments, settings: CheckoutSettings) -> None:
        self._db = db
        self._carts = carts
        self._payments = payments
        self._settings = settings
        self._rules = Rules(settings.reservation_seconds * 2, settings.storefront_url)
        self._links = URLSafeSerializer(settings.signing_key, salt="checkout-attempt")
        self._beginnings = GroupCommit(in_one_transaction(db, self._begin_all, step="checkout.begin"))
        self._reservations = GroupCommit(in_one_transaction(db, self._reserve_all, step="checkout.reserve"))
        self._sales = GroupCommit(in_one_transaction(db, self._sell_all, step="checkout.sell"))
        self._asked: dict[str, str | None] = {}
        """Payments that are being asked for, of which nobody has been told anything yet: by key, the intent that a
        webhook named meanwhile."""

    async def submit(
        self,
        store_id: StoreId,
        key: str,
        wanted: Submission,
        elsewhere: Elsewhere = nullcontext,
        cart: Cart | None = None,
    ) -> Answer:
        """`cart`: for who has read it just now. Raises Invalid when it needs an address, Unavailable when a server is
        away: then the key stays free."""
        claim, away = Claim.of(key, wanted), None
        try:
            cart = cart or await self._carts.read(store_id, wanted.cart_token)
        except Unavailable as error:
            cart, away = Cart(""), error
        begun = await self.begin(store_id, Beginning(claim, cart)) if cart.lines else None
        if begun is None:
            return await self._submit_again(store_id, claim, cart, away, elsewhere)
        attempt, found = begun
        wish = Wish(attempt.id, wanted, cart)
        reserved = await self._or_answer(store_id, attempt, self._told(store_id, wish, found))
        if isinstance(reserved, Answer):
            return reserved
        return await self.authorise(store_id, attempt.id, elsewhere, reserved)

    async def begin(self, store_id: StoreId, beginning: Beginning) -> tuple[Attempt, Reserved | Exception] | None:
        """The first two phases in one: the key's new attempt, and what it got or why nothing. None for a known key."""
        return await self._beginnings.do(store_id, beginning)

    async def _submit_again(
        self, store_id: StoreId, claim: Claim, cart: Cart, away: Unavailable | None, elsewhere: Elsewhere
    ) -> Answer:
        """Of a key that came before: its answer, or what is left to do. `cart` is empty if it could not be read, or has
        become an order; `away` says that it could not."""
        try:
            attempt, is_ours = await attempts.claim_again(self._db, store_id, claim)
        except NotFound:
            if away:
                raise away from None
            return IN_PROGRESS if cart.lines else CART_EMPTY  # released at this very moment, or there is nothing to do
        if attempt.fingerprint != claim.fingerprint:
            return KEY_REUSED
        if not is_ours:
            return attempt.answer.replayed() if attempt.answer else replace(IN_PROGRESS, attempt_id=attempt.id)
        reserved = None
        if attempt.recovery_point == "started":
            wish = Wish(attempt.id, claim.wanted, cart)
            found = await self._or_answer(store_id, attempt, self._reserve(store_id, wish, away))
            if isinstance(found, Answer):
                return found
            reserved = found
        return await self.authorise(store_id, attempt.id, elsewhere, reserved)

    async def _or_answer(self, store_id: StoreId, attempt: Attempt, told: Awaitable[Reserved]) -> Reserved | Answer:
        """What is reserved, or the refusal that is kept of it. Raises as `submit`."""
        try:
            return await told
        except Refused as refusal:
            if refusal.answer.kind in (AnswerKind.CART_EMPTY, AnswerKind.CART_TAKEN):
                await self._release(store_id, attempt.id)
            elif refusal.answer.kind != AnswerKind.IN_PROGRESS:
                async with self._db.tenant(store_id, step="checkout.refuse") as tx:
                    await attempts.refuse(tx, store_id, attempt.id, refusal.answer)
            return refusal.answer
        except (Invalid, Unavailable):
            await self._release(store_id, attempt.id)
            raise

    async def _reserve(self, store_id: StoreId, wish: Wish, away: Unavailable | None) -> Reserved:
        """For an attempt whose process died before it had. Raises Refused when stock or price are not what the buyer
        saw, or the cart is taken."""
        if away:
            raise away
        if not wish.cart.lines:
            raise Refused(CART_EMPTY)
        try:
            return await self._reservations.do(store_id, wish)
        except CartTaken as taken:
            return await self._told(store_id, wish, taken)

    async def _told(self, store_id: StoreId, wish: Wish, told: Reserved | Exception) -> Reserved:
        """A buyer who came back from the bank's page, to pay in another way, has not ordered yet: that payment is
        ended, and the stock reserved anew. Raises what else was told."""
        if isinstance(told, CartTaken) and told.by is not None and await self._abandon(store_id, told.by):
            return await self._reservations.do(store_id, wish)
        if isinstance(told, Exception):
            raise told
        return told

    async def _begin_all(
        self, tx: Tx, store_id: StoreId, beginnings: Sequence[Beginning]
    ) -> Asked[Sequence[tuple[Attempt, Reserved | Exception] | Exception | None]]:
        begun = await begin(tx, store_id, beginnings, self._settings.reservation_seconds)
        new = [each for each in begun if each]
        asking = await self._billed(tx, store_id, [each.wish for each in new], [each.told for each in new])
        return asking.then(lambda billed: _by_claim(begun, billed))

    async def _reserve_all(
        self, tx: Tx, store_id: StoreId, wishes: Sequence[Wish]
    ) -> Asked[Sequence[Reserved | Exception]]:
        told = await reserve(tx, store_id, wishes, self._settings.reservation_seconds)
        return await self._billed(tx, store_id, wishes, told)

    async def _billed(
        self, tx: Tx, store_id: StoreId, wishes: Sequence[Wish], told: Sequence[Held | Exception]
    ) -> Asked[Sequence[Reserved | Exception]]:
        attempt_ids = [wish.attempt_id for wish, held in zip(wishes, told, strict=True) if isinstance(held, Held)]
        asking = await ask_dues(tx, store_id, attempt_ids, self._settings.storefront_url)
        return asking.then(
            lambda dues: [
                Reserved(dues[wish.attempt_id], wish.cart, held.ordered) if isinstance(held, Held) else held
                for wish, held in zip(wishes, told, strict=True)
            ]
        )

    async def _sell_all(self, tx: Tx, store_id: StoreId, paid: Sequence[Paid]) -> Sequence[Answer | Exception]:
        return await settling.settle_paid(tx, store_id, paid, self._rules)

    async def _abandon(self, store_id: StoreId, attempt: Attempt) -> bool:
        """Ends a payment that waits for the buyer; False when it does not, or turns out to be paid."""
        if attempt.recovery_point != "requires_action" or attempt.intent_id is None:
            return False
        answer = await self.settle(store_id, attempt.id, await self._payments.cancel(attempt.intent_id))
        return answer.kind in (AnswerKind.EXPIRED, AnswerKind.DECLINED)

    async def authorise(
        self, store_id: StoreId, attempt_id: int, elsewhere: Elsewhere = nullcontext, reserved: Reserved | None = None
    ) -> Answer:
        """The third and fourth phase, from an attempt that has its stock. May be called again after any crash."""
        bill = self._bill_of(store_id, attempt_id, reserved.due) if reserved else await self._bill(store_id, attempt_id)
        if bill.charge is None:
            return await self._place_free(store_id, attempt_id)
        if not bill.is_open:
            return await self.settle(store_id, attempt_id, Unknown("the time for this payment is over"))
        with self._asking(bill.charge.key) if reserved else nullcontext():
            with elsewhere():
                outcome = await self._charge(bill.charge)
            return await self.settle(store_id, attempt_id, outcome, reserved)

    @contextmanager
    def _asking(self, key: str) -> Iterator[None]:
        self._asked[key] = None
        try:
            yield
        finally:
            del self._asked[key]

    async def _charge(self, wanted: Charge) -> Outcome:
        """An answer that was lost is asked for again, if a webhook has told us meanwhile of which payment."""
        outcome = await self._payments.charge(wanted)
        told_of = self._asked.get(wanted.key)
        if isinstance(outcome, Unknown) and told_of:
            outcome, _ = await self._payments.look_up(told_of)
        return outcome

    async def settle(
        self, store_id: StoreId, attempt_id: int, outcome: Outcome, reserved: Reserved | None = None
    ) -> Answer:
        if isinstance(outcome, Succeeded):
            answer = await self._settle_paid(store_id, Paid(attempt_id, outcome))
        else:
            answer = await self._settle_alone(store_id, attempt_id, outcome)
        if answer is None and isinstance(outcome, Succeeded):
            return await self.refund(store_id, attempt_id, outcome.intent_id)
        if answer is None:
            return processing(attempt_id)
        if answer.kind == AnswerKind.PLACED:
            await self.empty_cart(store_id, attempt_id, reserved)
        return answer

    async def _settle_paid(self, store_id: StoreId, paid: Paid) -> Answer | None:
        try:
            return await self._sales.do(store_id, paid)
        except NotPlain:
            return await self._settle_alone(store_id, paid.attempt_id, paid.outcome)

    async def _settle_alone(self, store_id: StoreId, attempt_id: int, outcome: Outcome) -> Answer | None:
        async def work(tx: Tx) -> Answer | None:
            return await settling.settle(tx, store_id, attempt_id, outcome, self._rules)

        return await in_transaction(self._db, store_id, work, step="checkout.settle")

    async def look(self, store_id: StoreId, attempt_id: int) -> Answer:
        """The buyer is back, or asks how it stands: what the provider says now counts. Raises NotFound."""
        async with self._db.tenant(store_id) as tx:
            attempt = await attempts.load(tx, store_id, attempt_id)
        if attempt.is_finished and attempt.answer:
            return attempt.answer
        if not attempt.intent_id:
            return attempt.answer or processing(attempt_id)
        outcome, _ = await self._payments.look_up(attempt.intent_id)
        return await self.settle(store_id, attempt_id, outcome)

    async def hear_of(self, told: Told) -> bool:
        """The provider's webhook: nearly always the buyer's own request is at it or done, and nobody has to be asked.
        False: not ours. Raises as `hear`."""
        ours = payment_of(told.metadata)
        if ours is None:
            return False
        key = told.metadata.get("stoa_attempt", "")
        if key in self._asked:
            self._asked[key] = told.intent_id
            return True
        return await attempts.needs_nobody(self._db, *ours, told.intent_id) or await self.hear(told.intent_id)

    async def hear(self, intent_id: str) -> bool:
        """The intent's state now counts, not what a message said of it. False: not ours.

        Raises Unavailable when the provider cannot be asked: it has to tell us again, as it may be the only one who
        knows of a payment that came after its attempt had been given up.
        """
        outcome, metadata = await self._payments.look_up(intent_id)
        if isinstance(outcome, Unknown) and not outcome.is_answer:
            raise Unavailable("the payment provider cannot be asked")
        ours = payment_of(metadata)
        with suppress(NotFound):
            charge = await self.charge_of(*ours) if ours else None
            if ours and charge and charge.key == metadata.get("stoa_attempt"):
                await self.settle(*ours, outcome)
                return True
        return False

    async def empty_cart(self, store_id: StoreId, attempt_id: int, reserved: Reserved | None = None) -> None:
        """Takes what was ordered out of the cart. The new order's job does it again, for a process that died here."""
        try:
            if reserved:
                await self._carts.take_ordered_from(store_id, reserved.cart, reserved.ordered)
            else:
                await self._take_ordered(store_id, attempt_id)
        except (Unavailable, Conflict) as error:
            log.warning("cart not emptied yet", store_id=store_id, attempt_id=attempt_id, error=str(error))

    async def _take_ordered(self, store_id: StoreId, attempt_id: int) -> None:
        row = await self._db.read_row(store_id, _ORDERED, {"store": store_id, "attempt": attempt_id})
        if row is None:
            raise NotFound("attempt")
        ordered = {line_key(line["variant_id"], line["properties"]): line["quantity"] for line in row["lines"] or []}
        await self._carts.take_ordered(store_id, row["cart_token"], row["cart_generation"], ordered)

    async def typed(self, store_id: StoreId, attempt_id: int) -> dict[str, Any]:
        """What the buyer had entered, to show it again."""
        async with self._db.tenant(store_id) as tx:
            attempt = await attempts.load(tx, store_id, attempt_id)
            if attempt.order_id is None:
                return {}
            order = await placing.checkout_order(tx, store_id, attempt.order_id, 0)
        return {"email": order.email, "shipping_address": order.shipping_address or {}}

    def link(self, store_id: StoreId, attempt_id: int) -> str:
        """The path of an attempt, for its buyer only."""
        return f"/checkout/return?attempt={self._links.dumps([store_id, attempt_id])}"

    def read_link(self, store_id: StoreId, signed: str) -> int:
        """Raises NotFound for what we did not sign for this store."""
        try:
            named, attempt_id = self._links.loads(signed)
        except (BadLink, ValueError, TypeError) as error:
            raise NotFound("checkout") from error
        if named != store_id or not isinstance(attempt_id, int):
            raise NotFound("checkout")
        return attempt_id

    async def charge_of(self, store_id: StoreId, attempt_id: int) -> Charge | None:
        """What an attempt asks of the provider; None when it is free. Raises NotFound for one without an order."""
        return (await self._bill(store_id, attempt_id)).charge

    async def _bill(self, store_id: StoreId, attempt_id: int) -> _Bill:
        """From our rows alone, so that every process that asks for this attempt asks for the same."""
        due = await read_due(self._db, store_id, attempt_id, self._settings.storefront_url)
        return self._bill_of(store_id, attempt_id, due)

    def _bill_of(self, store_id: StoreId, attempt_id: int, due: Due) -> _Bill:
        is_open = due.state == "pending"
        if due.total_minor == 0:
            return _Bill(None, is_open)
        share = self._settings.application_fee_basis_points
        return _Bill(charge_for(due, store_id, attempt_id, self.link(store_id, attempt_id), share), is_open)

    async def payment_key_of(self, store_id: StoreId, attempt_id: int) -> str | None:
        charge = await self.charge_of(store_id, attempt_id)
        return charge.key if charge else None

    async def _place_free(self, store_id: StoreId, attempt_id: int) -> Answer:
        async def work(tx: Tx) -> Answer:
            return await settling.place_free(tx, store_id, attempt_id, self._rules)

        answer = await in_transaction(self._db, store_id, work, step="checkout.place_free")
        await self.empty_cart(store_id, attempt_id)
        return answer

    async def refund(self, store_id: StoreId, attempt_id: int, intent_id: str) -> Answer:
        """The decision is already on the attempt; until the provider confirms, the completer comes back here."""
        key = await self.payment_key_of(store_id, attempt_id)
        if not await self._payments.refund(intent_id, f"{key}-refund"):
            return processing(attempt_id)
        async with self._db.tenant(store_id, step="checkout.refunded") as tx:
            return await settling.refunded(tx, store_id, attempt_id, intent_id, self._rules)

    async def give_up(self, store_id: StoreId, attempt_id: int) -> None:
        async def work(tx: Tx) -> None:
            await settling.give_up(tx, store_id, attempt_id)

        await in_transaction(self._db, store_id, work, step="checkout.give_up")

    async def _release(self, store_id: StoreId, attempt_id: int) -> None:
        async with self._db.tenant(store_id, step="checkout.release") as tx:
            await attempts.release(tx, store_id, attempt_id)


def _by_claim(
    begun: Sequence[Begun | None], billed: Sequence[Reserved | Exception]
) -> list[tuple[Attempt, Reserved | Exception] | None]:
    told = iter(billed)
    return [(each.attempt, next(told)) if each else None for each in begun]
