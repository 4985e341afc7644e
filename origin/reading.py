"""One statement in a transaction of its own, sent in one packet and answered in one.

psycopg's pipeline sends and waits once for every statement, so four times for a transaction with a tenant. Each is a
system call here and a wake-up of the server there; together they were half of what a page cost the origin.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.abc import Buffer, PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import DictRow
from psycopg.waiting import Wait

from invalidation.bounded_connection import BoundedConnection

MOST_PREPARED = 100
"""On each connection; what was not read for longest makes room."""
_VALUE = re.compile(rb"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class Statement:
    """With its values numbered, as the server has them. `names`: of the values, in that order."""

    sql: bytes
    names: tuple[str, ...]

    @staticmethod
    @lru_cache(maxsize=1000)
    def of(named: bytes) -> "Statement":
        """From SQL in which a value is spelled `%(name)s`, and any other percent sign is just that."""
        names = tuple(dict.fromkeys(_VALUE.findall(named)))
        numbers = {name: b"$%d" % number for number, name in enumerate(names, start=1)}
        return Statement(_VALUE.sub(lambda found: numbers[found[1]], named), tuple(name.decode() for name in names))


class ReadingConnection(BoundedConnection[DictRow]):
    """Prepares these statements on the server: planning one takes several times as long as running it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._statements: dict[bytes, bytes] = {}  # statement -> its name, oldest first
        self._made = 0

    async def one_row(
        self, begin: bytes, tenant: bytes, statement: Statement, values: Mapping[str, Any]
    ) -> DictRow | None:
        """The first row of `statement`, run after `tenant`, which says whose rows are seen. The server infers the
        values' types from where they stand. A failure leaves the transaction open, as any other statement's does."""
        texts = [self._text(values[name]) for name in statement.names]
        if len(self._statements) >= MOST_PREPARED and statement.sql not in self._statements:
            oldest = next(iter(self._statements))
            await self.execute(b"DEALLOCATE " + self._statements.pop(oldest), prepare=False)
        try:
            result = await self._run(begin, tenant, statement.sql, texts)
        except psycopg.errors.InvalidSqlStatementName:
            # After a rollback psycopg has the server forget every prepared statement, ours too. Nothing has run yet.
            self._statements.clear()
            await self.execute(b"ROLLBACK", prepare=False)
            result = await self._run(begin, tenant, statement.sql, texts)
        if not result.ntuples:
            return None
        loading = Transformer(self)
        loading.set_pgresult(result)
        names = [(result.fname(column) or b"").decode() for column in range(result.nfields)]
        return dict(zip(names, loading.load_row(0, tuple) or (), strict=True))

    async def _run(self, begin: bytes, tenant: bytes, sql: bytes, values: list[Buffer | None]) -> PGresult:
        async with self.lock:
            return await self.wait(self._transaction(begin, tenant, sql, values))

    def _text(self, value: Any) -> Buffer | None:
        """As the server reads it, of whatever type it takes it for."""
        if value is None:
            return None
        if isinstance(value, str | int) and not isinstance(value, bool):
            return str(value).encode()
        return Transformer(self).get_dumper(value, PyFormat.TEXT).dump(value) or b""

    def _transaction(self, begin: bytes, tenant: bytes, sql: bytes, values: list[Buffer | None]) -> PQGen[PGresult]:
        server, known = self.pgconn, self._statements.pop(sql, None)
        name = known or self._new_name()
        server.enter_pipeline_mode()
        server.send_query_params(begin, None)
        server.send_query_params(tenant, None)
        if known is None:
            server.send_prepare(name, sql)
        server.send_query_prepared(name, values)
        server.send_query_params(b"COMMIT", None)
        server.pipeline_sync()
        answers = yield from _answers(server)
        server.exit_pipeline_mode()
        if known or answers[2].status == ExecStatus.COMMAND_OK:
            self._statements[sql] = name
        for answer in answers:
            if answer.status == ExecStatus.FATAL_ERROR:
                raise error_from_result(answer)
        return answers[-2]

    def _new_name(self) -> bytes:
        self._made += 1
        return b"one_row_%d" % self._made


def _answers(server: PGconn) -> PQGen[list[PGresult]]:
    """To everything that was sent, one to each. Raises OperationalError if the server goes away meanwhile."""
    while server.flush():
        if (yield Wait.RW) & Wait.R:
            server.consume_input()
    answers: list[PGresult] = []
    while True:
        while server.is_busy():
            yield Wait.R
            server.consume_input()
        answer = server.get_result()
        if answer is None:  # the end of the answers to one statement, of which each has one
            if server.status == ConnStatus.BAD:
                raise psycopg.OperationalError("the server closed the connection")
        elif answer.status == ExecStatus.PIPELINE_SYNC:
            return answers
        else:
            answers.append(answer)
