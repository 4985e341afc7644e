"""Sending: fulfillments are made, followed and cancelled. Never more of a line than is still to be sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts.events import Topic
from contracts.tenant import StoreId
from invalidation import outbox
from origin.db import Tx
from origin.errors import Invalid, NotFound
from origin.orders import ledger
from origin.orders.dispatch import FulfillmentOrder, fulfillment_orders, order_id_of
from origin.orders.notices import NoticeKind, tell_buyer
from origin.orders.progress import progress, restate


@dataclass(frozen=True, slots=True)
class Tracking:
    """Where parcels can be followed. `tells_buyer`: by e-mail."""

    company: str | None = None
    numbers: Sequence[str] = ()
    urls: Sequence[str] = ()
    tells_buyer: bool = False


@dataclass(frozen=True, slots=True)
class WantedLine:
    """`quantity` None: all that is still to be sent."""

    line_id: int
    quantity: int | None = None


@dataclass(frozen=True, slots=True)
class WantedPart:
    """Of one fulfillment order; without lines, all that is still to be sent."""

    fulfillment_order_id: int
    lines: Sequence[WantedLine] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A fulfillment, and whose it is."""

    id: int
    order_id: int


@dataclass(frozen=True, slots=True)
class _Sent:
    fulfillment_order_id: int
    line_id: int
    quantity: int


async def fulfill(tx: Tx, store_id: StoreId, parts: Sequence[WantedPart], tracking: Tracking) -> Made:
    """Raises Invalid."""
    name = "line_items_by_fulfillment_order"
    try:
        order_ids = {await order_id_of(tx, store_id, part.fulfillment_order_id) for part in parts}
        if len(order_ids) != 1:
            raise Invalid({name: ["must name fulfillment orders of one order" if parts else "can't be blank"]})
        [order_id] = order_ids
        if len({part.fulfillment_order_id for part in parts}) < len(parts):
            raise Invalid({name: ["names a fulfillment order twice"]})
        await ledger.lock(tx, store_id, order_id)
        known = {each.id: each for each in await fulfillment_orders(tx, store_id, order_id)}
        chosen = [(known[part.fulfillment_order_id], part.lines) for part in parts]
    except (NotFound, KeyError) as error:
        raise Invalid({name: ["names a fulfillment order that is not there"]}) from error
    if len({order.location_id for order, _ in chosen}) > 1:
        raise Invalid({name: ["must be sent from one location; make a fulfillment for each"]})
    sent = [each for order, lines in chosen for each in _parts(order, lines, name)]
    return await _write(tx, store_id, order_id, chosen[0][0].location_id, sent, tracking)


async def fulfill_lines(
    tx: Tx, store_id: StoreId, order_id: int, lines: Sequence[WantedLine], location_id: int | None, tracking: Tracking
) -> Made:
    """By the order's lines, wherever they are sent from; without lines, all of them. Raises NotFound or Invalid."""
    await ledger.lock(tx, store_id, order_id)
    known = await fulfillment_orders(tx, store_id, order_id)
    if location_id is not None:
        known = [order for order in known if order.location_id == location_id]
        if not known:
            raise Invalid({"location_id": ["is not where anything of this order is sent from"]})
    left = {line.line_id: line.quantity for line in lines}
    if len(left) < len(lines):
        raise Invalid({"line_items": ["name a line twice"]})
    sent = []
    for order in known:
        for part in order.parts:
            wanted = left.get(part.line_id)
            units = part.fulfillable if wanted is None else min(wanted, part.fulfillable)
            if units and (not lines or part.line_id in left):
                sent.append(_Sent(order.id, part.line_id, units))
                left[part.line_id] = None if wanted is None else wanted - units
    found = {each.line_id for each in sent}
    wrong = [line.line_id for line in lines if left[line.line_id] or line.line_id not in found]
    if wrong:
        raise Invalid({"line_items": [f"{line_id} has less that is still to be sent" for line_id in wrong]})
    places = [order.location_id for order in known if order.id in {each.fulfillment_order_id for each in sent}]
    return await _write(tx, store_id, order_id, next(iter(places), known[0].location_id), sent, tracking)


async def track(tx: Tx, store_id: StoreId, fulfillment_id: int, tracking: Tracking) -> Made:
    """Raises NotFound, or Invalid for a cancelled one."""
    row = await _locked(tx, store_id, fulfillment_id)
    if row["status"] == "cancelled":
        raise Invalid({"base": ["the fulfillment is cancelled"]})
    await tx.execute(
        """UPDATE fulfillment SET tracking_company = %s, tracking_numbers = %s, tracking_urls = %s, updated_at = now()
           WHERE store_id = %s AND id = %s""",
        [tracking.company, list(tracking.numbers), list(tracking.urls), store_id, fulfillment_id],
    )
    if tracking.tells_buyer:
        await tell_buyer(tx, store_id, row["order_id"], NoticeKind.TRACKED, fulfillment_id)
    return await _told(tx, store_id, row["order_id"], fulfillment_id, Topic.FULFILLMENT_UPDATED)


async def cancel(tx: Tx, store_id: StoreId, fulfillment_id: int, of_order: int | None = None) -> Made:
    """What was in it is to be sent again. Does nothing the second time. Raises NotFound, also for another order's, or
    Invalid when some of it has come back."""
    row = await _locked(tx, store_id, fulfillment_id)
    if of_order not in (None, row["order_id"]):
        raise NotFound("fulfillment")
    if row["status"] == "cancelled":
        return Made(fulfillment_id, row["order_id"])
    await tx.execute(
        "UPDATE fulfillment SET status = 'cancelled', updated_at = now() WHERE store_id = %s AND id = %s",
        [store_id, fulfillment_id],
    )
    if any(line.returnable < 0 for line in (await progress(tx, store_id, [row["order_id"]])).values()):
        raise Invalid({"base": ["some of what was in it has come back: it was sent, and cannot be cancelled"]})
    return await _told(tx, store_id, row["order_id"], fulfillment_id, Topic.FULFILLMENT_UPDATED)


def _parts(order: FulfillmentOrder, lines: Sequence[WantedLine], name: str) -> list[_Sent]:
    left = {part.line_id: part.fulfillable for part in order.parts}
    if not lines:
        return [_Sent(order.id, line_id, units) for line_id, units in left.items() if units]
    sent, wrong = [], []
    for number, line in enumerate(lines, 1):
        there = left.get(line.line_id, 0)
        units = there if line.quantity is None else line.quantity
        if 0 < units <= there:
            sent.append(_Sent(order.id, line.line_id, units))
            left[line.line_id] -= units
        else:
            wrong.append(f"quantity of {line.line_id} can be {there} at most, and not nothing (number {number})")
    if wrong:
        raise Invalid({name: wrong})
    return sent


async def _write(
    tx: Tx, store_id: StoreId, order_id: int, location_id: int, sent: Sequence[_Sent], tracking: Tracking
) -> Made:
    if not sent:
        raise Invalid({"base": ["nothing of this order is still to be sent"]})
    cursor = await tx.execute(
        """INSERT INTO fulfillment (store_id, order_id, number, location_id, tracking_company, tracking_numbers,
               tracking_urls)
           SELECT %(store_id)s, %(order_id)s, 1 + count(*), %(location_id)s, %(company)s, %(numbers)s, %(urls)s
           FROM fulfillment WHERE store_id = %(store_id)s AND order_id = %(order_id)s RETURNING id""",
        {
            "store_id": store_id,
            "order_id": order_id,
            "location_id": location_id,
            "company": tracking.company,
            "numbers": list(tracking.numbers),
            "urls": list(tracking.urls),
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    await tx.execute(
        """INSERT INTO fulfillment_line (store_id, fulfillment_id, fulfillment_order_id, line_id, quantity)
           SELECT %s, %s, sent.* FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS sent""",
        [
            *(store_id, row["id"]),
            [each.fulfillment_order_id for each in sent],
            [each.line_id for each in sent],
            [each.quantity for each in sent],
        ],
    )
    if tracking.tells_buyer:
        await tell_buyer(tx, store_id, order_id, NoticeKind.SHIPPED, row["id"])
    return await _told(tx, store_id, order_id, row["id"], Topic.FULFILLMENT_CREATED)


async def _locked(tx: Tx, store_id: StoreId, fulfillment_id: int) -> dict[str, Any]:
    """With its order, which is locked first. Raises NotFound."""
    statement = "SELECT order_id, status FROM fulfillment WHERE store_id = %s AND id = %s"
    row = await (await tx.execute(statement, [store_id, fulfillment_id])).fetchone()
    if row is None:
        raise NotFound("fulfillment")
    await ledger.lock(tx, store_id, row["order_id"])
    row = await (await tx.execute(statement, [store_id, fulfillment_id])).fetchone()
    assert row is not None
    return row


async def _told(tx: Tx, store_id: StoreId, order_id: int, fulfillment_id: int, topic: Topic) -> Made:
    await outbox.add_event(tx, store_id, topic, {"order_id": order_id, "fulfillment_id": fulfillment_id})
    await restate(tx, store_id, order_id)
    await outbox.add_event(tx, store_id, Topic.ORDER_UPDATED, {"order_id": order_id})
    return Made(fulfillment_id, order_id)
