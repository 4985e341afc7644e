"""The catalog of a migrated database, walked: what design section 8 asks of every tenant table."""

import psycopg
import pytest
from psycopg.rows import dict_row

from origin.migrate import migrate
from origin.registry import SHARED_TABLES, TENANT_TABLES


@pytest.fixture
async def admin(database):
    connection = await psycopg.AsyncConnection.connect(database.admin, row_factory=dict_row)
    async with connection:
        yield connection


async def rows(connection, query, *values):
    return await (await connection.execute(query, values)).fetchall()


async def test_every_table_is_in_the_registry(admin):
    found = await rows(
        admin, "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    )
    assert {row["relname"] for row in found} == {*TENANT_TABLES, *SHARED_TABLES, "migration"}


async def test_every_tenant_table_has_store_id_forced_isolation_and_exactly_one_policy(admin):
    found = await rows(
        admin,
        """SELECT relname, relrowsecurity, relforcerowsecurity, attnotnull, format_type(atttypid, null) AS type
           FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'store_id'
           WHERE relname = ANY(%s)""",
        list(TENANT_TABLES),
    )
    assert {row.pop("relname") for row in found} == set(TENANT_TABLES)
    expected = {"relrowsecurity": True, "relforcerowsecurity": True, "attnotnull": True, "type": "bigint"}
    assert all(row == expected for row in found)
    policies = await rows(
        admin,
        "SELECT tablename, permissive, cmd, qual, with_check FROM pg_policies WHERE tablename = ANY(%s)",
        list(TENANT_TABLES),
    )
    assert sorted(row["tablename"] for row in policies) == sorted(TENANT_TABLES)
    for policy in policies:
        assert (policy["permissive"], policy["cmd"]) == ("PERMISSIVE", "ALL")
        assert policy["qual"] == policy["with_check"]
        assert "SELECT" not in policy["qual"].upper()
        assert "app.store_id" in policy["qual"]


async def test_every_key_and_index_leads_with_store_id(admin):
    found = await rows(
        admin,
        """SELECT relname, indexrelid::regclass::text AS index, attname FROM pg_index
           JOIN pg_class ON pg_class.oid = indrelid
           LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
           WHERE relname = ANY(%s)""",
        list(TENANT_TABLES),
    )
    assert [row for row in found if row["attname"] != "store_id"] == []
    keyed = await rows(admin, "SELECT conrelid::regclass::text AS name FROM pg_constraint WHERE contype = 'p'")
    assert set(TENANT_TABLES) <= {row["name"] for row in keyed}


async def test_every_foreign_key_of_a_tenant_table_is_composite(admin):
    found = await rows(
        admin,
        """SELECT conname, attname FROM pg_constraint
           JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
           WHERE contype = 'f' AND conrelid::regclass::text = ANY(%s)""",
        list(TENANT_TABLES),
    )
    assert found
    assert [row for row in found if row["attname"] != "store_id"] == []


async def test_no_id_is_a_four_byte_integer(admin):
    found = await rows(
        admin,
        """SELECT table_name, column_name FROM information_schema.columns
           WHERE table_schema = 'public' AND data_type = 'integer'
             AND (column_name = 'id' OR column_name LIKE '%%\\_id')""",
    )
    assert found == []


async def test_migrating_again_changes_nothing(database):
    assert await migrate(database.admin, {}) == []


async def test_migrating_again_does_not_wait_for_a_long_read(database):
    reader = await psycopg.AsyncConnection.connect(database.admin)
    async with reader:
        await reader.execute("SELECT count(*) FROM variant")  # and its transaction stays open
        assert await migrate(database.admin, {}) == []
