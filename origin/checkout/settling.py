"""One attempt and what became of its payment, in one transaction: the order is placed, or its stock goes back.

The buyer's request, the provider's webhook and the completer may all bring the same outcome, in any order; they meet
on the attempt's locked row, and who comes second finds the first one's answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from psycopg import Rollback

from contracts.tenant import StoreId
from origin.checkout import attempts, stock
from origin.checkout.answers import Answer, AnswerKind, processing
from origin.checkout.attempts import Attempt
from origin.db import Tx
from origin.errors import OriginError
from origin.orders import placing
from origin.orders.placing import CheckoutOrder
from origin.orders.receipts import Receipt, receipts_of_orders
from origin.payments import Declined, Outcome, RequiresAction, Succeeded, Unknown, provider_amount

log = structlog.get_logger()

LOOK_AGAIN_SECONDS = 5.0
LOOK_AT_ACTION_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Rules:
    """`action_seconds`: how long stock is held for one who is at the bank's page. `url_of`: a host's address."""

    action_seconds: float
    url_of: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Sale:
    """`paid` is None for what costs nothing."""

    attempt: Attempt
    order: CheckoutOrder
    paid: Succeeded | None


@dataclass(frozen=True, slots=True)
class Paid:
    """That the provider has the money of an attempt."""

    attempt_id: int
    outcome: Succeeded


class NotPlain(OriginError):
    """More than placing an order has to be decided about a payment: it is settled by itself."""


async def settle_paid(tx: Tx, store_id: StoreId, paid: Sequence[Paid], rules: Rules) -> list[Answer | Exception]:
    """Places the orders of all that are as they should be, in a few statements; of the others it says NotPlain."""
    attempt_ids = [one.attempt_id for one in paid]
    locking = await attempts.lock_all(tx, store_id, attempt_ids)
    asking = await placing.orders_of_attempts(tx, store_id, attempt_ids, rules.action_seconds)
    found, orders = await locking.read(), await asking.read()
    told: dict[int, Answer | Exception] = {}
    plain: dict[int, _Sale] = {}
    for one in paid:
        attempt = found.get(one.attempt_id)
        order = orders.get(attempt.order_id) if attempt and attempt.order_id else None
        if attempt and order and _is_plain(attempt, order, one.outcome):
            plain.setdefault(one.attempt_id, _Sale(attempt, order, one.outcome))
        else:
            told[one.attempt_id] = NotPlain()
    if plain:
        told |= await _place(tx, store_id, list(plain.values()), rules)
    return [told[one.attempt_id] for one in paid]


def _is_plain(attempt: Attempt, order: CheckoutOrder, paid: Succeeded) -> bool:
    is_open = not attempt.is_finished and attempt.recovery_point != "authorised" and order.state == "pending"
    return is_open and _is_the_sum_of(order, paid)


def _is_the_sum_of(order: CheckoutOrder, paid: Succeeded) -> bool:
    return (paid.amount, paid.currency) == (provider_amount(order.total_minor, order.currency), order.currency)


async def settle(tx: Tx, store_id: StoreId, attempt_id: int, outcome: Outcome, rules: Rules) -> Answer | None:
    """The attempt's answer now. None: the money has to go back, as nothing is left to sell; the caller refunds."""
    attempt = await attempts.load(tx, store_id, attempt_id, for_update=True)
    if attempt.order_id is None:
        return attempt.answer or processing(attempt_id)
    order = await placing.checkout_order(tx, store_id, attempt.order_id, rules.action_seconds)
    match outcome:
        case Succeeded():
            return await _succeeded(tx, store_id, attempt, order, outcome, rules)
        case _ if attempt.is_finished and attempt.answer:
            return attempt.answer
        case _ if attempt.recovery_point == "authorised":
            # Asked before the payment succeeded, told after: the money is on its way back, and stays so.
            return processing(attempt_id)
        case Declined():
            return await _declined(tx, store_id, attempt, order, outcome)
        case RequiresAction():
            return await _requires_action(tx, store_id, attempt, order, outcome, rules)
        case Unknown():
            if attempt.recovery_point == "requires_action" and attempt.answer:
                return attempt.answer
            answer = processing(attempt_id)
            await attempts.reached(
                tx, store_id, attempt_id, attempt.recovery_point, intent_id=outcome.intent_id, answer=answer
            )
            age_seconds = (datetime.now(UTC) - attempt.created_at).total_seconds()
            await attempts.wake(tx, store_id, attempt_id, max(LOOK_AGAIN_SECONDS, age_seconds / 4))
            return answer


async def place_free(tx: Tx, store_id: StoreId, attempt_id: int, rules: Rules) -> Answer:
    """An order that costs nothing needs no payment."""
    attempt = await attempts.load(tx, store_id, attempt_id, for_update=True)
    if attempt.is_finished and attempt.answer:
        return attempt.answer
    assert attempt.order_id is not None
    order = await placing.checkout_order(tx, store_id, attempt.order_id, rules.action_seconds)
    return (await _place(tx, store_id, [_Sale(attempt, order, None)], rules))[attempt_id]


async def give_up(tx: Tx, store_id: StoreId, attempt_id: int) -> None:
    """Nobody knows what became of the payment and the time is up: others may buy the stock. The attempt stays open."""
    attempt = await attempts.load(tx, store_id, attempt_id, for_update=True)
    if attempt.is_finished or attempt.order_id is None:
        return
    await stock.release(tx, store_id, attempt.order_id)
    await placing.set_state(tx, store_id, attempt.order_id, "expired")


async def refunded(tx: Tx, store_id: StoreId, attempt_id: int, intent_id: str, rules: Rules) -> Answer:
    attempt = await attempts.load(tx, store_id, attempt_id, for_update=True)
    if attempt.is_finished and attempt.answer:
        return attempt.answer
    assert attempt.order_id is not None
    order = await placing.checkout_order(tx, store_id, attempt.order_id, rules.action_seconds)
    await placing.record_refund(tx, store_id, order, attempt_id, intent_id)
    answer = Answer(
        AnswerKind.REFUNDED,
        "Your payment was confirmed too late: the items had sold out, or the cart had been ordered again. "
        "It is being returned in full.",
        attempt_id=attempt_id,
    )
    await attempts.finish(tx, store_id, attempt_id, answer)
    return answer


async def _succeeded(
    tx: Tx, store_id: StoreId, attempt: Attempt, order: CheckoutOrder, paid: Succeeded, rules: Rules
) -> Answer | None:
    is_settled = attempt.answer is not None and attempt.answer.kind in (AnswerKind.PLACED, AnswerKind.REFUNDED)
    if attempt.is_finished and is_settled:
        return attempt.answer
    if attempt.recovery_point == "authorised":
        return None  # somebody has decided to give it back and may have begun
    if not _is_the_sum_of(order, paid):
        log.error("payment is not the order's", store_id=store_id, order_id=order.id, intent=paid.intent_id)
        if not attempt.is_finished:  # or the completer would forget it then, and nobody know of the payment
            await attempts.wake(tx, store_id, attempt.id, LOOK_AT_ACTION_SECONDS)
        return processing(attempt.id)
    sale = _Sale(attempt, order, paid)
    if order.state == "pending":
        return (await _place(tx, store_id, [sale], rules))[attempt.id]
    answer = await _place_late(tx, store_id, sale, rules)
    if answer is None:
        log.warning("late payment will be returned", store_id=store_id, order_id=order.id, intent=paid.intent_id)
        await placing.record_payment(tx, store_id, order, attempt.id, paid)
        await attempts.reached(tx, store_id, attempt.id, "authorised", intent_id=paid.intent_id)
        await attempts.wake(tx, store_id, attempt.id, LOOK_AGAIN_SECONDS)
    return answer


async def _place_late(tx: Tx, store_id: StoreId, sale: _Sale, rules: Rules) -> Answer | None:
    """After the stock was given back: None when it is gone, or the buyer has ordered the cart again since.

    Placed first, and undone if nothing is left: levels are locked last by all who sell (ARCHITECTURE.md, "Locks").
    """
    answer = None
    async with tx.transaction() as savepoint:
        if await placing.reopen(tx, store_id, sale.order.id):
            placed = (await _place(tx, store_id, [sale], rules))[sale.attempt.id]
            answer = None if await stock.sell_late(tx, store_id, sale.order.id) else placed
        if answer is None:
            raise Rollback(savepoint)
    return answer


async def _place(tx: Tx, store_id: StoreId, sales: Sequence[_Sale], rules: Rules) -> dict[int, Answer]:
    """What each attempt came to: its order. What was held for it is sold."""
    orders = [sale.order for sale in sales]
    order_ids = [order.id for order in orders]
    selling = await stock.sell(tx, store_id, order_ids)
    await placing.upsert_customers(tx, store_id, orders)
    paid = [(sale.order, sale.attempt.id, sale.paid) for sale in sales if sale.paid]
    if paid:
        await placing.record_payments(tx, store_id, paid)
    await placing.count_sales(tx, store_id, order_ids)
    await placing.place(tx, store_id, orders)
    asking = await receipts_of_orders(tx, store_id, order_ids)
    receipts = await asking.read()
    answers = {sale.attempt.id: _placed(sale.attempt.id, receipts[sale.order.id], rules) for sale in sales}
    intents = {sale.attempt.id: sale.paid.intent_id if sale.paid else None for sale in sales}
    await attempts.finish_all(tx, store_id, [(of, answer, intents[of]) for of, answer in answers.items()])
    await stock.carry_off(tx, store_id, selling)
    return answers


def _placed(attempt_id: int, receipt: Receipt, rules: Rules) -> Answer:
    return Answer(AnswerKind.PLACED, more={"order": receipt.data(rules.url_of(receipt.host))}, attempt_id=attempt_id)


async def _declined(tx: Tx, store_id: StoreId, attempt: Attempt, order: CheckoutOrder, declined: Declined) -> Answer:
    is_expired = declined.code == "expired"
    await stock.release(tx, store_id, order.id)
    await placing.set_state(tx, store_id, order.id, "expired" if is_expired else "declined")
    await placing.record_payment(tx, store_id, order, attempt.id, declined)
    kind = AnswerKind.EXPIRED if is_expired else AnswerKind.DECLINED
    answer = Answer(kind, declined.message, {"code": declined.code}, attempt.id)
    await attempts.finish(tx, store_id, attempt.id, answer, declined.intent_id)
    return answer


async def _requires_action(
    tx: Tx, store_id: StoreId, attempt: Attempt, order: CheckoutOrder, wanted: RequiresAction, rules: Rules
) -> Answer:
    answer = Answer(
        AnswerKind.REQUIRES_ACTION,
        "Please confirm the payment with your bank.",
        {"redirect_url": wanted.url},
        attempt.id,
    )
    await stock.hold_longer(tx, store_id, order.id, rules.action_seconds)
    await attempts.reached(tx, store_id, attempt.id, "requires_action", intent_id=wanted.intent_id, answer=answer)
    await attempts.wake(tx, store_id, attempt.id, LOOK_AT_ACTION_SECONDS)
    return answer
