"""The `shop` part, which every page has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts import keys
from contracts.snapshot import Part
from contracts.tenant import StoreId
from origin.db import Tx
from origin.errors import NotFound
from origin.settings import OriginSettings


@dataclass(frozen=True, slots=True)
class ShopPart:
    """The part, and what the other parts need to know of the shop."""

    part: Part
    currency: str
    url: str


SHOP_COLUMNS = """store.name, host.name AS host, shop.description, shop.email, shop.currency, shop.locale, shop.theme,
    shop.theme_settings, shop.navigation"""
SHOP_TABLES = """shop
    JOIN store ON store.id = shop.store_id
    JOIN host ON host.store_id = shop.store_id AND host.is_primary"""


async def shop_part(tx: Tx, store_id: StoreId, settings: OriginSettings) -> ShopPart:
    """Raises NotFound if there is no such store."""
    cursor = await tx.execute(f"SELECT {SHOP_COLUMNS} FROM {SHOP_TABLES} WHERE shop.store_id = %s".encode(), [store_id])
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("store")
    return shop_of(row, store_id, settings)


def shop_of(row: Mapping[str, Any], store_id: StoreId, settings: OriginSettings) -> ShopPart:
    """From a row of SHOP_COLUMNS."""
    url = settings.storefront_url(row["host"])
    data = {
        "store_id": store_id,
        "name": row["name"],
        "host": row["host"],
        "url": url,
        "description": row["description"],
        "email": row["email"],
        "currency": row["currency"],
        "locale": row["locale"],
        "settings": row["theme_settings"],
        "navigation": {name: _links(row["navigation"].get(name)) for name in ("main", "footer")},
    }
    return ShopPart(Part(data, (keys.shop_tag(store_id),)), row["currency"], url)


def _links(menu: Any) -> list[dict[str, str]]:
    """What a merchant saved as a menu, reduced to links that are paths of the shop or web addresses."""
    found = menu if isinstance(menu, list) else []
    links = [(str(link.get("title", "")), str(link.get("url", ""))) for link in found if isinstance(link, dict)]
    return [{"title": title, "url": url} for title, url in links if title and is_safe_link(url)]


def is_safe_link(url: str) -> bool:
    is_path = url.startswith("/") and not url.startswith(("//", "/\\"))
    return is_path or url.startswith(("https://", "http://", "mailto:", "tel:"))
