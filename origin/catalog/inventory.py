"""Stock: items (what is counted) and levels (how many, where). `available` changes here and in checkout only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import psycopg

from contracts.money import MoneyError, parse_amount
from contracts.tenant import StoreId
from origin.catalog import listing
from origin.catalog.changes import products_changed
from origin.catalog.listing import Condition, Filters, Slice, Window, above_id, ids_in
from origin.db import Tx
from origin.errors import Invalid, NotFound

MAX_QUANTITY = 10**12
ITEM_FILTERS: Filters = {"ids": ids_in("inventory_item.id"), "since_id": above_id("inventory_item.id")}
LEVEL_FILTERS: Filters = {
    "inventory_item_ids": ids_in("inventory_level.inventory_item_id"),
    "location_ids": ids_in("inventory_level.location_id"),
    **{name: read for name, read in listing.times("inventory_level.updated_at").items() if name.endswith("_min")},
}
_LEVEL_COLUMNS = "inventory_item_id, location_id, available, updated_at"
_UPDATE_LEVEL = f"""
    UPDATE inventory_level SET available = {{}}, updated_at = now()
    WHERE store_id = %(store_id)s AND inventory_item_id = %(item_id)s AND location_id = %(location_id)s
    RETURNING {_LEVEL_COLUMNS}"""
_INSERT_LEVEL = f"""
    INSERT INTO inventory_level (store_id, inventory_item_id, location_id, available, may_oversell)
    SELECT store_id, inventory_item_id, %(location_id)s, %(quantity)s, inventory_policy = 'continue' FROM variant
    WHERE store_id = %(store_id)s AND inventory_item_id = %(item_id)s
    RETURNING {_LEVEL_COLUMNS}"""


class ItemChange(TypedDict, total=False):
    sku: str | None
    cost: str | None
    tracked: bool | None
    requires_shipping: bool | None
    country_code_of_origin: str | None
    province_code_of_origin: str | None
    harmonized_system_code: str | None


async def item_page(tx: Tx, store_id: StoreId, conditions: Sequence[Condition], window: Window) -> Slice:
    return await listing.select(tx, store_id, "inventory_item", "*", conditions, window)


async def find_item(tx: Tx, store_id: StoreId, item_id: int) -> dict[str, Any]:
    row = await listing.find(tx, store_id, "inventory_item", "*", item_id)
    if row is None:
        raise NotFound("inventory item")
    return row


async def change_item(tx: Tx, store_id: StoreId, item_id: int, change: ItemChange, currency: str) -> None:
    """Its variant says the same sku, tracking and shipping: both rows change together. Raises NotFound, Invalid."""
    product_ids = await _lock_product_of(tx, store_id, item_id)
    if not product_ids:
        raise NotFound("inventory item")
    before = await find_item(tx, store_id, item_id)
    values = {
        "sku": _text(change, "sku", before["sku"]),
        "cost_minor": _cost(change, before["cost_minor"], currency),
        "is_tracked": _flag(change, "tracked", before["is_tracked"]),
        "requires_shipping": _flag(change, "requires_shipping", before["requires_shipping"]),
        "country": _text(change, "country_code_of_origin", before["country_code_of_origin"]),
        "province": _text(change, "province_code_of_origin", before["province_code_of_origin"]),
        "harmonized": _text(change, "harmonized_system_code", before["harmonized_system_code"]),
        "store_id": store_id,
        "id": item_id,
    }
    await tx.execute(
        """UPDATE inventory_item SET sku = %(sku)s, cost_minor = %(cost_minor)s, is_tracked = %(is_tracked)s,
                  requires_shipping = %(requires_shipping)s, country_code_of_origin = %(country)s,
                  province_code_of_origin = %(province)s, harmonized_system_code = %(harmonized)s, updated_at = now()
           WHERE store_id = %(store_id)s AND id = %(id)s""",
        values,
    )
    await tx.execute(
        """UPDATE variant SET sku = %(sku)s, requires_shipping = %(requires_shipping)s, updated_at = now(),
                  inventory_management = CASE WHEN %(is_tracked)s THEN coalesce(inventory_management, 'shopify') END
           WHERE store_id = %(store_id)s AND inventory_item_id = %(id)s""",
        values,
    )
    await products_changed(tx, store_id, product_ids)


def _text(change: ItemChange, name: str, before: str | None) -> str | None:
    value = change.get(name, before)
    return (str(value).strip() or None) if value is not None else None


def _flag(change: ItemChange, name: str, before: bool) -> bool:
    value = change.get(name)
    return before if value is None else bool(value)


def _cost(change: ItemChange, before: int | None, currency: str) -> int | None:
    if "cost" not in change:
        return before
    text = (change["cost"] or "").strip()
    try:
        minor = parse_amount(text, currency) if text else None
    except MoneyError as error:
        raise Invalid({"cost": [str(error)]}) from error
    if minor is not None and minor < 0:
        raise Invalid({"cost": ["must be greater than or equal to 0"]})
    return minor


@dataclass(frozen=True, slots=True)
class LevelKey:
    """A level has no id of its own."""

    item_id: int
    location_id: int


async def level_page(
    tx: Tx, store_id: StoreId, conditions: Sequence[Condition], limit: int, after: LevelKey | None
) -> list[dict[str, Any]]:
    """In order of item and location; one row more than `limit` if there are more."""
    wanted = list(conditions)
    if after:
        key = (after.item_id, after.location_id)
        wanted.append(Condition("(inventory_item_id, location_id) > (%s, %s)", key))
    where = "".join(f" AND {condition.sql}" for condition in wanted)
    values = [value for condition in wanted for value in condition.values]
    cursor = await tx.execute(
        f"""SELECT {_LEVEL_COLUMNS} FROM inventory_level WHERE inventory_level.store_id = %s{where}
            ORDER BY inventory_item_id, location_id LIMIT %s""".encode(),
        [store_id, *values, limit + 1],
    )
    return await cursor.fetchall()


async def set_level(tx: Tx, store_id: StoreId, item_id: int, location_id: int, available: int) -> dict[str, Any]:
    """Stocks the item there if it is not yet. Raises NotFound; Invalid for less than none where that is not allowed."""
    return await _write_level(tx, store_id, item_id, location_id, available, "%(quantity)s")


async def adjust_level(tx: Tx, store_id: StoreId, item_id: int, location_id: int, change: int) -> dict[str, Any]:
    return await _write_level(tx, store_id, item_id, location_id, change, "available + %(quantity)s")


async def connect_level(tx: Tx, store_id: StoreId, item_id: int, location_id: int) -> dict[str, Any]:
    return await _write_level(tx, store_id, item_id, location_id, 0, "available")


async def _write_level(
    tx: Tx, store_id: StoreId, item_id: int, location_id: int, quantity: int, when_there: str
) -> dict[str, Any]:
    if abs(quantity) > MAX_QUANTITY:
        raise Invalid({"available": [f"must be from -{MAX_QUANTITY} to {MAX_QUANTITY}"]})
    product_ids = await _lock_product_of(tx, store_id, item_id)
    if not product_ids or await listing.find(tx, store_id, "location", "id", location_id) is None:
        raise NotFound("inventory item or location")
    values = {"store_id": store_id, "item_id": item_id, "location_id": location_id, "quantity": quantity}
    try:
        row = await (await tx.execute(_UPDATE_LEVEL.format(when_there).encode(), values)).fetchone()
        # Not an upsert: it would hold the database's check against the quantity itself, and -1 is a fine adjustment.
        if row is None:
            row = await (await tx.execute(_INSERT_LEVEL.encode(), values)).fetchone()
    except psycopg.errors.CheckViolation as error:
        raise Invalid(
            {"available": ["can't be less than 0: the variant's inventory_policy is deny; set it to continue first"]}
        ) from error
    assert row is not None
    if abs(row["available"]) > MAX_QUANTITY:
        raise Invalid({"available": [f"must be from -{MAX_QUANTITY} to {MAX_QUANTITY}"]})
    await products_changed(tx, store_id, product_ids)
    return row


async def delete_level(tx: Tx, store_id: StoreId, item_id: int, location_id: int) -> None:
    """Raises NotFound; Invalid for the last level of an item, or one that a checkout holds something of."""
    product_ids = await _lock_product_of(tx, store_id, item_id)
    cursor = await tx.execute(
        """SELECT location_id, reserved FROM inventory_level WHERE store_id = %s AND inventory_item_id = %s
           ORDER BY location_id FOR UPDATE""",
        [store_id, item_id],
    )
    reserved = {row["location_id"]: row["reserved"] for row in await cursor.fetchall()}
    if location_id not in reserved:
        raise NotFound("inventory level")
    if len(reserved) == 1:
        raise Invalid({"base": ["An item must be stocked at one location at least"]})
    if reserved[location_id]:
        raise Invalid({"base": [f"{reserved[location_id]} are promised to checkouts in progress; try again later"]})
    await tx.execute(
        "DELETE FROM inventory_level WHERE store_id = %s AND inventory_item_id = %s AND location_id = %s",
        [store_id, item_id, location_id],
    )
    await products_changed(tx, store_id, product_ids)


async def _lock_product_of(tx: Tx, store_id: StoreId, item_id: int) -> list[int]:
    cursor = await tx.execute(
        """SELECT product.id FROM product JOIN variant ON variant.store_id = product.store_id
                  AND variant.product_id = product.id
           WHERE product.store_id = %s AND variant.inventory_item_id = %s FOR NO KEY UPDATE OF product""",
        [store_id, item_id],
    )
    return [row["id"] for row in await cursor.fetchall()]
