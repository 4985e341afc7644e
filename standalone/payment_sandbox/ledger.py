"""What the sandbox remembers, in one SQLite file: resources, money moved, and the answers it gave under keys.

One operation is one transaction: its resources and its stored answer are written together or not at all, so a killed
sandbox forgets a request completely or remembers its answer.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic_core

Resource = dict[str, Any]
_FORGET_SECONDS = 60.0
"""Between two deletions of answers that are too old; none of them is given meanwhile."""


def to_json(value: Resource) -> str:
    """pydantic's, for it takes a third of the standard library's time, and a payment is written five times."""
    return pydantic_core.to_json(value).decode()


@dataclass(frozen=True, slots=True)
class Movement:
    """Money in or out of one account's balance."""

    id: str
    account: str
    currency: str
    amount: int
    kind: str
    source: str
    created: int


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a list, newest first. `created` bounds are inclusive, in whole seconds."""

    limit: int = 10
    starting_after: str | None = None
    ending_before: str | None = None
    since: int | None = None
    until: int | None = None


class Ledger:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._forgot_at = float("-inf")
        self._connection.executescript("""
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            CREATE TABLE IF NOT EXISTS resource (
                id TEXT PRIMARY KEY, kind TEXT NOT NULL, created REAL NOT NULL, body TEXT NOT NULL);
            CREATE INDEX IF NOT EXISTS resource_kind ON resource (kind, created DESC);
            CREATE TABLE IF NOT EXISTS answer (
                key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
                created REAL NOT NULL);
            CREATE INDEX IF NOT EXISTS answer_created ON answer (created);
            CREATE TABLE IF NOT EXISTS movement (
                id TEXT PRIMARY KEY, account TEXT NOT NULL, currency TEXT NOT NULL, amount INTEGER NOT NULL,
                kind TEXT NOT NULL, source TEXT NOT NULL, created INTEGER NOT NULL);
            CREATE INDEX IF NOT EXISTS movement_account ON movement (account, currency, amount);
        """)

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def put(self, resource: Resource, created: float, text: str = "") -> None:
        """`text`: it in JSON, if somebody has that. `created` orders lists, and stays when this is written again."""
        self._connection.execute(
            "INSERT INTO resource VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            [resource["id"], resource["object"], created, text or to_json(resource)],
        )

    def get(self, kind: str, identifier: str) -> Resource | None:
        row = self._connection.execute(
            "SELECT body FROM resource WHERE id = ? AND kind = ?", [identifier, kind]
        ).fetchone()
        return json.loads(row[0]) if row else None

    def has(self, kind: str, identifier: str) -> bool:
        found = self._connection.execute("SELECT 1 FROM resource WHERE id = ? AND kind = ?", [identifier, kind])
        return found.fetchone() is not None

    def find(self, kind: str, wanted: Mapping[str, str], part: Slice) -> list[Resource]:
        """Newest first, one more than asked for if there are more. `wanted`: JSON path -> text."""
        conditions = ["kind = ?"]
        values: list[str | int] = [kind]
        for path, text in wanted.items():
            conditions.append("CAST(json_extract(body, ?) AS TEXT) = ?")
            values += [path, text]
        for bound, comparison in ((part.since, "created >= ?"), (part.until, "created < 1 + ?")):
            if bound is not None:
                conditions.append(comparison)
                values.append(bound)
        for edge, comparison in ((part.starting_after, "<"), (part.ending_before, ">")):
            if edge is not None:
                conditions.append(f"(created, rowid) {comparison} (SELECT created, rowid FROM resource WHERE id = ?)")
                values.append(edge)
        order = "ASC" if part.ending_before is not None else "DESC"
        rows = self._connection.execute(
            f"""SELECT body FROM resource WHERE {" AND ".join(conditions)}
                ORDER BY created {order}, rowid {order} LIMIT ?""",
            [*values, part.limit + 1],
        )
        return [json.loads(body) for (body,) in rows]

    def answer(self, key: str, since: float) -> tuple[str, int, str] | None:
        """The request's fingerprint, the status and the body first answered under this key. What was answered before
        `since` is forgotten."""
        if abs(since - self._forgot_at) >= _FORGET_SECONDS:
            self._connection.execute("DELETE FROM answer WHERE created < ?", [since])
            self._forgot_at = since
        found: tuple[str, int, str] | None = self._connection.execute(
            "SELECT fingerprint, status, body FROM answer WHERE key = ? AND created >= ?", [key, since]
        ).fetchone()
        return found

    def keep_answer(self, key: str, fingerprint: str, status: int, body: str, created: float) -> None:
        """In place of one that is forgotten."""
        self._connection.execute(
            "INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?, ?)", [key, fingerprint, status, body, created]
        )

    def move(self, moved: Movement) -> None:
        self._connection.execute(
            "INSERT INTO movement VALUES (?, ?, ?, ?, ?, ?, ?)",
            [moved.id, moved.account, moved.currency, moved.amount, moved.kind, moved.source, moved.created],
        )

    def movement(self, account: str, identifier: str) -> Movement | None:
        row = self._connection.execute(
            "SELECT * FROM movement WHERE id = ? AND account = ?", [identifier, account]
        ).fetchone()
        return Movement(*row) if row else None

    def balances(self, account: str) -> dict[str, int]:
        """By currency."""
        return dict(
            self._connection.execute(
                "SELECT currency, sum(amount) FROM movement WHERE account = ? GROUP BY currency ORDER BY currency",
                [account],
            )
        )
