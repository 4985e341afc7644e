"""A product's rows as the database has them: loaded, written and removed for many products in one statement a table.

A row is a dict with the columns of its table's plan, ids included; whoever makes one takes the ids from `new_ids`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.types.json import Jsonb

from contracts.tenant import StoreId
from origin.db import Tx

Record = dict[str, Any]
Ids = Mapping[str, Iterator[int]]


@dataclass(frozen=True, slots=True)
class Plan:
    """The columns that an import writes, with their types; `key` identifies a row within its shop."""

    table: str
    columns: Mapping[str, str]
    key: tuple[str, ...] = ("id",)
    has_updated_at: bool = True

    @property
    def upsert(self) -> str:
        names = ", ".join(self.columns)
        values = ", ".join(f"given.{name}" for name in self.columns)
        typed = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        changes = [f"{name} = excluded.{name}" for name in self.columns if name not in self.key]
        if self.has_updated_at:
            changes.append("updated_at = now()")
        # In the order of the keys, so that rows are locked in the order everybody locks them in.
        return f"""
            INSERT INTO {self.table} (store_id, {names})
            SELECT %(store_id)s, {values} FROM jsonb_to_recordset(%(rows)s) AS given ({typed})
            ORDER BY {", ".join(f"given.{name}" for name in self.key)}
            ON CONFLICT (store_id, {", ".join(self.key)}) DO UPDATE SET {", ".join(changes)}"""


PRODUCT = Plan(
    "product",
    {
        "id": "bigint",
        "title": "text",
        "handle": "text",
        "body_html": "text",
        "vendor": "text",
        "product_type": "text",
        "status": "text",
        "published_at": "timestamptz",
        "tags": "text[]",
        "seo_title": "text",
        "seo_description": "text",
        "price_min_minor": "bigint",
        "price_max_minor": "bigint",
        "availability": "text",
    },
)
OPTION = Plan(
    "product_option",
    {"id": "bigint", "product_id": "bigint", "name": "text", "position": "integer"},
    has_updated_at=False,
)
IMAGE = Plan(
    "product_image",
    {"id": "bigint", "product_id": "bigint", "position": "integer", "src": "text", "alt": "text"},
)
ITEM = Plan(
    "inventory_item",
    {"id": "bigint", "sku": "text", "cost_minor": "bigint", "is_tracked": "boolean", "requires_shipping": "boolean"},
)
VARIANT = Plan(
    "variant",
    {
        "id": "bigint",
        "product_id": "bigint",
        "inventory_item_id": "bigint",
        "title": "text",
        "position": "integer",
        "option1": "text",
        "option2": "text",
        "option3": "text",
        "price_minor": "bigint",
        "compare_at_minor": "bigint",
        "sku": "text",
        "barcode": "text",
        "grams": "bigint",
        "weight_unit": "text",
        "inventory_management": "text",
        "inventory_policy": "text",
        "requires_shipping": "boolean",
        "taxable": "boolean",
        "tax_code": "text",
        "image_id": "bigint",
        "availability": "text",
    },
)
LEVEL = Plan(
    "inventory_level",
    {"inventory_item_id": "bigint", "location_id": "bigint", "available": "bigint", "may_oversell": "boolean"},
    key=("inventory_item_id", "location_id"),
)

# Parents first, so that every row finds what it refers to; removal goes the other way.
PLANS = (PRODUCT, OPTION, IMAGE, ITEM, VARIANT, LEVEL)
_WITH_IDS = (PRODUCT, OPTION, IMAGE, ITEM, VARIANT)


@dataclass(slots=True)
class StoredProduct:
    """One product with all its rows, in order of position. `levels` are those at the primary location."""

    product: Record
    options: list[Record] = field(default_factory=list)
    images: list[Record] = field(default_factory=list)
    variants: list[Record] = field(default_factory=list)
    items: dict[int, Record] = field(default_factory=dict)
    levels: dict[int, Record] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """What is to be written. `policies` are levels whose stock stays and whose `may_oversell` changes."""

    rows: dict[str, list[Record]] = field(default_factory=lambda: {plan.table: [] for plan in PLANS})
    removed: dict[str, list[int]] = field(default_factory=lambda: {plan.table: [] for plan in _WITH_IDS})
    policies: list[Record] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(self.rows.values()) or any(self.removed.values()) or bool(self.policies)

    def include(self, other: "Changes") -> None:
        for table, rows in other.rows.items():
            self.rows[table] += rows
        for table, ids in other.removed.items():
            self.removed[table] += ids
        self.policies += other.policies


async def new_ids(tx: Tx, counts: Mapping[str, int]) -> Ids:
    """That many ids of each table, in one round trip. What is not used is lost, which costs nothing."""
    arrays = ", ".join(
        f"ARRAY(SELECT nextval('{table}_id_seq') FROM generate_series(1, {int(count)})) AS {table}"
        for table, count in counts.items()
    )
    row = await (await tx.execute(f"SELECT {arrays}".encode())).fetchone()
    assert row is not None
    return {table: iter(ids) for table, ids in row.items()}


async def load(tx: Tx, store_id: StoreId, product_ids: Sequence[int], location_id: int) -> list[StoredProduct]:
    """These products as they are, and held so until the transaction ends. Stock is not held: sales go on."""
    names = {plan.table: ", ".join(plan.columns) for plan in PLANS}
    found = {}
    rows = await _rows(
        tx,
        f"""SELECT {names[PRODUCT.table]} FROM product WHERE store_id = %s AND id = ANY(%s)
            ORDER BY id FOR NO KEY UPDATE""",
        [store_id, sorted(product_ids)],
    )
    for row in rows:
        found[row["id"]] = StoredProduct(
            row | {"published_at": row["published_at"] and row["published_at"].isoformat()}
        )
    for plan, kind in ((OPTION, "options"), (IMAGE, "images"), (VARIANT, "variants")):
        rows = await _rows(
            tx,
            f"""SELECT {names[plan.table]} FROM {plan.table} WHERE store_id = %s AND product_id = ANY(%s)
                ORDER BY position, id FOR NO KEY UPDATE""",
            [store_id, list(found)],
        )
        for row in rows:
            getattr(found[row["product_id"]], kind).append(row)
    owners = {row["inventory_item_id"]: stored for stored in found.values() for row in stored.variants}
    await _load_inventory(tx, store_id, owners, names, location_id)
    return list(found.values())


async def _load_inventory(
    tx: Tx, store_id: StoreId, owners: Mapping[int, StoredProduct], names: Mapping[str, str], location_id: int
) -> None:
    rows = await _rows(
        tx,
        f"""SELECT {names[ITEM.table]} FROM inventory_item WHERE store_id = %s AND id = ANY(%s)
            ORDER BY id FOR NO KEY UPDATE""",
        [store_id, sorted(owners)],
    )
    for row in rows:
        owners[row["id"]].items[row["id"]] = row
    rows = await _rows(
        tx,
        f"""SELECT {names[LEVEL.table]} FROM inventory_level
            WHERE store_id = %s AND inventory_item_id = ANY(%s) AND location_id = %s""",
        [store_id, sorted(owners), location_id],
    )
    for row in rows:
        owners[row["inventory_item_id"]].levels[row["inventory_item_id"]] = row


async def _rows(tx: Tx, statement: str, values: Sequence[Any]) -> list[Record]:
    return await (await tx.execute(statement.encode(), values)).fetchall()


async def write(tx: Tx, store_id: StoreId, changes: Changes) -> None:
    """In as many statements as tables are concerned, and with every constraint checked before it returns."""
    for plan in PLANS:
        if changes.rows[plan.table]:
            await tx.execute(plan.upsert.encode(), {"store_id": store_id, "rows": Jsonb(changes.rows[plan.table])})
    if changes.policies:
        await _write_policies(tx, store_id, changes.policies)
    for plan in reversed(_WITH_IDS):
        if changes.removed[plan.table]:
            statement = f"DELETE FROM {plan.table} WHERE store_id = %s AND id = ANY(%s)"
            await tx.execute(statement.encode(), [store_id, sorted(changes.removed[plan.table])])
    await tx.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


# Both tables are narrowed by themselves and not only by the join, as in origin.catalog.availability.
SET_POLICIES = """
    WITH given AS (
        SELECT * FROM unnest(%(items)s::bigint[], %(may_oversell)s::boolean[]) AS given (item_id, may_oversell)
    ), held AS (
        SELECT level.inventory_item_id, level.location_id, given.may_oversell
        FROM inventory_level AS level JOIN given ON given.item_id = level.inventory_item_id
        WHERE level.store_id = %(store_id)s AND level.inventory_item_id = ANY(%(items)s)
        ORDER BY level.inventory_item_id, level.location_id FOR NO KEY UPDATE OF level
    )
    UPDATE inventory_level AS level
    SET may_oversell = held.may_oversell, updated_at = now(),
        available = CASE WHEN held.may_oversell THEN level.available ELSE greatest(level.available, 0) END
    FROM held
    WHERE level.store_id = %(store_id)s AND level.inventory_item_id = ANY(%(items)s)
      AND level.inventory_item_id = held.inventory_item_id AND level.location_id = held.location_id
"""


async def _write_policies(tx: Tx, store_id: StoreId, policies: list[Record]) -> None:
    values = {
        "store_id": store_id,
        "items": [row["inventory_item_id"] for row in policies],
        "may_oversell": [row["may_oversell"] for row in policies],
    }
    await tx.execute(SET_POLICIES.encode(), values)
