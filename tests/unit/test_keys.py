"""Keys name one page and tags one thing: whatever a merchant or shopper writes, two shops never meet."""

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from contracts import keys
from contracts.page import Page, PageFormat, PageKind
from contracts.tenant import StoreId, StoreStatus, Tenant

_TEXTS = st.text(max_size=20)
_IDS = st.integers(1, 2**53 - 1).map(StoreId)
_PAGES = st.builds(
    Page,
    st.sampled_from(PageKind),
    st.sampled_from(PageFormat),
    _TEXTS,
    st.lists(st.tuples(_TEXTS, _TEXTS), max_size=3).map(tuple),
)
_TENANTS = st.builds(
    Tenant,
    _IDS,
    _TEXTS,
    _TEXTS,
    st.just(StoreStatus.ACTIVE),
    st.sampled_from(["EUR", "JPY", "KWD"]),
    _TEXTS,
    _TEXTS,
    _TEXTS,
)


def _seen(tenant: Tenant, page: Page) -> tuple[object, ...]:
    """All a page may depend on."""
    return tenant.store_id, tenant.theme_version, tenant.locale, tenant.currency, page


@given(_TENANTS, _PAGES, _TENANTS, _PAGES)
def test_two_pages_have_one_key_only_if_they_are_the_same(
    one: Tenant, page: Page, other: Tenant, another: Page
) -> None:
    is_same = _seen(one, page) == _seen(other, another)
    assert (keys.page_key(one, page) == keys.page_key(other, another)) == is_same


@given(_TENANTS, _PAGES, _PAGES)
def test_pages_of_one_shop_have_one_key_only_if_they_are_the_same(tenant: Tenant, page: Page, another: Page) -> None:
    assert (keys.page_key(tenant, page) == keys.page_key(tenant, another)) == (page == another)


@given(_TENANTS, _PAGES, _TEXTS)
def test_what_a_page_looks_like_is_in_its_key(tenant: Tenant, page: Page, text: str) -> None:
    assume(text not in {tenant.theme_version, tenant.locale})
    assert keys.page_key(replace(tenant, theme_version=text), page) != keys.page_key(tenant, page)
    assert keys.page_key(replace(tenant, locale=text), page) != keys.page_key(tenant, page)


@given(_TENANTS, _TENANTS, _PAGES)
def test_the_answer_to_paths_that_name_nothing_is_one_a_shop_and_look_and_no_page(
    one: Tenant, other: Tenant, page: Page
) -> None:
    is_same = _seen(one, page) == _seen(other, page)
    assert (keys.missing_key(one) == keys.missing_key(other)) == is_same
    assert keys.missing_key(one) != keys.page_key(other, page)


@given(_TENANTS, _PAGES)
def test_a_page_key_is_plain_ascii_without_spaces(tenant: Tenant, page: Page) -> None:
    key = keys.page_key(tenant, page)
    assert key.isascii()
    assert not any(character.isspace() for character in key)


@given(_IDS, _IDS, st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1))
def test_no_tag_of_one_shop_equals_a_tag_of_another(one: StoreId, other: StoreId, an_id: int, another_id: int) -> None:
    assume(one != other)
    assert not _all_tags(one, an_id) & _all_tags(other, another_id)


@given(_IDS, st.integers(0, 2**53 - 1))
def test_a_tag_says_whose_it_is(store_id: StoreId, an_id: int) -> None:
    assert {keys.store_of_tag(tag) for tag in _all_tags(store_id, an_id)} == {store_id}


@given(st.from_regex(r"[a-z0-9.-]{1,30}", fullmatch=True))
def test_a_host_tag_belongs_to_no_shop(host: str) -> None:
    assert keys.store_of_tag(keys.host_tag(host)) is None


def test_a_product_change_reaches_the_collections_before_and_after() -> None:
    acorn = StoreId(41)
    tags = keys.product_change_tags(acorn, 7, [3, 4])
    assert tags == {"t/41/product/7", "t/41/listing", "t/41/collection/3", "t/41/collection/4"}
    changed = keys.collection_change_tags(acorn, 3)
    assert changed == {"t/41/collection/3", "t/41/collection/3/members", "t/41/listing"}


def test_positions_of_hosts_and_shops_are_kept_apart() -> None:
    stores = {keys.positions_key(StoreId(store_id)) for store_id in (1, 11, 41)}
    assert len(stores | {keys.positions_key(None)}) == 4


def _all_tags(store_id: StoreId, an_id: int) -> set[str]:
    makers = (
        keys.product_tag,
        keys.collection_tag,
        keys.collection_members_tag,
        keys.static_page_tag,
        keys.file_tag,
    )
    return {keys.shop_tag(store_id), keys.listing_tag(store_id), *(make(store_id, an_id) for make in makers)}
