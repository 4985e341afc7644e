"""Cursors: what was signed comes back, for its own shop and list only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.tenant import StoreId
from origin.api.admin.cursors import BadCursor, Cursor, decode, encode

KEY = "signing-key-of-the-tests"
ACORN, BIRCH = StoreId(1), StoreId(2)


@given(
    filters=st.lists(st.tuples(st.text(), st.text()), max_size=3), key=st.text(max_size=20), is_backward=st.booleans()
)
def test_a_cursor_comes_back_as_it_was(filters, key, is_backward):
    cursor = Cursor(ACORN, "products", tuple(filters), key, is_backward)
    assert decode(encode(cursor, KEY), KEY, ACORN, "products") == cursor


def test_a_cursor_is_refused_elsewhere():
    text = encode(Cursor(ACORN, "products", (), "7"), KEY)
    for attempt in (
        lambda: decode(text, KEY, BIRCH, "products"),
        lambda: decode(text, KEY, ACORN, "pages"),
        lambda: decode(text, "another-signing-key", ACORN, "products"),
    ):
        with pytest.raises(BadCursor):
            attempt()


@given(st.text(max_size=80))
def test_made_up_text_is_no_cursor(text):
    with pytest.raises(BadCursor):
        decode(text, KEY, ACORN, "products")
