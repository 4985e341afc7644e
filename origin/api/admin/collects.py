"""Collects of the admin API: which product is in which custom collection."""

from typing import Annotated, Any

from fastapi import Body
from starlette.responses import JSONResponse

from origin.api.admin.fields import Identifier, Input, Place
from origin.api.admin.lists import Listed
from origin.api.admin.merchant import GONE, Id, ProductReader, ProductWriter
from origin.api.admin.refusals import admin_router
from origin.catalog import collects

router = admin_router("collects")
COLLECTS = Listed("collects", collects.FILTERS)


class CollectInput(Input):
    """Puts a product into a custom collection, at the end unless a position is given."""

    collection_id: Identifier
    product_id: Identifier
    position: Place | None = None


@router.get("/collects.json", openapi_extra=COLLECTS.documented)
async def index(merchant: ProductReader) -> JSONResponse:
    asked = merchant.asked(COLLECTS)
    async with merchant.begin() as (tx, shapes):
        found = await collects.page(tx, merchant.store_id, asked.conditions, asked.window)
    return merchant.listed(COLLECTS, asked, found, [shapes.collect(row) for row in found.rows])


@router.get("/collects/count.json", openapi_extra=COLLECTS.counted)
async def count(merchant: ProductReader) -> dict[str, int]:
    async with merchant.begin() as (tx, _):
        return {"count": await collects.count(tx, merchant.store_id, COLLECTS.conditions(merchant.request))}


@router.get("/collects/{collect_id}.json")
async def show(collect_id: Id, merchant: ProductReader) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        row = await collects.find(tx, merchant.store_id, collect_id)
    return merchant.one("collect", shapes.collect(row))


@router.post("/collects.json", status_code=201)
async def create(collect: Annotated[CollectInput, Body(embed=True)], merchant: ProductWriter) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        collect_id = await collects.create(
            tx, merchant.store_id, collect.collection_id, collect.product_id, collect.position
        )
        row = await collects.find(tx, merchant.store_id, collect_id)
    return merchant.one("collect", shapes.collect(row), status=201)


@router.delete("/collects/{collect_id}.json")
async def destroy(collect_id: Id, merchant: ProductWriter) -> dict[str, Any]:
    async with merchant.begin() as (tx, _):
        await collects.delete(tx, merchant.store_id, collect_id)
    return GONE
