"""The columns of a product CSV, in the two spellings that circulate, and how a header row is read.

Both spellings are accepted column by column, whatever their capitals; what no spelling names is left out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from origin.imports.errors import FileError


class Column(StrEnum):
    """What a column means. The value is its older spelling, which reasons and reports use."""

    HANDLE = "Handle"
    TITLE = "Title"
    BODY = "Body (HTML)"
    VENDOR = "Vendor"
    TYPE = "Type"
    TAGS = "Tags"
    PUBLISHED = "Published"
    STATUS = "Status"
    OPTION1_NAME = "Option1 Name"
    OPTION1_VALUE = "Option1 Value"
    OPTION2_NAME = "Option2 Name"
    OPTION2_VALUE = "Option2 Value"
    OPTION3_NAME = "Option3 Name"
    OPTION3_VALUE = "Option3 Value"
    SKU = "Variant SKU"
    BARCODE = "Variant Barcode"
    GRAMS = "Variant Grams"
    WEIGHT_UNIT = "Variant Weight Unit"
    TRACKER = "Variant Inventory Tracker"
    QUANTITY = "Variant Inventory Qty"
    POLICY = "Variant Inventory Policy"
    FULFILLMENT = "Variant Fulfillment Service"
    PRICE = "Variant Price"
    COMPARE_AT = "Variant Compare At Price"
    COST = "Cost per item"
    SHIPPING = "Variant Requires Shipping"
    TAXABLE = "Variant Taxable"
    TAX_CODE = "Variant Tax Code"
    IMAGE = "Image Src"
    IMAGE_POSITION = "Image Position"
    IMAGE_ALT = "Image Alt Text"
    VARIANT_IMAGE = "Variant Image"
    GIFT_CARD = "Gift Card"
    SEO_TITLE = "SEO Title"
    SEO_DESCRIPTION = "SEO Description"


class Dialect(StrEnum):
    OLDER = "older"
    NEWER = "newer"


_NEWER: Mapping[Column, str] = {
    Column.HANDLE: "URL handle",
    Column.BODY: "Description",
    Column.PUBLISHED: "Published on online store",
    Column.SKU: "SKU",
    Column.BARCODE: "Barcode",
    Column.GRAMS: "Weight value (grams)",
    Column.WEIGHT_UNIT: "Weight unit for display",
    Column.TRACKER: "Inventory tracker",
    Column.QUANTITY: "Inventory quantity",
    Column.POLICY: "Continue selling when out of stock",
    Column.FULFILLMENT: "Fulfillment service",
    Column.PRICE: "Price",
    Column.COMPARE_AT: "Compare-at price",
    Column.SHIPPING: "Requires shipping",
    Column.TAXABLE: "Charge tax",
    Column.TAX_CODE: "Tax code",
    Column.IMAGE: "Product image URL",
    Column.VARIANT_IMAGE: "Variant image URL",
    **{Column(f"Option{n} {part}"): f"Option{n} {part.lower()}" for n in (1, 2, 3) for part in ("Name", "Value")},
    **{column: column.value.capitalize() for column in (Column.IMAGE_POSITION, Column.IMAGE_ALT, Column.GIFT_CARD)},
    Column.SEO_TITLE: "SEO title",
    Column.SEO_DESCRIPTION: "SEO description",
}

OPTION_NAMES = (Column.OPTION1_NAME, Column.OPTION2_NAME, Column.OPTION3_NAME)
OPTION_VALUES = (Column.OPTION1_VALUE, Column.OPTION2_VALUE, Column.OPTION3_VALUE)

_FURTHER_OPTION = re.compile(r"option([4-9]|\d{2}) (name|value)")
_LISTED_AT_MOST = 12


def spelling(column: Column, dialect: Dialect) -> str:
    return _NEWER.get(column, column.value) if dialect is Dialect.NEWER else column.value


_BY_SPELLING = {spelling(column, dialect).casefold(): column for column in Column for dialect in Dialect}


@dataclass(frozen=True, slots=True)
class Header:
    """Where each known column stands. `further_options` are the columns of a fourth option and more."""

    width: int
    indexes: Mapping[Column, int]
    further_options: tuple[int, ...] = ()
    ignored: tuple[str, ...] = ()

    def has(self, column: Column) -> bool:
        return column in self.indexes

    @property
    def warning(self) -> str | None:
        """One sentence that names the columns whose content is left out."""
        if not self.ignored:
            return None
        names = ", ".join(self.ignored[:_LISTED_AT_MOST])
        rest = len(self.ignored) - _LISTED_AT_MOST
        return f"these columns are not imported: {names}" + (f" and {rest} more" if rest > 0 else "")


def read_header(cells: Sequence[str]) -> Header:
    """Raises FileError for a column that is missing or occurs twice."""
    indexes: dict[Column, int] = {}
    further: list[int] = []
    ignored: list[str] = []
    for index, cell in enumerate(cells):
        name = " ".join(cell.split())
        column = _BY_SPELLING.get(name.casefold())
        if column in indexes:
            _refuse_twice(column, indexes[column], index)
        elif column:
            indexes[column] = index
        elif _FURTHER_OPTION.fullmatch(name.casefold()):
            further.append(index)
        elif name:
            ignored.append(name[:100])
    header = Header(len(cells), indexes, tuple(further), tuple(ignored))
    _require(header, cells)
    return header


def _refuse_twice(column: Column, first: int, second: int) -> None:
    raise FileError(
        f"the column {_both(column)} occurs twice, as column {first + 1} and as column {second + 1}; remove one of them"
    )


def _require(header: Header, cells: Sequence[str]) -> None:
    if len(cells) == 1 and any(separator in cells[0] for separator in ";\t"):
        raise FileError("the columns are not separated by commas; save the file as CSV with commas and try again")
    if not header.has(Column.TITLE):
        raise FileError(f"the column {_both(Column.TITLE)} is missing; the first line must name the columns")
    if not header.has(Column.HANDLE) and any(map(header.has, OPTION_VALUES)):
        # Without it nobody can tell which variants belong to the same product.
        raise FileError(f"the column {_both(Column.HANDLE)} is missing; products with options need it on every line")


def _both(column: Column) -> str:
    older, newer = spelling(column, Dialect.OLDER), spelling(column, Dialect.NEWER)
    return f'"{older}"' if older == newer else f'"{older}" (or "{newer}")'
