"""The platform API: whoever runs the installation creates, lists, suspends and closes shops with it."""

import hmac
import json
import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AfterValidator, EmailStr, Field

from contracts.tenant import StoreId, StoreStatus
from origin.api.admin.fields import MAX_ID, Input, Short, Text
from origin.api.dependencies import Db, Origin
from origin.api.errors import AdminError
from origin.tenants import NewStore, Store, create_store, list_stores, set_status


async def is_platform(request: Request, origin: Origin) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    expected = origin.settings.platform_token.encode()
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), expected):
        raise AdminError(401, "The platform API needs the platform token: Authorization: Bearer <token>")


router = APIRouter(prefix="/platform", tags=["platform"], dependencies=[Depends(is_platform)])


MOST_SETTINGS_BYTES = 256 * 1024
_UNSTORABLE = re.compile("[\ud800-\udfff]")


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    encoded = json.dumps(value)
    if len(encoded) > MOST_SETTINGS_BYTES:
        raise ValueError(f"must not be larger than {MOST_SETTINGS_BYTES // 1024} KB")
    if _UNSTORABLE.search(json.dumps(value, ensure_ascii=False)) or "\\u0000" in encoded:
        raise ValueError("must not have a null character or half a surrogate pair")
    return value


Object = Annotated[dict[str, Any], AfterValidator(_storable)]
Id = Annotated[int, Path(ge=1, le=MAX_ID)]


class StoreRequest(Input):
    """A shop to create. Its first host is `subdomain` of the platform's domain."""

    name: Short
    subdomain: Short
    currency: Short = Field(examples=["EUR"])
    locale: Short = "en"
    email: EmailStr | None = None
    description: Annotated[Text, Field(max_length=5000)] = ""
    theme: Short = "agora"
    settings: Object = Field(default_factory=dict, description="the theme's settings")
    navigation: Object = Field(default_factory=dict, description="menus: main and footer")


def shape(store: Store, url: str) -> dict[str, Any]:
    return {
        "id": store.id,
        "name": store.name,
        "host": store.host,
        "url": url,
        "status": store.status,
        "created_at": store.created_at,
    }


@router.post("/stores", status_code=201)
async def create(body: StoreRequest, origin: Origin, db: Db) -> dict[str, Any]:
    """Creates a shop that serves at once. The admin token is in this answer and nowhere else."""
    new = NewStore(**body.model_dump())
    store, token = await create_store(db, origin.settings.platform_domain, new, themes=origin.themes)
    return {"store": shape(store, origin.settings.storefront_url(store.host)), "admin_token": token}


@router.get("/stores")
async def index(
    origin: Origin, db: Db, after: int = 0, limit: Annotated[int, Query(ge=1, le=250)] = 50
) -> dict[str, Any]:
    """Shops in order of id; ask for the next page with `after` = the last id."""
    stores = await list_stores(db, after=after, limit=limit)
    return {"stores": [shape(store, origin.settings.storefront_url(store.host)) for store in stores]}


@router.post("/stores/{store_id}/suspend")
async def suspend(store_id: Id, origin: Origin, db: Db) -> dict[str, Any]:
    """Shoppers and merchants are locked out until the shop is resumed; nothing is lost."""
    return await _change(store_id, StoreStatus.SUSPENDED, origin, db)


@router.post("/stores/{store_id}/resume")
async def resume(store_id: Id, origin: Origin, db: Db) -> dict[str, Any]:
    return await _change(store_id, StoreStatus.ACTIVE, origin, db)


@router.post("/stores/{store_id}/close")
async def close(store_id: Id, origin: Origin, db: Db) -> dict[str, Any]:
    """For good: its pages answer 410 and its tokens stop working."""
    return await _change(store_id, StoreStatus.CLOSED, origin, db)


async def _change(store_id: int, status: StoreStatus, origin: Origin, db: Db) -> dict[str, Any]:
    store = await set_status(db, StoreId(store_id), status)
    return {"store": shape(store, origin.settings.storefront_url(store.host))}
