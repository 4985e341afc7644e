"""All of the admin API under its two addresses: `/admin/api/{version}` and, for older clients, `/admin`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from origin.api.admin import (
    access_scopes,
    collections,
    collects,
    files,
    fulfillments,
    images,
    imports,
    inventory,
    locations,
    order_changes,
    orders,
    pages,
    products,
    refunds,
    shop,
    transactions,
    variants,
)

ROUTERS = (
    shop.router,
    products.router,
    variants.router,
    images.router,
    files.router,
    collections.router,
    collects.router,
    pages.router,
    locations.router,
    inventory.router,
    orders.router,
    order_changes.router,
    transactions.router,
    refunds.router,
    fulfillments.router,
    imports.router,
)


async def _known_version(
    version: Annotated[str, Path(pattern=r"^(\d{4}-\d{2}|unstable)$", examples=["2024-10"])],
) -> None:
    """Any version is answered with the same semantics, those of 2024-10."""


versioned = APIRouter(prefix="/admin/api/{version}", dependencies=[Depends(_known_version)])
unversioned = APIRouter(prefix="/admin", include_in_schema=False)
for _router in ROUTERS:
    versioned.include_router(_router)
    unversioned.include_router(_router)
scopes = APIRouter(prefix="/admin")
scopes.include_router(access_scopes.router)

routers = (versioned, scopes, unversioned)
