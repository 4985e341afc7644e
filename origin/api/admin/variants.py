"""Variants of the admin API, both below their product and by their own id."""

from typing import Annotated, Any

from fastapi import Body
from starlette.responses import JSONResponse

from contracts.tenant import StoreId
from origin.api.admin.lists import Listed
from origin.api.admin.merchant import GONE, Id, Merchant, ProductReader, ProductWriter
from origin.api.admin.product_inputs import VariantInput
from origin.api.admin.refusals import admin_router
from origin.catalog import listing, product_details, product_parts, variants
from origin.catalog.listing import Condition
from origin.db import Tx
from origin.errors import NotFound

router = admin_router("variants")
VARIANTS = Listed("variants", variants.FILTERS)

Variant = Annotated[VariantInput, Body(embed=True)]


async def _row(tx: Tx, store_id: StoreId, variant_id: int, product_id: int | None) -> dict[str, Any]:
    own = [Condition("variant.product_id = %s", (product_id,))] if product_id else []
    row = await listing.find(tx, store_id, "variant", variants.COLUMNS, variant_id, *own)
    if row is None:
        raise NotFound("variant")
    return row


@router.get("/products/{product_id}/variants.json", openapi_extra=VARIANTS.documented)
async def index(product_id: Id, merchant: ProductReader) -> JSONResponse:
    asked = merchant.asked(VARIANTS)
    async with merchant.begin() as (tx, shapes):
        await product_details.require(tx, merchant.store_id, product_id)
        found = await variants.page(tx, merchant.store_id, product_id, asked.conditions, asked.window)
    return merchant.listed(VARIANTS, asked, found, [shapes.variant(row) for row in found.rows])


@router.get("/products/{product_id}/variants/count.json")
async def count(product_id: Id, merchant: ProductReader) -> dict[str, int]:
    async with merchant.begin() as (tx, _):
        await product_details.require(tx, merchant.store_id, product_id)
        own = Condition("variant.product_id = %s", (product_id,))
        return {"count": await listing.count(tx, merchant.store_id, "variant", [own])}


@router.get("/products/{product_id}/variants/{variant_id}.json")
async def show_of_product(product_id: Id, variant_id: Id, merchant: ProductReader) -> JSONResponse:
    return await _show(merchant, variant_id, product_id)


@router.get("/variants/{variant_id}.json")
async def show(variant_id: Id, merchant: ProductReader) -> JSONResponse:
    return await _show(merchant, variant_id, None)


@router.post("/products/{product_id}/variants.json", status_code=201)
async def create(product_id: Id, variant: Variant, merchant: ProductWriter) -> JSONResponse:
    """A further variant. Its combination of option values must be new."""
    async with merchant.begin() as (tx, shapes):
        variant_id = await product_parts.add_variant(tx, merchant.store_id, product_id, variant.change())
        row = await _row(tx, merchant.store_id, variant_id, product_id)
    return merchant.one("variant", shapes.variant(row), status=201)


@router.put("/products/{product_id}/variants/{variant_id}.json")
async def update_of_product(product_id: Id, variant_id: Id, variant: Variant, merchant: ProductWriter) -> JSONResponse:
    return await _update(merchant, variant_id, product_id, variant)


@router.put("/variants/{variant_id}.json")
async def update(variant_id: Id, variant: Variant, merchant: ProductWriter) -> JSONResponse:
    """Changes what is given."""
    return await _update(merchant, variant_id, None, variant)


@router.delete("/products/{product_id}/variants/{variant_id}.json")
async def destroy_of_product(product_id: Id, variant_id: Id, merchant: ProductWriter) -> dict[str, Any]:
    return await _destroy(merchant, variant_id, product_id)


@router.delete("/variants/{variant_id}.json")
async def destroy(variant_id: Id, merchant: ProductWriter) -> dict[str, Any]:
    """The last variant of a product cannot be deleted."""
    return await _destroy(merchant, variant_id, None)


async def _show(merchant: Merchant, variant_id: int, product_id: int | None) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        row = await _row(tx, merchant.store_id, variant_id, product_id)
    return merchant.one("variant", shapes.variant(row))


async def _update(merchant: Merchant, variant_id: int, product_id: int | None, variant: VariantInput) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        row = await _row(tx, merchant.store_id, variant_id, product_id)
        change = variant.change()
        await product_parts.change_variant(tx, merchant.store_id, row["product_id"], variant_id, change)
        row = await _row(tx, merchant.store_id, variant_id, product_id)
    return merchant.one("variant", shapes.variant(row))


async def _destroy(merchant: Merchant, variant_id: int, product_id: int | None) -> dict[str, Any]:
    async with merchant.begin() as (tx, _):
        row = await _row(tx, merchant.store_id, variant_id, product_id)
        await product_parts.remove_variant(tx, merchant.store_id, row["product_id"], variant_id)
    return GONE
