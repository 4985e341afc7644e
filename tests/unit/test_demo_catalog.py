"""The demo shops' data: complete, consistent, and drawn."""

import tomllib
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from standalone.demo.catalog import SHOP_NAMES, Shop, load_shop
from standalone.demo.pictures import Picture

THEMES = Path(__file__).parents[2] / "themes"
MAX_SVG_BYTES = 40_000
SVG = "{http://www.w3.org/2000/svg}"
DRAWN_WITH = {
    f"{SVG}{name}"
    for name in ("svg g defs linearGradient radialGradient stop clipPath path circle ellipse rect text".split())
}


@pytest.fixture(scope="module", params=SHOP_NAMES)
def shop(request: pytest.FixtureRequest) -> Shop:
    return load_shop(request.param)


def pictures_of(shop: Shop) -> list[Picture]:
    products = [picture for product in shop.products for picture in product.pictures]
    return [*products, *(collection.picture for collection in shop.collections), *shop.images.values()]


def theme_settings() -> dict[str, dict[str, Any]]:
    settings: dict[str, dict[str, Any]] = tomllib.loads((THEMES / "agora/theme.toml").read_text())["settings"]
    return settings


def test_a_shop_has_at_least_24_products_with_handles_of_their_own(shop: Shop) -> None:
    handles = Counter(product.handle for product in shop.products)
    assert len(handles) >= 24
    assert max(handles.values()) == 1


def test_skus_are_unique_in_a_shop(shop: Shop) -> None:
    skus = Counter(variant.sku for product in shop.products for variant in product.variants)
    assert [sku for sku, count in skus.items() if count > 1] == []


def test_every_product_is_described_priced_and_pictured(shop: Shop) -> None:
    for product in shop.products:
        assert product.body_html.startswith("<p>"), product.handle
        assert "<li>" in product.body_html, product.handle
        assert product.pictures, product.handle
        assert product.variants, product.handle
        for variant in product.variants:
            assert Decimal(variant.price) > 0
            assert variant.compare_at is None or Decimal(variant.compare_at) > Decimal(variant.price), product.handle


def test_stock_is_of_every_kind(shop: Shop) -> None:
    quantities = [variant.quantity for product in shop.products for variant in product.variants]
    assert None in quantities
    assert 0 in quantities
    assert any(quantity is not None and 1 <= quantity <= 5 for quantity in quantities)
    assert any(quantity is not None and quantity > 20 for quantity in quantities)
    assert any(product.variants[0].may_oversell for product in shop.products)


def test_every_stock_note_names_a_variant_there_is() -> None:
    for name in SHOP_NAMES:
        raw = tomllib.loads((Path(__file__).parents[2] / f"standalone/demo/{name}.toml").read_text())
        by_handle = {product.handle: product for product in load_shop(name).products}
        for each in raw["products"]:
            titles = {" / ".join(variant.options) for variant in by_handle[each["handle"]].variants}
            values = {value for variant in by_handle[each["handle"]].variants for value in variant.options} | titles
            assert set(each.get("stocks", {})) <= titles, each["handle"]
            for table in ("prices", "compare_ats", "weights"):
                assert set(each.get(table, {})) <= values, each["handle"]


def test_pictures_are_plain_small_svg_that_refers_to_nothing_outside(shop: Shop) -> None:
    for picture in pictures_of(shop):
        text = shop.svg(picture)
        assert len(text.encode()) < MAX_SVG_BYTES, picture.alt
        root = ElementTree.fromstring(text)
        assert root.get("viewBox") == f"0 0 {picture.width} {picture.height}"
        assert (root.get("width"), root.get("height")) == (str(picture.width), str(picture.height))
        assert {element.tag for element in root.iter()} <= DRAWN_WITH
        names = {name for element in root.iter() for name in element.attrib}
        assert not [name for name in names if "href" in name or name.startswith("on") or name == "style"]
        assert "url(#" in text
        assert text.count("url(") == text.count("url(#")


def test_pictures_say_what_they_show(shop: Shop) -> None:
    assert all(len(picture.alt) > 10 for picture in pictures_of(shop))


def test_products_do_not_share_their_first_picture(shop: Shop) -> None:
    firsts = Counter(shop.svg(product.pictures[0]) for product in shop.products)
    assert max(firsts.values()) == 1


def test_a_picture_is_the_same_text_every_time(shop: Shop) -> None:
    picture = shop.products[0].pictures[0]
    assert shop.svg(picture) == load_shop(shop.subdomain).svg(picture)


def test_collections_name_products_there_are_or_rules_some_product_meets(shop: Shop) -> None:
    handles = {product.handle for product in shop.products}
    assert len(shop.collections) >= 5
    assert any(collection.rules for collection in shop.collections)
    for collection in shop.collections:
        assert bool(collection.products) != bool(collection.rules), collection.handle
        assert set(collection.products) <= handles, collection.handle
        for rule in collection.rules:
            if rule["column"] == "tag":
                assert any(rule["condition"] in product.tags for product in shop.products), rule
            if rule["column"] == "type" and rule["relation"] == "equals":
                assert any(rule["condition"] == product.kind for product in shop.products), rule


def test_links_lead_to_pages_and_collections_there_are(shop: Shop) -> None:
    there = {"/collections/all", "/collections", "/search", "/"}
    there |= {f"/collections/{collection.handle}" for collection in shop.collections}
    there |= {f"/pages/{page.handle}" for page in shop.pages}
    links = [link["url"] for menu in shop.navigation.values() for link in menu]
    links += [value for name, value in shop.settings.items() if name.endswith("_url")]
    assert set(links) <= there


def test_settings_are_known_to_the_theme(shop: Shop) -> None:
    known = theme_settings()
    assert set(shop.images) <= {name for name, setting in known.items() if setting["type"] == "image"}
    for name, value in shop.settings.items():
        setting = known[name]
        if setting["type"] == "select":
            assert value in setting["options"], name
        if setting["type"] == "integer":
            assert setting["minimum"] <= value <= setting["maximum"], name
        assert isinstance(value, {"integer": int, "boolean": bool}.get(setting["type"], str)), name


def test_the_shops_look_different_from_each_other() -> None:
    shops = [load_shop(name) for name in SHOP_NAMES]
    for name in ("color_accent", "type_style", "button_shape", "artwork", "logo_mark"):
        assert len({shop.settings[name] for shop in shops}) == len(shops), name
