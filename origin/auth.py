"""Access tokens: random, shown once, stored only as a hash; the token alone decides the shop."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.tenant import StoreId, StoreStatus
from origin.db import Database, Tx

SCOPES: tuple[str, ...] = tuple(
    f"{access}_{subject}"
    for subject in ("products", "inventory", "locations", "orders", "customers", "content", "themes")
    for access in ("read", "write")
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid token may do, and in which shop."""

    store_id: StoreId
    status: StoreStatus
    scopes: frozenset[str]

    def allows(self, scope: str) -> bool:
        """Write access includes read access."""
        return scope in self.scopes or scope.replace("read_", "write_", 1) in self.scopes


def token_hash(token: str) -> bytes:
    # A token has 256 random bits, so a plain hash is as good as a slow one, and an index can find it.
    return hashlib.sha256(token.encode()).digest()


async def issue_token(tx: Tx, store_id: StoreId, label: str, scopes: Sequence[str] = SCOPES) -> str:
    """The only time the token is seen; the database keeps its hash."""
    token = f"stoa_{secrets.token_urlsafe(32)}"
    await tx.execute(
        "INSERT INTO access_token (token_hash, store_id, label, scopes) VALUES (%s, %s, %s, %s)",
        [token_hash(token), store_id, label, list(scopes)],
    )
    return token


async def find_grant(db: Database, token: str) -> Grant | None:
    async with db.directory() as tx:
        cursor = await tx.execute(
            """SELECT store.id, store.status, access_token.scopes
               FROM access_token JOIN store ON store.id = access_token.store_id
               WHERE access_token.token_hash = %s AND access_token.revoked_at IS NULL""",
            [token_hash(token)],
        )
        row = await cursor.fetchone()
    if row is None:
        return None
    return Grant(StoreId(row["id"]), StoreStatus(row["status"]), frozenset(row["scopes"]))
