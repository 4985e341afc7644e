"""The rules of a smart collection: what a merchant may write, checked once and stored with its number in our units.

A rule is stored as {column, relation, condition, number}; `number` is minor units, grams or pieces, or null for text.
`membership` evaluates the stored form; it never sees a rule that did not come through here.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypedDict, TypeVar

from contracts.money import MoneyError, parse_amount
from origin.errors import Invalid

MAX_RULES = 60
MAX_CONDITION_LENGTH = 255
GRAMS_PER_UNIT = {"g": Decimal(1), "kg": Decimal(1000), "oz": Decimal("28.349523125"), "lb": Decimal("453.59237")}

_Choice = TypeVar("_Choice", bound=StrEnum)


class Column(StrEnum):
    TITLE = "title"
    TYPE = "type"
    VENDOR = "vendor"
    TAG = "tag"
    VARIANT_TITLE = "variant_title"
    VARIANT_PRICE = "variant_price"
    VARIANT_COMPARE_AT_PRICE = "variant_compare_at_price"
    VARIANT_WEIGHT = "variant_weight"
    VARIANT_INVENTORY = "variant_inventory"


class Relation(StrEnum):
    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    GREATER_THAN = "greater_than"
    LESS_THAN = "less_than"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"


class Rule(TypedDict):
    column: str
    relation: str
    condition: str
    number: str | None


_PRICES = (Column.VARIANT_PRICE, Column.VARIANT_COMPARE_AT_PRICE)
_NUMBERS = (*_PRICES, Column.VARIANT_WEIGHT, Column.VARIANT_INVENTORY)
_NUMBER_RELATIONS = (Relation.EQUALS, Relation.NOT_EQUALS, Relation.GREATER_THAN, Relation.LESS_THAN)
_TEXT_RELATIONS = tuple(
    relation for relation in Relation if relation not in (Relation.GREATER_THAN, Relation.LESS_THAN)
)


def checked_rules(given: Sequence[Mapping[str, Any]], currency: str, weight_unit: str) -> list[Rule]:
    """The stored form. Raises Invalid naming what is wrong with which rule."""
    if not given:
        raise Invalid({"rules": ["can't be blank: a smart collection needs at least one rule"]})
    if len(given) > MAX_RULES:
        raise Invalid({"rules": [f"can't be more than {MAX_RULES}"]})
    rules, problems = [], []
    for number, rule in enumerate(given, start=1):
        try:
            rules.append(_checked(rule, currency, weight_unit))
        except ValueError as error:
            problems.append(f"number {number}: {error}")
    if problems:
        raise Invalid({"rules": problems})
    return rules


def _checked(rule: Mapping[str, Any], currency: str, weight_unit: str) -> Rule:
    column = _one_of(Column, rule.get("column"), "column")
    relation = _one_of(Relation, rule.get("relation"), "relation")
    condition = str(rule.get("condition", "")).strip()
    if not condition or len(condition) > MAX_CONDITION_LENGTH:
        raise ValueError(f"the condition must have 1 to {MAX_CONDITION_LENGTH} characters")
    fitting = _NUMBER_RELATIONS if column in _NUMBERS else _TEXT_RELATIONS
    if relation not in fitting:
        raise ValueError(f"{column} can be compared by {', '.join(fitting)}, not by {relation}")
    return Rule(
        column=str(column),
        relation=str(relation),
        condition=condition,
        number=_number(column, condition, currency, weight_unit) if column in _NUMBERS else None,
    )


def _number(column: Column, condition: str, currency: str, weight_unit: str) -> str:
    """In minor units, grams or pieces."""
    try:
        if column in _PRICES:
            return str(parse_amount(condition, currency))
        # Three decimals of any unit are finer than anybody weighs; the money parser refuses exponents and NaN for us.
        thousandths = Decimal(parse_amount(condition, "KWD"))
    except MoneyError as error:
        raise ValueError(f"the condition of {column} must be a number such as 10 or 10.50") from error
    factor = GRAMS_PER_UNIT[weight_unit] if column == Column.VARIANT_WEIGHT else Decimal(1)
    return format(thousandths / 1000 * factor, "f")


def _one_of(choices: type[_Choice], given: object, name: str) -> _Choice:
    try:
        return choices(str(given))
    except ValueError as error:
        raise ValueError(f"the {name} must be one of {', '.join(choices)}") from error
