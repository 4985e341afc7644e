"""What a page asks the database: one statement, whose one row is the whole document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.snapshot import Part
from contracts.tenant import StoreId

Row = Mapping[str, Any]
Parts = dict[str, Part]


@dataclass(frozen=True, slots=True)
class Question:
    """`columns`: by name, SQL expressions that give JSON; they may use `shop` and what `tables` (a WITH list) defines.
    `parts` makes the page's parts of the row that comes back; None if there is no such page."""

    columns: Mapping[str, str] = field(default_factory=dict)
    tables: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    parts: Callable[[StoreId, Row], Parts | None] = lambda store_id, row: {}

    def sql(self, shop_columns: str, shop_tables: str) -> bytes:
        tables = f"WITH {self.tables} " if self.tables else ""
        columns = ", ".join([shop_columns, *(f"{sql} AS {name}" for name, sql in self.columns.items())])
        return f"{tables}SELECT {columns} FROM {shop_tables} WHERE shop.store_id = %(store)s".encode()


def rows(select: str) -> str:
    """An expression: the rows of `select`, in its order, as a JSON array; null if there are none."""
    return f"(SELECT json_agg(item) FROM ({select}) AS item)"


def time_text(raw: str) -> str:
    """A time as PostgreSQL writes it in JSON, as Python does: with all six digits of a second's fraction or none."""
    whole, point, rest = raw.partition(".")
    return f"{whole}.{rest[:-6]:0<6}{rest[-6:]}" if point else raw
