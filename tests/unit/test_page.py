"""One normaliser makes the key and the route: every spelling of a page comes to one page, or to a refusal."""

import string
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.page import (
    MAX_TARGET_BYTES,
    SORTS,
    BadTarget,
    NoPage,
    Page,
    PageFormat,
    PageKind,
    Redirect,
    parse_target,
)

_TARGET_TEXT = st.text(alphabet=string.ascii_letters + string.digits + "/%?&=.-_~+;:@[]é", max_size=60)
_HANDLES = st.from_regex(r"[a-z0-9é][a-z0-9é_-]{0,20}", fullmatch=True)
_QUERIES = st.dictionaries(
    st.sampled_from(["page", "limit", "q", "sort_by", "variant", "utm_source", "filter.v.price.gte", "x"]),
    st.one_of(st.sampled_from([*SORTS, "1", "2", "007", "0", "-1", "9" * 20, "", " ", "½"]), st.text(max_size=12)),
)


def test_a_page_of_each_kind_is_found_at_its_own_address() -> None:
    found = {target: parse_target(target) for target in _ADDRESSES}
    assert found == _ADDRESSES


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/products/bowl/", "/products/bowl"),
        ("/Products/bowl", None),
        ("/products/BOWL", "/products/bowl"),
        ("/products/%62owl", "/products/bowl"),
        ("/collections/table/products/bowl", "/products/bowl"),
        ("/collections/table/products/bowl?variant=3&utm_source=x", "/products/bowl?variant=3"),
        ("/search/?q=a++b", "/search?q=a+b"),
    ],
)
def test_another_spelling_is_redirected_to_the_page_it_means(target: str, location: str | None) -> None:
    if location is None:
        with pytest.raises(NoPage):
            parse_target(target)
    else:
        assert parse_target(target) == Redirect(location)


@pytest.mark.parametrize(
    "target",
    [
        "products/bowl",
        "//evil.example/",
        "/products//bowl",
        "/products/../cart",
        "/products/%2e%2e/cart",
        "/products/a%2fb",
        "/products/a%5cb",
        "/products/a%00b",
        "/products/a%0d%0aSet-Cookie:x",
        "/products/a%250ab",
        "/products/a\\b",
        "/products/a;b",
        "/products/%ff",
        "/" + "a" * MAX_TARGET_BYTES,
        "/search?q=" + "a" * MAX_TARGET_BYTES,
    ],
)
def test_a_path_no_shop_has_is_refused(target: str) -> None:
    with pytest.raises(BadTarget):
        parse_target(target)


def test_unknown_parameters_leave_no_trace_and_known_ones_are_canonical() -> None:
    plain = parse_target("/collections/table")
    assert parse_target("/collections/table?utm_source=mail&fbclid=1&page=1&sort_by=nonsense") == plain
    one = parse_target("/collections/table?page=02&sort_by=price-ascending")
    other = parse_target("/collections/table?sort_by=price-ascending&x=1&page=2&page=3")
    assert one == other
    assert isinstance(one, Page)
    assert one.url == "/collections/table?sort_by=price-ascending&page=2"


@given(_TARGET_TEXT)
def test_any_text_is_a_page_a_redirect_or_a_refusal(target: str) -> None:
    try:
        found = parse_target("/" + target)
    except (BadTarget, NoPage):
        return
    if isinstance(found, Redirect):
        assert found.location.startswith("/")
        assert not found.location.startswith("//")
        assert isinstance(parse_target(found.location), Page)
    else:
        assert parse_target(found.url) == found


@given(
    st.sampled_from(["/products/{}", "/products/{}.js", "/collections/{}", "/pages/{}", "/search"]), _HANDLES, _QUERIES
)
def test_a_canonical_address_leads_to_the_page_it_came_from(path: str, handle: str, query: dict[str, str]) -> None:
    """Idempotent: following a redirect once is enough, whatever was in the query."""
    found = parse_target(f"{path.format(quote(handle))}?{urlencode(query)}")
    if isinstance(found, Redirect):
        found = parse_target(found.location)
    assert isinstance(found, Page)
    assert parse_target(found.url) == found


_ADDRESSES = {
    "/": Page(PageKind.HOME),
    "/products/bowl": Page(PageKind.PRODUCT, handle="bowl"),
    "/products/bowl.js": Page(PageKind.PRODUCT, PageFormat.JS, "bowl"),
    "/products/bowl.json": Page(PageKind.PRODUCT, PageFormat.JSON, "bowl"),
    "/collections/table": Page(PageKind.COLLECTION, handle="table"),
    "/collections/table/products.json": Page(PageKind.COLLECTION, PageFormat.JSON, "table"),
    "/collections": Page(PageKind.COLLECTIONS),
    "/collections.json": Page(PageKind.COLLECTIONS, PageFormat.JSON),
    "/products.json?limit=5": Page(PageKind.LISTING, PageFormat.JSON, params=(("limit", "5"),)),
    "/search?q=tea": Page(PageKind.SEARCH, params=(("q", "tea"),)),
    "/search/suggest.json?q=tea": Page(PageKind.SUGGEST, PageFormat.JSON, params=(("q", "tea"),)),
    "/pages/about": Page(PageKind.STATIC, handle="about"),
    "/sitemap.xml": Page(PageKind.SITEMAP, PageFormat.XML),
    "/robots.txt": Page(PageKind.ROBOTS, PageFormat.TEXT),
}


@given(st.text(alphabet="qv&=+%41?;é \x00", max_size=30))
def test_a_query_is_read_as_everybody_reads_it_and_the_first_of_two_counts(query: str) -> None:
    page = parse_target(f"/search?{query}")
    first = dict(reversed(parse_qsl(query)))
    assert page == parse_target(f"/search?{urlencode({'q': first.get('q', '')})}")
