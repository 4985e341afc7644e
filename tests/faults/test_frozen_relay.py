"""Two relays, one active: when that one freezes, its session in the database must not keep the other standing by."""

import pytest

from invalidation.errors import OutboxUnavailable
from invalidation.relay import outbox_connection
from invalidation.settings import RelaySettings
from tests.faults.hall import until
from tests.fixtures.edges import NOBODY
from tests.fixtures.servers import DatabaseUrls


async def test_a_relay_that_asks_nothing_any_more_loses_its_turn(database: DatabaseUrls) -> None:
    settings = RelaySettings(relay_database_url=database.relay, state_url=NOBODY, relay_idle_seconds=4)
    async with outbox_connection(settings) as frozen, outbox_connection(settings) as other:
        assert await frozen.try_lock()
        assert not await other.try_lock()
        await until(other.try_lock, 20, "the other one has the lock")
        with pytest.raises(OutboxUnavailable):
            await frozen.read(1)
