"""E-mail to buyers: made from our templates, sent once per order as far as anybody can know."""

from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Protocol

from jinja2 import Environment

from contracts import crash_points
from contracts.snapshot import Part
from contracts.tenant import StoreId
from origin.db import Database, Tx
from origin.jobs.letter import Envelope, Letter, seal
from origin.jobs.post import Post
from origin.orders.receipts import Receipt, ask_receipt_of_order
from origin.settings import OriginSettings
from origin.snapshots.shop import shop_part

Mark = Callable[[Tx, StoreId, int], Awaitable[None]]
"""Writes that the message about what has this id was sent."""


class MailSettings(Protocol):
    @property
    def mail_from_domain(self) -> str: ...


async def confirm_order(
    db: Database, settings: OriginSettings, templates: Environment, post: Post, store_id: StoreId, order_id: int
) -> None:
    """Tells the buyer. Raises NotFound, or Unavailable: the queue tries again."""
    async with db.together(store_id) as tx:
        asking = await ask_receipt_of_order(tx, store_id, order_id)
        shop = await shop_part(tx, store_id, settings)
        receipt = await asking.read()
    letter = order_letter(templates, settings, shop.part, receipt)
    await send_once(db, post, store_id, letter, _confirmed, order_id)


async def send_once(db: Database, post: Post, store_id: StoreId, letter: Letter, mark: Mark, marked_id: int) -> None:
    """The mark is set after sending: a crash between the two sends twice, and both carry one Message-ID. Raises
    Unavailable."""
    # Not in a thread of its own: the worker's loop does one job at a time, and no connection is held meanwhile.
    post.send(letter)
    crash_points.reached("mail.sent")
    async with db.together(store_id, step="mail.confirm") as tx:
        await mark(tx, store_id, marked_id)


async def _confirmed(tx: Tx, store_id: StoreId, order_id: int) -> None:
    await tx.execute(
        "UPDATE sales_order SET confirmation_sent_at = now() WHERE store_id = %s AND id = %s", [store_id, order_id]
    )


def order_letter(templates: Environment, settings: MailSettings, shop: Part, order: Receipt) -> Letter:
    """Text and HTML. The Message-ID is the order's, so that a second copy is recognised as one."""
    to = order.shipping_address or {}
    town = f"{to.get('zip', '')} {to.get('city', '')}".strip()
    parts = [to.get("name"), to.get("company"), to.get("address1"), to.get("address2"), town, to.get("province")]
    values = {
        "shop": shop.data,
        "order": order,
        "address_lines": [part for part in (*parts, to.get("country")) if part],
        "status_url": f"{shop.data['url']}/orders/{order.token}",
    }
    return letter_to(
        settings,
        shop,
        order.email,
        f"Order {order.name} confirmed",
        f"order-{shop.data['store_id']}-{order.id}",
        (
            templates.get_template("mail_order.txt").render(values),
            templates.get_template("mail_order.html").render(values),
        ),
    )


def letter_to(
    settings: MailSettings, shop: Part, email: str, subject: str, message_name: str, bodies: tuple[str, str]
) -> Letter:
    """From a shop to a buyer. `message_name`: the same for each copy. `bodies`: text and HTML."""
    domain = settings.mail_from_domain
    headers = {
        "Subject": subject,
        "Message-ID": f"<{message_name}@{domain}>",
        "Date": formatdate(),
        "Auto-Submitted": "auto-generated",
    }
    name, reply_to = str(shop.data["name"]), str(shop.data["email"] or "")
    return seal(Envelope(name, f"orders@{domain}", email, reply_to, headers), *bodies)
