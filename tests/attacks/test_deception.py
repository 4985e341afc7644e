"""D1 to D7: what is one shopper's is never kept, whatever its address looks like; only the route decides."""

from collections.abc import Iterator

import pytest

from tests.attacks.arena import BROWSER, CANARY, PAGES, PRODUCT, Arena
from tests.attacks.lone_edge import LoneEdge, lone_edge
from tests.attacks.wire import Answer, Connection, request
from tests.fixtures.edges import BOWL
from tests.fixtures.scripted_origin import PassedAnswer

_PRIVATE = ("/account", "/cart", "/cart.js", "/checkout", "/orders/1")


@pytest.fixture(scope="module")
def victims_cookie(arena: Arena) -> bytes:
    """A shopper with something in the cart that nobody else may see."""
    variant = arena.acorn.get(f"{PRODUCT}.js").json()["variants"][0]["id"]
    body = {"id": variant, "quantity": 3, "properties": {"Engraving": CANARY.decode()}}
    added = arena.acorn.post("/cart/add.js", body)
    assert added.status_code == 200, added.text
    return b"Cookie: cart=" + added.cookies["cart"].encode()


def _deceives(arena: Arena, cookie: bytes, address: str) -> Answer:
    """The victim follows the attacker's link; then the attacker asks for the same address at every worker."""
    lured = arena.get(address, *BROWSER, cookie)
    assert not lured.may_be_stored or lured.lasting == arena.clean("/nowhere").lasting, (address, lured)
    for port in arena.ports:
        with Connection(port) as attacker:
            answer = attacker.ask(request(arena.acorn.host, address, *BROWSER))
        assert not answer.says(CANARY), address
        assert b"hit" not in answer.header(b"cache-status") or answer.status == 404, address
    return lured


def test_the_victims_cart_is_there_to_be_stolen(arena: Arena, victims_cookie: bytes) -> None:
    assert arena.get("/cart.js", victims_cookie).says(CANARY)
    assert arena.get("/cart", victims_cookie).says(b"Blue Mug")


@pytest.mark.parametrize("private", _PRIVATE)
@pytest.mark.parametrize("tail", ["/x.css", "/x.js", "/logo.png", "/robots.txt", "/blue-mug.json", "/products.json"])
def test_d1_an_asset_below_a_private_page_is_not_kept(
    arena: Arena, victims_cookie: bytes, private: str, tail: str
) -> None:
    _deceives(arena, victims_cookie, private + tail)


@pytest.mark.parametrize("private", _PRIVATE)
@pytest.mark.parametrize("tail", [";x.css", ";/x.css", ";.js", ".css", ".js;x", "!x.css", "~.css"])
def test_d2_a_path_parameter_makes_no_asset(arena: Arena, victims_cookie: bytes, private: str, tail: str) -> None:
    _deceives(arena, victims_cookie, private + tail)


@pytest.mark.parametrize("private", _PRIVATE)
@pytest.mark.parametrize("code", ["%0a", "%0d", "%00", "%09", "%23", "%3f", "%3b", "%20", "%5c", "%26", "%252f"])
def test_d3_an_encoded_delimiter_makes_no_asset(arena: Arena, victims_cookie: bytes, private: str, code: str) -> None:
    _deceives(arena, victims_cookie, f"{private}{code}x.css")


@pytest.mark.parametrize("folder", ["/theme", "/files", "/files/1", "/products", "/robots.txt", "/sitemap.xml"])
@pytest.mark.parametrize("step", ["/..%2f", "/%2e%2e%2f", "/%2e%2e/", "\\..\\", "%2f..%2f", "/..%5c", "/..;/"])
def test_d4_a_hidden_step_up_is_refused(arena: Arena, victims_cookie: bytes, folder: str, step: str) -> None:
    assert _deceives(arena, victims_cookie, f"{folder}{step}cart").status in {400, 404}


@pytest.mark.parametrize("asset", ["/robots.txt", "/sitemap.xml", "/theme/agora/shop.css", PRODUCT])
@pytest.mark.parametrize("step", ["/../cart", "/../cart.js", "/./../cart", "/../../cart", "//../cart"])
def test_d5_a_step_up_is_refused(arena: Arena, victims_cookie: bytes, asset: str, step: str) -> None:
    assert _deceives(arena, victims_cookie, asset + step).status == 400


def test_d6_an_ending_does_not_decide_what_is_kept(arena: Arena, victims_cookie: bytes) -> None:
    """The same ending on both sides: a page's twin is kept, a cart's is not; and no ending makes an unknown path kept
    but the shop's one 404."""
    assert arena.get(f"{PRODUCT}.js", victims_cookie).may_be_stored
    for address in ("/cart.js", "/cart.json", "/cart/x.css", "/cart/update.js", "/account.json"):
        answer = arena.get(address, victims_cookie)
        assert not answer.may_be_stored, address
        assert not answer.header(b"cache-status"), address
    for address in ("/x.css", "/x.js", "/x.png", "/favicon.ico.css", "/products/blue-mug/x.css"):
        answer = arena.get(address, *BROWSER, victims_cookie)
        answer.assert_is(arena.clean("/nowhere"), address)


@pytest.fixture(scope="module")
def edge() -> Iterator[LoneEdge]:
    """With an origin that a test can make say anything."""
    with lone_edge() as made:
        yield made


@pytest.mark.parametrize(
    "line",
    [
        (b"cache-control", b"public, max-age=3600"),
        (b"set-cookie", b"session=" + CANARY),
        (b"cdn-cache-control", b"public, max-age=3600"),
        (b"surrogate-control", b"max-age=3600"),
        (b"expires", b"Thu, 31 Dec 2099 23:59:59 GMT"),
        (b"content-type", b"text/css"),
    ],
)
def test_d7_what_the_origin_answers_itself_is_never_kept(edge: LoneEdge, line: tuple[bytes, bytes]) -> None:
    """Not even what it calls public: carts and orders are fetched anew for each who asks."""
    assert edge.origin is not None
    for number in range(3):
        body = CANARY + b"%d" % number
        edge.origin.passed_answer = PassedAnswer(200, [(b"content-type", b"text/html"), line], body)
        answer = edge.get("/orders/x.css", b"Authorization: Bearer victim")
        assert answer.body == body
        for name in (b"cdn-cache-control", b"surrogate-control", b"expires", b"cache-status"):
            assert not answer.header(name)
    assert not edge.get(BOWL).says(CANARY)


def test_d7_a_request_with_authorization_gets_the_page_that_everybody_gets(arena: Arena) -> None:
    for line in (b"Authorization: Bearer " + CANARY, b"Proxy-Authorization: Basic eDp5", b"X-Stoa-Access-Token: x"):
        assert arena.attack(line).status == 200


def test_d7_only_pictures_are_kept_as_files(edge: LoneEdge) -> None:
    """A file with a type that could run as a page is no file of a shop's."""
    assert edge.origin is not None
    store_id = edge.origin.tenants["acorn.example.com"].store_id
    for number, content_type in enumerate(("text/html", "application/javascript", "text/css", ""), start=700):
        edge.origin.files[store_id, number] = (content_type, b"<script>" + CANARY)
        answer = edge.get(f"/files/{number}/x.png")
        assert (answer.status, answer.says(CANARY)) == (404, False)


def test_after_all_deceptions_every_page_is_clean(arena: Arena) -> None:
    arena.every_page_is_clean()
    assert len(PAGES) == 15
