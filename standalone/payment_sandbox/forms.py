"""Reading the provider's bodies: form-encoded, nested by brackets (`metadata[order]=7`, `expand[0]=latest_charge`)."""

import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from standalone.payment_sandbox.errors import invalid

MAX_FIELDS = 500
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def parse_form(encoded: str) -> dict[str, Any]:
    """Dicts and lists from bracketed names; every leaf is a text. Raises ProviderError for a name that is no name."""
    tree: dict[str, Any] = {}
    fields = encoded.split("&") if encoded else []
    if len(fields) > MAX_FIELDS:
        raise invalid("The request body has too many fields.")
    for each in fields:
        name, equals, value = each.partition("=")
        if not equals:
            raise invalid("The request body is not form-encoded.")
        _put(tree, _steps(name), unquote_plus(value))
    return {name: _lists(value) for name, value in tree.items()}


@lru_cache(maxsize=1024)
def _steps(encoded_name: str) -> tuple[str, ...]:
    """The same few names come with every request."""
    name = unquote_plus(encoded_name)
    match = _NAME.fullmatch(name)
    if not match:
        raise invalid(f"Invalid parameter name: {name}", name)
    return (match.group(1), *re.findall(r"\[([^\[\]]*)\]", match.group(2)))


def _put(tree: dict[str, Any], steps: tuple[str, ...], value: str) -> None:
    for step in steps[:-1]:
        tree = tree.setdefault(step, {})
        if not isinstance(tree, dict):
            raise invalid(f"Parameter given twice in different shapes: {step}", step)
    last = steps[-1] or str(len(tree))  # `expand[]=a&expand[]=b`
    tree[last] = value


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    children = {name: _lists(child) for name, child in value.items()}
    if children and list(children) == [str(index) for index in range(len(children))]:
        return list(children.values())
    return children


def whole_number(params: dict[str, Any], name: str) -> int:
    text = str(params.get(name, ""))
    if not text:
        raise invalid(f"Missing required param: {name}.", name, "parameter_missing")
    if not re.fullmatch(r"-?\d{1,15}", text):
        raise invalid(f"Invalid integer: {text}", name, "parameter_invalid_integer")
    return int(text)


def is_true(params: dict[str, Any], name: str) -> bool:
    text = params.get(name, "false")
    if text not in ("true", "false"):
        raise invalid(f"Invalid boolean: {text}", name)
    return bool(text == "true")
