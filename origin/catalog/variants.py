"""A product's variants as rows: reading them, and writing a planned set of them in few statements whatever its size."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from psycopg.types.json import Jsonb

from contracts.money import MoneyError, parse_amount
from contracts.tenant import StoreId
from origin.catalog.listing import Condition, Filters, Slice, Window, above_id, ids_in, select
from origin.catalog.variant_plan import Planned, Variant, VariantChange
from origin.db import Tx
from origin.errors import Invalid

_FIELDS = tuple(field.name for field in fields(Variant))
_TYPES: dict[object, str] = {str: "text", str | None: "text", int: "bigint", int | None: "bigint", bool: "boolean"}
_RECORD = ", ".join(f"{field.name} {_TYPES[field.type]}" for field in fields(Variant))
_UPDATED = ", ".join(f"{name} = excluded.{name}" for name in _FIELDS if name not in {"id", "product_id"})

COLUMNS = """variant.*, (SELECT coalesce(sum(available), 0) FROM inventory_level
    WHERE inventory_level.store_id = variant.store_id
      AND inventory_level.inventory_item_id = variant.inventory_item_id)::bigint AS inventory_quantity"""

FILTERS: Filters = {"ids": ids_in("variant.id"), "since_id": above_id("variant.id")}


async def of_products(tx: Tx, store_id: StoreId, product_ids: Sequence[int]) -> list[dict[str, Any]]:
    cursor = await tx.execute(
        f"""SELECT {COLUMNS} FROM variant WHERE store_id = %s AND product_id = ANY(%s)
            ORDER BY product_id, position, id""".encode(),
        [store_id, list(product_ids)],
    )
    return await cursor.fetchall()


async def page(tx: Tx, store_id: StoreId, product_id: int, conditions: Sequence[Condition], window: Window) -> Slice:
    own = Condition("variant.product_id = %s", (product_id,))
    return await select(tx, store_id, "variant", COLUMNS, [own, *conditions], window)


def from_row(row: dict[str, Any]) -> Variant:
    return Variant(**{name: row[name] for name in _FIELDS})


async def save(
    tx: Tx, store_id: StoreId, product_id: int, before: Sequence[Variant], planned: Sequence[Planned], currency: str
) -> list[Variant]:
    """Makes the product's variants those planned: writes what differs, removes what is missing. Returns them with ids.

    The caller holds the product's row, so nobody else changes its variants meanwhile.
    """
    kept = {each.variant.id for each in planned}
    await delete(tx, store_id, [variant for variant in before if variant.id not in kept])
    saved = await _with_ids(tx, product_id, planned)
    known = {variant.id: variant for variant in before}
    changed = [variant for variant in saved if known.get(variant.id) != variant]
    await _write_items(tx, store_id, [variant for variant in changed if _is_item_changed(known, variant)])
    await _write_variants(tx, store_id, changed)
    new = [(variant, each.change) for variant, each in zip(saved, planned, strict=True) if variant.id not in known]
    await _stock_new(tx, store_id, new, currency)
    flipped = [variant for variant in changed if variant.id in known and _is_policy_changed(known, variant)]
    await _follow_policy(tx, store_id, flipped)
    return saved


def _is_item_changed(known: dict[int, Variant], variant: Variant) -> bool:
    old = known.get(variant.id)
    return old is None or (old.sku, old.inventory_management, old.requires_shipping) != (
        variant.sku,
        variant.inventory_management,
        variant.requires_shipping,
    )


def _is_policy_changed(known: dict[int, Variant], variant: Variant) -> bool:
    return known[variant.id].inventory_policy != variant.inventory_policy


async def _with_ids(tx: Tx, product_id: int, planned: Sequence[Planned]) -> list[Variant]:
    count = sum(1 for each in planned if not each.variant.id)
    if not count:
        return [each.variant for each in planned]
    cursor = await tx.execute(
        """SELECT nextval(pg_get_serial_sequence('variant', 'id')) AS id,
                  nextval(pg_get_serial_sequence('inventory_item', 'id')) AS inventory_item_id
           FROM generate_series(1, %s)""",
        [count],
    )
    fresh = iter(await cursor.fetchall())
    return [
        each.variant if each.variant.id else replace(each.variant, product_id=product_id, **next(fresh))
        for each in planned
    ]


async def _write_items(tx: Tx, store_id: StoreId, variants: Sequence[Variant]) -> None:
    if not variants:
        return
    rows = [
        {
            "id": variant.inventory_item_id,
            "sku": variant.sku,
            "is_tracked": variant.inventory_management is not None,
            "requires_shipping": variant.requires_shipping,
        }
        for variant in variants
    ]
    await tx.execute(
        """INSERT INTO inventory_item (store_id, id, sku, is_tracked, requires_shipping)
           SELECT %s, id, sku, is_tracked, requires_shipping FROM jsonb_to_recordset(%s)
               AS given (id bigint, sku text, is_tracked boolean, requires_shipping boolean)
           ON CONFLICT (store_id, id) DO UPDATE SET sku = excluded.sku, is_tracked = excluded.is_tracked,
               requires_shipping = excluded.requires_shipping, updated_at = now()""",
        [store_id, Jsonb(rows)],
    )


async def _write_variants(tx: Tx, store_id: StoreId, variants: Sequence[Variant]) -> None:
    if not variants:
        return
    names = ", ".join(_FIELDS)
    await tx.execute(
        f"""INSERT INTO variant (store_id, {names})
            SELECT %s, {names} FROM jsonb_to_recordset(%s) AS given ({_RECORD})
            ON CONFLICT (store_id, id) DO UPDATE SET {_UPDATED}, updated_at = now()""".encode(),
        [store_id, Jsonb([asdict(variant) for variant in variants])],
    )


async def _stock_new(tx: Tx, store_id: StoreId, new: Sequence[tuple[Variant, VariantChange]], currency: str) -> None:
    """A new variant is stocked at the primary location, with what the client says there is (nothing, unless said)."""
    if not new:
        return
    rows = [
        {
            "id": variant.inventory_item_id,
            "available": change.get("inventory_quantity") or 0,
            "may_oversell": variant.inventory_policy == "continue",
            "cost": _cost(change, currency),
        }
        for variant, change in new
    ]
    if any(row["available"] < 0 and not row["may_oversell"] for row in rows):  # type: ignore[operator]
        raise Invalid({"inventory_quantity": ["can't be negative unless inventory_policy is continue"]})
    await tx.execute(
        """INSERT INTO inventory_level (store_id, inventory_item_id, location_id, available, may_oversell)
           SELECT %s, given.id, location.id, given.available, given.may_oversell
           FROM jsonb_to_recordset(%s) AS given (id bigint, available bigint, may_oversell boolean), location
           WHERE location.store_id = %s AND location.is_primary""",
        [store_id, Jsonb(rows), store_id],
    )
    if any(row["cost"] is not None for row in rows):
        await tx.execute(
            """UPDATE inventory_item SET cost_minor = given.cost
               FROM jsonb_to_recordset(%s) AS given (id bigint, cost bigint)
               WHERE store_id = %s AND inventory_item.id = given.id""",
            [Jsonb(rows), store_id],
        )


def _cost(change: VariantChange, currency: str) -> int | None:
    text = change.get("cost")
    if text is None or not text.strip():
        return None
    try:
        return parse_amount(text, currency)
    except MoneyError as error:
        raise Invalid({"cost": [str(error)]}) from error


async def _follow_policy(tx: Tx, store_id: StoreId, variants: Sequence[Variant]) -> None:
    """`may_oversell` is the policy, where the database can hold it against every sale."""
    if not variants:
        return
    denied = [variant.inventory_item_id for variant in variants if variant.inventory_policy == "deny"]
    cursor = await tx.execute(
        """SELECT available FROM inventory_level WHERE store_id = %s AND inventory_item_id = ANY(%s)
           ORDER BY inventory_item_id, location_id FOR UPDATE""",
        [store_id, denied],
    )
    oversold = [row["available"] for row in await cursor.fetchall() if row["available"] < 0]
    if oversold:
        raise Invalid({"inventory_policy": [f"can't be deny while {oversold[0]} is available; set the stock first"]})
    await tx.execute(
        """UPDATE inventory_level SET may_oversell = NOT inventory_item_id = ANY(%s), updated_at = now()
           WHERE store_id = %s AND inventory_item_id = ANY(%s)""",
        [denied, store_id, [variant.inventory_item_id for variant in variants]],
    )


async def delete(tx: Tx, store_id: StoreId, variants: Iterable[Variant]) -> None:
    """With their stock."""
    gone = list(variants)
    if not gone:
        return
    await tx.execute(
        "DELETE FROM variant WHERE store_id = %s AND id = ANY(%s)", [store_id, [variant.id for variant in gone]]
    )
    await tx.execute(
        "DELETE FROM inventory_item WHERE store_id = %s AND id = ANY(%s)",
        [store_id, [variant.inventory_item_id for variant in gone]],
    )
