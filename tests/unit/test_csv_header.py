"""The header row: both spellings, missing and repeated columns, and columns that are left out."""

import pytest

from origin.imports.dialects import Column, Dialect, read_header, spelling
from origin.imports.errors import FileError


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("change", [str, str.upper, str.lower, lambda name: f"  {name} "])
def test_every_column_is_known_in_both_dialects_whatever_its_capitals(dialect, change):
    header = read_header([change(spelling(column, dialect)) for column in Column])
    assert header.indexes == {column: index for index, column in enumerate(Column)}
    assert header.ignored == ()


def test_the_two_dialects_may_be_mixed():
    header = read_header(["URL handle", "Title", "Variant Price", "Inventory quantity"])
    assert list(header.indexes) == [Column.HANDLE, Column.TITLE, Column.PRICE, Column.QUANTITY]


def test_a_missing_title_is_named():
    with pytest.raises(FileError, match='"Title" is missing'):
        read_header(["Handle", "Vendor"])


def test_a_missing_handle_is_named_in_both_spellings_when_there_are_variants():
    with pytest.raises(FileError, match=r'"Handle" \(or "URL handle"\) is missing'):
        read_header(["Title", "Option1 Value"])
    assert not read_header(["Title", "Price"]).has(Column.HANDLE)


def test_a_column_that_occurs_twice_is_refused_with_both_places():
    with pytest.raises(FileError, match=r'"Variant Price" \(or "Price"\) occurs twice, as column 2 and as column 4'):
        read_header(["Title", "Variant Price", "Type", "price"])


@pytest.mark.parametrize("separator", [";", "\t"])
def test_another_separator_is_recognised(separator):
    with pytest.raises(FileError, match="not separated by commas"):
        read_header([separator.join(["Handle", "Title"])])


def test_columns_that_are_left_out_are_named_in_one_sentence():
    header = read_header(["Title", "Fabric (product.metafields.custom.fabric)", "Collection", "", "Collection"])
    assert header.warning == (
        "these columns are not imported: Fabric (product.metafields.custom.fabric), Collection, Collection"
    )
    many = read_header(["Title", *(f"Extra {n}" for n in range(20))])
    assert many.warning.endswith("Extra 11 and 8 more")
    assert read_header(["Title"]).warning is None
