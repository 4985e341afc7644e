"""One transaction for all who want the same of one shop at once: while a batch is at work those who come wait, and the
next takes them all. A hot row is then locked once a batch and not once a buyer; first come, first served.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import psycopg

from contracts.crash_points import Step
from contracts.tenant import StoreId
from origin.asked import Asked
from origin.db import Database, Tx
from origin.errors import Unavailable

Wish = TypeVar("Wish")
Verdict = TypeVar("Verdict")
Result = TypeVar("Result")
Commit = Callable[[StoreId, Sequence[Wish]], Awaitable[Sequence[Verdict | Exception]]]
"""Does what all wish for in one transaction, and says of each in their order what came of it; that is committed then.
What it raises has undone all of them."""
Verdicts = Sequence[Verdict | Exception]
Work = Callable[[Tx, StoreId, Sequence[Wish]], Awaitable[Verdicts[Verdict] | Asked[Verdicts[Verdict]]]]
"""The same within a transaction that somebody else opens and commits (`Database.together`). What is asked with the last
statements comes with the commit, and is read after it."""

MOST_AT_ONCE = 64
"""A batch holds its rows locked until it is committed: larger ones save little, and others wait for them."""
DEADLOCK_TRIES = 5


@dataclass(frozen=True, slots=True)
class _Place(Generic[Wish, Verdict]):
    wish: Wish
    verdict: "asyncio.Future[Verdict]"

    def tell(self, verdict: Verdict | Exception) -> None:
        if self.verdict.done():  # nobody waits for it any more
            return
        if isinstance(verdict, Exception):
            self.verdict.set_exception(verdict)
        else:
            self.verdict.set_result(verdict)


class GroupCommit(Generic[Wish, Verdict]):
    def __init__(self, commit: Commit[Wish, Verdict], *, most_at_once: int = MOST_AT_ONCE) -> None:
        self._commit = commit
        self._most_at_once = most_at_once
        self._lines: dict[StoreId, deque[_Place[Wish, Verdict]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def do(self, store_id: StoreId, wish: Wish) -> Verdict:
        """What came of this wish, once it is committed. A verdict that is an exception is raised, as is what the whole
        batch failed of. Who stops waiting before a batch took the wish never wished for anything."""
        place: _Place[Wish, Verdict] = _Place(wish, asyncio.get_running_loop().create_future())
        line = self._lines.get(store_id)
        if line is not None:
            line.append(place)
        else:
            self._lines[store_id] = line = deque([place])
            task = asyncio.create_task(self._serve(store_id, line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await place.verdict

    async def _serve(self, store_id: StoreId, line: deque[_Place[Wish, Verdict]]) -> None:
        try:
            while line:
                batch = [line.popleft() for _ in range(min(len(line), self._most_at_once))]
                await self._together(store_id, [place for place in batch if not place.verdict.done()])
        finally:
            del self._lines[store_id]
            for place in line:
                place.verdict.cancel()

    async def _together(self, store_id: StoreId, batch: list[_Place[Wish, Verdict]]) -> None:
        """What is wrong with one wish must not undo the others: a batch that failed is done again one by one."""
        if not batch:
            return
        try:
            verdicts = await self._commit(store_id, [place.wish for place in batch])
        except BaseException as error:
            if len(batch) > 1 and isinstance(error, Exception) and not isinstance(error, Unavailable):
                for place in batch:
                    await self._together(store_id, [place])
                return
            for place in batch:
                place.tell(error) if isinstance(error, Exception) else place.verdict.cancel()
            if not isinstance(error, Exception):
                raise
        else:
            for place, verdict in zip(batch, verdicts, strict=True):
                place.tell(verdict)


def in_one_transaction(db: Database, work: Work[Wish, Verdict], *, step: Step) -> Commit[Wish, Verdict]:
    async def commit(store_id: StoreId, wishes: Sequence[Wish]) -> Sequence[Verdict | Exception]:
        opened = partial(db.together, store_id, step=step)
        told = await _with_tries(opened, lambda tx: work(tx, store_id, wishes))
        return await told.read() if isinstance(told, Asked) else told

    return commit


async def in_transaction(
    db: Database, store_id: StoreId, work: Callable[[Tx], Awaitable[Result]], *, step: Step
) -> Result:
    """Runs `work` in one transaction, again when PostgreSQL chose it as a deadlock's victim. Raises Unavailable."""
    return await _with_tries(partial(db.tenant, store_id, step=step), work)


async def _with_tries(
    opened: Callable[[], AbstractAsyncContextManager[Tx]], work: Callable[[Tx], Awaitable[Result]]
) -> Result:
    for tries_left in reversed(range(DEADLOCK_TRIES)):
        try:
            async with opened() as tx:
                return await work(tx)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure) as error:
            if not tries_left:
                raise Unavailable("the shop is very busy") from error
    raise AssertionError("unreachable")
