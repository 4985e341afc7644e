"""Money as integers of a currency's minor unit, and the texts it is read from and shown as.

Two machine notations exist in the ecosystem: decimal strings ("19.99", admin API) and integer cents (AJAX API).
Both are made here; nothing else in Stoa knows how many decimals a currency has.
"""

import re
from decimal import Decimal
from functools import lru_cache

from babel.core import UnknownLocaleError
from babel.numbers import format_currency, get_currency_precision, is_currency

_AMOUNT = re.compile(r"-?[0-9]{1,13}(\.[0-9]+)?")


class MoneyError(ValueError):
    """Says what is wrong with an amount, in words for its author."""


def is_known_currency(code: str) -> bool:
    return len(code) == 3 and code.isupper() and bool(is_currency(code))


@lru_cache(maxsize=512)
def decimals(currency: str) -> int:
    """Digits after the point by ISO 4217: 2 for EUR, 0 for JPY, 3 for KWD."""
    return int(get_currency_precision(currency))


def parse_amount(text: str | int | float | Decimal, currency: str) -> int:
    """Reads 19.99 EUR as 1999. Refuses exponents, NaN, more digits than the currency has (trailing zeros are fine)."""
    plain = str(text).strip()
    if not _AMOUNT.fullmatch(plain):
        raise MoneyError("is not a number")
    minor = Decimal(plain).scaleb(decimals(currency))
    if minor != minor.to_integral_value():
        raise MoneyError(f"has more decimals than {currency} allows")
    return int(minor)


def to_decimal_text(minor: int, currency: str) -> str:
    """1999 EUR -> "19.99". The admin notation always shows two decimals at least: 500 JPY -> "500.00"."""
    places = decimals(currency)
    amount = Decimal(minor).scaleb(-places)
    return f"{amount:.{max(places, 2)}f}"


def to_cents(minor: int, currency: str) -> int:
    """The AJAX notation: hundredths whatever the currency, so 500 JPY -> 50000 and 1.250 KWD -> 125."""
    places = decimals(currency)
    if places <= 2:
        return minor * int(10 ** (2 - places))
    return int(Decimal(minor).scaleb(2 - places).to_integral_value())


@lru_cache(maxsize=65536)
def to_display(minor: int, currency: str, locale: str) -> str:
    """1999 EUR, en -> "€19.99"; for people, in the shop's locale."""
    amount = Decimal(minor).scaleb(-decimals(currency))
    try:
        return str(format_currency(amount, currency, locale=locale.replace("-", "_")))
    except (UnknownLocaleError, ValueError):
        return str(format_currency(amount, currency, locale="en"))
