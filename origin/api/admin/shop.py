"""The shop itself: its record in the ecosystem's shape, and how its storefront looks (our own resource)."""

from typing import Annotated, Any, cast

from fastapi import Body, Depends, Request
from pydantic import Field
from starlette.responses import JSONResponse

from contracts.money import decimals
from contracts.tenant import StoreId
from origin.api.admin.fields import Input, Short, Text
from origin.api.admin.merchant import Merchant, ThemeReader, ThemeWriter
from origin.api.admin.refusals import admin_router
from origin.api.admin.shapes import Shapes, Shown
from origin.api.dependencies import AnyGrant, Origin
from origin.catalog import shops
from origin.catalog.shops import Shop, StorefrontChange

router = admin_router("shop")


async def _any_merchant(grant: AnyGrant, origin: Origin, request: Request) -> Merchant:
    """Every token may read whose it is."""
    return Merchant(StoreId(grant.store_id), origin, request)


class StorefrontInput(Input):
    """How the shop looks. `settings` and `navigation` are replaced as a whole."""

    theme: Short | None = None
    settings: dict[str, Any] | None = Field(None, description="the theme's settings; its theme.toml lists them")
    navigation: dict[str, Any] | None = Field(None, description="{main: [{title, url}], footer: [...]}")
    description: Annotated[Text, Field(max_length=5000)] | None = None


@router.get("/shop.json")
async def show(merchant: Annotated[Merchant, Depends(_any_merchant)]) -> JSONResponse:
    async with merchant.begin() as (tx, shapes):
        shop = await shops.read(tx, merchant.store_id)
    return merchant.one("shop", _shown(shop, shapes))


@router.get("/storefront.json")
async def storefront(merchant: ThemeReader) -> JSONResponse:
    """The shop's theme, its settings, menus and description."""
    async with merchant.begin() as (tx, _):
        shop = await shops.read(tx, merchant.store_id)
    return merchant.one("storefront", _storefront(shop))


@router.put("/storefront.json")
async def change_storefront(
    storefront: Annotated[StorefrontInput, Body(embed=True)], merchant: ThemeWriter
) -> JSONResponse:
    """Changes what is given; every page of the shop follows within seconds."""
    names = ("theme", "settings", "navigation", "description")
    change = cast(StorefrontChange, storefront.given(*names))
    async with merchant.begin() as (tx, _):
        await shops.change_storefront(tx, merchant.store_id, change, merchant.origin.themes)
        shop = await shops.read(tx, merchant.store_id)
    return merchant.one("storefront", _storefront(shop))


def _storefront(shop: Shop) -> Shown:
    return {
        "theme": shop.theme,
        "settings": shop.theme_settings,
        "navigation": shop.navigation,
        "description": shop.description,
    }


def _shown(shop: Shop, shapes: Shapes) -> Shown:
    address = shop.address
    sample = "{{amount}}" if decimals(shop.currency) else "{{amount_no_decimals}}"
    parts = ("address1", "address2", "city", "province", "province_code", "country", "country_code", "zip")
    return {
        "id": shop.store_id,
        "name": shop.name,
        "email": shop.email,
        "customer_email": shop.email,
        "domain": shop.host,
        "myshopify_domain": shop.host,
        "shop_owner": address.get("name") or shop.name,
        **{name: address.get(name) for name in parts},
        "country_name": address.get("country"),
        "phone": shop.phone,
        "latitude": None,
        "longitude": None,
        "currency": shop.currency,
        "enabled_presentment_currencies": [shop.currency],
        "timezone": shop.timezone,
        "iana_timezone": shop.timezone,
        "money_format": sample,
        "money_with_currency_format": f"{sample} {shop.currency}",
        "money_in_emails_format": sample,
        "money_with_currency_in_emails_format": f"{sample} {shop.currency}",
        "weight_unit": shop.weight_unit,
        "taxes_included": True,
        "tax_shipping": None,
        "county_taxes": None,
        "plan_name": "stoa",
        "plan_display_name": "Stoa",
        "primary_locale": shop.locale,
        "primary_location_id": shop.primary_location_id,
        "multi_location_enabled": True,
        "has_storefront": True,
        "has_discounts": False,
        "has_gift_cards": False,
        "force_ssl": False,
        "password_enabled": False,
        "setup_required": False,
        "source": None,
        "created_at": shapes.time(shop.created_at),
        "updated_at": shapes.time(shop.updated_at),
    }
