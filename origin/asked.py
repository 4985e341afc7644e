"""What a statement that was sent will say, once somebody reads it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from psycopg import AsyncCursor
from psycopg.rows import DictRow

Answer = TypeVar("Answer")
Later = TypeVar("Later")


@dataclass(frozen=True, slots=True)
class Asked(Generic[Answer]):
    """In `Database.together` the statements that are sent before one is read share its round trip."""

    cursor: AsyncCursor[DictRow]
    made_of: Callable[[Sequence[dict[str, Any]]], Answer]

    def then(self, made_of: Callable[[Answer], Later]) -> "Asked[Later]":
        """What else is made of the answer."""
        return Asked(self.cursor, lambda rows: made_of(self.made_of(rows)))

    async def read(self) -> Answer:
        """Also after the transaction: its end has brought all answers that were still out."""
        return self.made_of(await self.cursor.fetchall())
