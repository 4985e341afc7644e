"""Custom and smart collections of the admin API, and what both have in common."""

from typing import Annotated, Any, cast

from fastapi import APIRouter, Body
from pydantic import Field
from starlette.responses import JSONResponse

from origin.api.admin.fields import Flag, Html, Identifier, Input, Moment, Place, Short, Text
from origin.api.admin.lists import Listed
from origin.api.admin.merchant import GONE, Id, Merchant, ProductReader, ProductWriter
from origin.api.admin.refusals import admin_router
from origin.catalog import collections, product_details
from origin.catalog.assets import checked_upload
from origin.catalog.collections import CollectionChange, CollectionImageChange, Kind
from origin.catalog.listing import Condition

router = admin_router("collections")


class CollectionImageInput(Input):
    """`src` is an address on the web, stored and not fetched; or `attachment` is a base64 file."""

    src: Text | None = None
    attachment: Text | None = None
    filename: Short | None = None
    alt: Annotated[Text, Field(max_length=1000)] | None = None

    async def change(self) -> CollectionImageChange:
        given = self.given()
        attachment, filename = given.pop("attachment", None), given.pop("filename", None)
        change = cast(CollectionImageChange, given)
        if attachment:
            change["upload"] = await checked_upload(attachment, filename or "collection")
        return change


class CollectionInput(Input):
    """What every collection has. Absent keys stay as they are."""

    title: Text | None = None
    handle: Short | None = None
    body_html: Html | None = None
    sort_order: Short | None = Field(None, description=", ".join(collections.SORT_ORDERS))
    published: Flag | None = None
    published_at: Moment | None = None
    published_scope: Short | None = None
    template_suffix: Short | None = None
    image: CollectionImageInput | None = None

    async def change(self) -> CollectionChange:
        given = self.given("published")
        if self.image is not None:
            given["image"] = await self.image.change()
        return cast(CollectionChange, given)


class MemberInput(Input):
    product_id: Identifier
    position: Place | None = None


class CustomCollectionInput(CollectionInput):
    """A collection of chosen products. `collects` is the whole list of them, in order."""

    collects: list[MemberInput] | None = Field(None, max_length=5000)


class RuleInput(Input):
    column: Short = Field(description="title, type, vendor, tag, variant_price and so on")
    relation: Short = Field(description="equals, not_equals, greater_than, less_than, starts_with and so on")
    condition: Text


class SmartCollectionInput(CollectionInput):
    """A collection of whatever satisfies its rules: all of them, or with `disjunctive` any of them."""

    rules: list[RuleInput] | None = None
    disjunctive: Flag | None = None


def _add_routes(routes: APIRouter, kind: Kind, root: str, body: Any) -> None:
    listed = Listed(f"{root}s", collections.FILTERS)

    async def index(merchant: ProductReader) -> JSONResponse:
        asked = merchant.asked(listed)
        async with merchant.begin() as (tx, shapes):
            found = await collections.page(tx, merchant.store_id, kind, asked.conditions, asked.window)
        return merchant.listed(listed, asked, found, [shapes.collection(row) for row in found.rows])

    async def count(merchant: ProductReader) -> dict[str, int]:
        conditions = listed.conditions(merchant.request)
        async with merchant.begin() as (tx, _):
            return {"count": await collections.count(tx, merchant.store_id, kind, conditions)}

    async def show(collection_id: Id, merchant: ProductReader) -> JSONResponse:
        return await _show(merchant, kind, root, collection_id)

    async def create(collection: body, merchant: ProductWriter) -> JSONResponse:
        change = await collection.change()
        async with merchant.begin() as (tx, shapes):
            collection_id = await collections.create(tx, merchant.store_id, kind, change)
            row = await collections.find(tx, merchant.store_id, kind, collection_id)
        return merchant.one(root, shapes.collection(row), status=201)

    async def update(collection_id: Id, collection: body, merchant: ProductWriter) -> JSONResponse:
        change = await collection.change()
        async with merchant.begin() as (tx, shapes):
            await collections.update(tx, merchant.store_id, kind, collection_id, change)
            row = await collections.find(tx, merchant.store_id, kind, collection_id)
        return merchant.one(root, shapes.collection(row))

    async def destroy(collection_id: Id, merchant: ProductWriter) -> dict[str, Any]:
        async with merchant.begin() as (tx, _):
            await collections.delete(tx, merchant.store_id, kind, collection_id)
        return GONE

    one = f"/{root}s/{{collection_id}}.json"
    routes.get(f"/{root}s.json", name=f"{root}s", openapi_extra=listed.documented)(index)
    routes.get(f"/{root}s/count.json", name=f"count {root}s", openapi_extra=listed.counted)(count)
    routes.get(one, name=f"show {root}")(show)
    routes.post(f"/{root}s.json", name=f"create {root}", status_code=201)(create)
    routes.put(one, name=f"update {root}")(update)
    routes.delete(one, name=f"delete {root}")(destroy)


async def _show(merchant: Merchant, kind: Kind | None, root: str, collection_id: int) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        row = await collections.find(tx, merchant.store_id, kind, collection_id)
    return merchant.one(root, shapes.collection(row))


_add_routes(
    router,
    Kind.CUSTOM,
    "custom_collection",
    Annotated[CustomCollectionInput, Body(alias="custom_collection", embed=True)],
)
_add_routes(
    router, Kind.SMART, "smart_collection", Annotated[SmartCollectionInput, Body(alias="smart_collection", embed=True)]
)


@router.put("/smart_collections/{collection_id}/order.json")
async def order(collection_id: Id, merchant: ProductWriter) -> dict[str, Any]:
    """`?products[]=3&products[]=1` puts these first; `?sort_order=alpha-asc` sorts by a rule."""
    query = merchant.request.query_params
    texts = [value for name, value in query.multi_items() if name in {"products", "products[]"}]
    product_ids = [
        int(text) for text in ",".join(texts).split(",") if text.isascii() and text.isdigit() and len(text) < 17
    ]
    async with merchant.begin() as (tx, _):
        await collections.reorder(tx, merchant.store_id, collection_id, product_ids, query.get("sort_order"))
    return {}


@router.get("/collections/{collection_id}.json")
async def show_any(collection_id: Id, merchant: ProductReader) -> JSONResponse:
    """A collection of either kind."""
    return await _show(merchant, None, "collection", collection_id)


MEMBERS = Listed("collection_products", product_details.FILTERS)


@router.get("/collections/{collection_id}/products.json", openapi_extra=MEMBERS.documented)
async def members(collection_id: Id, merchant: ProductReader) -> JSONResponse:
    """The products of a collection of either kind."""
    asked = merchant.asked(MEMBERS)
    own = Condition(
        """EXISTS (SELECT FROM collect WHERE collect.store_id = product.store_id
                   AND collect.product_id = product.id AND collect.collection_id = %s)""",
        (collection_id,),
    )
    async with merchant.begin() as (tx, shapes):
        await collections.find(tx, merchant.store_id, None, collection_id)
        found, details = await product_details.page(tx, merchant.store_id, [own, *asked.conditions], asked.window)
    return merchant.listed(MEMBERS, asked, found, [shapes.product(each) for each in details], root="products")
