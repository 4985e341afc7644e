"""What a person does in a demo shop, in the words of the page: labels, buttons and headings."""

import itertools
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page, expect

from tests.fixtures.platform import RunningPlatform

numbers = itertools.count(1)


@dataclass(slots=True)
class Shopper:
    """One visitor of one shop. `problems` collects what the browser's console complains about."""

    page: Page
    base: str
    email: str = field(default_factory=lambda: f"shopper{next(numbers)}@example.com")
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self.problems.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))

    def visit(self, path: str) -> None:
        answer = self.page.goto(self.base + path)
        assert answer is not None
        assert answer.ok, f"{path}: {answer.status}"

    def add_to_cart(self) -> None:
        """On a product's page; without JavaScript the form leads to the cart page."""
        self.page.get_by_role("button", name="Add to cart").click()

    def open_checkout(self) -> None:
        self.visit("/cart")
        self.page.get_by_role("button", name="Check out").first.click()
        expect(self.page.get_by_role("heading", name="Your order")).to_be_visible()

    def fill_address(self) -> None:
        self.page.get_by_label("E-mail").fill(self.email)
        self.page.get_by_label("Country or region").select_option("GB")
        for label, text in (
            ("First name", "Ada"),
            ("Last name", "Byron"),
            ("Postal code", "N1 9GU"),
            ("City", "London"),
        ):
            self.page.get_by_label(label).fill(text)
        self.page.get_by_label("Address", exact=True).fill("1 Analytical Row")

    def pay_with(self, method: str) -> None:
        self.page.locator(f"input[name=payment_method][value={method}]").check()
        self.page.get_by_role("button", name="Pay").click()


def shop_url(platform: RunningPlatform, subdomain: str) -> str:
    port = platform.ready.edge.rpartition(":")[2]
    return f"http://{platform.ready.store_called(subdomain).host}:{port}"


def admin(platform: RunningPlatform, subdomain: str, client: Any, path: str) -> dict[str, Any]:
    store = platform.ready.store_called(subdomain)
    url = f"{platform.ready.origin}/admin/api/2024-10/{path}"
    answer = client.get(url, headers={"X-Stoa-Access-Token": store.admin_token})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
