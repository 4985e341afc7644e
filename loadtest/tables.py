"""A benchmark's result as tables for a person: its single figures in one, each group of like rows in another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_NOT_SHOWN = frozenset({"plot"})


@dataclass(frozen=True, slots=True)
class Table:
    titles: Sequence[str]
    rows: Sequence[Sequence[Any]]


def tables_of(result: Mapping[str, Any]) -> list[Table]:
    figures: list[tuple[str, Any]] = []
    groups: list[Table] = []
    for name, value in result.items():
        if name in _NOT_SHOWN or _is_of_rounds(value):
            continue
        if _is_group(value):
            groups.append(_group(name, value))
        elif isinstance(value, Mapping):
            figures += [(f"{name}: {part}", figure) for part, figure in value.items()]
        else:
            figures.append((name, value))
    return [Table(("figure", "value"), figures), *groups] if figures else groups


def cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(cell, value))
    return str(value)


def _is_of_rounds(value: Any) -> bool:
    """A row for each round: for whoever reads the file itself."""
    return isinstance(value, Sequence) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _is_group(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(row, Mapping) for row in value.values())


def _group(name: str, rows: Mapping[str, Mapping[str, Any]]) -> Table:
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    return Table([name, *columns], [[key, *(row.get(column, "") for column in columns)] for key, row in rows.items()])
