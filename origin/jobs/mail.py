"""E-mail to buyers: made from our templates, sent by SMTP, once per order as far as anybody can know."""

import asyncio
import smtplib
import ssl
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from email.utils import formataddr, formatdate
from typing import Protocol
from urllib.parse import unquote, urlsplit

import structlog
from jinja2 import Environment

from contracts import crash_points
from contracts.snapshot import Part
from contracts.tenant import StoreId
from origin.db import Database, Tx
from origin.errors import NotFound, Unavailable
from origin.orders.receipts import Receipt, receipt_of_order
from origin.settings import OriginSettings
from origin.snapshots.shop import shop_part

log = structlog.get_logger()

SMTP_SECONDS = 15.0
Mark = Callable[[Tx, StoreId, int], Awaitable[None]]
"""Writes that the message about what has this id was sent."""


class MailSettings(Protocol):
    @property
    def smtp_url(self) -> str: ...
    @property
    def mail_from_domain(self) -> str: ...


async def confirm_order(
    db: Database, settings: OriginSettings, templates: Environment, store_id: StoreId, order_id: int
) -> bool:
    """Tells the buyer, unless that was done before, or the order has been cancelled since. Raises NotFound, or
    Unavailable: the queue tries again."""
    async with db.tenant(store_id) as tx:
        cursor = await tx.execute(
            """SELECT confirmation_sent_at IS NOT NULL OR cancelled_at IS NOT NULL AS is_settled
               FROM sales_order WHERE store_id = %s AND id = %s""",
            [store_id, order_id],
        )
        row = await cursor.fetchone()
        if row is None:
            raise NotFound("order")
        if row["is_settled"]:
            return False
        shop = await shop_part(tx, store_id, settings)
        receipt = await receipt_of_order(tx, store_id, order_id)
    if not settings.smtp_url:
        log.info("no mail server is set; order not confirmed by e-mail", store_id=store_id, order_id=order_id)
        return False
    message = order_message(templates, settings, shop.part, receipt)
    await send_once(db, settings, store_id, message, _confirmed, order_id)
    return True


async def send_once(
    db: Database, settings: MailSettings, store_id: StoreId, message: EmailMessage, mark: Mark, marked_id: int
) -> None:
    """The mark is set after sending: a crash between the two sends twice, and both carry one Message-ID. Raises
    Unavailable."""
    await asyncio.to_thread(send, settings.smtp_url, message)
    crash_points.reached("mail.sent")
    async with db.tenant(store_id, step="mail.confirm") as tx:
        await mark(tx, store_id, marked_id)


async def _confirmed(tx: Tx, store_id: StoreId, order_id: int) -> None:
    await tx.execute(
        "UPDATE sales_order SET confirmation_sent_at = now() WHERE store_id = %s AND id = %s", [store_id, order_id]
    )


def order_message(templates: Environment, settings: MailSettings, shop: Part, order: Receipt) -> EmailMessage:
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
    name = f"order-{shop.data['store_id']}-{order.id}"
    message = addressed(settings, shop, order.email, f"Order {order.name} confirmed", name)
    message.set_content(templates.get_template("mail_order.txt").render(values))
    message.add_alternative(templates.get_template("mail_order.html").render(values), subtype="html")
    return message


def addressed(settings: MailSettings, shop: Part, email: str, subject: str, message_name: str) -> EmailMessage:
    """From a shop to a buyer, without a body yet. `message_name`: the same for each copy."""
    message = EmailMessage()
    name = " ".join(str(shop.data["name"]).split())
    message["From"] = formataddr((name, f"orders@{settings.mail_from_domain}"))
    message["To"] = email
    if shop.data["email"] and "\n" not in shop.data["email"]:
        message["Reply-To"] = shop.data["email"]
    message["Subject"] = subject
    message["Message-ID"] = f"<{message_name}@{settings.mail_from_domain}>"
    message["Date"] = formatdate()
    message["Auto-Submitted"] = "auto-generated"
    return message


def send(smtp_url: str, message: EmailMessage) -> None:
    """`smtp://[user:password@]host[:port]`, or smtps for TLS from the start. Raises Unavailable."""
    parts = urlsplit(smtp_url)
    try:
        with _connect(parts.scheme, parts.hostname or "127.0.0.1", parts.port) as server:
            if parts.username:
                if parts.scheme == "smtp":
                    server.starttls(context=ssl.create_default_context())
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise Unavailable(f"the mail server did not take the message: {error}") from error


def _connect(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=SMTP_SECONDS, context=ssl.create_default_context())
    return smtplib.SMTP(host, port or 25, timeout=SMTP_SECONDS)
