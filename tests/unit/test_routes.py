"""What stands beside pages on a shop's host, and what does not."""

import pytest

from contracts.page import BadTarget, Page, PageKind, Redirect
from edge_renderer.routes import CartPage, Nowhere, Passed, ThemeAsset, UploadedFile, route


@pytest.mark.parametrize(
    "target",
    [
        "/cart/add",
        "/cart/add.js",
        "/cart.js",
        "/cart.json?x=1",
        "/cart/123:1,456:2",
        "/checkout",
        "/checkout/abc?x=1",
        "/orders/7/token",
        "/account/login",
    ],
)
def test_carts_checkout_orders_and_accounts_are_the_origins(target: str) -> None:
    assert route(target) == Passed()


@pytest.mark.parametrize(
    "target",
    [
        "/cartoons",
        "/checkouts",
        "/%63art/add",
        "/CART",
        "/internal/hosts/x",
        "/admin/api",
        "/platform",
        "/files/0/a.png",
    ],
)
def test_what_only_looks_like_them_names_nothing(target: str) -> None:
    assert route(target) == Nowhere()


def test_the_cart_is_a_page_of_its_own_in_one_spelling() -> None:
    assert route("/cart") == CartPage()
    assert route("/cart?section_id=x") == CartPage()
    assert route("/cart/") == Redirect("/cart")


def test_an_uploaded_file_is_named_by_its_id() -> None:
    assert route("/files/57/bowl-ash.webp") == UploadedFile(57)
    assert route("/files/57/bowl-ash.webp?v=1") == UploadedFile(57)
    assert route("/files/57") == Nowhere()


def test_theme_assets_are_found_by_their_whole_path() -> None:
    assert route("/theme/agora-0123/shop.css") == ThemeAsset("/theme/agora-0123/shop.css")


@pytest.mark.parametrize(
    "target", ["/cart/../internal/hosts/x", "/cart//x", "/cart/%2e%2e/x", "/checkout/%2f", "/a%00"]
)
def test_no_path_climbs_out_of_what_is_passed_on(target: str) -> None:
    with pytest.raises(BadTarget):
        route(target)


def test_a_target_is_read_alike_the_first_time_and_later_however_long_it_is() -> None:
    for target in ("/products/bowl?variant=7", "/products/bowl?variant=7&x=" + "y" * 300):
        assert [route(target) for _ in range(3)] == [
            Page(PageKind.PRODUCT, handle="bowl", params=(("variant", "7"),))
        ] * 3
    for _ in range(2):
        with pytest.raises(BadTarget):
            route("/products//bowl")


def test_pages_and_redirects_are_left_as_they_are() -> None:
    assert route("/products/bowl?utm=x") == Page(PageKind.PRODUCT, handle="bowl")
    assert route("/products/bowl/") == Redirect("/products/bowl")


@pytest.mark.parametrize("target", ["/pages/", "/pages", "/pages/%c2%a0", "/pages/-"])
def test_a_page_without_a_handle_names_nothing(target: str) -> None:
    assert route(target) == Nowhere()
