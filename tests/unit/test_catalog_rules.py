"""The catalog's rules that need no database: handles, options, variants, smart rules, uploads, call limits."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.page import parse_target
from origin.api.admin.buckets import Buckets
from origin.catalog.assets import MAX_FILE_BYTES, checked_upload
from origin.catalog.handles import slug
from origin.catalog.options import Option, planned_options
from origin.catalog.products import clean_tags
from origin.catalog.rules import checked_rules
from origin.catalog.variant_plan import Variant, planned_variants
from origin.errors import Invalid
from tests.fixtures.admin import png


@pytest.mark.parametrize(
    ("title", "handle"),
    [
        ("Crème Brûlée", "creme-brulee"),
        ("Weiß & Söhne", "weiss-and-sohne"),
        ("Ørsted's Łamp", "orsteds-lamp"),
        ("  --Hello,   World!--  ", "hello-world"),
        ("茶碗 (青)", "茶碗-青"),
        ("ガラス", "ガラス"),
        ("!!!", ""),
        ("x" * 300, "x" * 243),
    ],
)
def test_a_handle_is_made_from_a_title(title, handle):
    assert slug(title) == handle


@given(st.text(max_size=300))
def test_every_handle_is_an_address(title):
    handle = slug(title)
    assert slug(handle) == handle
    assert len(handle) <= 243
    if handle:
        assert parse_target(f"/products/{quote(handle, safe='')}").handle == handle


def test_options_are_known_by_id_then_name_then_position():
    size, colour = Option("Size", 1, 10, 1), Option("Colour", 2, 11, 2)
    swapped = planned_options([size, colour], [{"id": 11, "name": "Color"}, {"name": "size"}])
    assert [(each.id, each.name, each.old_position) for each in swapped] == [(11, "Color", 2), (10, "size", 1)]
    renamed = planned_options([size, colour], [{"name": "Cut"}, {"name": "Colour"}])
    assert [(each.id, each.name) for each in renamed] == [(10, "Cut"), (11, "Colour")]


def planned(change, old=None, currency="EUR"):
    [only] = planned_variants([Option("Title", 1)], [(old, change)], currency, "kg")
    return only.variant


@pytest.mark.parametrize(
    ("change", "grams"),
    [
        ({"grams": 250}, 250),
        ({"weight": "0.25"}, 250),
        ({"weight": "1", "weight_unit": "lb"}, 454),
        ({"grams": 700, "weight": "0.5", "weight_unit": "kg"}, 700),
        ({"grams": 500, "weight": "0.7", "weight_unit": "kg"}, 700),
    ],
)
def test_of_grams_and_weight_the_one_that_changed_counts(change, grams):
    old = Variant(id=1, grams=500)
    assert planned(change, old).grams == grams


def test_money_has_the_currencys_decimals():
    assert planned({"price": "500"}, currency="JPY").price_minor == 500
    assert planned({"price": "1.250"}, currency="KWD").price_minor == 1250
    with pytest.raises(Invalid, match="has more decimals than JPY allows"):
        planned({"price": "0.5"}, currency="JPY")


def test_tags_are_sorted_and_told_apart_by_more_than_case():
    assert clean_tags(["b", " a  c ", "B", "", "A"]) == ["A", "a c", "b"]


def test_rule_numbers_are_stored_in_our_units():
    rules = [
        {"column": "variant_price", "relation": "less_than", "condition": "19.99"},
        {"column": "variant_weight", "relation": "greater_than", "condition": "1.5"},
        {"column": "variant_inventory", "relation": "equals", "condition": "-3"},
        {"column": "title", "relation": "contains", "condition": "7"},
    ]
    stored = checked_rules(rules, "EUR", "kg")
    assert [float(rule["number"]) if rule["number"] else None for rule in stored] == [1999, 1500, -3, None]


def attached(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


async def test_a_picture_is_what_its_bytes_are():
    upload = await checked_upload(png(4, 5), "../../Ein Bild.php")
    assert (upload.filename, upload.content_type, upload.width, upload.height) == ("ein-bild.png", "image/png", 4, 5)
    svg = await checked_upload(attached('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10"/>'), "logo.svg")
    assert (svg.content_type, svg.width, svg.height) == ("image/svg+xml", 20, 10)


@pytest.mark.parametrize(
    ("attachment", "reason"),
    [
        ("%%%", "is not base64"),
        ("", "is empty"),
        (attached("hello"), "must be a PNG"),
        (attached(base64.b64decode(png())[:40]), "must be a PNG"),
        (attached(b"\0" * (MAX_FILE_BYTES + 1)), "is larger than 5 MB"),
        ("A" * (MAX_FILE_BYTES * 2), "is larger than 5 MB"),
        (attached("<html></html>"), "must have svg as its root"),
        (attached("<svg><script>1</script></svg>"), "must not have the element script"),
        (attached('<svg onload="x()"/>'), "must not have the attribute onload"),
        (attached('<svg><a href="javascript:x()"/></svg>'), "must not link to anything outside"),
        (attached('<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>'), "must not have a DOCTYPE"),
        (attached("<svg>"), "is not well-formed"),
        (attached("<svg/>".encode("utf-16")), "must be a PNG"),
    ],
)
async def test_what_is_no_picture_is_refused(attachment, reason):
    with pytest.raises(Invalid) as refused:
        await checked_upload(attachment, "x.png")
    assert refused.value.fields["attachment"][0].startswith(reason)


def test_a_bucket_leaks_and_is_each_clients_own():
    now = [0.0]
    buckets = Buckets(2, 1.0, lambda: now[0])
    assert [buckets.pour(b"a") for _ in range(3)] == [(1, 0.0), (2, 0.0), (2, 1.0)]
    assert buckets.pour(b"b") == (1, 0.0)
    now[0] = 1.0
    assert buckets.pour(b"a") == (2, 0.0)
