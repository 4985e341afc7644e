"""Two people and one unit, each in a browser of their own; the line before a checkout, with and without JavaScript."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex

import httpx
import pytest
import redis
from playwright.sync_api import Browser, Page, expect

from tests.browser.shopper import Shopper
from tests.fixtures.merchant import Merchant
from tests.fixtures.platform import RunningPlatform

pytestmark = pytest.mark.browser

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1440, "height": 900}
GHOSTS = 200


@pytest.fixture
def shop(demo_platform: RunningPlatform) -> Iterator[Merchant]:
    with httpx.Client(timeout=10, trust_env=False, verify=False) as client:
        made = demo_platform.create_store(f"line-{token_hex(4)}", "--currency=GBP")
        yield Merchant(demo_platform, client, made["store"]["host"], made["admin_token"])


@contextmanager
def visitor(
    browser: Browser, shop: Merchant, viewport: dict[str, int], *, has_script: bool = True
) -> Iterator[Shopper]:
    context = browser.new_context(java_script_enabled=has_script, viewport=viewport)  # type: ignore[arg-type]
    port = shop.platform.ready.edge.rpartition(":")[2]
    yield Shopper(context.new_page(), f"http://{shop.host}:{port}")
    context.close()


def ready_to_pay(shopper: Shopper, product: dict[str, str]) -> None:
    shopper.visit(f"/products/{product['handle']}")
    shopper.add_to_cart()
    expect(shopper.page.locator("#cart-drawer[open], main .cart")).to_contain_text(product["title"])
    shopper.open_checkout()
    shopper.fill_address()
    shopper.page.locator("input[name=payment_method][value=pm_card_visa]").check()


def thanks(page: Page) -> bool:
    return page.get_by_role("heading", name="Thank you, Ada!").is_visible()


def test_of_two_who_want_the_last_one_one_gets_it_and_the_other_is_told_kindly(browser, shop):
    product = shop.add_product("Last Mug", "12.00", 1)
    with visitor(browser, shop, PHONE) as ada, visitor(browser, shop, DESKTOP) as eve:
        for shopper in (ada, eve):
            ready_to_pay(shopper, product)
        for shopper in (ada, eve):  # neither waits for the other's answer
            shopper.page.evaluate("document.getElementById('checkout').submit()")
        for shopper in (ada, eve):
            expect(shopper.page.get_by_text(re.compile("Thank you, Ada!|has sold out")).first).to_be_visible()
        winner, other = (ada, eve) if thanks(ada.page) else (eve, ada)
        assert thanks(winner.page)
        expect(other.page.get_by_role("alert").first).to_contain_text("“Last Mug” has sold out")
        expect(other.page.get_by_label("E-mail")).to_have_value(other.email)
    assert shop.stock_of(product["variants"][0]["id"]) == 0
    assert [order["email"] for order in shop.admin("GET", "orders.json")["orders"]] == [winner.email]


@contextmanager
def a_long_line(shop: Merchant) -> Iterator[None]:
    """Of people who came before everybody in this test, and look again and again."""
    store_id = shop.admin("GET", "shop.json")["shop"]["id"]
    state = redis.Redis.from_url(shop.platform.ready.state_url)
    keys = (f"line:{store_id}", f"line:{store_id}:due")
    state.zadd(keys[0], {f"ghost{number}": number for number in range(GHOSTS)})
    state.zadd(keys[1], {f"ghost{number}": 2**52 for number in range(GHOSTS)})
    yield
    for key in keys:
        state.zrem(key, *(f"ghost{number}" for number in range(GHOSTS)))
    state.close()


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
def test_a_buyer_in_line_sees_how_it_goes_and_need_not_do_anything(browser, shop, has_script):
    product = shop.add_product("Blue Mug", "12.00", 7)
    with visitor(browser, shop, PHONE, has_script=has_script) as shopper:
        ready_to_pay(shopper, product)
        with a_long_line(shop):
            shopper.page.get_by_role("button", name="Pay").click()
            expect(shopper.page.get_by_role("heading", level=1, name="You are in line")).to_be_visible()
            expect(shopper.page.get_by_role("status")).to_contain_text(f"{GHOSTS} people are before you")
            expect(shopper.page.get_by_text("7 left")).to_be_visible()
            overflow = shopper.page.evaluate("document.documentElement.scrollWidth - innerWidth") if has_script else 0
            assert overflow <= 0
            assert shop.stock_of(product["variants"][0]["id"]) == 7
        expect(shopper.page.get_by_role("heading", name="Thank you, Ada!")).to_be_visible(timeout=40_000)
        assert shopper.problems == []
    assert shop.stock_of(product["variants"][0]["id"]) == 6


def test_a_buyer_in_line_is_told_when_the_last_one_goes(browser, shop):
    product = shop.add_product("Rare Mug", "12.00", 1)
    with visitor(browser, shop, DESKTOP) as shopper:
        ready_to_pay(shopper, product)
        with a_long_line(shop):
            shopper.page.get_by_role("button", name="Pay").click()
            expect(shopper.page.get_by_role("heading", level=1, name="You are in line")).to_be_visible()
            variant = product["variants"][0]
            level = shop.admin("GET", f"inventory_levels.json?inventory_item_ids={variant['inventory_item_id']}")
            place = {name: level["inventory_levels"][0][name] for name in ("inventory_item_id", "location_id")}
            shop.admin("POST", "inventory_levels/set.json", place | {"available": 0})
            expect(shopper.page.get_by_role("heading", name="Rare Mug: sold out")).to_be_visible(timeout=40_000)
            expect(shopper.page.get_by_role("link", name="Change my cart")).to_be_visible()
