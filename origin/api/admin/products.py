"""Products of the admin API."""

from typing import Annotated, Any

from fastapi import Body
from starlette.responses import JSONResponse

from origin.api.admin.lists import Listed
from origin.api.admin.merchant import GONE, Id, ProductReader, ProductWriter
from origin.api.admin.product_inputs import ProductInput
from origin.api.admin.refusals import admin_router
from origin.catalog import product_details, products

router = admin_router("products")
PRODUCTS = Listed("products", product_details.FILTERS)

Product = Annotated[ProductInput, Body(embed=True)]


@router.get("/products.json", openapi_extra=PRODUCTS.documented)
async def index(merchant: ProductReader) -> JSONResponse:
    """Products in order of id, each with its options, variants and images."""
    asked = merchant.asked(PRODUCTS)
    async with merchant.begin() as (tx, shapes):
        found, details = await product_details.page(tx, merchant.store_id, asked.conditions, asked.window)
    return merchant.listed(PRODUCTS, asked, found, [shapes.product(each) for each in details])


@router.get("/products/count.json", openapi_extra=PRODUCTS.counted)
async def count(merchant: ProductReader) -> dict[str, int]:
    async with merchant.begin() as (tx, _):
        number = await product_details.count(tx, merchant.store_id, PRODUCTS.conditions(merchant.request))
    return {"count": number}


@router.get("/products/{product_id}.json")
async def show(product_id: Id, merchant: ProductReader) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        details = await product_details.find(tx, merchant.store_id, product_id)
    return merchant.one("product", shapes.product(details))


@router.post("/products.json", status_code=201)
async def create(product: Product, merchant: ProductWriter) -> JSONResponse:
    """Without variants it gets one, called Default Title. The handle is made from the title and counted up if taken."""
    change = await product.change()
    async with merchant.begin() as (tx, shapes):
        product_id = await products.create(tx, merchant.store_id, change)
        details = await product_details.find(tx, merchant.store_id, product_id)
    return merchant.one("product", shapes.product(details), status=201)


@router.put("/products/{product_id}.json")
async def update(product_id: Id, product: Product, merchant: ProductWriter) -> JSONResponse:
    """Changes what is given. Variants and images are known by id; those that a given list lacks are removed."""
    change = await product.change()
    async with merchant.begin() as (tx, shapes):
        await products.update(tx, merchant.store_id, product_id, change)
        details = await product_details.find(tx, merchant.store_id, product_id)
    return merchant.one("product", shapes.product(details))


@router.delete("/products/{product_id}.json")
async def destroy(product_id: Id, merchant: ProductWriter) -> dict[str, Any]:
    """With its variants, their stock, and its places in collections."""
    async with merchant.begin() as (tx, _):
        await products.delete(tx, merchant.store_id, product_id)
    return GONE
