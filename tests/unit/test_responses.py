"""Answers: what a conditional, compressed or headless request gets, and the headers of what may be cached."""

import gzip
from typing import Any

import brotli
import pytest

from contracts.tenant import StoreId
from edge_renderer.answer import Answer
from edge_renderer.cache.counters import CacheCounters
from edge_renderer.cache.entry import Entry, build_entry, refined
from edge_renderer.cache.local import LocalCache
from edge_renderer.cache.made import Answer as Found
from edge_renderer.cache.made import Source, Standing, Why
from edge_renderer.errors import BadRequest
from edge_renderer.request import Request, accepted_encodings, logged_path
from edge_renderer.responses import cache_status, confirmed, file_headers, moved, page_headers, respond

_BODY = b"<!doctype html><p>" + b"a bowl, " * 400


def request(method: str = "GET", target: str = "/", **headers: str) -> Request:
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    path, _, query = target.partition("?")
    scope: dict[str, Any] = {
        "method": method,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"acorn.example.com"), *lines],
        "client": ("192.0.2.7", 1234),
    }
    return Request.read(scope, _no_body)


async def _no_body() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


def entry(body: bytes = _BODY, status: int = 200, content_type: str = "text/html; charset=utf-8") -> Entry:
    tags = frozenset({"t/41/shop", "t/41/product/7"})
    return build_entry(
        key="p/41/x",
        store_id=StoreId(41),
        status=status,
        headers=page_headers(content_type, tags, 5),
        body=body,
        tags=tags,
        position=None,
        snapshot_etag="",
        lifetime_ms=1000,
    )


def answered(made: Entry, **headers: str) -> Answer:
    asked = request(**headers)
    return respond(asked.encodings, asked.header(b"if-none-match"), made, b"stoa-l1; hit")


def test_each_encoding_has_its_own_bytes_and_its_own_etag() -> None:
    made = refined(entry())
    plain, br, zipped = (answered(made, accept_encoding=name) for name in ("identity", "br, gzip", "gzip, deflate"))
    assert plain.body == brotli.decompress(br.body) == gzip.decompress(zipped.body) == _BODY
    assert len({plain.header(b"etag"), br.header(b"etag"), zipped.header(b"etag")}) == 3
    assert [answer.header(b"content-encoding") for answer in (plain, br, zipped)] == [None, b"br", b"gzip"]
    assert {answer.header(b"vary") for answer in (plain, br, zipped)} == {b"accept-encoding"}


def test_who_takes_both_gets_what_there_is() -> None:
    """A page that nobody has read again yet has no brotli."""
    first = answered(entry(), accept_encoding="br, gzip")
    assert first.header(b"content-encoding") == b"gzip"
    assert answered(entry(), accept_encoding="br").body == _BODY


def test_a_copy_that_is_still_good_is_confirmed_without_a_body() -> None:
    made = entry()
    first = answered(made, accept_encoding="br")
    etag = (first.header(b"etag") or b"").decode()
    second = answered(made, accept_encoding="br", if_none_match=f'"other", W/{etag}')
    assert (second.status, second.body) == (304, b"")
    for name in (b"etag", b"cache-control", b"vary", b"cdn-cache-control", b"surrogate-key"):
        assert second.header(name) == first.header(name)
    assert second.header(b"content-encoding") is None


def test_a_copy_stays_good_when_others_are_sent_another_encoding() -> None:
    """Brotli is made at the second reading, by each worker for itself, and goes with the entry."""
    zipped = (answered(entry(), accept_encoding="br, gzip").header(b"etag") or b"").decode()
    br = (answered(refined(entry()), accept_encoding="br, gzip").header(b"etag") or b"").decode()
    assert zipped != br
    for made in (entry(), refined(entry())):
        for etag in (zipped, br):
            answer = answered(made, accept_encoding="br, gzip", if_none_match=etag)
            assert (answer.status, answer.header(b"etag")) == (304, etag.encode())


def test_a_copy_in_an_encoding_that_is_not_taken_or_of_another_page_is_not_confirmed() -> None:
    etag = (answered(refined(entry()), accept_encoding="br").header(b"etag") or b"").decode()
    assert answered(refined(entry()), accept_encoding="gzip", if_none_match=etag).status == 200
    assert answered(refined(entry()), if_none_match=etag).status == 200
    assert answered(entry(b"tiny"), accept_encoding="br", if_none_match=etag).status == 200
    assert answered(entry(b"<p>" + b"another" * 200), accept_encoding="br", if_none_match=etag).status == 200
    assert answered(entry(status=404), if_none_match="*").status == 404


def test_what_is_small_or_already_packed_is_sent_as_it_is() -> None:
    assert answered(entry(b"tiny"), accept_encoding="br, gzip").header(b"content-encoding") is None
    assert answered(entry(content_type="image/webp"), accept_encoding="br, gzip").header(b"content-encoding") is None


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("", set()),
        ("identity", set()),
        ("gzip, deflate, br, zstd", {"br", "gzip"}),
        ("GZIP;q=0.5", {"gzip"}),
        ("br;q=0, gzip", {"gzip"}),
        ("br; q=0.000, *", {"gzip"}),
        ("*", {"br", "gzip"}),
        ("*;q=0", set()),
        ("x-gzip", {"gzip"}),
        ("brotli, gzip2, \x00", set()),
    ],
)
def test_of_the_clients_encodings_only_ours_are_heard(text: str, taken: set[str]) -> None:
    assert accepted_encodings(text) == taken


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("", None),
        ('"abc"', '"abc"'),
        ('W/"abc"', '"abc"'),
        ('"x", "abc"', '"abc"'),
        ('"abc", "abc-gzip"', '"abc-gzip"'),
        ("*", '"abc-gzip"'),
        ("abc", None),
        ('"abc-br"', None),
    ],
)
def test_if_none_match_is_a_list_compared_weakly(given: str, meant: str | None) -> None:
    assert confirmed(given, ['"abc-gzip"', '"abc"']) == meant


def found(**facts: Any) -> Found:
    return Found(**{"entry": entry(), "source": Source.FILL, "state": Standing.FRESH} | facts)


def test_cache_status_says_what_each_tier_did() -> None:
    assert cache_status(found(source=Source.LOCAL)) == b"stoa-l1; hit"
    assert cache_status(found(source=Source.LOCAL, state=Standing.STALE)) == b"stoa-l1; hit; detail=stale"
    assert cache_status(found(source=Source.SHARED, local_why=Why.STALE)) == b"stoa-l2; hit, stoa-l1; fwd=stale"
    purged = found(local_why=Why.STALE, shared_why=Why.STALE, is_coalesced=True)
    assert cache_status(purged) == b"stoa-l2; fwd=stale, stoa-l1; fwd=stale; collapsed"
    asked = found(state=Standing.REVALIDATED, local_why=Why.STALE, shared_why=Why.BYPASS)
    assert cache_status(asked) == b"stoa-l2; fwd=bypass; fwd-status=304, stoa-l1; fwd=stale; fwd-status=304"


def test_cache_status_does_not_say_stored_of_what_was_too_large_to_keep() -> None:
    for share_bytes, mark in ((100, b""), (1_000_000, b"; stored")):
        local = LocalCache(1_000_000, share_bytes, CacheCounters())
        with local.open_fill() as fill:
            held = local.put(entry(), fill, now=0.0)
        assert cache_status(found(held=held)) == b"stoa-l2; fwd=uri-miss, stoa-l1; fwd=uri-miss" + mark


def test_browsers_ask_each_time_and_a_cdn_learns_the_tags() -> None:
    headers = dict(page_headers("text/html", {"t/41/shop", "t/41/product/7"}, 5))
    assert headers[b"cache-control"] == b"public, max-age=0, must-revalidate"
    assert headers[b"cdn-cache-control"] == b"public, max-age=5"
    assert headers[b"surrogate-key"] == b"t/41/product/7 t/41/shop"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]


def test_a_page_with_more_tags_than_a_header_holds_is_kept_by_no_cdn() -> None:
    headers = dict(page_headers("text/html", {f"t/41/product/{number}" for number in range(2000)}, 5))
    assert headers[b"cdn-cache-control"] == b"no-store"
    assert b"surrogate-key" not in headers


def test_an_uploaded_file_may_be_kept_for_ever_and_run_nothing() -> None:
    headers = dict(file_headers("image/svg+xml", {"t/41/file/5"}, 5))
    assert b"immutable" in headers[b"cache-control"]
    assert headers[b"content-security-policy"] == b"default-src 'none'; style-src 'unsafe-inline'; sandbox"


def test_a_redirect_stays_on_the_shops_host() -> None:
    answer = moved("/products/bowl?variant=3", 5, ["t/41/shop"])
    assert (answer.status, answer.header(b"location")) == (301, b"/products/bowl?variant=3")


async def test_an_answer_to_head_is_that_to_get_without_its_body() -> None:
    sent: dict[bool, list[Any]] = {False: [], True: []}
    for is_head, messages in sent.items():

        async def send(message: Any, messages: list[Any] = messages) -> None:
            messages.append(message)

        await answered(entry()).send(send, is_head=is_head, extra=[])
    assert sent[True][0] == sent[False][0]
    assert (sent[True][1]["body"], sent[False][1]["body"]) == (b"", _BODY)
    assert (b"content-length", str(len(_BODY)).encode()) in sent[True][0]["headers"]


@pytest.mark.parametrize("hosts", [[], [b"acorn.example.com", b"birch.example.com"], [b"acorn.example.com"] * 2])
def test_a_request_names_exactly_one_host(hosts: list[bytes]) -> None:
    scope = {
        "method": "GET",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", host) for host in hosts],
    }
    with pytest.raises(BadRequest, match="exactly one host"):
        Request.read(scope, _no_body)


@pytest.mark.parametrize(
    ("cookie", "token"),
    [
        ("cart=abc123", "abc123"),
        ("a=1; cart=abc123; b=2", "abc123"),
        ("cart=", ""),
        ("cart=a b", ""),
        ("cart=<script>", ""),
        ("xcart=abc", ""),
        ("cart=" + "a" * 300, ""),
    ],
)
def test_a_cart_token_is_read_only_if_it_can_be_one(cookie: str, token: str) -> None:
    assert request(cookie=cookie).cart_token == token


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/products/bowl", "/products/bowl"),
        ("/cart/add.js", "/cart/add.js"),
        ("/orders", "/orders"),
        ("/orders/1001-a-secret", "/orders/..."),
        ("/checkout/c0ffee/done", "/checkout/..."),
        ("//Orders/x", "/Orders/..."),
        ("/" + "a" * 300, "/" + "a" * 199),
    ],
)
def test_a_log_does_not_open_an_order_to_its_readers(path: str, logged: str) -> None:
    assert logged_path(path) == logged


def test_scripts_are_told_from_people() -> None:
    assert request(target="/cart.js").wants_json
    assert request(target="/cart/add", accept="application/javascript").wants_json
    assert request(target="/cart/add", x_requested_with="XMLHttpRequest").wants_json
    assert not request(target="/cart", accept="text/html,application/xhtml+xml").wants_json
