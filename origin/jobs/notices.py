"""E-mail about what a merchant did with an order: cancelled, refunded, sent."""

from typing import Any

import structlog
from jinja2 import Environment

from contracts.snapshot import Part
from contracts.tenant import StoreId
from origin.db import Database
from origin.jobs.letter import Letter
from origin.jobs.mail import MailSettings, letter_to, send_once
from origin.jobs.post import Post
from origin.orders import notices
from origin.orders.notices import Notice, NoticeKind
from origin.settings import OriginSettings
from origin.snapshots.shop import shop_part

log = structlog.get_logger()

_SAID = {
    NoticeKind.CANCELLED: ("was cancelled", "Your order was cancelled"),
    NoticeKind.REFUNDED: ("was refunded", "About your refund"),
    NoticeKind.SHIPPED: ("is on its way", "Your order is on its way"),
    NoticeKind.TRACKED: ("can be followed", "New tracking information"),
}
"""What an order's subject and its headline say."""


async def send_notice(
    db: Database, settings: OriginSettings, templates: Environment, post: Post, store_id: StoreId, notice_id: int
) -> bool:
    """Tells the buyer, unless that was done before or is not so any more. Raises NotFound, or Unavailable: the queue
    tries again. Sent as a confirmation is: once, as far as anybody can know."""
    async with db.tenant(store_id) as tx:
        notice = await notices.read(tx, store_id, notice_id)
        if notice is None:
            return False
        shop = await shop_part(tx, store_id, settings)
    if not settings.smtp_url:
        log.info("no mail server is set; buyer not told by e-mail", store_id=store_id, notice_id=notice_id)
        return False
    letter = notice_letter(templates, settings, shop.part, notice)
    await send_once(db, post, store_id, letter, notices.sent, notice_id)
    return True


def notice_letter(templates: Environment, settings: MailSettings, shop: Part, notice: Notice) -> Letter:
    """Text and HTML. A second copy has the same Message-ID."""
    order = notice.order
    said, headline = _SAID[notice.kind]
    values: dict[str, Any] = {
        "shop": shop.data,
        "order": order,
        "notice": notice,
        "headline": headline,
        "status_url": f"{shop.data['url']}/orders/{order.token}",
    }
    bodies = (
        templates.get_template("mail_notice.txt").render(values),
        templates.get_template("mail_notice.html").render(values),
    )
    name = f"notice-{shop.data['store_id']}-{notice.id}"
    return letter_to(settings, shop, order.email, f"Order {order.name} {said}", name, bodies)
