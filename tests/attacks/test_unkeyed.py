"""U1 to U10: headers that name no page change no page. What a browser says of itself is not looked at."""

import itertools
import json

import pytest

from tests.attacks.arena import BROWSER, CANARY, PAGES, PRODUCT, Arena
from tests.attacks.header_names import header_names
from tests.attacks.wire import Connection, request

NAMES_A_REQUEST = 100


@pytest.mark.parametrize("name", [b"X-Forwarded-Scheme", b"X-Forwarded-Proto", b"X-Forwarded-Ssl", b"Front-End-Https"])
@pytest.mark.parametrize("value", [b"http", b"https", b"off", b"nothttps", CANARY])
def test_u1_a_claimed_scheme_makes_no_redirect(arena: Arena, name: bytes, value: bytes) -> None:
    assert arena.attack(name + b": " + value).status == 200


@pytest.mark.parametrize("name", [b"X-Original-URL", b"X-Rewrite-URL", b"X-Override-URL", b"X-Original-URI"])
@pytest.mark.parametrize("value", [b"/cart", b"/internal/hosts/x", b"/?" + CANARY, b"/nowhere"])
def test_u2_only_the_request_line_says_what_is_asked_for(arena: Arena, name: bytes, value: bytes) -> None:
    assert arena.attack(name + b": " + value).status == 200


@pytest.mark.parametrize("name", [b"X-Forwarded-Prefix", b"X-Forwarded-Port", b"X-Script-Name", b"X-Forwarded-Path"])
def test_u3_a_claimed_prefix_or_port_is_in_no_address(arena: Arena, name: bytes) -> None:
    assert arena.attack(name + b": /" + CANARY).status == 200
    assert arena.attack(name + b": 4711").status == 200


@pytest.mark.parametrize(
    "line",
    [
        b"Accept-Language: de-DE,de;q=0.9",
        b"X-Country: JP",
        b"CF-IPCountry: JP",
        b"CloudFront-Viewer-Country: JP",
        b"X-Currency: JPY",
        b"Accept-Currency: JPY",
        b"X-Geo-Country: JP",
        b"Accept-Charset: utf-7",
    ],
)
def test_u4_language_country_and_currency_come_from_the_shop_alone(arena: Arena, line: bytes) -> None:
    assert arena.attack(line).status == 200


@pytest.mark.parametrize(
    "cookie",
    [
        b"cart=" + CANARY,
        b"cart=<script>" + CANARY,
        b"cart_currency=JPY; locale=de; ab_test=" + CANARY,
        b"session=" + CANARY + b"; preview=1; theme=other",
        b"\xff\xfe\x80=" + CANARY,
        b'"' + CANARY,
        b"=;;=; ;" + CANARY,
        CANARY * 1000,
    ],
)
def test_u5_no_cookie_changes_a_shared_page_and_no_shared_page_sets_one(arena: Arena, cookie: bytes) -> None:
    answer = arena.attack(b"Cookie: " + cookie)
    assert not answer.header(b"set-cookie")


def test_u5_a_shoppers_cart_is_on_no_page_but_its_own(arena: Arena) -> None:
    shop = arena.acorn
    variant = shop.get(f"{PRODUCT}.js").json()["variants"][0]["id"]
    body = {"id": variant, "quantity": 7, "properties": {"Engraving": CANARY.decode()}}
    added = shop.post("/cart/add.js", body)
    assert added.status_code == 200, added.text
    cookie = b"Cookie: cart=" + added.cookies["cart"].encode()
    own = arena.get("/cart", cookie)
    assert own.says(b"Blue Mug")
    assert own.header(b"cache-control") == b"private, no-store"
    assert not own.header(b"cdn-cache-control")
    assert not own.header(b"cache-status")
    for target in PAGES:
        answer = arena.get(target, *BROWSER, cookie)
        answer.assert_is(arena.clean(target), target)
    assert not arena.get("/cart").says(b"Blue Mug")
    arena.every_page_is_clean()


@pytest.mark.parametrize(
    "agent",
    [b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)", b"Googlebot/2.1", b"curl/8", b"", b"${jndi:ldap://x}"],
)
def test_u6_every_kind_of_browser_gets_the_same_page(arena: Arena, agent: bytes) -> None:
    for line in (b"User-Agent: " + agent, b"Sec-CH-UA-Mobile: ?1", b"Save-Data: on", b"X-Requested-With: " + agent):
        assert arena.attack(line).status == 200


@pytest.mark.parametrize("origin", [b"https://evil.example", b"null", b"https://" + CANARY, b"http://acorn-attacked"])
def test_u7_a_foreign_origin_is_never_named_in_an_answer(arena: Arena, origin: bytes) -> None:
    answer = arena.attack(b"Origin: " + origin, b"Access-Control-Request-Method: PUT")
    passed = arena.get("/cart.js", b"Origin: " + origin)
    for given in (answer, passed):
        assert not any(name.startswith(b"access-control-") for name, _ in given.headers)
        assert not any(origin in value for _, value in given.headers)
        assert origin == b"null" or not given.says(origin)  # every cart's JSON has a null of its own


@pytest.mark.parametrize("name", [b"X-HTTP-Method-Override", b"X-HTTP-Method", b"X-Method-Override", b"_method"])
@pytest.mark.parametrize("method", [b"POST", b"DELETE", b"HEAD", b"PURGE", CANARY])
def test_u8_the_method_is_the_request_lines(arena: Arena, name: bytes, method: bytes) -> None:
    assert arena.attack(name + b": " + method).status == 200


def test_u8_a_get_does_not_become_a_post_on_its_way_to_the_origin(arena: Arena) -> None:
    """`GET /cart/clear.js` would empty a cart if an override were heard."""
    shop = arena.acorn
    variant = shop.get(f"{PRODUCT}.js").json()["variants"][0]["id"]
    added = shop.post("/cart/add.js", {"id": variant, "quantity": 2})
    cookie = b"Cookie: cart=" + added.cookies["cart"].encode()
    before = arena.get("/cart.js", cookie).body
    assert json.loads(before)["item_count"] >= 2
    arena.get("/cart/clear.js", cookie, b"X-HTTP-Method-Override: POST", b"X-HTTP-Method: POST")
    assert arena.get("/cart.js", cookie).body == before


_HARMLESS = [
    b"X-Forwarded-Host: " + CANARY,
    b"X-Forwarded-Scheme: http",
    b"X-Original-URL: /nowhere",
    b"X-Forwarded-Prefix: /" + CANARY,
    b"Range: bytes=0-9",
    b"Accept-Language: de",
    b"Connection: keep-alive, X-Forwarded-Host",
    b"X-HTTP-Method-Override: HEAD",
    b"If-None-Match: " + CANARY,
]


def test_u9_no_two_harmless_headers_do_harm_together(arena: Arena) -> None:
    for pair in itertools.combinations(_HARMLESS, 2):
        target = f"{PRODUCT}?variant={hash(pair) % 10**11 + 10**13}"
        answer = arena.ask(request(arena.acorn.host, target, b"Accept-Encoding: gzip", *pair))
        arena.judge(answer)
        clean = arena.ask(request(arena.acorn.host, target, *BROWSER))
        clean.assert_is(arena.clean(), pair)
    arena.everyone_is_served()


def test_u10_no_header_of_a_thousand_changes_any_kind_of_page(arena: Arena) -> None:
    """Each group of names meets an edge that has nothing yet, so that the attacker's requests fill every page; only
    the origin is the platform's own."""
    names = header_names()
    assert len(set(names)) >= 1000
    for first in range(0, len(names), NAMES_A_REQUEST):
        group = names[first : first + NAMES_A_REQUEST]
        lines = [name + b": " + _value(number, name) for number, name in enumerate(group)]
        with arena.edge_of_its_own() as edge, Connection(edge.port) as attacker, Connection(edge.port) as victim:
            for target in PAGES:
                attack = attacker.ask(request(arena.acorn.host, target, *BROWSER, *lines))
                assert not attack.says(CANARY), (target, group)
                attack.assert_is(arena.clean(target), target, group)
                after = victim.ask(request(arena.acorn.host, target, *BROWSER))
                after.assert_is(arena.clean(target), target, group)


def _value(number: int, name: bytes) -> bytes:
    """A canary in the shapes that headers have: a word, a path, an address, a number with something behind it."""
    shapes = (b"%s", b"/%s", b"https://%s.example/", b"1;%s", b'"%s"', b"<%s>", b"a=%s", b"%s, %s")
    shape = shapes[number % len(shapes)]
    return shape.replace(b"%s", CANARY)
