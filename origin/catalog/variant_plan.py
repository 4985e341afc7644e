"""What a product's variants are to be after a change: values read, combinations told apart, positions counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, TypedDict

from contracts.money import MoneyError, parse_amount
from origin.catalog.options import DEFAULT_TITLE, Option
from origin.catalog.rules import GRAMS_PER_UNIT
from origin.errors import Invalid

MAX_VARIANTS = 2048
MAX_GRAMS = 10**12
MAX_PER_ORDER = 1_000_000
POLICIES = ("deny", "continue")


@dataclass(frozen=True, slots=True)
class Variant:
    """`id` is 0 until it is saved."""

    id: int = 0
    product_id: int = 0
    inventory_item_id: int = 0
    title: str = DEFAULT_TITLE
    position: int = 1
    option1: str = DEFAULT_TITLE
    option2: str | None = None
    option3: str | None = None
    price_minor: int = 0
    compare_at_minor: int | None = None
    sku: str | None = None
    barcode: str | None = None
    grams: int = 0
    weight_unit: str = "kg"
    inventory_management: str | None = None
    inventory_policy: str = "deny"
    fulfillment_service: str = "manual"
    requires_shipping: bool = True
    taxable: bool = True
    tax_code: str | None = None
    image_id: int | None = None
    max_per_order: int | None = None

    @property
    def options(self) -> tuple[str | None, str | None, str | None]:
        return self.option1, self.option2, self.option3


class VariantChange(TypedDict, total=False):
    """What a client may send of a variant; absent means unchanged. Amounts are texts in the shop's currency."""

    id: int
    position: int
    option1: str | None
    option2: str | None
    option3: str | None
    price: str | None
    compare_at_price: str | None
    sku: str | None
    barcode: str | None
    grams: int | None
    weight: str | None
    weight_unit: str | None
    inventory_management: str | None
    inventory_policy: str | None
    fulfillment_service: str | None
    requires_shipping: bool | None
    taxable: bool | None
    tax_code: str | None
    image_id: int | None
    max_per_order: int | None
    inventory_quantity: int | None  # of a new variant only: what there is at the primary location
    cost: str | None


@dataclass(frozen=True, slots=True)
class Planned:
    """A variant as it is to be; `change` is what was sent for it, if anything."""

    variant: Variant
    change: VariantChange


Entry = tuple[Variant | None, VariantChange]


def planned_variants(
    options: Sequence[Option], entries: Sequence[Entry], currency: str, weight_unit: str
) -> list[Planned]:
    """In the order of `entries`. Raises Invalid with every problem of every variant."""
    if len(entries) > MAX_VARIANTS:
        raise Invalid({"variants": [f"can't be more than {MAX_VARIANTS}"]})
    stated_count = sum(1 for old, change in entries if change or old is None)
    planned: list[Planned] = []
    problems: dict[str, list[tuple[int, str]]] = {}
    for number, (old, change) in enumerate(entries, start=1):
        start = _moved(old, options) if old else Variant(weight_unit=weight_unit)
        try:
            merged = _merged(start, change, currency)
            planned.append(Planned(replace(_titled(merged, options, old), position=number), change))
        except Invalid as error:
            for name, texts in error.fields.items():
                problems.setdefault(name, []).extend((number, text) for text in texts)
    if problems:
        raise Invalid(
            {
                name: [_numbered(text, number, stated_count) for number, text in found]
                for name, found in problems.items()
            }
        )
    _refuse_duplicates([each.variant for each in planned])
    return planned


def _numbered(text: str, number: int, count: int) -> str:
    return text if count == 1 else f"{text} (variant {number})"


def _moved(variant: Variant, options: Sequence[Option]) -> Variant:
    """An existing variant's values under the new options: dropped, moved, or filled where an option is new."""
    old = variant.options
    values: list[str | None] = [None, None, None]
    for option in options:
        held = old[option.old_position - 1] if option.old_position else None
        values[option.position - 1] = held or option.first_value
    return replace(variant, option1=values[0] or DEFAULT_TITLE, option2=values[1], option3=values[2])


def _titled(variant: Variant, options: Sequence[Option], old: Variant | None) -> Variant:
    values = variant.options
    problems = {}
    for position, value in enumerate(values, start=1):
        if position <= len(options) and value is None:
            problems[f"option{position}"] = [f"can't be blank: the product has the option {options[position - 1].name}"]
        elif position > len(options) and value is not None:
            problems[f"option{position}"] = ["has a value, but the product has no such option"]
    if problems:
        raise Invalid(problems)
    return replace(variant, title=" / ".join(value for value in values if value))


def _refuse_duplicates(variants: Sequence[Variant]) -> None:
    seen: set[tuple[str | None, ...]] = set()
    for variant in variants:
        if variant.options in seen:
            raise Invalid({"base": [f"The variant '{variant.title}' already exists."]})
        seen.add(variant.options)


def _merged(old: Variant, change: VariantChange, currency: str) -> Variant:
    problems: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    for name, read in _READERS.items():
        if name in change:
            _collect(values, problems, name, read, change)
    for name, column in (("price", "price_minor"), ("compare_at_price", "compare_at_minor")):
        if name in change:
            _collect_amount(values, problems, name, column, change, currency)
    unit = values.get("weight_unit", old.weight_unit)
    if unit in GRAMS_PER_UNIT:
        _collect_grams(values, problems, old, change, unit)
    if problems:
        raise Invalid(problems)
    return replace(old, **values)


def _collect(
    values: dict[str, Any], problems: dict[str, list[str]], name: str, read: Any, change: Mapping[str, Any]
) -> None:
    try:
        values[name] = read(change[name])
    except ValueError as error:
        problems[name] = [str(error)]


def _collect_amount(
    values: dict[str, Any],
    problems: dict[str, list[str]],
    name: str,
    column: str,
    change: Mapping[str, Any],
    currency: str,
) -> None:
    text = str(change[name] if change[name] is not None else "").strip()
    if not text:
        values[column] = 0 if name == "price" else None
        return
    try:
        minor = parse_amount(text, currency)
    except MoneyError as error:
        problems[name] = [str(error)]
        return
    if minor < 0:
        problems[name] = ["must be greater than or equal to 0"]
    values[column] = minor


def _collect_grams(
    values: dict[str, Any], problems: dict[str, list[str]], old: Variant, change: VariantChange, unit: str
) -> None:
    """Clients send back all three of grams, weight and unit, having changed one: the one that differs counts."""
    try:
        grams = change.get("grams")
        weight = change.get("weight")
        if weight is not None and (old.id == 0 or not _is_shown_as(old, weight, unit)):
            grams = to_grams(Decimal(str(weight)), unit) if (Decimal(str(weight)) or grams is None) else grams
    except InvalidOperation:
        problems["weight"] = ["is not a number"]
        return
    if grams is None:
        return
    if not 0 <= grams <= MAX_GRAMS:
        problems["grams"] = [f"must be from 0 to {MAX_GRAMS}"]
    values["grams"] = grams


def _is_shown_as(old: Variant, weight: str, unit: str) -> bool:
    return unit == old.weight_unit and Decimal(str(weight)) == Decimal(str(shown_weight(old.grams, unit)))


def to_grams(weight: Decimal, unit: str) -> int:
    if not weight.is_finite() or abs(weight) > MAX_GRAMS:
        raise InvalidOperation
    return int((weight * GRAMS_PER_UNIT[unit]).quantize(Decimal(1), ROUND_HALF_UP))


def shown_weight(grams: int, unit: str) -> float:
    """In the variant's unit, as clients expect it: a float of at most four decimals."""
    return float(round(grams / GRAMS_PER_UNIT[unit], 4))


def _optional(value: str | None) -> str | None:
    return value.strip() or None if value is not None else None


def _first_option(value: str | None) -> str:
    return _optional(value) or DEFAULT_TITLE


def _one_of(*choices: str) -> Any:
    def read(value: str | None) -> str:
        if value is None:
            return choices[0]
        if value.lower() not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value.lower()

    return read


def _tracker(value: str | None) -> str | None:
    """The ecosystem's word for "tracked here" stays, ours means the same; blank is untracked."""
    text = _optional(value)
    return "shopify" if text in {"stoa", "shopify"} else text


def _limit(value: int | None) -> int | None:
    if value is not None and not 0 < value <= MAX_PER_ORDER:
        raise ValueError(f"must be from 1 to {MAX_PER_ORDER:,}, or null for no limit")
    return value


_READERS: dict[str, Any] = {
    "option1": _first_option,
    "option2": _optional,
    "option3": _optional,
    "sku": _optional,
    "barcode": _optional,
    "tax_code": _optional,
    "fulfillment_service": lambda value: _optional(value) or "manual",
    "inventory_management": _tracker,
    "inventory_policy": _one_of(*POLICIES),
    "weight_unit": _one_of("kg", "g", "oz", "lb"),
    "requires_shipping": lambda value: value is not False,
    "taxable": lambda value: value is not False,
    "image_id": lambda value: value or None,
    "max_per_order": _limit,
}
