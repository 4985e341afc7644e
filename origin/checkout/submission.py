"""What a buyer submits, checked field by field, and its fingerprint: one key, one submission."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.core import UnknownLocaleError
from email_validator import EmailNotValidError, validate_email

from origin.carts import is_token
from origin.errors import Invalid

MAX_TEXT = 255
MAX_NOTE = 5_000
MAX_DIGITS = 30
_ADDRESS_FIELDS = (
    "first_name",
    "last_name",
    "company",
    "address1",
    "address2",
    "city",
    "zip",
    "province",
    "country_code",
    "phone",
)
_REQUIRED = ("last_name", "address1", "city", "country_code")
# Countries and territories without postal codes that a parcel would need.
_NO_POSTCODE = frozenset(
    "AE AG AO AW BF BI BJ BO BS BW BZ CD CF CG CI CM DJ DM ER FJ GA GD GH GM GQ GY HK IE JM KI KM KN KP LC ML MO MR MW "
    "NR NU PA QA RW SB SC SL SR ST SY TD TF TG TK TL TO TT TV TZ UG VU WS YE ZW".split()
)
_NOT_COUNTRIES = frozenset({"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"})


@dataclass(frozen=True, slots=True)
class Address:
    first_name: str
    last_name: str
    company: str
    address1: str
    address2: str
    city: str
    zip: str
    province: str
    country_code: str
    phone: str

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    def data(self) -> dict[str, str]:
        return asdict(self) | {"name": self.name, "country": countries("en").get(self.country_code, self.country_code)}


@dataclass(frozen=True, slots=True)
class Submission:
    """`expected_total_minor` is what the page showed; None when the client does not say."""

    cart_token: str
    email: str
    payment_method: str
    address: Address | None = None
    note: str | None = None
    expected_total_minor: int | None = None

    def fingerprint(self) -> bytes:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).digest()


def read_submission(fields: Mapping[str, Any], cart_token: str) -> Submission:
    """Raises Invalid with an entry for each wrong field. An address that is not there at all is the cart's question.

    What cannot be a cart's token is the same as none: an empty cart.
    """
    problems: dict[str, list[str]] = {}
    email = _email(fields.get("email"), problems)
    payment_method = _text(fields.get("payment_method"))
    if len(payment_method) > MAX_TEXT:
        problems["payment_method"] = ["is too long"]
    address = _address(fields.get("shipping_address"), problems)
    expected = fields.get("expected_total_minor")
    if expected in (None, ""):
        total = None
    elif str(expected).isascii() and str(expected).isdigit() and len(str(expected)) <= MAX_DIGITS:
        total = int(str(expected))
    else:
        problems["expected_total_minor"] = ["must be a whole number of minor units"]
        total = None
    if problems:
        raise Invalid(problems)
    note = _text(fields.get("note"))[:MAX_NOTE] or None
    return Submission(cart_token if is_token(cart_token) else "", email, payment_method, address, note, total)


def missing_address() -> Invalid:
    """For a cart that has to be sent somewhere when nobody said where."""
    return Invalid({f"shipping_address.{name}": ["can't be blank"] for name in (*_REQUIRED, "zip")})


@lru_cache(maxsize=64)
def countries(locale: str) -> dict[str, str]:
    """ISO 3166 code -> name in the shop's language, in the order of names."""
    try:
        territories = Locale.parse(locale.replace("-", "_")).territories
    except (UnknownLocaleError, ValueError):
        territories = Locale("en").territories
    named = {
        code: str(name)
        for code, name in territories.items()
        if len(code) == 2 and code.isalpha() and code not in _NOT_COUNTRIES
    }
    return dict(sorted(named.items(), key=lambda item: item[1].casefold()))


def _text(value: Any) -> str:
    return " ".join(str(value).split()) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _email(value: Any, problems: dict[str, list[str]]) -> str:
    text = _text(value)
    if not text:
        problems["email"] = ["can't be blank"]
        return ""
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        problems["email"] = ["is not a valid e-mail address"]
        return ""


def _address(value: Any, problems: dict[str, list[str]]) -> Address | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        problems["shipping_address"] = ["must be an object"]
        return None
    given = {name: _text(value.get(name)) for name in _ADDRESS_FIELDS}
    if not any(text for name, text in given.items() if name != "country_code"):
        return None
    given["country_code"] = given["country_code"].upper()
    wrong = {name: ["can't be blank"] for name in _REQUIRED if not given[name]}
    wrong |= {
        name: [f"is too long (at most {MAX_TEXT} characters)"] for name, text in given.items() if len(text) > MAX_TEXT
    }
    if given["country_code"] and given["country_code"] not in countries("en"):
        wrong["country_code"] = ["is not a country we know"]
    if not given["zip"] and given["country_code"] not in _NO_POSTCODE:
        wrong["zip"] = ["can't be blank"]
    problems |= {f"shipping_address.{name}": texts for name, texts in wrong.items()}
    return Address(**given) if not wrong else None
