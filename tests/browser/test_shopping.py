"""In Chromium, with and without JavaScript: from front page to confirmation, and what the merchant then sees."""

import re
import time

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.shopper import Shopper, admin, shop_url

pytestmark = pytest.mark.browser

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1440, "height": 900}


@pytest.fixture
def client():
    with httpx.Client(timeout=10, trust_env=False, verify=False) as opened:
        yield opened


@pytest.fixture
def shopper(browser, demo_platform, request):
    """Asks for (shop, whether JavaScript runs, viewport)."""
    subdomain, has_script, viewport = request.param
    context = browser.new_context(java_script_enabled=has_script, viewport=viewport)
    yield Shopper(context.new_page(), shop_url(demo_platform, subdomain))
    context.close()


def buyable(platform, subdomain, client):
    """A product with plenty in stock, and its first variant."""
    for product in admin(platform, subdomain, client, "products.json?limit=50")["products"]:
        variant = product["variants"][0]
        if variant["inventory_management"] and variant["inventory_quantity"] > 10:
            return product, variant
    raise AssertionError("the demo shop has nothing in stock")


def mails(platform, client, email):
    return client.get(f"{platform.ready.mail_url}/messages.json", params={"to": email}).json()


WAYS = [("kiln", True, DESKTOP), ("leaf", False, PHONE), ("ridge", True, PHONE), ("ridge", False, DESKTOP)]


@pytest.mark.parametrize(
    "shopper", WAYS, indirect=True, ids=lambda way: f"{way[0]}-{'script' if way[1] else 'plain'}-{way[2]['width']}"
)
def test_a_shopper_finds_a_product_pays_and_the_order_is_there(shopper, demo_platform, client, request):
    subdomain = request.node.callspec.params["shopper"][0]
    product, variant = buyable(demo_platform, subdomain, client)
    shopper.visit("/")
    shopper.page.get_by_role("main").get_by_role("link", name=re.compile("View all")).first.click()
    expect(shopper.page.get_by_role("heading", level=1)).to_be_visible()
    shopper.visit(f"/search?q={product['title']}")
    shopper.page.get_by_role("main").get_by_role("link", name=product["title"]).first.click()
    expect(shopper.page.get_by_role("heading", level=1, name=product["title"])).to_be_visible()
    shopper.visit(f"/products/{product['handle']}?variant={variant['id']}")
    shopper.add_to_cart()
    expect(in_cart(shopper, request)).to_contain_text(product["title"])
    shopper.open_checkout()
    shopper.fill_address()
    shopper.pay_with("pm_card_visa")
    expect(shopper.page.get_by_role("heading", name="Thank you, Ada!")).to_be_visible()
    number = shopper.page.get_by_text(re.compile(r"^Order #\d+$")).inner_text()
    check_order(demo_platform, subdomain, client, number.removeprefix("Order "), shopper.email)
    left = admin(demo_platform, subdomain, client, f"variants/{variant['id']}.json")["variant"]["inventory_quantity"]
    assert left == variant["inventory_quantity"] - 1
    assert shopper.problems == []


def in_cart(shopper, request):
    """Where the shopper sees what is in the cart: a drawer with JavaScript, the cart page without."""
    has_script = request.node.callspec.params["shopper"][1]
    return shopper.page.locator("#cart-drawer[open]" if has_script else "main .cart")


def check_order(platform, subdomain, client, number, email):
    """In the admin API of this shop and no other, and in the mail sink."""
    orders = admin(platform, subdomain, client, "orders.json?status=any")["orders"]
    assert [order["financial_status"] for order in orders if order["email"] == email] == ["paid"]
    assert number in {order["name"] for order in orders}
    for other in {"kiln", "leaf", "ridge"} - {subdomain}:
        assert email not in {
            order["email"] for order in admin(platform, other, client, "orders.json?status=any")["orders"]
        }
    since = time.monotonic()
    while not (found := mails(platform, client, email)):
        assert time.monotonic() - since < 15, "the e-mail did not come"
        time.sleep(0.05)  # asked without pause, its programs would have no processor to send it with
    assert number in found[0]["subject"]


@pytest.mark.parametrize(
    "shopper", [("kiln", True, PHONE), ("leaf", False, DESKTOP)], indirect=True, ids=["script", "plain"]
)
def test_a_declined_card_is_said_plainly_and_the_stock_comes_back(shopper, demo_platform, client, request):
    subdomain = request.node.callspec.params["shopper"][0]
    product, variant = buyable(demo_platform, subdomain, client)
    shopper.visit(f"/products/{product['handle']}?variant={variant['id']}")
    shopper.add_to_cart()
    expect(in_cart(shopper, request)).to_contain_text(product["title"])
    shopper.open_checkout()
    shopper.fill_address()
    shopper.pay_with("pm_card_visa_chargeDeclined")
    expect(shopper.page.get_by_role("alert").first).to_contain_text("declined")
    expect(shopper.page.get_by_label("E-mail")).to_have_value(shopper.email)
    left = admin(demo_platform, subdomain, client, f"variants/{variant['id']}.json")["variant"]["inventory_quantity"]
    assert left == variant["inventory_quantity"]
    shopper.pay_with("pm_card_visa")
    expect(shopper.page.get_by_role("heading", name="Thank you, Ada!")).to_be_visible()


@pytest.mark.parametrize("shopper", [("kiln", False, PHONE)], indirect=True, ids=["plain"])
def test_a_bank_that_asks_the_buyer_is_answered_and_the_order_follows(shopper, demo_platform, client):
    product, variant = buyable(demo_platform, "kiln", client)
    shopper.visit(f"/products/{product['handle']}?variant={variant['id']}")
    shopper.add_to_cart()
    shopper.open_checkout()
    shopper.fill_address()
    shopper.pay_with("pm_card_authenticationRequired")
    shopper.page.get_by_role("button", name="Complete").click()
    expect(shopper.page.get_by_role("heading", name="Thank you, Ada!")).to_be_visible()


@pytest.mark.parametrize("subdomain", ["kiln", "leaf", "ridge"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_no_page_scrolls_sideways_or_complains(browser, demo_platform, client, subdomain, viewport):
    context = browser.new_context(viewport=viewport)
    shopper = Shopper(context.new_page(), shop_url(demo_platform, subdomain))
    product, _ = buyable(demo_platform, subdomain, client)
    for path in ("/", "/collections", "/collections/all", f"/products/{product['handle']}", "/search?q=a", "/cart"):
        shopper.visit(path)
        overflow = shopper.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{path} is {overflow} pixels too wide"
        assert shopper.page.locator("h1").count() == 1, path
        assert shopper.page.locator("img:not([alt])").count() == 0, path
    assert shopper.problems == []
    context.close()
