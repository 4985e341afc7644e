"""A merchant's uploaded file, as an edge fetches it to serve and cache."""

from dataclasses import dataclass

from contracts.tenant import StoreId
from origin.db import Database
from origin.errors import NotFound


@dataclass(frozen=True, slots=True)
class File:
    content_type: str
    body: bytes
    sha256: str


async def read(db: Database, store_id: StoreId, asset_id: int) -> File:
    """Raises NotFound, also for another shop's file."""
    async with db.tenant(store_id) as tx:
        cursor = await tx.execute(
            "SELECT content_type, body, sha256 FROM asset WHERE store_id = %s AND id = %s", [store_id, asset_id]
        )
        row = await cursor.fetchone()
    if row is None:
        raise NotFound("file")
    return File(row["content_type"], row["body"], row["sha256"].hex())
