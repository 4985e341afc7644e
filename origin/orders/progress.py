"""How far each line of an order has come: how much was sent, how much was taken out, how much is still to be sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contracts.events import Topic
from contracts.tenant import StoreId
from invalidation import outbox
from origin.db import Tx


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one line. `removed` was refunded without having come back; `returned` came back after it had been sent,
    so it is never more than `fulfilled`."""

    quantity: int
    fulfilled: int
    removed: int
    returned: int

    @property
    def current(self) -> int:
        """What is left in the order."""
        return self.quantity - self.removed - self.returned

    @property
    def fulfillable(self) -> int:
        """What is still to be sent. What was taken out had not been sent yet, as far as there was such."""
        return max(self.quantity - self.removed - self.fulfilled, 0)

    @property
    def returnable(self) -> int:
        """What was sent and has not come back."""
        return self.fulfilled - self.returned

    @property
    def status(self) -> str | None:
        if not self.fulfilled:
            return None
        return "partial" if self.fulfillable else "fulfilled"


_PROGRESS = """
    SELECT order_line.id, order_line.quantity,
        coalesce((SELECT sum(sent.quantity) FROM fulfillment_line AS sent
            JOIN fulfillment ON fulfillment.store_id = sent.store_id AND fulfillment.id = sent.fulfillment_id
            WHERE sent.store_id = order_line.store_id AND sent.line_id = order_line.id
              AND fulfillment.status = 'success'), 0)::bigint AS fulfilled,
        coalesce(sum(refund_line.quantity) FILTER (WHERE restock_type <> 'return'), 0)::bigint AS removed,
        coalesce(sum(refund_line.quantity) FILTER (WHERE restock_type = 'return'), 0)::bigint AS returned
    FROM order_line
    LEFT JOIN refund_line ON refund_line.store_id = order_line.store_id AND refund_line.line_id = order_line.id
    WHERE order_line.store_id = %s AND order_line.order_id = ANY(%s)
    GROUP BY order_line.store_id, order_line.id
"""


async def progress(tx: Tx, store_id: StoreId, order_ids: Sequence[int]) -> dict[int, Progress]:
    """By line."""
    cursor = await tx.execute(_PROGRESS, [store_id, list(order_ids)])
    return {row.pop("id"): Progress(**row) for row in await cursor.fetchall()}


def status_of(lines: Iterable[Progress]) -> str | None:
    """An order's fulfillment status."""
    known = list(lines)
    if not any(line.fulfilled for line in known):
        return None
    return "partial" if any(line.fulfillable for line in known) else "fulfilled"


async def restate(tx: Tx, store_id: StoreId, order_id: int) -> None:
    """After something was sent, or taken out: the order's fulfillment status; whoever listens is told."""
    status = status_of((await progress(tx, store_id, [order_id])).values())
    cursor = await tx.execute(
        """UPDATE sales_order SET fulfillment_status = %(status)s, updated_at = now()
           WHERE store_id = %(store_id)s AND id = %(id)s AND fulfillment_status IS DISTINCT FROM %(status)s""",
        {"status": status, "store_id": store_id, "id": order_id},
    )
    topic = {"fulfilled": Topic.ORDER_FULFILLED, "partial": Topic.ORDER_PARTIALLY_FULFILLED}.get(status or "")
    if cursor.rowcount and topic:
        await outbox.add_event(tx, store_id, topic, {"order_id": order_id})
