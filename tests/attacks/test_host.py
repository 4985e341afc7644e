"""H1 to H8: whose shop is asked for is decided by one host that the platform knows, and by nothing else."""

import json
import time

import pytest

from contracts.keys import host_tag
from tests.attacks.arena import BROWSER, CANARY, PRODUCT, Arena, cold
from tests.attacks.lone_edge import lone_edge, publish
from tests.attacks.wire import Answer, Connection, request
from tests.fixtures.edges import BOWL

PROMISED_SECONDS = 5.0


@pytest.mark.parametrize(
    "host", ["nobody.stoa.localhost", "stoa.localhost", "localhost", "127.0.0.1:8080", "[::1]", "acorn", "", ".", "*"]
)
def test_h1_unknown_host_is_404_and_never_a_default_shop(arena: Arena, host: str) -> None:
    answer = arena.get(PRODUCT, host=host)
    assert answer.status == 404
    assert not answer.may_be_stored
    assert not answer.says(b"mug")
    arena.everyone_is_served()


@pytest.mark.parametrize("order", [("acorn", "birch"), ("birch", "acorn"), ("acorn", "acorn"), ("", "acorn")])
def test_h2_two_host_lines_are_refused(arena: Arena, order: tuple[str, str]) -> None:
    hosts = {"acorn": arena.acorn.host, "birch": arena.birch.host, "": ""}
    target = cold()
    first, second = (hosts[name] for name in order)
    answer = arena.get(target, b"Host: " + second.encode(), host=first)
    assert answer.status == 400
    arena.everyone_is_served(target, PRODUCT)


@pytest.mark.parametrize("line", [b" Host: {}", b"X: y\r\n Host: {}", b"Host : {}", b"\tHost: {}", b"Host\x00: {}"])
def test_h2_a_second_host_in_disguise_is_refused_or_no_host(arena: Arena, line: bytes) -> None:
    assert arena.attack(line.replace(b"{}", arena.birch.host.encode())).status in {200, 400}


def test_h3_a_target_that_names_another_host_than_the_host_line_is_refused(arena: Arena) -> None:
    for scheme in (b"http", b"https", b"HTTP", b"ftp"):
        target = cold()
        absolute = scheme + b"://" + arena.birch.host.encode() + target.encode()
        answer = arena.get(absolute)
        assert answer.status == 400
        arena.everyone_is_served(target, PRODUCT)


def test_h3_a_target_that_names_the_same_host_is_the_same_page(arena: Arena) -> None:
    target = cold()
    absolute = b"http://" + arena.acorn.host.encode() + target.encode()
    arena.judge(arena.get(absolute, b"Accept-Encoding: gzip"))
    arena.everyone_is_served(target, PRODUCT)


def test_h3_user_information_in_a_target_decides_nothing(arena: Arena) -> None:
    for authority in (b"%s@%s", b"%s:80@%s", b"%s%%40%s"):
        target = cold()
        absolute = b"http://" + authority % (arena.birch.host.encode(), arena.acorn.host.encode()) + target.encode()
        arena.judge(arena.get(absolute, b"Accept-Encoding: gzip"))
        arena.everyone_is_served(target, PRODUCT)


@pytest.mark.parametrize("spelling", ["{}:8080", "{}:1", "{}.", "{}.:443", "upper"])
def test_h4_a_known_host_in_another_spelling_is_that_shop(arena: Arena, spelling: str) -> None:
    """The page is the clean one to the byte, so nothing of the spelling is in it: neither its port nor its capitals."""
    target = cold()
    host = arena.acorn.host.upper() if spelling == "upper" else spelling.format(arena.acorn.host)
    answer = arena.get(target, b"Accept-Encoding: gzip", host=host)
    answer.assert_is(arena.clean())
    arena.everyone_is_served(target, PRODUCT)


@pytest.mark.parametrize(
    "spelling",
    [
        "{}..",
        ".{}",
        "{}:",
        "{}:http",
        "{}:80:80",
        "{}:-1",
        "{}:80@birch",
        "user@{}",
        "{} ",
        "{} birch",
        "{},birch",
        "{}%00",
        "{}\x00",
        "{}/",
        "{}\\",
        "{}#",
        "{}?",
        "{}\t",
        "ａcorn".encode().decode("latin-1") + "-attacked.stoa.localhost",
        "acórn-attacked.stoa.localhost",
        "xn--acrn-attacked-5gb.stoa.localhost",
        "acorn-attacked。stoa。localhost".encode().decode("latin-1"),
    ],
)
def test_h4_a_host_with_anything_else_around_it_is_that_shop_or_nobodys(arena: Arena, spelling: str) -> None:
    target = cold()
    answer = arena.get(target, b"Accept-Encoding: gzip", host=spelling.format(arena.acorn.host))
    arena.judge(answer)
    arena.everyone_is_served(target, PRODUCT)


@pytest.mark.parametrize(
    "name",
    [
        b"X-Forwarded-Host",
        b"X-Forwarded-Server",
        b"X-Host",
        b"X-Original-Host",
        b"X-HTTP-Host-Override",
        b"X-Real-Host",
        b"X-Backend-Host",
        b"Forwarded",
    ],
)
def test_h5_what_a_client_says_of_forwarding_is_not_looked_at(arena: Arena, name: bytes) -> None:
    value = b"host=%s" if name == b"Forwarded" else b"%s"
    for claimed in (arena.birch.host.encode(), CANARY + b".example"):
        assert arena.attack(name + b": " + value % claimed).status == 200


def test_h6_addresses_in_answers_are_made_of_the_stored_domain(arena: Arena) -> None:
    """In pages, feeds, redirects and the origin's own answers; what was typed as host is in none. The port is looked
    for with its colon: without, an ETag has it every so often."""
    host = arena.acorn.host.upper() + ":4711"
    lines = (b"Accept-Encoding: identity", b"X-Forwarded-Host: " + CANARY, b"X-Forwarded-Port: 4711")
    for target in ("/", PRODUCT, "/sitemap.xml", "/robots.txt", f"{PRODUCT}/", "/Products", "/cart", "/cart.js"):
        answer = arena.get(target, *lines, host=host)
        for text in (b":4711", CANARY, b"ACORN-"):
            assert text not in answer.body, target
            assert not any(text in value for _, value in answer.headers), target
    assert arena.acorn.host.encode() in arena.get("/robots.txt", *lines, host=host).body


def test_h6_the_order_mail_names_the_stored_domain(arena: Arena) -> None:
    shop = arena.acorn
    variant = shop.get(f"{PRODUCT}.js").json()["variants"][0]["id"]
    typed = {"Host": shop.host.upper() + ":4711", "X-Forwarded-Host": CANARY.decode()}
    added = shop.post("/cart/add.js", {"id": variant, "quantity": 1}, **typed)
    address = {"first_name": "Ada", "last_name": "B", "address1": "1 Row", "city": "London", "zip": "N1 9GU"}
    submission = {
        "email": "ada@h6.example",
        "shipping_address": address | {"country_code": "GB"},
        "payment_method": "pm_card_visa",
        "cart": added.cookies["cart"],
    }
    bought = shop.post("/checkout", submission, **typed, **{"Idempotency-Key": "h6"})
    assert bought.is_success, bought.text
    assert ":4711" not in bought.text
    (mail,) = _mail_to(arena, "ada@h6.example")
    assert shop.host in mail
    assert not any(text in mail for text in (":4711", CANARY.decode(), "ACORN-"))


def _mail_to(arena: Arena, address: str) -> list[str]:
    url = f"{arena.platform.ready.mail_url}/messages.json"
    deadline = time.monotonic() + 30
    while not (found := arena.acorn.client.get(url, params={"to": address}).json()):
        assert time.monotonic() < deadline, "no mail came"
        time.sleep(0.05)
    return [json.dumps(mail) for mail in found]


def test_h7_a_closed_shops_host_is_gone_at_every_worker_within_the_promise(arena: Arena) -> None:
    """Through the platform API: pages that every worker holds are not shown again."""
    new = arena.ask_platform("stores", {"name": "Cedar", "subdomain": "cedar-attacked", "currency": "EUR"})["store"]
    host = new["host"]
    for port in arena.ports:
        assert _of(port, host).status == 200
    arena.ask_platform(f"stores/{new['id']}/close")
    began = time.monotonic()
    while {_of(port, host).status for port in arena.ports} != {410}:
        assert time.monotonic() - began < PROMISED_SECONDS
    arena.everyone_is_served()


def _of(port: int, host: str, target: str = "/") -> Answer:
    with Connection(port) as connection:
        return connection.ask(request(host, target, *BROWSER))


def test_h7_a_host_that_another_shop_took_over_never_shows_the_old_shops_pages(state_url: str, cache_url: str) -> None:
    """Both tiers hold acorn's pages under the host; keys are made of the shop it leads to, so they are never asked.
    The record of whose host it is may be served for the second in which it is asked for anew, and never after."""
    with lone_edge(state_url=state_url, cache_url=cache_url) as edge:
        publish(edge, state_url)
        assert edge.get(BOWL).says(b"Acorn Pottery")
        assert edge.origin is not None
        tenants = edge.origin.tenants
        tenants["moved.example.com"] = tenants["acorn.example.com"]
        tenants["acorn.example.com"] = tenants["birch.example.com"]
        publish(edge, state_url, host_tag("acorn.example.com"))
        heard_at = asked_at = time.monotonic()
        while edge.get("/").says(b"Acorn Pottery"):
            assert asked_at - heard_at < 1
            asked_at = time.monotonic()
        for target in ("/", BOWL, "/search?q=bowl"):
            taken = edge.get(target)
            taken.assert_is(edge.get(target, host="birch.example.com"))
            assert not taken.says(b"Acorn Pottery")


def test_h8_a_connection_serves_whatever_shop_each_request_names(arena: Arena) -> None:
    """The edge ends no TLS, so it has no server name to compare with Host: 421 is for whoever ends TLS in front to say.
    What it owes to that is shown here: a connection belongs to no shop, and each request on it stands for itself."""
    with Connection(arena.ports[0]) as connection:
        for shop in (arena.acorn, arena.birch, arena.acorn):
            answer = connection.ask(request(shop.host, PRODUCT, *BROWSER))
            answer.assert_is(arena.clean(shop=shop))
        assert connection.ask(request("nobody.stoa.localhost", PRODUCT, *BROWSER)).status == 404
        connection.ask(request(arena.birch.host, "/", *BROWSER)).assert_is(arena.clean("/", arena.birch))
