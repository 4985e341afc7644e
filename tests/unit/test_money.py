"""Money is whole minor units; both machine notations keep its worth, in currencies with 0, 2 and 3 decimals."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.money import (
    MoneyError,
    decimals,
    is_known_currency,
    parse_amount,
    to_cents,
    to_decimal_text,
    to_display,
)

_CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "KWD", "ISK"])
_AMOUNTS = st.integers(-(10**12), 10**12)


@given(_AMOUNTS, _CURRENCIES)
def test_a_decimal_text_reads_back_as_the_same_amount(minor: int, currency: str) -> None:
    assert parse_amount(to_decimal_text(minor, currency), currency) == minor


@given(_AMOUNTS, _CURRENCIES)
def test_both_notations_are_worth_the_same(minor: int, currency: str) -> None:
    worth = Decimal(minor).scaleb(-decimals(currency))
    assert Decimal(to_decimal_text(minor, currency)) == worth
    assert abs(Decimal(to_cents(minor, currency)) / 100 - worth) < Decimal("0.01")


@pytest.mark.parametrize(
    ("minor", "currency", "text", "cents"),
    [
        (1999, "EUR", "19.99", 1999),
        (500, "JPY", "500.00", 50000),
        (1250, "KWD", "1.250", 125),
        (0, "USD", "0.00", 0),
        (-5, "EUR", "-0.05", -5),
    ],
)
def test_each_currency_is_written_with_its_own_decimals(minor: int, currency: str, text: str, cents: int) -> None:
    assert to_decimal_text(minor, currency) == text
    assert to_cents(minor, currency) == cents


@pytest.mark.parametrize("text", ["", "abc", "1e3", "NaN", "Infinity", "1,50", "1.", "--1", "0x10", "1" * 14])
def test_what_is_not_a_number_is_refused(text: str) -> None:
    with pytest.raises(MoneyError):
        parse_amount(text, "EUR")


def test_more_decimals_than_the_currency_has_are_refused_but_zeros_are_fine() -> None:
    assert parse_amount("19.990", "EUR") == 1999
    assert parse_amount("500.00", "JPY") == 500
    with pytest.raises(MoneyError, match="more decimals than EUR"):
        parse_amount("19.999", "EUR")
    with pytest.raises(MoneyError, match="more decimals than JPY"):
        parse_amount("1.5", "JPY")


def test_people_see_money_the_way_their_country_writes_it() -> None:
    assert to_display(1999, "EUR", "en") == "€19.99"
    assert to_display(500, "JPY", "en") == "¥500"
    assert to_display(1999, "EUR", "xx-unknown") == "€19.99"


def test_only_real_currencies_are_known() -> None:
    assert is_known_currency("EUR")
    assert not any(is_known_currency(code) for code in ("eur", "EURO", "XX1", "ZZZ", ""))
