"""Provisioning: a shop from one request, and what the platform refuses."""

import pytest

from tests.fixtures.origin import PLATFORM_TOKEN

BEARER = {"Authorization": f"Bearer {PLATFORM_TOKEN}"}
NEW = {"name": "Acorn", "subdomain": "acorn", "currency": "EUR"}


async def outbox_tags(db, store_id):
    async with db.tenant(store_id) as tx:
        rows = await (await tx.execute("SELECT tags FROM outbox WHERE store_id = %s", [store_id])).fetchall()
    return {tag for row in rows for tag in row["tags"]}


async def test_a_new_store_is_answered_with_its_host_and_a_token_that_works(origin, db):
    answer = await origin.post("/platform/stores", json=NEW, headers=BEARER)
    assert answer.status_code == 201
    store = answer.json()["store"]
    assert (store["host"], store["status"]) == ("acorn.stoa.localhost", "active")
    assert store["url"] == "http://acorn.stoa.localhost:8080"
    assert await outbox_tags(db, store["id"]) == {"h/acorn.stoa.localhost", f"t/{store['id']}/shop"}


async def test_the_token_is_stored_only_as_a_hash(origin, db):
    answer = await origin.post("/platform/stores", json=NEW, headers=BEARER)
    token = answer.json()["admin_token"]
    async with db.tenant(answer.json()["store"]["id"]) as tx:
        row = await (await tx.execute("SELECT * FROM access_token")).fetchone()
    assert token not in str(row)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}])
async def test_without_the_platform_token_nothing_is_said(origin, headers):
    answer = await origin.post("/platform/stores", json=NEW, headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"subdomain": "admin"}, "subdomain", "reserved"),
        ({"subdomain": "-a"}, "subdomain", "hyphen"),
        ({"subdomain": "Acorn"}, "subdomain", "lower-case"),
        ({"subdomain": "a.b"}, "subdomain", "lower-case"),
        ({"subdomain": "xn--abc"}, "subdomain", "international"),
        ({"name": "  "}, "name", "1 to 255"),
        ({"currency": "EURO"}, "currency", "ISO 4217"),
        ({"theme": "nope"}, "theme", "not installed"),
        ({"locale": "../x"}, "locale", "language tag"),
    ],
)
async def test_what_cannot_be_a_shop_is_refused_with_the_reason(origin, change, field, reason):
    answer = await origin.post("/platform/stores", json=NEW | change, headers=BEARER)
    assert answer.status_code == 422
    assert reason in answer.json()["errors"][field][0]


async def test_a_subdomain_is_given_once(origin):
    await origin.post("/platform/stores", json=NEW, headers=BEARER)
    again = await origin.post("/platform/stores", json=NEW | {"name": "Other"}, headers=BEARER)
    assert again.status_code == 422
    assert again.json() == {"errors": {"subdomain": ["has already been taken"]}}


async def test_closing_a_shop_stops_its_token_and_leaves_the_other_shop_alone(origin, db, acorn, birch):
    closed = await origin.post(f"/platform/stores/{acorn.id}/close", headers=BEARER)
    assert closed.json()["store"]["status"] == "closed"
    assert f"t/{acorn.id}/shop" in await outbox_tags(db, acorn.id)
    listed = (await origin.get("/platform/stores", headers=BEARER)).json()["stores"]
    assert {store["host"]: store["status"] for store in listed} == {acorn.host: "closed", birch.host: "active"}
    reopened = await origin.post(f"/platform/stores/{acorn.id}/resume", headers=BEARER)
    assert reopened.status_code == 422
    assert "closed for good" in reopened.json()["errors"]["base"][0]


async def test_an_unknown_store_is_not_found(origin):
    assert (await origin.post("/platform/stores/999/suspend", headers=BEARER)).status_code == 404


async def test_stores_are_listed_in_pages(origin, acorn, birch):
    first = (await origin.get("/platform/stores?limit=1", headers=BEARER)).json()["stores"]
    rest = (await origin.get(f"/platform/stores?after={first[0]['id']}", headers=BEARER)).json()["stores"]
    assert [store["id"] for store in first + rest] == [acorn.id, birch.id]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "A\x00"}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"email": "no\rmail"}, "email"),
        ({"settings": {"a": "\x00"}}, "settings"),
        ({"settings": {"a": "x" * 300_000}}, "settings"),
        ({"currency": None}, "currency"),
    ],
)
async def test_what_cannot_be_stored_is_named(origin, change, field):
    answer = await origin.post("/platform/stores", json=NEW | change, headers=BEARER)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]


async def test_every_missing_field_is_named(origin):
    answer = await origin.post("/platform/stores", json={"name": "Acorn"}, headers=BEARER)
    assert (answer.status_code, set(answer.json()["errors"])) == (422, {"subdomain", "currency"})


async def test_broken_json_and_ids_without_end_are_told_apart_from_faults(origin):
    broken = await origin.post("/platform/stores", content=b"{", headers=BEARER | {"Content-Type": "application/json"})
    assert broken.status_code == 400
    endless = await origin.post(f"/platform/stores/{'9' * 30}/suspend", headers=BEARER)
    assert endless.status_code == 422
    strange = await origin.get("/platform/stores", headers={"Authorization": b"Basic \xe9"})
    assert strange.status_code == 401
