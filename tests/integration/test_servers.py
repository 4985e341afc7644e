"""The embedded servers as the platform and the tests use them."""

import psycopg
import pytest
import redis.asyncio

from tests.fixtures.servers import DatabaseUrls, PostgresServer


async def test_postgres_is_18_in_utf8_and_asks_for_a_password(postgres: PostgresServer) -> None:
    async with await psycopg.AsyncConnection.connect(postgres.admin_url) as connection:
        assert connection.info.server_version // 10000 == 18
        row = await (await connection.execute("SHOW server_encoding")).fetchone()
        assert row == ("UTF8",)
    with pytest.raises(psycopg.OperationalError, match="password"):
        await psycopg.AsyncConnection.connect(postgres.url_of("postgres", "wrong", "postgres"))


async def test_each_valkey_has_its_profile_and_asks_for_a_password(state_url: str, cache_url: str) -> None:
    async with redis.asyncio.Redis.from_url(state_url, decode_responses=True) as state:
        assert await state.config_get("appendonly", "maxmemory-policy") == {
            "appendonly": "yes",
            "maxmemory-policy": "noeviction",
        }
    async with redis.asyncio.Redis.from_url(cache_url, decode_responses=True) as cache:
        policy = await cache.config_get("appendonly", "maxmemory-policy", "maxmemory")
        assert policy == {
            "appendonly": "no",
            "maxmemory-policy": "allkeys-lfu",
            "maxmemory": str(256 * 1024 * 1024),
        }
    async with redis.asyncio.Redis.from_url("redis://" + state_url.rpartition("@")[2]) as stranger:
        with pytest.raises(redis.exceptions.AuthenticationError):
            await stranger.ping()


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_every_test_starts_with_empty_valkeys(turn: str, state_url: str, cache_url: str) -> None:
    for url in (state_url, cache_url):
        async with redis.asyncio.Redis.from_url(url) as client:
            assert await client.dbsize() == 0
            await client.set("left", turn)


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_every_test_has_a_migrated_database_of_its_own(turn: str, database: DatabaseUrls) -> None:
    async with await psycopg.AsyncConnection.connect(database.admin) as connection:
        await connection.execute("CREATE TABLE left_by_this_test (turn text)")
    for url in (database.app, database.router, database.relay):
        async with await psycopg.AsyncConnection.connect(url) as connection:
            row = await (
                await connection.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
            ).fetchone()
            assert row == (False,)
