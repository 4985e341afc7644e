"""Snapshot fields -> the field names that themes' scripts and feed readers of the ecosystem know.

Pure functions of plain data. `currency` decides the money texts, `shop_url` makes paths of the shop's own host into the
absolute and protocol-relative addresses that readers away from the page need.
"""

from functools import partial
from typing import Any

from contracts.money import to_cents, to_decimal_text

Data = dict[str, Any]

_DEFAULT_TITLE = "Default Title"
_TRACKED = "shopify"  # the wire word for "stock is counted"; scripts compare with it


def absolute_url(url: str, shop_url: str) -> str:
    return f"{shop_url}{url}" if url.startswith("/") and not url.startswith("//") else url


def protocol_relative_url(url: str, shop_url: str) -> str:
    return absolute_url(url, shop_url).removeprefix("https:").removeprefix("http:")


def ajax_product(product: Data, currency: str, shop_url: str) -> Data:
    """`/products/{handle}.js`: money in integer cents, image addresses without a scheme."""
    cents = partial(_cents, currency=currency)
    compare_at = [variant["compare_at_minor"] for variant in product["variants"] if variant["compare_at_minor"]]
    images = product["images"]
    urls = [protocol_relative_url(image["url"], shop_url) for image in images]
    return {
        "id": product["id"],
        "title": product["title"],
        "handle": product["handle"],
        "description": product["description_html"],
        "published_at": product["published_at"],
        "created_at": product["created_at"],
        "vendor": product["vendor"],
        "type": product["type"],
        "tags": product["tags"],
        "price": cents(product["price_minor"]),
        "price_min": cents(product["price_minor"]),
        "price_max": cents(product["price_max_minor"]),
        "available": any(variant["available"] for variant in product["variants"]),
        "price_varies": product["price_varies"],
        "compare_at_price": cents(min(compare_at)) if compare_at else None,
        "compare_at_price_min": cents(min(compare_at, default=0)),
        "compare_at_price_max": cents(max(compare_at, default=0)),
        "compare_at_price_varies": len(set(compare_at)) > 1,
        "variants": [_ajax_variant(product, variant, currency, shop_url) for variant in product["variants"]],
        "images": urls,
        "featured_image": urls[0] if urls else None,
        "options": [_named_option(option) for option in product["options"]],
        "url": product["url"],
        "media": [_ajax_media(image, position, shop_url) for position, image in enumerate(images, 1)],
    }


def _cents(minor: int | None, currency: str) -> int | None:
    return None if minor is None else to_cents(minor, currency)


def _decimal(minor: int | None, currency: str) -> str | None:
    return None if minor is None else to_decimal_text(minor, currency)


def _numbered_options(variant: Data) -> Data:
    options = [*variant["options"], None, None, None]
    return {"option1": options[0], "option2": options[1], "option3": options[2]}


def _named_option(option: Data) -> Data:
    return {"name": option["name"], "position": option["position"], "values": option["values"]}


def _ajax_variant(product: Data, variant: Data, currency: str, shop_url: str) -> Data:
    has_title = variant["title"] != _DEFAULT_TITLE
    return {
        "id": variant["id"],
        "title": variant["title"],
        **_numbered_options(variant),
        "sku": variant["sku"],
        "requires_shipping": variant["requires_shipping"],
        "taxable": variant["taxable"],
        "featured_image": _featured_image(product, variant, shop_url),
        "available": variant["available"],
        "name": f"{product['title']} - {variant['title']}" if has_title else product["title"],
        "public_title": variant["title"] if has_title else None,
        "options": variant["options"],
        "price": _cents(variant["price_minor"], currency),
        "weight": variant["grams"],
        "compare_at_price": _cents(variant["compare_at_minor"], currency),
        "inventory_management": _TRACKED if variant["is_tracked"] else None,
        "barcode": variant["barcode"],
        "quantity_rule": {"min": 1, "max": variant.get("max_per_order"), "increment": 1},
        "quantity_price_breaks": [],
    }


def _ajax_media(image: Data, position: int, shop_url: str) -> Data:
    width, height = image["width"], image["height"]
    ratio = _aspect_ratio(image)
    url = absolute_url(image["url"], shop_url)
    return {
        "alt": image["alt"],
        "id": image["id"],
        "position": position,
        "preview_image": {"aspect_ratio": ratio, "height": height, "width": width, "src": url},
        "aspect_ratio": ratio,
        "height": height,
        "media_type": "image",
        "src": url,
        "width": width,
    }


def _aspect_ratio(image: Data) -> float | None:
    return round(image["width"] / image["height"], 3) if image["width"] and image["height"] else None


def _featured_image(product: Data, variant: Data, shop_url: str) -> Data | None:
    numbered = enumerate(product["images"], 1)
    found = ((position, image) for position, image in numbered if image["id"] == variant["image_id"])
    position, image = next(found, (0, None))
    return _product_image(product, image, position, shop_url) if image is not None else None


def _product_image(product: Data, image: Data, position: int, shop_url: str) -> Data:
    """The snapshot keeps no times of images; the product's stand in."""
    return {
        "id": image["id"],
        "product_id": product["id"],
        "position": position,
        "created_at": product["created_at"],
        "updated_at": product["updated_at"],
        "alt": image["alt"],
        "width": image["width"],
        "height": image["height"],
        "src": absolute_url(image["url"], shop_url),
        "variant_ids": [variant["id"] for variant in product["variants"] if variant["image_id"] == image["id"]],
    }


def single_product(product: Data, currency: str, shop_url: str) -> Data:
    """`/products/{handle}.json`: like the admin's product, tags as one text."""
    images = _images(product, shop_url)
    return {
        **_admin_fields(product),
        "published_scope": "web",
        "template_suffix": "",
        "tags": ", ".join(product["tags"]),
        "variants": [_single_variant(product, variant, currency) for variant in product["variants"]],
        "options": [
            {"id": option["id"], "product_id": product["id"], **_named_option(option)} for option in product["options"]
        ],
        "images": images,
        "image": images[0] if images else None,
    }


def feed_product(product: Data, currency: str, shop_url: str) -> Data:
    """One of `/products.json` and `/collections/{handle}/products.json`: tags as a list."""
    return {
        **_admin_fields(product),
        "tags": product["tags"],
        "variants": [_feed_variant(product, variant, currency, shop_url) for variant in product["variants"]],
        "images": _images(product, shop_url),
        "options": [_named_option(option) for option in product["options"]],
    }


def _admin_fields(product: Data) -> Data:
    return {
        "id": product["id"],
        "title": product["title"],
        "handle": product["handle"],
        "body_html": product["description_html"],
        "published_at": product["published_at"],
        "created_at": product["created_at"],
        "updated_at": product["updated_at"],
        "vendor": product["vendor"],
        "product_type": product["type"],
    }


def _images(product: Data, shop_url: str) -> list[Data]:
    return [_product_image(product, image, position, shop_url) for position, image in enumerate(product["images"], 1)]


def _admin_variant(product: Data, variant: Data, currency: str) -> Data:
    return {
        "id": variant["id"],
        "product_id": product["id"],
        "title": variant["title"],
        **_numbered_options(variant),
        "sku": variant["sku"],
        "requires_shipping": variant["requires_shipping"],
        "taxable": variant["taxable"],
        "price": _decimal(variant["price_minor"], currency),
        "compare_at_price": _decimal(variant["compare_at_minor"], currency),
        "grams": variant["grams"],
        "position": variant["position"],
        "created_at": variant["created_at"],
        "updated_at": variant["updated_at"],
    }


def _feed_variant(product: Data, variant: Data, currency: str, shop_url: str) -> Data:
    image = _featured_image(product, variant, shop_url)
    return _admin_variant(product, variant, currency) | {"available": variant["available"], "featured_image": image}


def _single_variant(product: Data, variant: Data, currency: str) -> Data:
    return _admin_variant(product, variant, currency) | {
        "barcode": variant["barcode"],
        "image_id": variant["image_id"],
        "weight_unit": variant["weight_unit"],
        "inventory_policy": variant["inventory_policy"],
        "inventory_management": _TRACKED if variant["is_tracked"] else "",
    }


def feed_collection(tile: Data, shop_url: str) -> Data:
    """One of `/collections.json`."""
    return {
        "id": tile["id"],
        "title": tile["title"],
        "handle": tile["handle"],
        "description": tile["description_html"],
        "published_at": tile["published_at"],
        "updated_at": tile["updated_at"],
        "image": _tile_image(tile, shop_url),
        "products_count": tile["products_count"],
    }


def _tile_image(tile: Data, shop_url: str) -> Data | None:
    image = tile["image"]
    if image is None:
        return None
    size = {"width": image["width"], "height": image["height"]}
    return {"id": image["id"], "src": absolute_url(image["url"], shop_url), "alt": image["alt"], **size}


def suggested_product(found: Data, currency: str, shop_url: str) -> Data:
    """A product found by `/search/suggest.json`: a card, or a whole product, which has its tags and text too."""
    compare_at = found["compare_at_minor"] or 0
    image = found["image"] if "image" in found else next(iter(found["images"]), None)
    url = absolute_url(image["url"], shop_url) if image else None
    low, high = to_decimal_text(found["price_minor"], currency), to_decimal_text(found["price_max_minor"], currency)
    return {
        "available": _is_available(found),
        "body": found.get("description_html", ""),
        "compare_at_price_max": to_decimal_text(found.get("compare_at_max_minor") or compare_at, currency),
        "compare_at_price_min": to_decimal_text(compare_at, currency),
        "handle": found["handle"],
        "id": found["id"],
        "image": url,
        "price": low,
        "price_max": high,
        "price_min": low,
        "tags": found.get("tags", []),
        "title": found["title"],
        "type": found["type"],
        "url": found["url"],
        "variants": [],
        "vendor": found["vendor"],
        "featured_image": _suggested_image(image, url),
    }


def _is_available(found: Data) -> bool:
    if "availability" in found:
        return bool(found["availability"] != "sold_out")
    return any(variant["available"] for variant in found["variants"])


def _suggested_image(image: Data | None, url: str | None) -> Data:
    if image is None:
        return dict.fromkeys(("alt", "aspect_ratio", "height", "url", "width"))
    size = {"height": image["height"], "width": image["width"]}
    return {"alt": image["alt"], "aspect_ratio": _aspect_ratio(image), "url": url, **size}


def suggested_collection(tile: Data, shop_url: str) -> Data:
    image = tile["image"] or tile["sample_image"]
    url = absolute_url(image["url"], shop_url) if image else None
    return {
        "body": tile["description_html"],
        "handle": tile["handle"],
        "id": tile["id"],
        "published_at": tile["published_at"],
        "title": tile["title"],
        "url": tile["url"],
        "featured_image": _suggested_image(image, url),
    }
