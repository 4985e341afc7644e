"""What a buyer is to be told of a placed order: asked for in the transaction of the change, read when it is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contracts.events import Topic
from contracts.tenant import StoreId
from invalidation import outbox
from origin.db import Tx
from origin.errors import NotFound
from origin.orders.receipts import Receipt, receipt_of_order


class NoticeKind(StrEnum):
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    SHIPPED = "shipped"
    TRACKED = "tracked"


@dataclass(frozen=True, slots=True)
class Notice:
    """`lines`: what it is about, each with `quantity`, `title`, `variant_title`. `returned_minor`: money that goes back
    to the buyer. `parcels`: number and address (or "") of each."""

    id: int
    kind: NoticeKind
    order: Receipt
    lines: Sequence[dict[str, Any]]
    returned_minor: int = 0
    carrier: str = ""
    parcels: Sequence[tuple[str, str]] = ()


async def tell_buyer(tx: Tx, store_id: StoreId, order_id: int, kind: NoticeKind, subject_id: int | None = None) -> None:
    """With the change. Nobody is told of an order without an e-mail address."""
    cursor = await tx.execute(
        """INSERT INTO notice (store_id, order_id, kind, subject_id)
           SELECT store_id, id, %s, %s FROM sales_order WHERE store_id = %s AND id = %s AND email <> '' RETURNING id""",
        [kind, subject_id, store_id, order_id],
    )
    row = await cursor.fetchone()
    if row is not None:
        await outbox.add_event(tx, store_id, Topic.BUYER_NOTICE, {"notice_id": row["id"]})


async def read(tx: Tx, store_id: StoreId, notice_id: int) -> Notice | None:
    """None for one that was sent, or that is not so any more: then there is nothing to tell. Raises NotFound."""
    cursor = await tx.execute(
        "SELECT order_id, kind, subject_id, sent_at FROM notice WHERE store_id = %s AND id = %s",
        [store_id, notice_id],
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("notice")
    if row["sent_at"] is not None:
        return None
    order = await receipt_of_order(tx, store_id, row["order_id"])
    if not order.email:
        return None
    kind = NoticeKind(row["kind"])
    match kind:
        case NoticeKind.CANCELLED:
            returned = await _returned(tx, store_id, order.id, None)
            return Notice(notice_id, kind, order, order.lines, returned)
        case NoticeKind.REFUNDED:
            returned = await _returned(tx, store_id, order.id, row["subject_id"])
            lines = await _lines(tx, store_id, "refund", row["subject_id"])
            return Notice(notice_id, kind, order, lines, returned) if lines or returned else None
        case NoticeKind.SHIPPED | NoticeKind.TRACKED:
            return await _of_fulfillment(tx, store_id, notice_id, kind, order, row["subject_id"])


async def sent(tx: Tx, store_id: StoreId, notice_id: int) -> None:
    await tx.execute("UPDATE notice SET sent_at = now() WHERE store_id = %s AND id = %s", [store_id, notice_id])


async def _of_fulfillment(
    tx: Tx, store_id: StoreId, notice_id: int, kind: NoticeKind, order: Receipt, fulfillment_id: int
) -> Notice | None:
    """None for one that has been cancelled since: it was not sent after all."""
    cursor = await tx.execute(
        """SELECT tracking_company, tracking_numbers, tracking_urls FROM fulfillment
           WHERE store_id = %s AND id = %s AND status = 'success'""",
        [store_id, fulfillment_id],
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    numbers, urls = row["tracking_numbers"], row["tracking_urls"]
    count = max(len(numbers), len(urls))
    parcels = [
        (numbers[at] if at < len(numbers) else "", _followable(urls[at]) if at < len(urls) else "")
        for at in range(count)
    ]
    lines = await _lines(tx, store_id, "fulfillment", fulfillment_id)
    return Notice(notice_id, kind, order, lines, carrier=row["tracking_company"] or "", parcels=parcels)


async def _returned(tx: Tx, store_id: StoreId, order_id: int, refund_id: int | None) -> int:
    """What goes back to the buyer, of one refund or of all; not what the provider has refused to give back."""
    cursor = await tx.execute(
        """SELECT coalesce(sum(amount_minor), 0)::bigint AS minor FROM payment
           WHERE store_id = %s AND order_id = %s AND kind = 'refund' AND status IN ('pending', 'success')
             AND (%s::bigint IS NULL OR refund_id = %s)""",
        [store_id, order_id, refund_id, refund_id],
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row["minor"])


async def _lines(tx: Tx, store_id: StoreId, of: str, subject_id: int) -> list[dict[str, Any]]:
    cursor = await tx.execute(
        f"""SELECT sum(part.quantity)::bigint AS quantity, order_line.title, order_line.variant_title
            FROM {of}_line AS part
            JOIN order_line ON order_line.store_id = part.store_id AND order_line.id = part.line_id
            WHERE part.store_id = %s AND part.{of}_id = %s
            GROUP BY order_line.id, order_line.position, order_line.title, order_line.variant_title
            ORDER BY order_line.position, order_line.id""".encode(),
        [store_id, subject_id],
    )
    return await cursor.fetchall()


def _followable(url: str) -> str:
    """A merchant may have written anything; an e-mail links to the web only."""
    return url if url.startswith(("https://", "http://")) else ""
