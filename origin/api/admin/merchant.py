"""The caller of an admin route: whose shop it is, and how its requests are read and answered."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from starlette.responses import JSONResponse

from contracts.crash_points import Step
from contracts.tenant import StoreId
from origin.api.admin.fields import MAX_ID
from origin.api.admin.lists import Listed, ListRequest, asked_fields, only
from origin.api.admin.shapes import Shapes, Shown
from origin.api.dependencies import Origin, granted
from origin.catalog import shops
from origin.catalog.clashes import clashes_named
from origin.catalog.listing import Slice
from origin.collaborators import Collaborators
from origin.db import Tx

Id = Annotated[int, Path(ge=1, le=MAX_ID)]


@dataclass(frozen=True, slots=True)
class Merchant:
    store_id: StoreId
    origin: Collaborators
    request: Request

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[tuple[Tx, Shapes]]:
        """The request's one transaction, and how this shop's rows are shown."""
        step: Step | None = None if self.request.method == "GET" else "admin.write"
        async with clashes_named(), self.origin.db.tenant(self.store_id, step=step) as tx:
            shop = await shops.read(tx, self.store_id)
            yield tx, Shapes.of(shop, self.origin.settings.storefront_url(shop.host))

    def asked(self, listed: Listed) -> ListRequest:
        return listed.read(self.request, self.store_id, self.origin.settings.signing_key)

    def listed(
        self, listed: Listed, asked: ListRequest, found: Slice, shown: Sequence[Shown], *, root: str = ""
    ) -> JSONResponse:
        key = self.origin.settings.signing_key
        return listed.answer(self.request, self.store_id, key, asked, found, shown, root=root)

    def one(self, root: str, shown: Shown, *, status: int = 200) -> JSONResponse:
        """`{root: {...}}` with the keys that `fields` asks for."""
        return JSONResponse({root: only(shown, asked_fields(self.request))}, status)


def merchant(scope: str) -> Callable[..., Awaitable[Merchant]]:
    """A dependency: the merchant whose token has this scope; 401 or 403 otherwise."""

    async def check(
        store_id: Annotated[StoreId, Depends(granted(scope))], origin: Origin, request: Request
    ) -> Merchant:
        return Merchant(store_id, origin, request)

    return check


ProductReader = Annotated[Merchant, Depends(merchant("read_products"))]
ProductWriter = Annotated[Merchant, Depends(merchant("write_products"))]
InventoryReader = Annotated[Merchant, Depends(merchant("read_inventory"))]
InventoryWriter = Annotated[Merchant, Depends(merchant("write_inventory"))]
LocationReader = Annotated[Merchant, Depends(merchant("read_locations"))]
LocationWriter = Annotated[Merchant, Depends(merchant("write_locations"))]
ContentReader = Annotated[Merchant, Depends(merchant("read_content"))]
ContentWriter = Annotated[Merchant, Depends(merchant("write_content"))]
OrderReader = Annotated[Merchant, Depends(merchant("read_orders"))]
OrderWriter = Annotated[Merchant, Depends(merchant("write_orders"))]
ThemeReader = Annotated[Merchant, Depends(merchant("read_themes"))]
ThemeWriter = Annotated[Merchant, Depends(merchant("write_themes"))]

GONE: dict[str, Any] = {}  # what a DELETE answers
