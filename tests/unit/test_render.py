"""The renderer with the theme agora: every page of two shops, what it is tagged with, and what never gets into it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contracts import keys
from contracts.page import Page, PageFormat, PageKind, parse_target
from contracts.snapshot import Part, Snapshot
from edge_renderer.render import Rendered, Renderer, RenderError, RenderLimits
from edge_renderer.themes import ThemeLibrary
from tests.fixtures import snapshots
from tests.fixtures.made_up_shops import IDS

ROOT = Path(__file__).parents[2]
TARGETS = (
    "/",
    "/products/ash-glazed-breakfast-bowl",
    "/products/ash-glazed-breakfast-bowl?variant=90001",
    "/collections/table",
    "/collections/table?sort_by=price-ascending&filter.v.availability=1&page=2",
    "/collections",
    "/search",
    "/search?q=bowl",
    "/search?q=nothing",
    "/pages/about",
)


@pytest.fixture(scope="module")
def themes() -> ThemeLibrary:
    return ThemeLibrary.load(ROOT / "themes")


@pytest.fixture(scope="module")
def renderer(themes: ThemeLibrary) -> Renderer:
    return Renderer(themes, RenderLimits(seconds=10), strict=True)


@pytest.fixture(scope="module")
def shoppers(themes: ThemeLibrary) -> Renderer:
    """As in production: what is missing prints nothing."""
    return Renderer(themes, RenderLimits(seconds=10))


def _page(target: str) -> Page:
    page = parse_target(target)
    assert isinstance(page, Page)
    return page


def _render(renderer: Renderer, name: str, target: str) -> Rendered:
    page = _page(target)
    return renderer.render(snapshots.tenant(name), page, snapshots.page_snapshot(name, page))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["acorn", "birch", "cedar"])
def test_every_page_renders_with_nothing_missing_from_its_data(renderer: Renderer, name: str, target: str) -> None:
    rendered = _render(renderer, name, target)
    text = rendered.body.decode()
    assert rendered.status == 200
    assert keys.shop_tag(IDS[name]) in rendered.tags
    assert ("None" in text or "Undefined" in text) is False
    assert text.count("<h1") == 1
    assert text.rstrip().endswith("</html>")


def test_a_page_carries_the_tags_of_the_parts_it_looked_at_and_no_others(renderer: Renderer) -> None:
    page = _page("/products/ash-glazed-breakfast-bowl")
    snapshot = snapshots.page_snapshot("acorn", page)
    snapshot.parts["unused"] = Part({}, ("t/41/product/9999",))
    tags = renderer.render(snapshots.tenant(), page, snapshot).tags
    acorn = IDS["acorn"]
    assert tags == {keys.shop_tag(acorn), *(keys.product_tag(acorn, 1000 + index) for index in range(5))}


def test_the_tags_of_acorn_and_birch_never_meet(renderer: Renderer) -> None:
    acorn = _render(renderer, "acorn", "/collections/table").tags
    birch = _render(renderer, "birch", "/collections/table").tags
    assert all(keys.store_of_tag(tag) == IDS["acorn"] for tag in acorn)
    assert all(keys.store_of_tag(tag) == IDS["birch"] for tag in birch)


def test_one_shop_after_another_leaves_nothing_behind(renderer: Renderer) -> None:
    first = _render(renderer, "birch", "/")
    _render(renderer, "acorn", "/")
    again = _render(renderer, "birch", "/")
    assert again == first
    assert b"Acorn" not in again.body


def test_equal_snapshots_make_equal_pages_in_every_process(renderer: Renderer, shoppers: Renderer) -> None:
    assert _render(renderer, "acorn", "/").body == _render(shoppers, "acorn", "/").body


def test_a_missing_page_is_a_themed_404_and_a_closed_shop_a_410(renderer: Renderer) -> None:
    missing = renderer.render(snapshots.tenant(), None, snapshots.missing("acorn"))
    gone = renderer.render(snapshots.tenant(), None, snapshots.missing("acorn", status=410))
    assert (missing.status, gone.status) == (404, 410)
    assert keys.listing_tag(IDS["acorn"]) in missing.tags
    assert b"Acorn Pottery" in missing.body
    assert b"has closed" in gone.body


def test_a_page_whose_product_is_gone_is_the_404_page(renderer: Renderer) -> None:
    page = _page("/products/never-was")
    rendered = renderer.render(snapshots.tenant(), page, snapshots.missing("acorn", path="/products/never-was"))
    assert rendered.status == 404
    assert b"There is nothing here" in rendered.body


def test_a_redirect_has_no_body_and_every_tag_it_was_found_by(renderer: Renderer) -> None:
    moved = Snapshot(301, "/products/new", {"shop": snapshots.shop_part(), "product": Part(None, ("t/41/product/7",))})
    rendered = renderer.render(snapshots.tenant(), _page("/products/old"), moved)
    assert (rendered.status, rendered.body) == (301, b"")
    assert rendered.tags == {keys.shop_tag(IDS["acorn"]), "t/41/product/7"}


def test_a_closed_shop_of_which_only_the_name_is_known_has_its_page(shoppers: Renderer) -> None:
    shop = Part({"name": "Acorn Pottery", "locale": "en"})
    gone = shoppers.render(snapshots.tenant(), None, Snapshot(410, parts={"shop": shop, "missing": Part({"path": ""})}))
    assert b"Acorn Pottery" in gone.body


def test_unavailable_needs_no_data_at_all(renderer: Renderer) -> None:
    for tenant in (None, snapshots.tenant("birch")):
        body = renderer.render_unavailable(tenant).decode()
        assert "Back in a moment" in body
        assert "/theme/" not in body
    assert "Birch &amp; Leaf" in renderer.render_unavailable(snapshots.tenant("birch")).decode()


def test_the_cart_page_says_what_changed(renderer: Renderer) -> None:
    lines = [
        snapshots.line("acorn", 0, 2, previous_price_minor=2000),
        snapshots.line("acorn", 2, 3, available_quantity=3),
    ]
    snapshot = snapshots.cart("acorn", lines, ("Only 3 left of one of these.",))
    text = renderer.render(snapshots.tenant(), None, snapshot).body.decode()
    assert "The price changed from €20.00 to €34.00" in text
    assert "Only 3 left" in text
    assert f'name="updates[{lines[0]["key"]}]"' in text
    assert 'name="checkout"' in text


def test_an_empty_cart_offers_no_checkout(renderer: Renderer) -> None:
    text = renderer.render(snapshots.tenant(), None, snapshots.cart("acorn", [])).body.decode()
    assert "Your cart is empty" in text
    assert 'name="checkout"' not in text


def test_the_product_page_can_be_bought_from_without_script(renderer: Renderer) -> None:
    text = _render(renderer, "acorn", "/products/ash-glazed-breakfast-bowl").body.decode()
    without_script = re.findall(r"<noscript>(.*?)</noscript>", text, re.S)
    assert 'action="/cart/add" method="post"' in text
    assert any('<select name="id">' in block and "Iron black / Large" in block for block in without_script)
    assert "data-variant-id disabled" in text  # a script that fails to load must not send the wrong variant
    assert not re.search(r"\son[a-z]+=", text), "no inline handlers: the policy forbids them"


def test_the_chosen_variant_is_selected_and_priced(renderer: Renderer) -> None:
    text = _render(renderer, "acorn", "/products/ash-glazed-breakfast-bowl?variant=90001").body.decode()
    assert re.search(r'<option value="90001" selected', text)
    assert "Only 2 left" in text
    price = re.search(r"data-price.*?</p>", text, re.S)
    assert price is not None
    assert "€68.00" in price.group()


def test_a_sold_out_product_cannot_be_added(renderer: Renderer) -> None:
    handle = snapshots.card("acorn", 4)["handle"]
    text = _render(renderer, "acorn", f"/products/{handle}").body.decode()
    assert re.search(r"<button[^>]*data-add[^>]* disabled>Sold out", text)


def test_structured_data_and_links_come_from_the_stored_domain(renderer: Renderer) -> None:
    text = _render(renderer, "acorn", "/products/ash-glazed-breakfast-bowl?variant=90001").body.decode()
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', text)
    assert found is not None
    data = json.loads(found.group(1))
    assert data["offers"]["lowPrice"] == "34.00"
    assert data["offers"]["availability"] == "https://schema.org/InStock"
    url = "https://acorn.example.com/products/ash-glazed-breakfast-bowl"
    assert data["url"] == url
    assert f'<link rel="canonical" href="{url}">' in text


def test_what_merchants_and_shoppers_type_is_escaped_everywhere(renderer: Renderer) -> None:
    evil = "</script><img src=x onerror=alert(1)>\"'"
    page = _page("/products/ash-glazed-breakfast-bowl")
    snapshot = snapshots.page_snapshot(
        "acorn", page, {"color_accent": "red;}</style>" + evil, "hero_image": "javascript:1"}
    )
    product = snapshot.parts["product"].data
    product.update(title=evil, vendor=evil, type=evil, seo_description=evil)
    product["options"][0]["name"] = evil
    product["variants"][0].update(title=evil, options=[evil, "Small"])
    snapshot.parts["shop"].data["navigation"]["main"][0] = {"title": evil, "url": "javascript:alert(1)"}
    text = renderer.render(snapshots.tenant(), page, snapshot).body.decode()
    assert "<img src=x" not in text
    assert "javascript:" not in text
    found = _page("/search?q=" + "%3Cscript%3Ealert(1)%3C/script%3E")
    assert (
        b"<script>alert" not in renderer.render(snapshots.tenant(), found, snapshots.page_snapshot("acorn", found)).body
    )


def test_settings_change_what_shoppers_see(renderer: Renderer) -> None:
    page = _page("/")
    looks = {
        renderer.render(snapshots.tenant(), page, snapshots.page_snapshot("acorn", page, settings)).body
        for settings in (
            {},
            {"color_accent": "#ff0000"},
            {"type_style": "mono"},
            {"artwork": "terrain"},
            {"columns": 2},
        )
    }
    assert len(looks) == 5


def test_a_missing_name_prints_nothing_for_shoppers(renderer: Renderer, shoppers: Renderer) -> None:
    snapshot = snapshots.page_snapshot("acorn", _page("/"))
    del snapshot.parts["featured"]
    assert shoppers.render(snapshots.tenant(), _page("/"), snapshot).status == 200
    with pytest.raises(RenderError, match="featured"):
        renderer.render(snapshots.tenant(), _page("/"), snapshot)


def test_twins_and_empty_snapshots_are_refused_in_words(renderer: Renderer) -> None:
    with pytest.raises(RenderError, match="themes make no js"):
        renderer.render(snapshots.tenant(), Page(PageKind.PRODUCT, PageFormat.JS, "x"), Snapshot())
    with pytest.raises(RenderError, match="cart or missing"):
        renderer.render(snapshots.tenant(), None, Snapshot())


def test_money_follows_the_shop(renderer: Renderer) -> None:
    page = _page("/products/espresso-cup")
    tenant = snapshots.tenant("acorn", currency="JPY", locale="en")
    assert "¥1,800" in renderer.render(tenant, page, snapshots.page_snapshot("acorn", page)).body.decode()


def test_importing_the_renderer_loads_no_database_driver() -> None:
    code = (
        "import sys, edge_renderer.render\n"
        "sys.exit(any(name.split('.')[0] in ('psycopg', 'origin', 'redis') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_limit_is_told_before_it_is_met(renderer: Renderer) -> None:
    page = _page("/products/ash-glazed-breakfast-bowl")
    free, limited = snapshots.page_snapshot("acorn", page), snapshots.page_snapshot("acorn", page)
    for variant in limited.parts["product"].data["variants"]:
        variant["max_per_order"] = 2
    text = renderer.render(snapshots.tenant(), page, limited).body.decode()
    assert "Limited to 2 per order" in text
    assert re.search(r'name="quantity" value="1" min="1" max="2"', text)
    text = renderer.render(snapshots.tenant(), page, free).body.decode()
    assert "per order" not in text
    assert re.search(r'name="quantity" value="1" min="1" max="999"', text)
