"""What a single cell may say: texts, yes or no, numbers, prices, addresses. A refusal is a sentence about the cell."""

import re
from urllib.parse import urlsplit

from contracts.money import MoneyError, parse_amount
from origin.imports.dialects import Column

MAX_TEXT = 255
MAX_BODY = 512 * 1024
MAX_URL = 2048
MAX_QUANTITY = 1_000_000_000
MAX_GRAMS = 1_000_000_000
MAX_PRICE_MINOR = 10**15
WEIGHT_UNITS = ("g", "kg", "oz", "lb")
STATUSES = ("active", "draft", "archived")

_WORDS = dict.fromkeys(("true", "yes", "1", "t", "y"), True) | dict.fromkeys(("false", "no", "0", "f", "n"), False)
_WHOLE = re.compile(r"(-?\d{1,15})(?:\.0*)?")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d+)?")
_LONGER = {Column.BODY: MAX_BODY, Column.SEO_DESCRIPTION: 5000, Column.IMAGE_ALT: 512}
_SHOWN = 60


class CellError(ValueError):
    """Why a cell cannot be used, starting with its column."""


def text(column: Column, cell: str) -> str:
    limit = _LONGER.get(column, MAX_TEXT)
    if len(cell) > limit:
        raise CellError(f"{column} has {len(cell):,} characters; at most {limit:,} are allowed")
    return cell


def optional_text(column: Column, cell: str) -> str | None:
    return text(column, cell) or None


def code(column: Column, cell: str) -> str | None:
    """A SKU or barcode. Spreadsheets are kept from eating leading zeros with an apostrophe, which is not part of it."""
    return optional_text(column, cell.removeprefix("'"))


def yes_or_no(column: Column, cell: str, blank: bool = True) -> bool:
    if not cell:
        return blank
    try:
        return _WORDS[cell.casefold()]
    except KeyError as error:
        raise CellError(f"{column} is {shown(cell)}; write TRUE or FALSE") from error


def one_of(column: Column, cell: str, choices: tuple[str, ...], blank: str) -> str:
    chosen = cell.casefold() or blank
    if chosen not in choices:
        raise CellError(f"{column} is {shown(cell)}; write {', '.join(choices[:-1])} or {choices[-1]}")
    return chosen


def continues(column: Column, cell: str) -> bool:
    """The newer dialect asks it as a question, the older names a policy; both answers are taken from both."""
    policy = {"deny": False, "continue": True}.get(cell.casefold())
    return yes_or_no(column, cell, blank=False) if policy is None else policy


def quantity(column: Column, cell: str) -> int | None:
    if not cell:
        return None
    match = _WHOLE.fullmatch(cell)
    if not match:
        raise CellError(f"{column} is {shown(cell)}; write a whole number")
    if abs(int(match[1])) > MAX_QUANTITY:
        raise CellError(f"{column} is {shown(cell)}; at most {MAX_QUANTITY:,} can be kept")
    return int(match[1])


def grams(column: Column, cell: str) -> int:
    if not cell:
        return 0
    if not _NUMBER.fullmatch(cell) or not 0 <= float(cell) <= MAX_GRAMS:
        raise CellError(f"{column} is {shown(cell)}; write grams as a number from 0 to {MAX_GRAMS:,}")
    return round(float(cell))


def amount(column: Column, cell: str, currency: str) -> int | None:
    if not cell:
        return None
    try:
        minor = parse_amount(cell, currency)
    except MoneyError as error:
        raise CellError(f"{column} is {shown(cell)}, which {error}; write an amount such as 19.99") from error
    if not 0 <= minor <= MAX_PRICE_MINOR:
        raise CellError(f"{column} is {shown(cell)}; write an amount of 0 or more that is not astronomic")
    return minor


def tags(column: Column, cell: str) -> tuple[str, ...]:
    """Sorted, without blanks and repetitions."""
    return tuple(sorted({text(column, tag.strip()) for tag in cell.split(",")} - {""}))


def is_image_url(cell: str) -> bool:
    """An absolute http or https address with a host and no credentials. Nobody asks that host for anything."""
    if len(cell) > MAX_URL or not cell.isprintable() or any(character in cell for character in ' "<>\\^`{|}'):
        return False
    try:
        parts = urlsplit(cell)
        return (
            parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        )
    except ValueError:
        return False


def shown(cell: str) -> str:
    return f'"{cell[:_SHOWN]}..."' if len(cell) > _SHOWN else f'"{cell}"'
