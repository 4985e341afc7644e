"""Lists by key: filters that become conditions, and a window that starts after (or ends before) an id.

A window is stable under inserts and deletes, and as cheap on page 1,000 as on page 1. The SQL of a condition is always
written here or by a noun's own table of filters; only its values come from a request.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contracts.tenant import StoreId
from origin.db import Tx
from origin.texts import UNSTORABLE, is_storable

DEFAULT_LIMIT = 50
MAX_LIMIT = 250
MAX_IDS = 250


@dataclass(frozen=True, slots=True)
class Condition:
    sql: str
    values: tuple[Any, ...] = ()


# Reads one filter's text; None when it asks for everything. Raises ValueError with words for the caller.
Filter = Callable[[str], Condition | None]
Filters = Mapping[str, Filter]


@dataclass(frozen=True, slots=True)
class Window:
    """`is_descending` is the list's own order; `before_id` asks for the rows that precede that one in it."""

    limit: int = DEFAULT_LIMIT
    after_id: int | None = None
    before_id: int | None = None
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class Slice:
    rows: list[dict[str, Any]]
    has_next: bool
    has_previous: bool


async def select(
    tx: Tx, store_id: StoreId, table: str, columns: str, conditions: Sequence[Condition], window: Window
) -> Slice:
    """One window of `table`, in order of id. One row more than asked for tells whether there is a next window."""
    is_backward = window.before_id is not None
    anchor = window.before_id if is_backward else window.after_id
    order_down = window.is_descending != is_backward
    bound = [] if anchor is None else [Condition(f"{table}.id {'<' if order_down else '>'} %s", (anchor,))]
    where, values = _where(store_id, table, [*conditions, *bound])
    order = f"{table}.id {'DESC' if order_down else 'ASC'}"
    cursor = await tx.execute(
        f"SELECT {columns} FROM {table} WHERE {where} ORDER BY {order} LIMIT %s".encode(),
        [*values, window.limit + 1],
    )
    rows = await cursor.fetchall()
    has_more, rows = len(rows) > window.limit, rows[: window.limit]
    if is_backward:
        return Slice(rows[::-1], has_next=True, has_previous=has_more)
    return Slice(rows, has_next=has_more, has_previous=anchor is not None)


async def count(tx: Tx, store_id: StoreId, table: str, conditions: Sequence[Condition]) -> int:
    where, values = _where(store_id, table, conditions)
    cursor = await tx.execute(f"SELECT count(*) AS n FROM {table} WHERE {where}".encode(), values)
    row = await cursor.fetchone()
    return int(row["n"]) if row else 0


async def find(
    tx: Tx, store_id: StoreId, table: str, columns: str, row_id: int, *conditions: Condition
) -> dict[str, Any] | None:
    """The row of that id, if this shop has it."""
    where, values = _where(store_id, table, [Condition(f"{table}.id = %s", (row_id,)), *conditions])
    return await (await tx.execute(f"SELECT {columns} FROM {table} WHERE {where}".encode(), values)).fetchone()


def _where(store_id: StoreId, table: str, conditions: Sequence[Condition]) -> tuple[str, list[Any]]:
    texts = [f"{table}.store_id = %s", *(condition.sql for condition in conditions)]
    return " AND ".join(texts), [store_id, *(value for condition in conditions for value in condition.values)]


def ids_in(column: str) -> Filter:
    return lambda text: Condition(f"{column} = ANY(%s)", (parse_ids(text),))


def parse_ids(text: str) -> list[int]:
    """ "1,2,3" -> [1, 2, 3]."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) > MAX_IDS:
        raise ValueError(f"can't name more than {MAX_IDS} ids")
    return [_identifier(part) for part in parts]


def _identifier(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError("must be whole numbers, separated by commas")
    return int(text)


def equals(column: str) -> Filter:
    return lambda text: Condition(f"{column} = %s", (_plain(text),))


def equals_id(column: str) -> Filter:
    return lambda text: Condition(f"{column} = %s", (_identifier(text.strip()),))


def above_id(column: str) -> Filter:
    return lambda text: Condition(f"{column} > %s", (_identifier(text.strip()),))


def one_of(column: str, choices: Sequence[str]) -> Filter:
    """A list of states, separated by commas; `any` asks for all."""

    def read(text: str) -> Condition | None:
        wanted = [part.strip() for part in text.split(",")]
        if wanted == ["any"]:
            return None
        if not set(wanted) <= set(choices):
            raise ValueError(f"must be one of {', '.join((*choices, 'any'))}")
        return Condition(f"{column} = ANY(%s)", (wanted,))

    return read


def state(conditions: Mapping[str, str | None]) -> Filter:
    """One word for a condition of its own; None is everything."""

    def read(text: str) -> Condition | None:
        if text not in conditions:
            raise ValueError(f"must be one of {', '.join(conditions)}")
        sql = conditions[text]
        return Condition(sql) if sql else None

    return read


def times(column: str) -> dict[str, Filter]:
    """`{column}_min` and `{column}_max`, both inclusive."""
    name = column.rpartition(".")[2]
    return {
        f"{name}_min": lambda text: Condition(f"{column} >= %s", (parse_time(text),)),
        # Times are shown in whole seconds; what is shown as 12:00:00 has to be found with a maximum of 12:00:00.
        f"{name}_max": lambda text: Condition(f"date_trunc('second', {column}) <= %s", (parse_time(text),)),
    }


def parse_time(text: str) -> datetime:
    """ISO 8601; without an offset it is UTC."""
    try:
        # A "+" that a client did not encode arrives as a space.
        moment = datetime.fromisoformat(text.strip().replace(" +", "+").replace(" ", "+" if "T" in text else "T"))
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("must be a time such as 2026-01-31T12:00:00Z") from error


def _plain(text: str) -> str:
    if not is_storable(text):
        raise ValueError(UNSTORABLE)
    return text
