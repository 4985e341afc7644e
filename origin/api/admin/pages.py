"""Static pages of the admin API."""

from typing import Annotated, Any, cast

from fastapi import Body
from starlette.responses import JSONResponse

from origin.api.admin.fields import Flag, Html, Input, Moment, Short, Text
from origin.api.admin.lists import Listed
from origin.api.admin.merchant import GONE, ContentReader, ContentWriter, Id
from origin.api.admin.refusals import admin_router
from origin.catalog import static_pages
from origin.catalog.static_pages import StaticPageChange

router = admin_router("pages")
PAGES = Listed("pages", static_pages.FILTERS)


class PageInput(Input):
    """A page such as "About us". Absent keys stay as they are."""

    title: Text | None = None
    handle: Short | None = None
    body_html: Html | None = None
    author: Short | None = None
    template_suffix: Short | None = None
    published: Flag | None = None
    published_at: Moment | None = None

    def change(self) -> StaticPageChange:
        return cast(StaticPageChange, self.given("published"))


StaticPage = Annotated[PageInput, Body(embed=True)]


@router.get("/pages.json", openapi_extra=PAGES.documented)
async def index(merchant: ContentReader) -> JSONResponse:
    asked = merchant.asked(PAGES)
    async with merchant.begin() as (tx, shapes):
        found = await static_pages.page(tx, merchant.store_id, asked.conditions, asked.window)
    return merchant.listed(PAGES, asked, found, [shapes.static_page(row) for row in found.rows])


@router.get("/pages/count.json", openapi_extra=PAGES.counted)
async def count(merchant: ContentReader) -> dict[str, int]:
    async with merchant.begin() as (tx, _):
        return {"count": await static_pages.count(tx, merchant.store_id, PAGES.conditions(merchant.request))}


@router.get("/pages/{page_id}.json")
async def show(page_id: Id, merchant: ContentReader) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        row = await static_pages.find(tx, merchant.store_id, page_id)
    return merchant.one("page", shapes.static_page(row))


@router.post("/pages.json", status_code=201)
async def create(page: StaticPage, merchant: ContentWriter) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        page_id = await static_pages.create(tx, merchant.store_id, page.change())
        row = await static_pages.find(tx, merchant.store_id, page_id)
    return merchant.one("page", shapes.static_page(row), status=201)


@router.put("/pages/{page_id}.json")
async def update(page_id: Id, page: StaticPage, merchant: ContentWriter) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        await static_pages.update(tx, merchant.store_id, page_id, page.change())
        row = await static_pages.find(tx, merchant.store_id, page_id)
    return merchant.one("page", shapes.static_page(row))


@router.delete("/pages/{page_id}.json")
async def destroy(page_id: Id, merchant: ContentWriter) -> dict[str, Any]:
    async with merchant.begin() as (tx, _):
        await static_pages.delete(tx, merchant.store_id, page_id)
    return GONE
