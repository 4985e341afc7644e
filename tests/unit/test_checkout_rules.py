"""The rules of a checkout that need no server: fields, fingerprints, amounts, colours, cart arithmetic."""

import pytest

from origin.cart.editing import MAX_QUANTITY, CartError, Wish, add, set_quantities
from origin.cart.offers import Offer
from origin.carts import Cart, line_key
from origin.checkout.look import css_variables
from origin.checkout.submission import read_submission
from origin.errors import Invalid
from origin.payments import provider_amount

TOKEN = "a" * 32
ADDRESS = {"last_name": "Lovelace", "address1": "1 Way", "city": "Ghent", "zip": "9000", "country_code": "be"}


def offer(variant_id=1, left=None):
    return Offer(
        variant_id,
        1,
        variant_id,
        "Cup",
        None,
        "cup",
        "",
        "",
        (),
        500,
        None,
        0,
        True,
        True,
        left is not None,
        left,
        None,
    )


def test_an_address_is_cleaned_and_its_country_named():
    wanted = read_submission({"email": " Ada@EXAMPLE.com ", "shipping_address": ADDRESS}, TOKEN)
    assert wanted.email == "Ada@example.com"
    assert wanted.address.data()["country"] == "Belgium"


@pytest.mark.parametrize("missing", ["last_name", "address1", "city", "zip", "country_code"])
def test_a_missing_field_is_named(missing):
    with pytest.raises(Invalid) as wrong:
        read_submission({"email": "a@example.com", "shipping_address": ADDRESS | {missing: " "}}, TOKEN)
    assert list(wrong.value.fields) == [f"shipping_address.{missing}"]


def test_a_country_without_postal_codes_needs_none():
    address = ADDRESS | {"zip": "", "country_code": "IE"}
    assert read_submission({"email": "a@example.com", "shipping_address": address}, TOKEN).address.zip == ""


def test_a_fingerprint_is_of_everything_that_was_submitted():
    fields = {"email": "a@example.com", "shipping_address": ADDRESS, "payment_method": "pm_card_visa"}
    first = read_submission(fields, TOKEN).fingerprint()
    assert read_submission(dict(reversed(fields.items())), TOKEN).fingerprint() == first
    for other in (fields | {"email": "b@example.com"}, fields | {"payment_method": "pm_card_amex"}):
        assert read_submission(other, TOKEN).fingerprint() != first
    assert read_submission(fields, "b" * 32).fingerprint() != first


@pytest.mark.parametrize(
    ("minor", "currency", "amount"), [(1999, "EUR", 1999), (500, "JPY", 500), (1250, "KWD", 1250), (500, "ISK", 50000)]
)
def test_amounts_are_told_in_the_providers_units(minor, currency, amount):
    assert provider_amount(minor, currency) == amount


def test_nothing_but_colours_gets_into_the_style_sheet():
    css = css_variables({"color_accent": "red;}</style><script>", "color_background": None})
    assert "<" not in css
    assert "--accent:#2f4a3c;--on-accent:#ffffff" in css


def test_two_lines_of_one_variant_share_its_stock():
    offers = {1: offer(left=3)}
    plain = add(Cart("t"), offers, [Wish(1, 2)]).cart
    both = add(plain, offers, [Wish(1, 2, {"Engraving": "Ada"})])
    assert [line.quantity for line in both.cart.lines] == [2, 1]
    assert both.refusal.status == 422


def test_a_quantity_never_grows_past_the_limit():
    cart = add(Cart("t"), {1: offer()}, [Wish(1, MAX_QUANTITY)]).cart
    with pytest.raises(CartError, match="at most"):
        add(cart, {1: offer()}, [Wish(1, 1)])


def test_zero_removes_a_line_and_an_unknown_key_does_nothing():
    cart = add(Cart("t"), {1: offer(), 2: offer(2)}, [Wish(1, 1), Wish(2, 1)]).cart
    left = set_quantities(cart, {1: offer(), 2: offer(2)}, {line_key(1, {}): 0, "unknown": 7}).cart
    assert [line.variant_id for line in left.lines] == [2]
