"""Where a shop keeps its stock. The primary location is the one that new variants are stocked at."""

from collections.abc import Sequence
from typing import Any, TypedDict

from psycopg.types.json import Jsonb

from contracts.tenant import StoreId
from origin.catalog import listing
from origin.catalog.listing import Condition, Filters, Slice, Window, above_id, ids_in
from origin.db import Tx
from origin.errors import Invalid, NotFound

MAX_LOCATIONS = 1000
ADDRESS_FIELDS = (
    "address1",
    "address2",
    "city",
    "zip",
    "province",
    "province_code",
    "country",
    "country_code",
    "phone",
)
FILTERS: Filters = {"ids": ids_in("location.id"), "since_id": above_id("location.id")}


class LocationChange(TypedDict, total=False):
    name: str | None
    address: dict[str, str | None]


async def page(tx: Tx, store_id: StoreId, conditions: Sequence[Condition], window: Window) -> Slice:
    return await listing.select(tx, store_id, "location", "*", conditions, window)


async def count(tx: Tx, store_id: StoreId, conditions: Sequence[Condition]) -> int:
    return await listing.count(tx, store_id, "location", conditions)


async def find(tx: Tx, store_id: StoreId, location_id: int) -> dict[str, Any]:
    row = await listing.find(tx, store_id, "location", "*", location_id)
    if row is None:
        raise NotFound("location")
    return row


async def create(tx: Tx, store_id: StoreId, change: LocationChange) -> int:
    if await count(tx, store_id, []) >= MAX_LOCATIONS:
        raise Invalid({"base": [f"A shop can't have more than {MAX_LOCATIONS} locations"]})
    cursor = await tx.execute(
        "INSERT INTO location (store_id, name, address) VALUES (%s, %s, %s) RETURNING id",
        [store_id, _name(change.get("name")), Jsonb(change.get("address", {}))],
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row["id"])


async def update(tx: Tx, store_id: StoreId, location_id: int, change: LocationChange) -> None:
    """Raises NotFound, Invalid. No page shows a location, so nothing is purged."""
    name = _name(change["name"]) if "name" in change else None
    cursor = await tx.execute(
        """UPDATE location SET name = coalesce(%s, name), address = address || %s, updated_at = now()
           WHERE store_id = %s AND id = %s""",
        [name, Jsonb(change.get("address", {})), store_id, location_id],
    )
    if not cursor.rowcount:
        raise NotFound("location")


def _name(name: str | None) -> str:
    if not (name or "").strip():
        raise Invalid({"name": ["can't be blank"]})
    return str(name).strip()
