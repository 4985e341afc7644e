"""Q1 to Q10: a page has one key and one route, made by one normaliser, however its address was spelled."""

import itertools

import pytest

from contracts.keys import page_key
from tests.attacks.arena import BROWSER, CANARY, PAGES, PRODUCT, Arena, cold
from tests.attacks.wire import Answer, Connection, request
from tests.fixtures import snapshots
from tests.fixtures.edges import page_of

_TRACKING = ("utm_source", "utm_medium", "utm_campaign", "gclid", "fbclid", "_ga", "ref", "mc_cid", "callback", "jsonp")


@pytest.mark.parametrize("name", _TRACKING)
def test_q1_what_is_not_in_the_key_is_not_in_the_page(arena: Arena, name: str) -> None:
    for target in (PRODUCT, f"{PRODUCT}.js", "/", "/robots.txt"):
        arena.attack(target=f"{target}?{name}={CANARY.decode()}", like=target)
    target = cold()
    arena.judge(arena.get(f"{target}&{name}={CANARY.decode()}", b"Accept-Encoding: gzip"))
    arena.everyone_is_served(target, PRODUCT)


@pytest.mark.parametrize(
    "query",
    ["utm=x;variant={}", "utm=x%26variant={}", "utm=x%3Bvariant={}", "utm=x?variant={}", "?variant={}", ";variant={}"],
)
def test_q2_a_parameter_cloaked_in_another_is_none(arena: Arena, query: str) -> None:
    for cloaked in (CANARY.decode(), "1"):
        assert arena.attack(target=f"{PRODUCT}?{query.format(cloaked)}").status == 200


@pytest.mark.parametrize(
    ("spellings", "page"),
    [
        (["q=mug&q={}", "q=mug&utm=1", "x=1&q=mug", "q=mug&Q={}", "q=mug&q[]={}", "q=mug&q%5B%5D={}"], "/search?q=mug"),
        (["q=mug&", "&q=mug", "q=%6Dug", "q=+mug+", "q=%20mug", "q=mug%09", "q=mug&page=1"], "/search?q=mug"),
        (["q=mug&page=0", "q=mug&page=-1", "q=mug&page={}", "q=mug&sort_by={}", "q=mug&=&=="], "/search?q=mug"),
        (["variant={}", "variant=", "variant", "variant=0", "variant=1e3", "variant=%C2%BD", "variant=+7"], PRODUCT),
    ],
)
def test_q3_other_spellings_of_a_query_are_the_same_page(arena: Arena, spellings: list[str], page: str) -> None:
    for spelling in spellings:
        target = page.partition("?")[0] + "?" + spelling.format(CANARY.decode())
        assert arena.attack(target=target, like=page).status == 200


def test_q3_of_two_values_the_first_is_shown_and_keyed(arena: Arena) -> None:
    """What is shown is what is keyed: asking for either value alone brings that one."""
    twice = arena.get("/search?q=first&q=second")
    twice.assert_is(arena.get("/search?q=first"))
    assert not twice.says(b"second")
    arena.get("/search?q=second&q=first").assert_is(arena.get("/search?q=second"))


@pytest.mark.parametrize("framing", [b"Content-Length: %d", b"Transfer-Encoding: chunked"])
@pytest.mark.parametrize("target", ["", "/", f"{PRODUCT}.js", "/search?q=mug"])
def test_q4_a_get_with_a_body_is_refused_and_not_stored(arena: Arena, framing: bytes, target: str) -> None:
    body = b"q=" + CANARY + b"&variant=" + CANARY
    if b"chunked" in framing:
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    else:
        framing = framing % len(body)
    form = b"Content-Type: application/x-www-form-urlencoded"
    answer = arena.attack(framing, form, target=target, like=target or PRODUCT, body=body)
    assert answer.status == 400


@pytest.mark.parametrize("port", ["80", "443", "8080", "4711", "00080", "65535", "99999"])
def test_q5_a_port_is_in_no_key_and_in_no_page(arena: Arena, port: str) -> None:
    target = cold()
    arena.judge(arena.get(target, b"Accept-Encoding: gzip", host=f"{arena.acorn.host}:{port}"))
    arena.everyone_is_served(target, PRODUCT)


@pytest.mark.parametrize(
    "value",
    [
        "mug%26page%3D2",
        "mug%7Cpage=2",
        "mug__page=2",
        "mug%00page",
        "mug%0Apage",
        "mug%0D%0ASet-Cookie:%20a",
        "mug%3Fpage=2",
        "mug%23",
        "mug/../../42/x",
        "mug%2F..%2F42",
        "p%2F2%2F",
        "%22%7D%2C",
        "{0}",
        "%25{0}",
        "%C3%28",
        "%F0%9F%8D%B5",
        "%E2%80%AE",
    ],
)
def test_q6_no_value_forges_another_pages_key(arena: Arena, value: str) -> None:
    """Each is a search of its own: `q=mug` and its further pages stay what they are."""
    neighbours = ("/search?q=mug", "/search?q=mug&page=2", "/search?q=p")
    before = {target: arena.get(target, *BROWSER).lasting for target in neighbours[1:]}
    answer = arena.get(f"/search?q={value}")
    assert answer.status in {200, 400}
    assert not answer.header(b"set-cookie")
    for target, clean in before.items():
        assert arena.get(target, *BROWSER).lasting == clean
    arena.everyone_is_served(neighbours[0])


_HIDDEN = (
    "/products/%2e%2e/products/blue-mug",
    "/products/../products/blue-mug",
    "/products/./blue-mug",
    "/products//blue-mug",
    "//products/blue-mug",
    "///evil.example/products/blue-mug",
    "/products%2fblue-mug",
    "/products/blue-mug;x=1",
    "/products/blue-mug%3bx",
    "/products/blue-mug%23x",
    "/products/blue-mug%3fvariant=1",
    "/products\\blue-mug",
    "/products%5cblue-mug",
    "/products/blue-mug%00",
    "/products/blue-mug%0a",
    "/products/blue-mug%0d%0aX:%20y",
    "/products/blue-mug%20",
    "/products/blue-mug%252e",
    "/products/blue-mug%c0%ae",
    "/products/blue-mug%ff",
    "/products/blue-mug%",
    "/products/blue-mug%zz",
    "/products/blue-mug%u002e",
    "/products/.%2e/blue-mug",
    "/%70roducts/blue-mug/.",
)


@pytest.mark.parametrize("path", _HIDDEN)
def test_q7_a_path_that_hides_something_is_refused_or_nobodys(arena: Arena, path: str) -> None:
    """Nothing is quietly straightened: it has no page, or it is redirected to the one spelling there is."""
    answer = arena.get(path)
    assert answer.status in {400, 404} or answer.header(b"location") == PRODUCT.encode(), answer
    arena.everyone_is_served(PRODUCT)
    arena.everyone_is_served("/")


@pytest.mark.parametrize("target", [b"/products/blue-m\xc3\xbcg", b"/products/blue-mug?variant=\xbd", b"/\xff"])
def test_q7_a_target_that_is_not_ascii_is_refused(arena: Arena, target: bytes) -> None:
    answer = arena.get(target)
    assert answer.status == 400
    assert not answer.may_be_stored
    arena.everyone_is_served()


@pytest.mark.parametrize("path", ["/products/%62lue-mug", "/products/BLUE-mug", f"{PRODUCT}/", "/collections/x{}", ""])
def test_q7_another_spelling_of_a_page_leads_to_the_page_in_the_same_shop(arena: Arena, path: str) -> None:
    path = path.format(PRODUCT) if path else "/%70roducts/blue-mug"
    answer = arena.get(f"{path}?utm={CANARY.decode()}")
    assert (answer.status, answer.header(b"location")) == (301, PRODUCT.encode())
    assert not answer.says(CANARY)
    arena.everyone_is_served()


FLOOD = 100_000
PIPELINED = 200
MEMORY_BYTES = 8 * 1024 * 1024


def test_q8_a_hundred_thousand_queries_are_one_page() -> None:
    """What a page does not know costs no key: the flood that follows is of these, and of the few that it knows."""
    tenant = snapshots.tenant("acorn")
    pages = {page_of(f"/collections/mugs?utm_source={n}&_={n}&PAGE=2&sort={n}") for n in range(FLOOD)}
    assert {page_key(tenant, page) for page in pages} == {page_key(tenant, page_of("/collections/mugs"))}


def test_q8_a_flood_of_queries_evicts_nobody_elses_pages_and_takes_no_memory(arena: Arena) -> None:
    """Queries that mean nothing fill nothing; those that name pages fill, and evict, the attacked shop's own share."""
    limits = {"edge_memory_bytes": MEMORY_BYTES, "edge_memory_tenant_percent": 5}
    with arena.edge_of_its_own(**limits) as edge, Connection(edge.port) as victim:
        for target in PAGES:
            victim.ask(request(arena.birch.host, target, *BROWSER))
        held, fills = len(edge.edge.tiers.local), edge.edge.counters.fills
        _flood(edge.port, [f"{PRODUCT}?utm_source={number}" for number in range(3000)], arena.acorn.host)
        assert edge.edge.counters.fills - fills <= 2  # whose host it is, and the one page
        assert len(edge.edge.tiers.local) - held <= 2
        _flood(edge.port, [f"{PRODUCT}?variant={number}" for number in range(10**9, 10**9 + 100)], arena.acorn.host)
        assert edge.edge.counters.evictions > 0
        assert edge.edge.tiers.local.held_bytes <= MEMORY_BYTES
        for target in PAGES[:-1]:  # the last is a 404, which lives for a second
            answer = victim.ask(request(arena.birch.host, target, *BROWSER))
            # Held all the while: at most it has to be proven again, should the flood have cost this worker its lease.
            assert b"uri-miss" not in answer.header(b"cache-status"), target
            answer.assert_is(arena.clean(target, arena.birch), target)


def _flood(port: int, targets: list[str], host: str) -> None:
    with Connection(port) as connection:
        for first in range(0, len(targets), PIPELINED):
            batch = targets[first : first + PIPELINED]
            connection.send(b"".join(request(host, target, method=b"HEAD") for target in batch))
            for _ in batch:
                answer = connection.answer(is_head=True)
                assert answer is not None
                assert answer.status == 200


@pytest.mark.parametrize("tail", ["?q={}", "/{}", "?{}", "?variant=1&utm={}"])
def test_q9_a_long_address_is_refused_and_not_stored(arena: Arena, tail: str) -> None:
    long = tail.format("a" * 16 * 1024)
    for path in (PRODUCT, "/search", "/", "/cart", "/account"):
        answer = arena.get((path + long).replace("//", "/"))
        assert answer.status == 414, path
        assert not answer.may_be_stored
    arena.everyone_is_served()


def test_q10_what_one_page_was_asked_is_in_no_other_page(arena: Arena) -> None:
    """Pages are made of snapshots; no part of a rendered page is kept for another."""
    assert arena.get(f"/search?q={CANARY.decode()}").says(CANARY)
    assert not arena.get(f"/search/suggest.json?q={CANARY.decode()}").says(CANARY)
    arena.every_page_is_clean()
    assert not arena.get(f"/{CANARY.decode()}").says(CANARY)
    assert not arena.get("/cart").says(CANARY)


def test_q10_a_search_shows_markup_as_text(arena: Arena) -> None:
    answer: Answer = arena.get("/search?q=%3Cscript%3Ealert(1)%3C/script%3E%22onload=x%22")
    assert answer.status == 200
    assert b"<script>alert" not in answer.body
    assert b'"onload=x' not in answer.body


def test_two_shops_pages_of_one_address_are_never_each_others(arena: Arena) -> None:
    for target, port in itertools.product(PAGES, arena.ports):
        with Connection(port) as connection:
            acorn, birch = (connection.ask(request(shop.host, target)) for shop in arena.shops)
        assert not acorn.says(b"birch"), target
        assert not birch.says(b"acorn"), target
