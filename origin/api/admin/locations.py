"""Locations of the admin API."""

from typing import Annotated

from fastapi import Body
from starlette.responses import JSONResponse

from origin.api.admin.fields import Input, Short
from origin.api.admin.lists import Listed
from origin.api.admin.merchant import Id, LocationReader, LocationWriter
from origin.api.admin.refusals import admin_router
from origin.catalog import locations
from origin.catalog.locations import ADDRESS_FIELDS, LocationChange

router = admin_router("locations")
LOCATIONS = Listed("locations", locations.FILTERS)


class LocationInput(Input):
    """Where stock is kept. Absent keys stay as they are."""

    name: Short | None = None
    address1: Short | None = None
    address2: Short | None = None
    city: Short | None = None
    zip: Short | None = None
    province: Short | None = None
    province_code: Short | None = None
    country: Short | None = None
    country_code: Short | None = None
    phone: Short | None = None

    def change(self) -> LocationChange:
        given = self.given()
        change = LocationChange(address={name: given[name] for name in ADDRESS_FIELDS if name in given})
        if "name" in given:
            change["name"] = given["name"]
        return change


Location = Annotated[LocationInput, Body(embed=True)]


@router.get("/locations.json", openapi_extra=LOCATIONS.documented)
async def index(merchant: LocationReader) -> JSONResponse:
    asked = merchant.asked(LOCATIONS)
    async with merchant.begin() as (tx, shapes):
        found = await locations.page(tx, merchant.store_id, asked.conditions, asked.window)
    return merchant.listed(LOCATIONS, asked, found, [shapes.location(row) for row in found.rows])


@router.get("/locations/count.json", openapi_extra=LOCATIONS.counted)
async def count(merchant: LocationReader) -> dict[str, int]:
    async with merchant.begin() as (tx, _):
        return {"count": await locations.count(tx, merchant.store_id, LOCATIONS.conditions(merchant.request))}


@router.get("/locations/{location_id}.json")
async def show(location_id: Id, merchant: LocationReader) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        row = await locations.find(tx, merchant.store_id, location_id)
    return merchant.one("location", shapes.location(row))


@router.post("/locations.json", status_code=201)
async def create(location: Location, merchant: LocationWriter) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        location_id = await locations.create(tx, merchant.store_id, location.change())
        row = await locations.find(tx, merchant.store_id, location_id)
    return merchant.one("location", shapes.location(row), status=201)


@router.put("/locations/{location_id}.json")
async def update(location_id: Id, location: Location, merchant: LocationWriter) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        await locations.update(tx, merchant.store_id, location_id, location.change())
        row = await locations.find(tx, merchant.store_id, location_id)
    return merchant.one("location", shapes.location(row))
