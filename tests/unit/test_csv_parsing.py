"""The rows of one product: what counts on which row, and what fails it alone."""

import csv
import io

import pytest

from origin.imports.dialects import read_header
from origin.imports.errors import ProductError
from origin.imports.grouping import group_rows
from origin.imports.parsing import Parser
from origin.imports.products import ImportedImage
from origin.imports.reading import read_rows


def text(*rows):
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue().encode()


def parsed(*rows, currency="EUR"):
    """Every product of a file with its warnings as sentences."""
    lines = read_rows(text(*rows))
    header = read_header(next(lines).cells)
    parser = Parser(header, currency)
    found = [parser.parse(group) for group in group_rows(header, lines)]
    return [(product, [f"{warning.line}: {warning.reason}" for warning in warnings]) for product, warnings in found]


def one(columns, *rows, currency="EUR"):
    [(product, warnings)] = parsed(columns, *rows, currency=currency)
    return product, warnings


def refusal(columns, *rows, currency="EUR"):
    with pytest.raises(ProductError) as raised:
        parsed(columns, *rows, currency=currency)
    return str(raised.value)


OPTIONS = ["Handle", "Title", "Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value"]


def test_product_columns_and_option_names_count_on_the_first_row_only():
    product, warnings = one(
        [*OPTIONS, "Vendor", "Tags"],
        ["cup", "Cup", "Size", "S", "Glaze", "Ash", "Kiln", "b, a,, b "],
        ["cup", "", "", "S", "", "Iron", "Other", "c"],
    )
    assert (product.title, product.vendor, product.tags) == ("Cup", "Kiln", ("a", "b"))
    assert product.option_names == ("Size", "Glaze")
    assert [variant.options for variant in product.variants] == [("S", "Ash"), ("S", "Iron")]
    assert warnings == []


def test_a_row_without_an_option_value_is_an_image_and_images_are_not_their_rows_variants():
    product, warnings = one(
        [
            "Handle",
            "Title",
            "Option1 Name",
            "Option1 Value",
            "Variant Price",
            "Image Src",
            "Image Position",
            "Image Alt Text",
        ],
        ["cup", "Cup", "Size", "S", "1", "https://x.test/2.png", "2", ""],
        ["cup", "", "", "M", "1", "https://x.test/1.png", "1", "Front"],
        ["cup", "", "", "", "", "https://x.test/last.png", "", ""],
        ["cup", "", "", "", "9", "https://x.test/1.png", "", ""],
    )
    assert [image.src[-5:] for image in product.images] == ["1.png", "2.png", "t.png"]
    assert product.images[0] == ImportedImage("https://x.test/1.png", "Front")
    assert [variant.image_src for variant in product.variants] == [None, None]
    assert warnings == ["5: the line has a price but no Option1 Value, so only its image was looked at"]


def test_a_variants_own_image_becomes_one_of_the_products():
    product, _ = one(
        ["Handle", "Title", "Image Src", "Variant Image"],
        ["cup", "Cup", "https://x.test/a.png", "https://x.test/b.png"],
    )
    assert [image.src for image in product.images] == ["https://x.test/a.png", "https://x.test/b.png"]
    assert product.variants[0].image_src == "https://x.test/b.png"


@pytest.mark.parametrize(
    "address",
    ["/files/a.png", "ftp://x.test/a", "javascript:alert(1)", "https://", "http://u:p@x.test/", "https://x.test/a b"],
)
def test_an_image_without_a_full_address_is_left_out_with_a_warning(address):
    product, warnings = one(["Handle", "Title", "Image Src"], ["cup", "Cup", address])
    assert product.images == ()
    assert warnings[0].endswith("is not an absolute http or https address, so the image was left out")


def test_a_title_is_enough_and_makes_the_handle():
    products = parsed(["Title", "Variant Price"], ["Crème Cup", "85"], ["Mug", ""])
    assert [product.handle for product, _ in products] == ["creme-cup", "mug"]
    cup, mug = (product.variants[0] for product, _ in products)
    assert (cup.options, cup.price_minor, mug.price_minor) == (("Default Title",), 8500, None)
    assert products[1][1][0].startswith("3: Variant Price is blank")


def test_rows_without_handle_and_title_belong_to_the_title_above():
    [(product, _)] = parsed(
        ["Handle", "Title", "Image Src"], ["", "Cup", "https://x.test/1"], ["", "", "https://x.test/2"]
    )
    assert len(product.images) == 2


def test_blank_cells_take_their_defaults():
    product, _ = one(
        ["Handle", "Title", "Published", "Status", "Variant Taxable", "Variant Requires Shipping", "Inventory tracker"],
        ["cup", "Cup", "", "", "", "", ""],
    )
    assert product.is_published
    assert product.status == "active"
    variant = product.variants[0]
    assert (variant.is_taxable, variant.requires_shipping, variant.is_tracked) == (True, True, False)


@pytest.mark.parametrize(
    ("cell", "meaning"), [("continue", True), ("TRUE", True), ("deny", False), ("false", False), ("", False)]
)
def test_both_ways_to_say_whether_selling_goes_on_are_read(cell, meaning):
    product, _ = one(["Title", "Continue selling when out of stock"], ["Cup", cell])
    assert product.variants[0].may_oversell is meaning


def test_a_negative_quantity_is_kept_only_where_selling_goes_on():
    columns = ["Title", "Variant Inventory Tracker", "Variant Inventory Qty", "Variant Inventory Policy"]
    denied, warnings = one(columns, ["Cup", "shopify", "-3", "deny"])
    continued, silent = one(columns, ["Cup", "shopify", "-3", "continue"])
    assert (denied.variants[0].quantity, continued.variants[0].quantity, silent) == (0, -3, [])
    assert warnings == ["2: the quantity -3 was taken as 0, because the variant is not sold when out of stock"]


def test_amounts_have_the_currencys_decimals():
    columns = ["Title", "Variant Price", "Compare-at price", "Cost per item"]
    yen = one(columns, ["Cup", "1200.00", "1500", ""], currency="JPY")[0].variants[0]
    dinar = one(columns, ["Cup", "1.250", "", "0.5"], currency="KWD")[0].variants[0]
    assert (yen.price_minor, yen.compare_at_minor, yen.cost_minor) == (1200, 1500, None)
    assert (dinar.price_minor, dinar.cost_minor) == (1250, 500)
    assert refusal(columns, ["Cup", "12.5", "", ""], currency="JPY") == (
        'line 2: Variant Price is "12.5", which has more decimals than JPY allows; write an amount such as 19.99'
    )


def test_an_apostrophe_that_guards_leading_zeros_is_not_part_of_the_code():
    variant = one(["Title", "SKU", "Barcode"], ["Cup", "'007", "'0400"])[0].variants[0]
    assert (variant.sku, variant.barcode) == ("007", "0400")


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("Variant Price", "cheap", 'Variant Price is "cheap", which is not a number'),
        ("Variant Price", "-1", 'Variant Price is "-1"; write an amount of 0 or more'),
        ("Published", "maybe", 'Published is "maybe"; write TRUE or FALSE'),
        ("Status", "gone", 'Status is "gone"; write active, draft or archived'),
        ("Variant Inventory Qty", "2.5", 'Variant Inventory Qty is "2.5"; write a whole number'),
        ("Variant Inventory Qty", "9" * 12, "at most 1,000,000,000 can be kept"),
        ("Variant Grams", "-1", "write grams as a number"),
        ("Variant Weight Unit", "stone", 'Variant Weight Unit is "stone"; write g, kg, oz or lb'),
        ("Vendor", "x" * 256, "Vendor has 256 characters; at most 255 are allowed"),
        ("Body (HTML)", "x" * 600_000, "Body (HTML) has 600,000 characters; at most 524,288 are allowed"),
        ("Option1 Name", "Size", 'Option1 Value is blank, but the product has an option "Size"'),
        ("Option4 Value", "x", "a product has at most three options"),
        ("Vendor", "a\0b", "Vendor has a NUL character"),
    ],
)
def test_a_bad_cell_fails_its_product_with_line_and_reason(column, cell, reason):
    assert reason in refusal(["Handle", "Title", column], ["cup", "Cup", cell])


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([["cup", "", "", "", "", ""]], "line 2: Title can't be blank"),
        ([["!!!", "Cup", "", "", "", ""]], "line 2: Handle must have at least one letter or digit"),
        ([["cup", "Cup", "Size", "S"]], "line 2: the line has 4 cells and the header has 6"),
        ([["cup", "Cup", "Size", "S", "", "", "x"]], "line 2: the line has 7 cells and the header has 6; quote a cell"),
        ([["cup", "Cup", "Size", "S", "size", "x"]], "line 2: two options have the same name"),
        ([["cup", "Cup", "", "S", "", ""]], "line 2: Option1 Name is blank"),
        ([["cup", "Cup", "", "S", "Glaze", "Ash"]], "line 2: Option1 Name is blank"),
        ([["cup", "Cup", "Size", "S", "", "Ash"]], 'line 2: Option2 Value is "Ash", but Option2 Name is blank'),
        (
            [["cup", "Cup", "Size", "S", "Glaze", "Ash"], ["cup", "", "", "M", "", ""]],
            'line 3: Option2 Value is blank, but the product has an option "Glaze"',
        ),
        (
            [["cup", "Cup", "Size", "S", "", ""], ["cup", "", "", "M", "", ""], ["cup", "", "", "S", "", ""]],
            'line 4: the variant "S" is already on line 2',
        ),
    ],
)
def test_a_product_that_does_not_hold_together_fails_with_line_and_reason(rows, reason):
    assert reason in refusal(OPTIONS, *rows)


def test_cells_behind_the_header_are_no_harm_while_they_are_blank():
    assert one(["Handle", "Title"], ["cup", "Cup", "", " "])[0].title == "Cup"


def test_what_is_not_supported_is_said():
    _, warnings = one(
        ["Title", "Gift Card", "Variant Fulfillment Service", "Variant Inventory Tracker"],
        ["Card", "TRUE", "warehouse", "abacus"],
    )
    assert [warning.partition(",")[0].partition(";")[0] for warning in warnings] == [
        "2: only the fulfillment service manual is supported",
        '2: stock kept by "abacus" is not known here',
        "2: gift cards are not supported",
    ]
