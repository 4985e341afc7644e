"""The cart in the ecosystem's AJAX notation: money in integer cents, a field for every script that looks for one."""

from typing import Any

from contracts.money import to_cents
from origin.cart.pricing import PricedCart, PricedLine


def cart_json(priced: PricedCart) -> dict[str, Any]:
    total = to_cents(priced.total_minor, priced.currency)
    return {
        "token": priced.cart.token,
        "note": priced.cart.note,
        "attributes": dict(priced.cart.attributes),
        "original_total_price": total,
        "total_price": total,
        "total_discount": 0,
        "total_weight": float(priced.total_grams),
        "item_count": priced.item_count,
        "items": [line_json(line, priced.currency) for line in priced.lines],
        "requires_shipping": priced.requires_shipping,
        "currency": priced.currency,
        "items_subtotal_price": total,
        "cart_level_discount_applications": [],
        "discount_codes": [],
        "checkout_charge_amount": total,
        "notices": list(priced.notices),
    }


def line_json(priced: PricedLine, currency: str) -> dict[str, Any]:
    offer = priced.offer
    price, line_price = to_cents(offer.price_minor, currency), to_cents(priced.line_minor, currency)
    image_url = offer.image["url"] if offer.image else None
    return {
        "id": offer.variant_id,
        "variant_id": offer.variant_id,
        "product_id": offer.product_id,
        "key": priced.line.key,
        "quantity": priced.line.quantity,
        "properties": dict(priced.line.properties),
        "title": offer.full_title,
        "product_title": offer.title,
        "variant_title": offer.variant_title,
        "variant_options": [value for _, value in offer.options],
        "options_with_values": [{"name": name, "value": value} for name, value in offer.options],
        "price": price,
        "original_price": price,
        "discounted_price": price,
        "final_price": price,
        "presentment_price": price / 100,
        "line_price": line_price,
        "original_line_price": line_price,
        "final_line_price": line_price,
        "total_discount": 0,
        "discounts": [],
        "line_level_discount_allocations": [],
        "line_level_total_discount": 0,
        "sku": offer.sku,
        "grams": offer.grams,
        "vendor": offer.vendor,
        "taxable": offer.taxable,
        "gift_card": False,
        "requires_shipping": offer.requires_shipping,
        "product_type": offer.product_type,
        "product_description": "",
        "product_has_only_default_variant": offer.variant_title is None,
        "handle": offer.handle,
        "url": offer.url,
        "image": image_url,
        "featured_image": _featured_image(priced),
        "notice": priced.notice,
    }


def _featured_image(priced: PricedLine) -> dict[str, Any]:
    image = priced.offer.image
    if image is None:
        return {"url": None, "alt": priced.offer.full_title, "width": None, "height": None, "aspect_ratio": None}
    width, height = image["width"], image["height"]
    ratio = width / height if width and height else None
    return {"url": image["url"], "alt": image["alt"], "width": width, "height": height, "aspect_ratio": ratio}
