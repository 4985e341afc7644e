"""What a statement that was sent will say, once somebody reads it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from psycopg import AsyncCursor
from psycopg.rows import DictRow

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Asked(Generic[Answer]):
    """In `Database.together` the statements that are sent before one is read share its round trip."""

    cursor: AsyncCursor[DictRow]
    made_of: Callable[[Sequence[dict[str, Any]]], Answer]

    async def read(self) -> Answer:
        return self.made_of(await self.cursor.fetchall())
