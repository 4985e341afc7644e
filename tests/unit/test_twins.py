"""JSON twins: the field names and money notations that scripts know, and the tags of what they show."""

import json
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from contracts import keys
from contracts.page import Page, PageFormat, PageKind, parse_target
from contracts.snapshot import Part, Snapshot
from edge_renderer.errors import PageFailed
from edge_renderer.twins import is_twin, render_twin
from tests.fixtures import snapshots
from tests.fixtures.made_up_shops import ACORN_ID, BIRCH_ID
from tests.fixtures.scripted_origin import ScriptedOrigin

_IMAGES = [
    {"id": 31, "url": "/files/31/front.webp", "alt": "Front", "width": 800, "height": 1000},
    {"id": 32, "url": "https://cdn.example.net/back.jpg", "alt": "", "width": None, "height": None},
]


def page_of(target: str) -> Page:
    page = parse_target(target)
    assert isinstance(page, Page)
    return page


def snapshot_of(target: str, name: str = "acorn") -> Snapshot:
    return ScriptedOrigin().page(name, page_of(target))


def with_product(snapshot: Snapshot, **changes: Any) -> Snapshot:
    part = snapshot.parts["product"]
    return replace(snapshot, parts={**snapshot.parts, "product": Part(part.data | changes, part.tags)})


def twin(target: str, snapshot: Snapshot | None = None, currency: str = "EUR", name: str = "acorn") -> Any:
    tenant = snapshots.tenant(name, currency=currency)
    rendered = render_twin(tenant, page_of(target), snapshot or snapshot_of(target, name))
    assert rendered.content_type == "application/json; charset=utf-8"
    return json.loads(rendered.body)


def handle(index: int = 0, name: str = "acorn") -> str:
    return str(snapshots.card(name, index)["handle"])


def test_the_ajax_product_has_every_field_scripts_read() -> None:
    product = twin(f"/products/{handle()}.js")
    assert set(product) >= set(
        "id title handle description published_at created_at vendor type tags price price_min price_max available "
        "price_varies compare_at_price compare_at_price_min compare_at_price_max compare_at_price_varies variants "
        "images featured_image options url media".split()
    )
    assert set(product["variants"][0]) >= set(
        "id title option1 option2 option3 sku requires_shipping taxable featured_image available name public_title "
        "options price weight compare_at_price inventory_management barcode quantity_rule".split()
    )
    assert product["options"][0] == {
        "name": "Glaze",
        "position": 1,
        "values": ["Ash white", "Iron black", "Celadon"],
    }


@pytest.mark.parametrize(
    ("currency", "cents", "text"), [("EUR", 3400, "34.00"), ("JPY", 340000, "3400.00"), ("KWD", 340, "3.400")]
)
def test_money_is_cents_in_one_notation_and_decimals_in_the_other(currency: str, cents: int, text: str) -> None:
    ajax = twin(f"/products/{handle()}.js", currency=currency)
    admin = twin(f"/products/{handle()}.json", currency=currency)
    assert ajax["price"] == ajax["price_min"] == ajax["variants"][0]["price"] == cents
    assert admin["product"]["variants"][0]["price"] == text


def test_variants_are_named_after_their_product_unless_they_are_the_only_one() -> None:
    several, single = twin(f"/products/{handle(0)}.js"), twin(f"/products/{handle(1)}.js")
    first = several["variants"][0]
    assert first["name"] == f"{several['title']} - {first['title']}"
    assert first["public_title"] == first["title"] == "Ash white / Small"
    assert (first["option1"], first["option2"], first["option3"]) == ("Ash white", "Small", None)
    assert single["variants"][0]["name"] == single["title"]
    assert single["variants"][0]["public_title"] is None


def test_compared_prices_are_those_of_the_variants_that_have_one() -> None:
    snapshot = snapshot_of(f"/products/{handle()}.js")
    variants = [dict(variant, compare_at_minor=None) for variant in snapshot.parts["product"].data["variants"]]
    none = twin(f"/products/{handle()}.js", with_product(snapshot, variants=variants))
    assert (none["compare_at_price"], none["compare_at_price_min"], none["compare_at_price_varies"]) == (None, 0, False)
    variants[0]["compare_at_minor"], variants[1]["compare_at_minor"] = 5000, 7000
    some = twin(f"/products/{handle()}.js", with_product(snapshot, variants=variants))
    assert (some["compare_at_price"], some["compare_at_price_max"], some["compare_at_price_varies"]) == (
        5000,
        7000,
        True,
    )


def test_images_have_addresses_that_work_away_from_the_page() -> None:
    snapshot = snapshot_of(f"/products/{handle()}.js")
    variants = [dict(variant, image_id=31) for variant in snapshot.parts["product"].data["variants"][:1]]
    changed = with_product(snapshot, images=_IMAGES, variants=variants)
    ajax = twin(f"/products/{handle()}.js", changed)
    assert ajax["images"] == ["//acorn.example.com/files/31/front.webp", "//cdn.example.net/back.jpg"]
    assert ajax["featured_image"] == ajax["images"][0]
    assert ajax["media"][0]["aspect_ratio"] == 0.8
    assert ajax["media"][1]["aspect_ratio"] is None
    assert ajax["variants"][0]["featured_image"]["src"] == "https://acorn.example.com/files/31/front.webp"
    admin = twin(f"/products/{handle()}.json", changed)["product"]
    assert admin["image"]["src"] == "https://acorn.example.com/files/31/front.webp"
    assert admin["images"][0]["variant_ids"] == [variants[0]["id"]]


def test_the_admin_product_has_its_tags_as_a_text_and_the_feed_as_a_list() -> None:
    product = twin(f"/products/{handle()}.json")["product"]
    assert product["tags"] == "table, daily"
    assert {"body_html", "product_type", "template_suffix", "published_scope"} <= set(product)
    feed = twin("/products.json")["products"]
    assert len(feed) == 4
    assert feed[0]["tags"] == ["table", "daily"]
    assert feed[0]["variants"][0]["price"] == "34.00"
    assert "available" in feed[0]["variants"][0]
    assert twin("/collections/table/products.json")["products"] == feed


def test_feeds_need_no_availability_texts_and_no_collections() -> None:
    """docs/snapshots.md leaves them out of the products of a feed."""
    snapshot = snapshot_of("/products.json")
    part = snapshot.parts["products"]
    items = [
        {key: value for key, value in item.items() if key not in {"availability", "collections"}}
        for item in part.data["items"]
    ]
    for item in items:
        item["variants"] = [
            {key: value for key, value in variant.items() if key not in {"availability", "low_stock_quantity"}}
            for variant in item["variants"]
        ]
    lean = replace(snapshot, parts={**snapshot.parts, "products": Part(part.data | {"items": items}, part.tags)})
    assert twin("/products.json", lean) == twin("/products.json")


def test_collections_and_suggestions_have_their_known_shapes() -> None:
    collection = twin("/collections.json")["collections"][0]
    assert set(collection) == set("id title handle description published_at updated_at image products_count".split())
    results = twin("/search/suggest.json?q=bowl&resources[limit]=2")["resources"]["results"]
    assert set(results) == {"products", "collections", "pages", "articles", "queries"}
    assert (len(results["products"]), len(results["collections"])) == (2, 2)
    assert results["products"][0]["price"] == "34.00"
    assert results["products"][0]["featured_image"]["url"] is None
    assert [product["available"] for product in twin("/search/suggest.json?q=a")["resources"]["results"]["products"]][
        :5
    ] == [
        True,
        True,
        True,
        True,
        False,
    ]


def test_suggestions_are_made_of_whole_products_too() -> None:
    snapshot = snapshot_of("/search/suggest.json?q=bowl")
    part = snapshot.parts["products"]
    whole = {key: value for key, value in snapshots.product("acorn", 0).items() if key != "availability"}
    changed = replace(
        snapshot, parts={**snapshot.parts, "products": Part({"items": [whole | {"images": _IMAGES}]}, part.tags)}
    )
    (product,) = twin("/search/suggest.json?q=bowl", changed)["resources"]["results"]["products"]
    assert (product["available"], product["tags"], product["price"]) == (True, ["table", "daily"], "34.00")
    assert product["image"] == "https://acorn.example.com/files/31/front.webp"


def test_a_twin_carries_the_tags_of_the_parts_it_shows_and_of_no_others() -> None:
    """The related products of the page are not in its twin, so a change of theirs leaves it fresh."""
    acorn = ACORN_ID
    rendered = render_twin(
        snapshots.tenant("acorn"), page_of(f"/products/{handle()}.js"), snapshot_of(f"/products/{handle()}.js")
    )
    assert rendered.tags == {keys.shop_tag(acorn), keys.product_tag(acorn, 1000)}
    feed = render_twin(snapshots.tenant("acorn"), page_of("/products.json"), snapshot_of("/products.json"))
    assert feed.tags == {keys.shop_tag(acorn), keys.listing_tag(acorn)}


def test_acorn_and_birch_have_twins_of_their_own() -> None:
    acorn, birch = twin("/products.json"), twin("/products.json", name="birch")
    assert {product["vendor"] for product in acorn["products"]} == {"Acorn Pottery"}
    assert {product["vendor"] for product in birch["products"]} == {"Birch & Leaf"}
    tags = render_twin(
        snapshots.tenant("birch"), page_of("/products.json"), snapshot_of("/products.json", "birch")
    ).tags
    assert {keys.store_of_tag(tag) for tag in tags} == {BIRCH_ID}


@pytest.mark.parametrize(("status", "message"), [(404, "Not Found"), (410, "Gone")])
def test_a_missing_product_is_said_in_json(status: int, message: str) -> None:
    rendered = render_twin(snapshots.tenant("acorn"), page_of("/products/gone.js"), snapshots.missing("acorn", status))
    answer = json.loads(rendered.body)
    assert (rendered.status, answer["status"], answer["message"]) == (status, status, message)
    assert keys.listing_tag(ACORN_ID) in rendered.tags


def test_the_sitemap_names_every_page_at_the_stored_host() -> None:
    urls = [
        {"path": "/products/salt-&-stone", "updated_at": "2026-03-02T09:00:00+00:00"},
        {"path": "/", "updated_at": ""},
    ]
    parts = {"shop": snapshots.shop_part(), "sitemap": Part({"urls": urls}, (keys.listing_tag(ACORN_ID),))}
    made = render_twin(snapshots.tenant(), page_of("/sitemap.xml"), Snapshot(parts=parts))
    assert made.content_type == "application/xml; charset=utf-8"
    assert made.tags == {keys.shop_tag(ACORN_ID), keys.listing_tag(ACORN_ID)}
    root = ElementTree.fromstring(made.body)
    texts = ["".join(url.itertext()) for url in root]
    assert texts == [
        "https://acorn.example.com/products/salt-&-stone2026-03-02T09:00:00+00:00",
        "https://acorn.example.com/",
    ]


def test_a_shop_with_as_many_pages_as_a_sitemap_may_have_gets_one() -> None:
    urls = [{"path": f"/products/thing-{number}", "updated_at": "2026-03-02T09:00:00"} for number in range(50_000)]
    parts = {"shop": snapshots.shop_part(), "sitemap": Part({"urls": urls})}
    made = render_twin(snapshots.tenant(), page_of("/sitemap.xml"), Snapshot(parts=parts))
    assert made.body.count(b"<loc>") == 50_000


def test_robots_are_told_the_sitemap_of_the_stored_host() -> None:
    rendered = render_twin(snapshots.tenant("acorn"), page_of("/robots.txt"), snapshot_of("/robots.txt"))
    text = rendered.body.decode()
    assert "Sitemap: https://acorn.example.com/sitemap.xml\n" in text
    assert "Disallow: /cart\n" in text
    assert "Disallow: /checkout\n" in text
    assert rendered.content_type.startswith("text/plain")


def test_a_snapshot_without_the_promised_fields_is_a_failed_page_not_half_an_answer() -> None:
    with pytest.raises(PageFailed, match="lacks something"):
        render_twin(
            snapshots.tenant("acorn"), page_of("/products/x.js"), Snapshot(parts={"shop": snapshots.shop_part()})
        )


def test_every_page_is_either_a_themes_or_a_twin() -> None:
    assert not is_twin(Page(PageKind.HOME))
    assert is_twin(Page(PageKind.SITEMAP, PageFormat.XML))
    assert is_twin(Page(PageKind.ROBOTS, PageFormat.TEXT))
    assert is_twin(Page(PageKind.PRODUCT, PageFormat.JS, "x"))
