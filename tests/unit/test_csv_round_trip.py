"""Any product, written as CSV in either dialect, is read back as the same product."""

import csv
import io
from contextlib import suppress
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.money import to_decimal_text
from origin.catalog.handles import slug
from origin.imports.dialects import OPTION_NAMES, OPTION_VALUES, Column, Dialect, read_header, spelling
from origin.imports.errors import FileError
from origin.imports.grouping import group_rows
from origin.imports.parsing import Parser
from origin.imports.products import ImportedImage, ImportedProduct, ImportedVariant
from origin.imports.reading import UTF8_BOM, check_file, read_rows

CURRENCIES = ("EUR", "JPY", "KWD")

_letters = st.characters(exclude_categories=("Cs",), exclude_characters="\0")
_cells = st.text(_letters, max_size=40).map(str.strip)
_words = st.text(_letters, min_size=1, max_size=20).map(str.strip).filter(bool)
_optional = _cells.map(lambda cell: cell or None)
_codes = _cells.map(lambda cell: cell.lstrip("'").strip() or None)
_amounts = st.none() | st.integers(0, 10**9)
_urls = st.integers(0, 30).map(lambda number: f"https://pictures.test/{number}.png?v=1,2")


@st.composite
def variants(draw, options, images):
    may_oversell = draw(st.booleans())
    return ImportedVariant(
        options=options,
        price_minor=draw(_amounts),
        compare_at_minor=draw(_amounts),
        cost_minor=draw(_amounts),
        sku=draw(_codes),
        barcode=draw(_codes),
        grams=draw(st.integers(0, 10**6)),
        weight_unit=draw(st.sampled_from([None, "g", "kg", "oz", "lb"])),
        is_tracked=draw(st.booleans()),
        quantity=draw(st.none() | st.integers(-50 if may_oversell else 0, 10**6)),
        may_oversell=may_oversell,
        requires_shipping=draw(st.booleans()),
        is_taxable=draw(st.booleans()),
        tax_code=draw(_optional),
        image_src=draw(st.none() | st.sampled_from(images)) if images else None,
    )


@st.composite
def products(draw):
    names = draw(st.lists(_words, min_size=1, max_size=3, unique_by=str.casefold))
    has_options = names != ["Title"] and draw(st.booleans())
    values = st.tuples(*(_words for _ in names))
    options = draw(st.lists(values, min_size=1, max_size=4, unique=True)) if has_options else [("Default Title",)]
    images = draw(st.lists(_urls, max_size=5, unique=True))
    return ImportedProduct(
        handle=draw(_words.map(slug).filter(bool)),
        title=draw(_words),
        option_names=tuple(names) if has_options else ("Title",),
        variants=tuple(draw(variants(option, images)) for option in options),
        images=tuple(ImportedImage(src, draw(_optional)) for src in images),
        body_html=draw(_optional),
        vendor=draw(_cells),
        product_type=draw(_cells),
        tags=tuple(sorted(set(draw(st.lists(_words.filter(lambda tag: "," not in tag), max_size=4))))),
        is_published=draw(st.booleans()),
        status=draw(st.sampled_from(["active", "draft", "archived"])),
        seo_title=draw(_optional),
        seo_description=draw(_optional),
    )


def rows_of(product, currency):
    """Cells by column: variants and images run down the rows side by side."""
    rows = [{Column.HANDLE: product.handle} for _ in range(max(len(product.variants), len(product.images)))]
    rows[0] |= {
        Column.TITLE: product.title,
        Column.BODY: product.body_html,
        Column.VENDOR: product.vendor,
        Column.TYPE: product.product_type,
        Column.TAGS: ", ".join(product.tags),
        Column.PUBLISHED: str(product.is_published).upper(),
        Column.STATUS: product.status,
        Column.SEO_TITLE: product.seo_title,
        Column.SEO_DESCRIPTION: product.seo_description,
        **dict(zip(OPTION_NAMES, product.option_names, strict=False)),
    }
    for row, variant in zip(rows, product.variants, strict=False):
        row.update(variant_cells(variant, currency))
    for position, (row, image) in enumerate(zip(rows, product.images, strict=False), start=1):
        row.update({Column.IMAGE: image.src, Column.IMAGE_POSITION: position, Column.IMAGE_ALT: image.alt})
    return rows


def variant_cells(variant, currency):
    def amount(minor):
        return None if minor is None else to_decimal_text(minor, currency)

    return {
        **dict(zip(OPTION_VALUES, variant.options, strict=False)),
        Column.PRICE: amount(variant.price_minor),
        Column.COMPARE_AT: amount(variant.compare_at_minor),
        Column.COST: amount(variant.cost_minor),
        Column.SKU: variant.sku,
        Column.BARCODE: variant.barcode,
        Column.GRAMS: variant.grams,
        Column.WEIGHT_UNIT: variant.weight_unit,
        Column.TRACKER: "shopify" if variant.is_tracked else "",
        Column.QUANTITY: variant.quantity,
        Column.POLICY: "continue" if variant.may_oversell else "deny",
        Column.SHIPPING: str(variant.requires_shipping).upper(),
        Column.TAXABLE: str(variant.is_taxable).upper(),
        Column.TAX_CODE: variant.tax_code,
        Column.VARIANT_IMAGE: variant.image_src,
    }


def csv_body(found, currency, dialect, line_end, order):
    columns = list(Column)
    order.shuffle(columns)
    written = io.StringIO(newline="")
    # Before Python 3.13 the writer leaves a lone carriage return bare unless it is part of its own line end.
    quoting = csv.QUOTE_MINIMAL if line_end == "\r\n" else csv.QUOTE_ALL
    writer = csv.writer(written, lineterminator=line_end, quoting=quoting)
    writer.writerow([spelling(column, dialect) for column in columns])
    for product in found:
        for row in rows_of(product, currency):
            writer.writerow(["" if row.get(column) is None else row[column] for column in columns])
    return written.getvalue().encode()


@settings(max_examples=60)
@given(
    st.lists(products(), min_size=1, max_size=3, unique_by=lambda product: product.handle),
    st.sampled_from(CURRENCIES),
    st.sampled_from(Dialect),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_a_product_survives_its_csv(found, currency, dialect, line_end, has_mark, order):
    body = (UTF8_BOM if has_mark else b"") + csv_body(found, currency, dialect, line_end, order)
    check_file(body)
    rows = read_rows(body)
    header = read_header(next(rows).cells)
    read = [Parser(header, currency).parse(group)[0] for group in group_rows(header, rows)]
    assert [replace(product, line=0) for product in read] == found


@settings(max_examples=150)
@given(st.binary(max_size=300) | st.text('",\n\r ab', max_size=80).map(str.encode))
def test_no_bytes_break_the_reader_in_another_way_than_a_file_error(body):
    with suppress(FileError):
        assert all(row.end_byte <= len(body) for row in read_rows(body))
