"""Reading the provider's bodies: form-encoded, nested by brackets (`metadata[order]=7`, `expand[0]=latest_charge`)."""

import re
from typing import Any
from urllib.parse import parse_qsl

from standalone.payment_sandbox.errors import invalid

MAX_FIELDS = 500
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def parse_form(encoded: str) -> dict[str, Any]:
    """Dicts and lists from bracketed names; every leaf is a text. Raises ProviderError for a name that is no name."""
    tree: dict[str, Any] = {}
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(encoded), max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise invalid("The request body is not form-encoded.") from error
    for name, value in pairs:
        match = _NAME.fullmatch(name)
        if not match:
            raise invalid(f"Invalid parameter name: {name}", name)
        steps = [match.group(1), *re.findall(r"\[([^\[\]]*)\]", match.group(2))]
        _put(tree, steps, value)
    return {name: _lists(value) for name, value in tree.items()}


def _put(tree: dict[str, Any], steps: list[str], value: str) -> None:
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
