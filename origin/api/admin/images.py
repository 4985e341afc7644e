"""Images of the admin API, below their product."""

from typing import Annotated, Any

from fastapi import Body
from starlette.responses import JSONResponse

from origin.api.admin.lists import Listed
from origin.api.admin.merchant import GONE, Id, Merchant, ProductReader, ProductWriter
from origin.api.admin.product_inputs import ImageInput
from origin.api.admin.refusals import admin_router
from origin.api.admin.shapes import Shapes, Shown
from origin.catalog import images, listing, product_details, product_parts
from origin.catalog.listing import Condition
from origin.db import Tx
from origin.errors import Invalid, NotFound

router = admin_router("images")
IMAGES = Listed("images", images.FILTERS)

Image = Annotated[ImageInput, Body(embed=True)]


async def _shown(merchant: Merchant, tx: Tx, shapes: Shapes, product_id: int, image_id: int) -> Shown:
    own = Condition("product_image.product_id = %s", (product_id,))
    row = await listing.find(tx, merchant.store_id, "product_image", images.COLUMNS, image_id, own)
    if row is None:
        raise NotFound("image")
    return shapes.image(row, row["variant_ids"])


@router.get("/products/{product_id}/images.json", openapi_extra=IMAGES.documented)
async def index(product_id: Id, merchant: ProductReader) -> JSONResponse:
    asked = merchant.asked(IMAGES)
    async with merchant.begin() as (tx, shapes):
        await product_details.require(tx, merchant.store_id, product_id)
        found = await images.page(tx, merchant.store_id, product_id, asked.conditions, asked.window)
    return merchant.listed(IMAGES, asked, found, [shapes.image(row, row["variant_ids"]) for row in found.rows])


@router.get("/products/{product_id}/images/count.json", openapi_extra=IMAGES.counted)
async def count(product_id: Id, merchant: ProductReader) -> dict[str, int]:
    conditions = [Condition("product_image.product_id = %s", (product_id,)), *IMAGES.conditions(merchant.request)]
    async with merchant.begin() as (tx, _):
        await product_details.require(tx, merchant.store_id, product_id)
        return {"count": await listing.count(tx, merchant.store_id, "product_image", conditions)}


@router.get("/products/{product_id}/images/{image_id}.json")
async def show(product_id: Id, image_id: Id, merchant: ProductReader) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        shown = await _shown(merchant, tx, shapes, product_id, image_id)
    return merchant.one("image", shown)


@router.post("/products/{product_id}/images.json", status_code=201)
async def create(product_id: Id, image: Image, merchant: ProductWriter) -> JSONResponse:
    """From a web address (`src`, stored and not fetched) or a base64 file (`attachment`)."""
    change = await image.change()
    if not (change.get("src") or "upload" in change):
        raise Invalid({"src": ["can't be blank: give a web address, or a file as attachment"]})
    async with merchant.begin() as (tx, shapes):
        image_id = await product_parts.add_image(tx, merchant.store_id, product_id, change)
        shown = await _shown(merchant, tx, shapes, product_id, image_id)
    return merchant.one("image", shown, status=201)


@router.put("/products/{product_id}/images/{image_id}.json")
async def update(product_id: Id, image_id: Id, image: Image, merchant: ProductWriter) -> JSONResponse:
    """Changes what is given; `variant_ids` is the whole list of variants that it shows."""
    change = await image.change()
    async with merchant.begin() as (tx, shapes):
        await product_parts.change_image(tx, merchant.store_id, product_id, image_id, change)
        shown = await _shown(merchant, tx, shapes, product_id, image_id)
    return merchant.one("image", shown)


@router.delete("/products/{product_id}/images/{image_id}.json")
async def destroy(product_id: Id, image_id: Id, merchant: ProductWriter) -> dict[str, Any]:
    async with merchant.begin() as (tx, _):
        await product_parts.remove_image(tx, merchant.store_id, product_id, image_id)
    return GONE
