"""A flash sale for locust, as `stoa bench flash-sale` runs it, and for locust's own page (loadtest/README.md).

Locust's users are two schedules, not people: one lets the sale's buyers come, one lets the other shops trade. Both are
open loops, so a platform that is slow has as many visitors as one that is quick. Do not raise the number of users.
"""

import time
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import gevent
from geventhttpclient import HTTPClient
from locust import User, events, task
from locust.env import Environment
from locust.exception import StopUser

from loadtest.scenarios.arrivals import Crowd, steady
from loadtest.scenarios.browser import Browser
from loadtest.scenarios.buyers import ADDRESS, GOOD_CARD, Buyer, Goods
from loadtest.scenarios.journal import Asked, Ended, Journal, Opened

CONNECTIONS = 1024
ANSWER_SECONDS = 40.0
BUYING_NEIGHBOURS = 0.1


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def _options(parser: Any) -> None:
    parser.add_argument("--sale-host", default="", help="Host of the shop that has the sale")
    parser.add_argument("--sale-path", default="", help="Path of the product everybody wants")
    parser.add_argument("--other-hosts", default="", help="Hosts of shops that trade meanwhile, with commas between")
    parser.add_argument("--other-rate", type=float, default=5.0, help="Visits a second of those, all together")
    parser.add_argument("--buyers", type=int, default=300, help="Buyers in all")
    parser.add_argument("--seconds", type=float, default=30.0, help="Time over which they come")
    parser.add_argument("--patience", type=float, default=120.0, help="Seconds after which a buyer gives up")
    parser.add_argument("--pause", type=float, default=2.0, help="Seconds a buyer thinks between two steps")
    parser.add_argument("--seed", type=int, default=1, help="The same seed, the same crowd")
    parser.add_argument("--journal", default="", help="File for what happened, line by line")


class _Schedule(User):
    """What both have: the platform's address, the options, connections, and a clock that begins with the user."""

    abstract = True
    fixed_count = 1

    def on_start(self) -> None:
        address = urlsplit(self.host or "http://127.0.0.1:8080")
        self.options = self.environment.parsed_options
        self.connections = HTTPClient(
            address.hostname or "127.0.0.1",
            address.port or 80,
            concurrency=CONNECTIONS,
            connection_timeout=ANSWER_SECONDS,
            network_timeout=ANSWER_SECONDS,
        )
        self.began = time.monotonic()

    def browser(self, host: str, shop: str) -> Browser:
        return Browser(self.environment, self.connections, host, shop)

    def sleep_until(self, at: float) -> float:
        """The moment itself, by the process's clock."""
        intended = self.began + at
        gevent.sleep(max(0.0, intended - time.monotonic()))
        return intended

    def goods(self, host: str, path: str) -> Goods:
        said = self.browser(host, "setup").get(f"{path}.js", "product data").json()
        if not said.get("variants"):
            raise SystemExit(f"There is no product at {host}{path}")
        return Goods(path, said["variants"][0]["id"])


class Sale(_Schedule):
    journal: Journal | None = None

    @task
    def let_them_come(self) -> None:
        try:
            self._let_them_come()
        finally:
            if self.options.headless:
                gevent.spawn(self.environment.runner.quit)  # it waits for this greenlet, too
        raise StopUser

    def _let_them_come(self) -> None:
        options = self.options
        goods = self.goods(options.sale_host, options.sale_path)
        crowd = Crowd(options.buyers, options.seconds)
        self.began = time.monotonic()
        if self.journal:
            self.journal.write(Opened(self.began))
        coming = [gevent.spawn(self._one, goods, number, at) for number, at in enumerate(crowd.arrivals(options.seed))]
        gevent.joinall(coming)

    def _one(self, goods: Goods, number: int, at: float) -> None:
        options = self.options
        browser = self.browser(options.sale_host, "sale")
        chance = Random(f"{options.seed}/{number}")  # noqa: S311  a habit, not a secret
        buyer = Buyer(browser, goods, chance, options.patience, options.pause)
        intended = self.sleep_until(at)
        late_ms = (time.monotonic() - intended) * 1000
        ending = buyer.run(intended)
        seconds = time.monotonic() - intended
        if self.journal:
            self.journal.write(Ended(intended, seconds, ending, buyer.habit, late_ms, buyer.waited_in_line))


class OtherShops(_Schedule):
    """Visitors of shops that have nothing to do with it: pages, and now and then an order."""

    @task
    def trade(self) -> None:
        hosts = [host for host in self.options.other_hosts.split(",") if host]
        if not hosts:
            raise StopUser
        goods = {host: self._goods_of(host) for host in hosts}
        chance = Random(self.options.seed)  # noqa: S311  a mix, not a secret
        for at in steady(self.options.other_rate, float("inf"), self.options.seed):
            host = chance.choice(hosts)
            gevent.spawn(self._visit, host, chance.choice(goods[host]), at, chance.random() < BUYING_NEIGHBOURS)
            self.sleep_until(at)

    def _goods_of(self, host: str) -> list[Goods]:
        listed = self.browser(host, "setup").get("/products.json?limit=5", "product list").json()["products"]
        return [Goods(f"/products/{product['handle']}", product["variants"][0]["id"]) for product in listed]

    def _visit(self, host: str, goods: Goods, at: float, is_buying: bool) -> None:
        browser = self.browser(host, "other")
        browser.get(goods.path, "page", self.sleep_until(at))
        if not is_buying:
            return
        browser.post("/cart/add.js", "add to cart", {"id": goods.variant_id, "quantity": 1})
        order = {"email": "eve@example.com", "shipping_address": ADDRESS, "payment_method": GOOD_CARD}
        key = f"other-{self.options.seed}-{at}"
        browser.post("/checkout", "checkout", order | {"cart": browser.cookies.get("cart", "")}, key)


@events.init.add_listener  # type: ignore[untyped-decorator]
def _keep_journal(environment: Environment, **_: Any) -> None:
    path = getattr(environment.parsed_options, "journal", "")
    if not path:
        return
    file = Path(path).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115  until locust quits
    Sale.journal = journal = Journal(file)

    def note(context: dict[str, Any], response_time: float, **_: Any) -> None:
        if context.get("shop") in ("sale", "other"):
            journal.write(Asked(context["began"], context["shop"], context["kind"], response_time, context["status"]))

    environment.events.request.add_listener(note)  # type: ignore[no-untyped-call]
    environment.events.quitting.add_listener(lambda **_: file.close())  # type: ignore[no-untyped-call]
