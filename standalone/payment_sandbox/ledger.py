"""What the sandbox remembers, in one SQLite file: resources, and the answers it gave under idempotency keys.

One operation is one transaction: its resources and its stored answer are written together or not at all, so a killed
sandbox forgets a request completely or remembers its answer.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Resource = dict[str, Any]


class Ledger:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript("""
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            CREATE TABLE IF NOT EXISTS resource (
                id TEXT PRIMARY KEY, kind TEXT NOT NULL, created REAL NOT NULL, body TEXT NOT NULL);
            CREATE INDEX IF NOT EXISTS resource_kind ON resource (kind, created DESC);
            CREATE TABLE IF NOT EXISTS answer (
                key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
                created REAL NOT NULL);
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

    def put(self, resource: Resource, created: float) -> None:
        """`created` orders lists; it is kept when the resource is written again."""
        self._connection.execute(
            "INSERT INTO resource VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            [resource["id"], resource["object"], created, json.dumps(resource)],
        )

    def get(self, kind: str, identifier: str) -> Resource | None:
        row = self._connection.execute(
            "SELECT body FROM resource WHERE id = ? AND kind = ?", [identifier, kind]
        ).fetchone()
        return json.loads(row[0]) if row else None

    def newest(self, kind: str) -> list[Resource]:
        rows = self._connection.execute(
            "SELECT body FROM resource WHERE kind = ? ORDER BY created DESC, rowid DESC", [kind]
        )
        return [json.loads(body) for (body,) in rows]

    def answer(self, key: str) -> tuple[str, int, Resource] | None:
        """The request's fingerprint, the status and the body first answered under this key."""
        row = self._connection.execute("SELECT fingerprint, status, body FROM answer WHERE key = ?", [key]).fetchone()
        return (row[0], row[1], json.loads(row[2])) if row else None

    def keep_answer(self, key: str, fingerprint: str, status: int, body: Resource, created: float) -> None:
        self._connection.execute(
            "INSERT INTO answer VALUES (?, ?, ?, ?, ?)", [key, fingerprint, status, json.dumps(body), created]
        )

    def forget_answers(self, before: float) -> None:
        self._connection.execute("DELETE FROM answer WHERE created < ?", [before])
