"""Two shops of a running platform, what each of their pages says when nobody attacks, and how an attack is judged."""

import itertools
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from tests.attacks.lone_edge import LoneEdge, lone_edge
from tests.attacks.wire import Answer, Connection, request
from tests.fixtures.merchant import Merchant
from tests.fixtures.platform import RunningPlatform

PRODUCT = "/products/blue-mug"
PAGES = (
    "/",
    PRODUCT,
    f"{PRODUCT}.js",
    f"{PRODUCT}.json",
    "/collections",
    "/collections.json",
    "/collections/mugs",
    "/collections/mugs/products.json",
    "/products.json",
    "/search?q=mug",
    "/search/suggest.json?q=mug",
    "/pages/about",
    "/sitemap.xml",
    "/robots.txt",
    "/nowhere",
)
"""One of every kind."""
BROWSER = (
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0",
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    b"Accept-Language: en-US,en;q=0.5",
    b"Accept-Encoding: gzip",
)
"""A victim's own headers: nothing of them changes a page but the encoding."""
REFUSALS = frozenset({400, 404, 405, 408, 413, 414, 421, 431})
CANARY = b"wq7canary7zx"
_COLD = itertools.count(10**12)


def cold() -> str:
    """A page that is in no cache: the product with a variant it does not have, which shows what PRODUCT shows."""
    return f"{PRODUCT}?variant={next(_COLD)}"


@dataclass(slots=True)
class Arena:
    """`ports` are those of each edge worker by itself: attacks go to the first, victims are at all of them."""

    platform: RunningPlatform
    acorn: Merchant
    birch: Merchant
    ports: tuple[int, ...]
    _clean: dict[tuple[str, str], Answer] = field(default_factory=dict)

    @property
    def shops(self) -> tuple[Merchant, Merchant]:
        return self.acorn, self.birch

    def learn(self) -> None:
        """What is clean, before the first attack."""
        with Connection(self.ports[0]) as browser:
            for shop, target in itertools.product(self.shops, PAGES):
                answer = browser.ask(request(shop.host, target, *BROWSER))
                assert answer.status == (404 if target == "/nowhere" else 200), (target, answer)
                self._clean[shop.host, target] = answer

    def clean(self, target: str = PRODUCT, shop: Merchant | None = None) -> Answer:
        return self._clean[(shop or self.acorn).host, target]

    def ask(self, raw: bytes) -> Answer:
        """One request on a connection of its own."""
        with Connection(self.ports[0]) as connection:
            return connection.ask(raw)

    def get(self, target: str | bytes, *lines: bytes, host: str | None = None, method: bytes = b"GET") -> Answer:
        """At acorn, if no other host is given."""
        return self.ask(request(self.acorn.host if host is None else host, target, *lines, method=method))

    def attack(
        self, *lines: bytes, target: str = "", like: str = PRODUCT, method: bytes = b"GET", body: bytes = b""
    ) -> Answer:
        """A request with these lines for acorn's page, which shows what `like` shows. Asserts that it is answered as
        everybody's is, or refused; that no word of its own comes back; and that everybody's next answer is clean."""
        target = target or cold()
        answer = self.ask(request(self.acorn.host, target, b"Accept-Encoding: gzip", *lines, method=method, body=body))
        self.judge(answer, like)
        self.everyone_is_served(target, like)
        return answer

    def judge(self, answer: Answer, like: str = PRODUCT) -> None:
        if answer.status in REFUSALS and answer.status != self.clean(like).status:
            assert not answer.may_be_stored, answer
        else:
            answer.assert_is(self.clean(like), like)
        assert not answer.says(CANARY)

    def everyone_is_served(self, target: str = PRODUCT, like: str = "") -> None:
        """A plain GET brings the clean page: acorn's at the worker that was attacked and, through the shared cache, at
        the last; birch's where acorn's was attacked."""
        for port, shop in ((self.ports[0], self.acorn), (self.ports[-1], self.acorn), (self.ports[0], self.birch)):
            with Connection(port) as victim:
                answer = victim.ask(request(shop.host, target, *BROWSER))
            answer.assert_is(self.clean(like or target, shop), port, shop.host, target)

    def ask_platform(self, path: str, body: Any = None) -> Any:
        """A POST to the platform API that works."""
        ready = self.platform.ready
        headers = {"Authorization": f"Bearer {ready.platform_token}"}
        answer = self.acorn.client.post(f"{ready.origin}/platform/{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def edge_of_its_own(self, **changes: Any) -> AbstractContextManager[LoneEdge]:
        """A worker of this platform that has nothing yet and leaves nothing in the shared cache."""
        ready = self.platform.ready
        return lone_edge(ready.origin, state_url=ready.state_url, edge_secret=self.edge_secret, **changes)

    @property
    def edge_secret(self) -> str:
        return str(json.loads((self.platform.data_dir / "secrets.json").read_text())["edge_secret"])

    def every_page_is_clean(self) -> None:
        for port in self.ports:
            with Connection(port) as victim:
                for (host, target), clean in self._clean.items():
                    victim.ask(request(host, target, *BROWSER)).assert_is(clean, port, host, target)


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def furnish(shop: Merchant, name: str) -> None:
    """The same handles in both shops, and in each page the shop's own words."""
    product = shop.add_product("Blue Mug", "12.00", 100, body_html=f"<p>Thrown by {name}.</p>", vendor=name)
    collection = {"title": "Mugs", "body_html": f"<p>All of {name}.</p>"}
    made = shop.admin("POST", "custom_collections.json", {"custom_collection": collection})["custom_collection"]
    collect = {"collection_id": made["id"], "product_id": product["id"]}
    shop.admin("POST", "collects.json", {"collect": collect})
    page = {"title": "About", "body_html": f"<p>We are {name}.</p>"}
    shop.admin("POST", "pages.json", {"page": page})


def is_settled(shop: Merchant, name: str) -> bool:
    """Whether every worker shows the last of what `furnish` made, and with it all before."""
    return all(name in page.text for page in shop.everywhere("/pages/about")) and all(
        "12.00" in page.text for page in shop.everywhere("/collections/mugs")
    )


def settled(shops: dict[str, Merchant]) -> Iterator[None]:
    """Runs until both are furnished everywhere."""
    while not all(is_settled(shop, name) for name, shop in shops.items()):
        yield
