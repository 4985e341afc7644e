"""Inventory items and levels of the admin API."""

from typing import Annotated, Any, cast

from fastapi import Body
from pydantic import Field
from starlette.responses import JSONResponse

from origin.api.admin.fields import Amount, Flag, Identifier, Input, Short, Whole
from origin.api.admin.lists import Listed
from origin.api.admin.merchant import GONE, Id, InventoryReader, InventoryWriter, Merchant
from origin.api.admin.refusals import admin_router
from origin.catalog import inventory, locations
from origin.catalog.inventory import ItemChange, LevelKey
from origin.catalog.listing import Condition, Slice
from origin.errors import Invalid

router = admin_router("inventory")
ITEMS = Listed("inventory_items", inventory.ITEM_FILTERS)
LEVELS = Listed("inventory_levels", inventory.LEVEL_FILTERS)


class ItemInput(Input):
    """What is counted for a variant. Absent keys stay as they are."""

    sku: Short | None = None
    cost: Amount | None = None
    tracked: Flag | None = None
    requires_shipping: Flag | None = None
    country_code_of_origin: Short | None = None
    province_code_of_origin: Short | None = None
    harmonized_system_code: Short | None = None


class LevelKeyInput(Input):
    """Which item at which location."""

    inventory_item_id: Identifier
    location_id: Identifier


class SetInput(LevelKeyInput):
    available: Whole = Field(description="how many can be sold from there")


class AdjustInput(LevelKeyInput):
    available_adjustment: Whole = Field(description="how many more, or fewer")


@router.get("/inventory_items.json", openapi_extra=ITEMS.documented)
async def items(merchant: InventoryReader) -> JSONResponse:
    """The items named in `ids`."""
    if not merchant.request.query_params.keys() & {"ids", "ids[]", "page_info"}:
        raise Invalid({"ids": ["Required parameter missing or invalid"]})
    asked = merchant.asked(ITEMS)
    async with merchant.begin() as (tx, shapes):
        found = await inventory.item_page(tx, merchant.store_id, asked.conditions, asked.window)
    return merchant.listed(ITEMS, asked, found, [shapes.inventory_item(row) for row in found.rows])


@router.get("/inventory_items/{item_id}.json")
async def item(item_id: Id, merchant: InventoryReader) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        row = await inventory.find_item(tx, merchant.store_id, item_id)
    return merchant.one("inventory_item", shapes.inventory_item(row))


@router.put("/inventory_items/{item_id}.json")
async def update_item(
    item_id: Id, inventory_item: Annotated[ItemInput, Body(embed=True)], merchant: InventoryWriter
) -> JSONResponse:
    change = cast(ItemChange, inventory_item.given())
    async with merchant.begin() as (tx, shapes):
        await inventory.change_item(tx, merchant.store_id, item_id, change, shapes.currency)
        row = await inventory.find_item(tx, merchant.store_id, item_id)
    return merchant.one("inventory_item", shapes.inventory_item(row))


@router.get("/inventory_levels.json", openapi_extra=LEVELS.documented)
async def levels(merchant: InventoryReader) -> JSONResponse:
    """Levels of the items in `inventory_item_ids` or at the places in `location_ids`, or both; one is needed."""
    wanted = {"inventory_item_ids", "inventory_item_ids[]", "location_ids", "location_ids[]", "page_info"}
    if not merchant.request.query_params.keys() & wanted:
        raise Invalid({"base": ["inventory_item_ids or location_ids are required"]})
    return await _levels(merchant, [])


@router.get("/locations/{location_id}/inventory_levels.json", openapi_extra=LEVELS.documented)
async def levels_at(location_id: Id, merchant: InventoryReader) -> JSONResponse:
    return await _levels(merchant, [Condition("inventory_level.location_id = %s", (location_id,))], location_id)


@router.post("/inventory_levels/set.json")
async def set_level(body: SetInput, merchant: InventoryWriter) -> JSONResponse:
    """Says how many there are. The item is stocked there if it was not yet."""
    async with merchant.begin() as (tx, shapes):
        row = await inventory.set_level(tx, merchant.store_id, body.inventory_item_id, body.location_id, body.available)
    return merchant.one("inventory_level", shapes.inventory_level(row))


@router.post("/inventory_levels/adjust.json")
async def adjust_level(body: AdjustInput, merchant: InventoryWriter) -> JSONResponse:
    """Says how many more there are, or fewer: safe while shoppers buy."""
    async with merchant.begin() as (tx, shapes):
        row = await inventory.adjust_level(
            tx, merchant.store_id, body.inventory_item_id, body.location_id, body.available_adjustment
        )
    return merchant.one("inventory_level", shapes.inventory_level(row))


@router.post("/inventory_levels/connect.json", status_code=201)
async def connect_level(body: LevelKeyInput, merchant: InventoryWriter) -> JSONResponse:
    """Stocks an item at a location, with none of it yet."""
    async with merchant.begin() as (tx, shapes):
        row = await inventory.connect_level(tx, merchant.store_id, body.inventory_item_id, body.location_id)
    return merchant.one("inventory_level", shapes.inventory_level(row), status=201)


@router.delete("/inventory_levels.json")
async def delete_level(inventory_item_id: int, location_id: int, merchant: InventoryWriter) -> dict[str, Any]:
    """The item is no longer stocked there."""
    async with merchant.begin() as (tx, _):
        await inventory.delete_level(tx, merchant.store_id, inventory_item_id, location_id)
    return GONE


async def _levels(merchant: Merchant, own: list[Condition], location_id: int | None = None) -> JSONResponse:
    asked = merchant.asked(LEVELS)
    item_id, _, at = asked.key.partition(":")
    after = LevelKey(int(item_id), int(at)) if asked.key else None
    limit = asked.window.limit
    async with merchant.begin() as (tx, shapes):
        if location_id is not None:
            await locations.find(tx, merchant.store_id, location_id)
        rows = await inventory.level_page(tx, merchant.store_id, [*own, *asked.conditions], limit, after)
    found = Slice(rows[:limit], has_next=len(rows) > limit, has_previous=False)
    return LEVELS.answer(
        merchant.request,
        merchant.store_id,
        merchant.origin.settings.signing_key,
        asked,
        found,
        [shapes.inventory_level(row) for row in found.rows],
        key_of=lambda row: f"{row['inventory_item_id']}:{row['location_id']}",
    )
