"""Catalog rows as the JSON that existing clients expect: money and times as texts, absent values as null."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contracts.money import to_decimal_text
from origin.catalog.product_details import Details
from origin.catalog.shops import Shop
from origin.catalog.variant_plan import shown_weight

Shown = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shapes:
    """How one shop's rows are shown: its currency, its time zone, its address."""

    currency: str
    zone: ZoneInfo
    storefront_url: str

    @classmethod
    def of(cls, shop: Shop, storefront_url: str) -> "Shapes":
        try:
            zone = ZoneInfo(shop.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            zone = ZoneInfo("UTC")
        return cls(shop.currency, zone, storefront_url)

    def money(self, minor: int | None) -> str | None:
        return None if minor is None else to_decimal_text(minor, self.currency)

    def time(self, moment: datetime | None) -> str | None:
        return None if moment is None else moment.astimezone(self.zone).isoformat(timespec="seconds")

    def url(self, src: str) -> str:
        """An uploaded file is on the shop's own host."""
        return f"{self.storefront_url}{src}" if src.startswith("/") else src

    def times(self, row: Mapping[str, Any]) -> Shown:
        return {"created_at": self.time(row["created_at"]), "updated_at": self.time(row["updated_at"])}

    def product(self, details: Details) -> Shown:
        row = details.product
        images = [self.image(image, _shown_by(details, image["id"])) for image in details.images]
        return {
            "id": row["id"],
            "title": row["title"],
            "body_html": row["body_html"],
            "vendor": row["vendor"],
            "product_type": row["product_type"],
            "handle": row["handle"],
            "status": row["status"],
            "published_at": self.time(row["published_at"]),
            "published_scope": row["published_scope"],
            "template_suffix": row["template_suffix"],
            "tags": ", ".join(row["tags"]),
            **self.times(row),
            "variants": [self.variant(variant) for variant in details.variants],
            "options": [_option(option, details) for option in details.options],
            "images": images,
            "image": images[0] if images else None,
        }

    def variant(self, row: Mapping[str, Any]) -> Shown:
        copied = (
            *("id", "product_id", "title", "sku", "position", "inventory_policy", "fulfillment_service"),
            *("inventory_management", "option1", "option2", "option3", "taxable", "barcode", "grams", "image_id"),
            *(
                "weight_unit",
                "inventory_item_id",
                "requires_shipping",
                "tax_code",
                "inventory_quantity",
                "max_per_order",
            ),
        )
        return {
            **{name: row[name] for name in copied},
            "price": self.money(row["price_minor"]),
            "compare_at_price": self.money(row["compare_at_minor"]),
            "weight": shown_weight(row["grams"], row["weight_unit"]),
            "old_inventory_quantity": row["inventory_quantity"],
            **self.times(row),
        }

    def image(self, row: Mapping[str, Any], variant_ids: list[int]) -> Shown:
        copied = ("id", "product_id", "position", "alt", "width", "height")
        return {
            **{name: row[name] for name in copied},
            "src": self.url(row["src"]),
            "variant_ids": variant_ids,
            **self.times(row),
        }

    def collection(self, row: Mapping[str, Any]) -> Shown:
        copied = ("id", "handle", "title", "body_html", "sort_order", "template_suffix", "published_scope")
        shown = {
            **{name: row[name] for name in copied},
            "published_at": self.time(row["published_at"]),
            "updated_at": self.time(row["updated_at"]),
            "products_count": row["products_count"],
            "image": self._collection_image(row),
        }
        if row["kind"] == "smart":
            rules = [{name: rule[name] for name in ("column", "relation", "condition")} for rule in row["rules"]]
            shown |= {"rules": rules, "disjunctive": row["is_disjunctive"]}
        return shown

    def _collection_image(self, row: Mapping[str, Any]) -> Shown | None:
        if not row["image_src"]:
            return None
        width, height = row["image_size"] or (None, None)
        return {
            "src": self.url(row["image_src"]),
            "alt": row["image_alt"],
            "width": width,
            "height": height,
            "created_at": self.time(row["updated_at"]),
        }

    def collect(self, row: Mapping[str, Any]) -> Shown:
        return {
            **{name: row[name] for name in ("id", "collection_id", "product_id", "position")},
            "sort_value": f"{row['position']:010d}",
            **self.times(row),
        }

    def static_page(self, row: Mapping[str, Any]) -> Shown:
        return {
            **{name: row[name] for name in ("id", "title", "handle", "body_html", "author", "template_suffix")},
            "shop_id": row["store_id"],
            "published_at": self.time(row["published_at"]),
            **self.times(row),
        }

    def location(self, row: Mapping[str, Any]) -> Shown:
        parts = ("address1", "address2", "city", "zip", "province", "province_code", "country", "country_code", "phone")
        return {
            "id": row["id"],
            "name": row["name"],
            **{name: row["address"].get(name) for name in parts},
            "country_name": row["address"].get("country"),
            "legacy": False,
            "active": row["is_active"],
            **self.times(row),
        }

    def inventory_item(self, row: Mapping[str, Any]) -> Shown:
        codes = ("country_code_of_origin", "province_code_of_origin", "harmonized_system_code")
        return {
            "id": row["id"],
            "sku": row["sku"],
            "cost": self.money(row["cost_minor"]),
            "tracked": row["is_tracked"],
            "requires_shipping": row["requires_shipping"],
            **{name: row[name] for name in codes},
            "country_harmonized_system_codes": [],
            **self.times(row),
        }

    def inventory_level(self, row: Mapping[str, Any]) -> Shown:
        copied = {name: row[name] for name in ("inventory_item_id", "location_id", "available")}
        return {**copied, "updated_at": self.time(row["updated_at"])}


def _shown_by(details: Details, image_id: int) -> list[int]:
    return [variant["id"] for variant in details.variants if variant["image_id"] == image_id]


def _option(row: Mapping[str, Any], details: Details) -> Shown:
    key = f"option{row['position']}"
    values = dict.fromkeys(variant[key] for variant in details.variants if variant[key] is not None)
    return {
        **{name: row[name] for name in ("id", "product_id", "name", "position")},
        "values": list(values),
    }
