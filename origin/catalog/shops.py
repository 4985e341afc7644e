"""A shop's own record: what it is called and where it is, and how its storefront looks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from psycopg.types.json import Jsonb

from contracts.keys import host_tag, shop_tag
from contracts.tenant import StoreId
from invalidation import outbox
from origin.db import Tx
from origin.errors import Invalid, NotFound

MAX_NAVIGATION_LINKS = 200


@dataclass(frozen=True, slots=True)
class Shop:
    store_id: StoreId
    name: str
    host: str
    subdomain: str
    currency: str
    locale: str
    timezone: str
    email: str | None
    phone: str | None
    description: str
    address: Mapping[str, Any]
    weight_unit: str
    theme: str
    theme_settings: Mapping[str, Any]
    navigation: Mapping[str, Any]
    primary_location_id: int | None
    created_at: datetime
    updated_at: datetime


class StorefrontChange(TypedDict, total=False):
    theme: str
    settings: dict[str, Any]
    navigation: dict[str, Any]
    description: str


async def read(tx: Tx, store_id: StoreId) -> Shop:
    cursor = await tx.execute(
        """SELECT shop.store_id, store.name, host.name AS host, store.subdomain, currency, locale, timezone,
                  email, phone, description, shop.address, weight_unit, theme, theme_settings, navigation,
                  location.id AS primary_location_id, shop.created_at, shop.updated_at
           FROM shop
           JOIN store ON store.id = shop.store_id
           JOIN host ON host.store_id = shop.store_id AND host.is_primary
           LEFT JOIN location ON location.store_id = shop.store_id AND location.is_primary
           WHERE shop.store_id = %s""",
        [store_id],
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("shop")
    return Shop(**row)


async def change_storefront(tx: Tx, store_id: StoreId, change: StorefrontChange, themes: frozenset[str]) -> None:
    """Replaces what is given; `settings` and `navigation` are replaced as a whole. Raises Invalid."""
    if "theme" in change and change["theme"] not in themes:
        raise Invalid({"theme": [f"is not installed; there are {', '.join(sorted(themes))}"]})
    if "navigation" in change:
        _check_navigation(change["navigation"])
    values = {
        "theme": change.get("theme"),
        "settings": Jsonb(change["settings"]) if "settings" in change else None,
        "navigation": Jsonb(change["navigation"]) if "navigation" in change else None,
        "description": change.get("description"),
    }
    cursor = await tx.execute(
        """UPDATE shop SET theme = coalesce(%(theme)s, theme), theme_settings = coalesce(%(settings)s, theme_settings),
                  navigation = coalesce(%(navigation)s, navigation),
                  description = coalesce(%(description)s, description), updated_at = now()
           WHERE store_id = %(store_id)s
           RETURNING (SELECT array_agg(name) FROM host WHERE store_id = shop.store_id) AS hosts""",
        {**values, "store_id": store_id},
    )
    row = await cursor.fetchone()
    # The edges' record of a host names the shop's theme and the version of its settings.
    hosts = (host_tag(host) for host in (row["hosts"] if row else None) or ())
    await outbox.add(tx, store_id, [shop_tag(store_id), *hosts])


def _check_navigation(navigation: Mapping[str, Any]) -> None:
    """{main: [{title, url}], footer: [{title, url}]}; a link leads into the shop, to the web, or to an address."""
    links = [link for menu in navigation.values() for link in (menu if isinstance(menu, list) else [None])]
    problem = None
    if len(links) > MAX_NAVIGATION_LINKS:
        problem = f"can't have more than {MAX_NAVIGATION_LINKS} links"
    elif not all(_is_link(link) for link in links):
        problem = "must be {main: [{title, url}], footer: [...]}, and a url must start with / or https:// or mailto:"
    if problem:
        raise Invalid({"navigation": [problem]})


def _is_link(link: object) -> bool:
    if not isinstance(link, dict):
        return False
    title, url = link.get("title"), link.get("url")
    if not (isinstance(title, str) and title.strip() and isinstance(url, str)):
        return False
    return url.startswith(("https://", "http://", "mailto:", "tel:")) or (
        url.startswith("/") and not url.startswith(("//", "/\\"))
    )
