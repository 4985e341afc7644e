"""A handle made from any text is one that its own page's address leads to."""

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.page import Page, PageKind, parse_target
from origin.catalog.handles import slug

# Signs that hide capitals, marks that look for a letter to sit on, quotes that vanish, letters without a pair.
_AWKWARD = "™℠№℡ℌKÅİıẞßŒǼﬁΣςᾼՙ'’ʼ＇`´̷̈́̇ͅेィ゙가각𝐀🄰Ⓐ＆&-_./%\u200d\u00ad\u0591\u0301"
titles = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(_AWKWARD), max_size=300)


@given(titles)
@example("Brand New™")
@example("İSTANBUL")
@example("ᄀ’ᅡ")
@example("é’́x")
@example("Ａ" * 300)
def test_a_handle_is_its_own_handle_and_its_page_is_not_redirected(title):
    handle = slug(title)
    assert slug(handle) == handle == handle.lower()
    if handle:
        assert parse_target(f"/products/{quote(handle, safe='')}") == Page(PageKind.PRODUCT, handle=handle)


@pytest.mark.parametrize(
    ("title", "handle"),
    [
        ("Acme Widget™", "acme-widgettm"),
        ("Crème Brûlée & Co.", "creme-brulee-and-co"),
        ("İstanbul", "istanbul"),
        ("Ǽther №5", "aether-no5"),
        ("STRAẞE", "strasse"),
        ("Ｆｕｌｌ＆Ｗｉｄｅ", "full-and-wide"),
        ("Чай чёрный", "чай-чёрный"),
        ("™", "tm"),
        ("!!!", ""),
    ],
)
def test_what_becomes_of_letters_of_all_kinds(title, handle):
    assert slug(title) == handle
