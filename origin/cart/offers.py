"""What the catalog says now about the variants in a cart: price, stock, whether they are for sale at all."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.tenant import StoreId
from origin.asked import Asked
from origin.db import Database, Tx
from origin.errors import NotFound
from origin.snapshots.cards import VISIBLE, image, product_url

DEFAULT_TITLE = "Default Title"

# In one statement, so that it takes one round trip.
_PRICES = f"""
    SELECT shop.currency, (SELECT json_agg(offer) FROM (
    SELECT variant.id AS variant_id, variant.product_id, variant.inventory_item_id, variant.title AS variant_title,
           ARRAY[variant.option1, variant.option2, variant.option3] AS options, variant.price_minor, variant.sku,
           variant.max_per_order,
           variant.grams, variant.requires_shipping, variant.taxable,
           variant.inventory_management IS NOT NULL AS is_tracked,
           variant.inventory_policy = 'continue' AS may_oversell,
           product.title, product.handle, product.vendor, product.product_type,
           (SELECT json_agg(name ORDER BY position) FROM product_option
             WHERE product_option.store_id = product.store_id AND product_option.product_id = product.id
           ) AS option_names,
           (SELECT coalesce(sum(greatest(level.available, 0)), 0)::bigint FROM inventory_level AS level
             WHERE level.store_id = variant.store_id AND level.inventory_item_id = variant.inventory_item_id) AS stock,
           (SELECT json_build_array(id, src, alt, width, height) FROM product_image
             WHERE product_image.store_id = product.store_id AND product_image.product_id = product.id
             ORDER BY id IS DISTINCT FROM variant.image_id, position, id LIMIT 1) AS image
    FROM variant
    JOIN product ON product.store_id = variant.store_id AND product.id = variant.product_id
    WHERE variant.store_id = %(store)s AND variant.id = ANY(%(variants)s::bigint[]) AND {VISIBLE}
    ) AS offer) AS offers
    FROM shop WHERE shop.store_id = %(store)s
""".encode()


@dataclass(frozen=True, slots=True)
class Offer:
    """`available_quantity` and `max_per_order` are None when there is no limit, `variant_title` for a product without
    options."""

    variant_id: int
    product_id: int
    inventory_item_id: int
    title: str
    variant_title: str | None
    handle: str
    vendor: str
    product_type: str
    options: tuple[tuple[str, str], ...]
    price_minor: int
    sku: str | None
    grams: int
    requires_shipping: bool
    taxable: bool
    is_tracked: bool
    available_quantity: int | None
    image: Mapping[str, Any] | None
    max_per_order: int | None = None

    @property
    def full_title(self) -> str:
        return f"{self.title} - {self.variant_title}" if self.variant_title else self.title

    @property
    def most(self) -> int | None:
        """How many one order can have of it now, if there is a limit."""
        return min((each for each in (self.available_quantity, self.max_per_order) if each is not None), default=None)

    @property
    def is_limited_by_shop(self) -> bool:
        """By what the shop allows in one order, and not by what there is."""
        return self.max_per_order is not None and self.most == self.max_per_order

    @property
    def url(self) -> str:
        return f"{product_url(self.handle)}?variant={self.variant_id}"


@dataclass(frozen=True, slots=True)
class Prices:
    """What a shop asks now, by variant. Only what a shopper may buy from it; whatever else was asked for is missing."""

    currency: str
    offers: Mapping[int, Offer]


async def read_prices(db: Database, store_id: StoreId, variant_ids: Collection[int]) -> Prices:
    """In one round trip. Raises NotFound when there is no such store."""
    return _prices(await db.read_row(store_id, _PRICES, _question(store_id, variant_ids)))


async def ask_prices(tx: Tx, store_id: StoreId, variant_ids: Collection[int]) -> Asked[Prices]:
    """The same, as one transaction sees it."""
    cursor = await tx.execute(_PRICES, _question(store_id, variant_ids))
    return Asked(cursor, lambda rows: _prices(rows[0] if rows else None))


def _question(store_id: StoreId, variant_ids: Collection[int]) -> dict[str, Any]:
    return {"store": store_id, "variants": sorted(variant_ids)}


def _prices(row: Mapping[str, Any] | None) -> Prices:
    if row is None:
        raise NotFound("store")
    return Prices(row["currency"], {offer["variant_id"]: _offer(offer) for offer in row["offers"] or []})


def _offer(row: Mapping[str, Any]) -> Offer:
    is_limited = row["is_tracked"] and not row["may_oversell"]
    names = row["option_names"] or ["Title"]
    return Offer(
        variant_id=row["variant_id"],
        product_id=row["product_id"],
        inventory_item_id=row["inventory_item_id"],
        title=row["title"],
        variant_title=None if row["variant_title"] == DEFAULT_TITLE else row["variant_title"],
        handle=row["handle"],
        vendor=row["vendor"],
        product_type=row["product_type"],
        options=tuple((name, value) for name, value in zip(names, row["options"], strict=False) if value is not None),
        price_minor=row["price_minor"],
        sku=row["sku"],
        grams=row["grams"],
        requires_shipping=row["requires_shipping"],
        taxable=row["taxable"],
        is_tracked=row["is_tracked"],
        available_quantity=row["stock"] if is_limited else None,
        image=image(*row["image"]) if row["image"] else None,
        max_per_order=row["max_per_order"],
    )
