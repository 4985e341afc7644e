"""Imports over HTTP: who may ask, what is taken as a file, and how the answers look."""

import asyncio

import pytest

from origin.app import create_app
from origin.auth import issue_token
from origin.imports.running import run_import
from tests.fixtures.origin import serving
from tests.fixtures.product_csv import COLUMNS, csv_text, rows

CUP = csv_text(COLUMNS, ["cup", "Cup", "", "", "", "", "", "1"], ["mug", "Mug", "", "", "", "", "", "free"])
PATH = "/admin/api/2024-10/imports.json"


@pytest.fixture
def client(origin, acorn):
    """acorn's merchant."""
    origin.headers.update({"X-Shopify-Access-Token": acorn.token})
    return origin


async def test_a_file_is_taken_imported_and_reported(db, acorn, client):
    answer = await client.post(PATH, files={"file": ("my/cups.csv", CUP, "text/csv")}, params={"overwrite": "True"})
    assert answer.status_code == 202
    asked = answer.json()["import"]
    assert (asked["filename"], asked["state"], asked["overwrite"]) == ("cups.csv", "queued", True)
    assert (asked["bytes_total"], asked["bytes_read"], asked["report"]) == (len(CUP), 0, [])
    [event] = await rows(db, acorn.id, "SELECT topic, payload FROM outbox WHERE topic IS NOT NULL")
    assert event == {"topic": "stoa/import", "payload": {"import_id": asked["id"]}}

    await run_import(db, acorn.id, asked["id"])
    done = (await client.get(f"/admin/api/2024-10/imports/{asked['id']}.json")).json()["import"]
    assert set(done) == set(asked)
    assert (done["state"], done["products_created"], done["rows_failed"], done["rows_read"]) == ("done", 1, 1, 2)
    [entry] = done["report"]
    assert (entry["line"], entry["handle"], entry["outcome"]) == (3, "mug", "failed")
    listed = (await client.get("/admin/imports.json")).json()
    assert [record["id"] for record in listed["imports"]] == [asked["id"]]


async def test_the_file_may_be_the_whole_body(client):
    answer = await client.post(PATH, content=CUP, headers={"Content-Type": "text/csv"}, params={"filename": "c.csv"})
    asked = answer.json()["import"]
    assert (answer.status_code, asked["filename"], asked["overwrite"]) == (202, "c.csv", False)
    assert asked["bytes_total"] == len(CUP)


async def test_overwriting_may_be_asked_for_in_the_form(client):
    answer = await client.post(PATH, files={"file": ("c.csv", CUP)}, data={"overwrite": "true"})
    assert answer.json()["import"]["overwrite"] is True


async def test_a_shop_has_at_most_five_unfinished_imports_and_the_next_shop_its_own(db, acorn, birch, client):
    answers = await asyncio.gather(*(client.post(PATH, content=CUP) for _ in range(7)))
    assert sorted(answer.status_code for answer in answers) == [202] * 5 + [409] * 2
    [sentence] = {answer.json()["errors"] for answer in answers if answer.status_code == 409}
    assert sentence.startswith("This shop has 5 imports that are not finished")
    assert (await client.post(PATH, content=CUP, headers={"X-Shopify-Access-Token": birch.token})).status_code == 202
    done = next(answer.json()["import"]["id"] for answer in answers if answer.status_code == 202)
    await run_import(db, acorn.id, done)
    assert (await client.post(PATH, content=CUP)).status_code == 202


async def test_another_shops_import_is_not_found(client, birch):
    asked = (await client.post(PATH, content=CUP)).json()["import"]
    foreign = {"X-Shopify-Access-Token": birch.token}
    for import_id in (asked["id"], 0, 2**60, "x"):
        answer = await client.get(f"/admin/api/2024-10/imports/{import_id}.json", headers=foreign)
        assert (answer.status_code, answer.json()) == (404, {"errors": "Not Found"})
    assert (await client.get(PATH, headers=foreign)).json() == {"imports": []}


async def test_without_a_file_nothing_is_queued(db, acorn, client):
    for request in ({"content": b" \n"}, {"files": {"file": ("c.csv", b"")}}, {"files": {"upload": ("c.csv", CUP)}}):
        answer = await client.post(PATH, **request)
        assert answer.status_code == 422
        assert "send a product CSV" in answer.json()["errors"]["file"][0]
    broken = await client.post(PATH, content=b"no form", headers={"Content-Type": "multipart/form-data"})
    assert broken.status_code == 400
    assert await rows(db, acorn.id, "SELECT id FROM product_import") == []


async def test_a_file_that_is_too_large_is_refused_before_and_while_it_comes(origin_settings, db, acorn):
    async def without_end():
        for _ in range(1000):
            yield b"x" * 1000

    async with serving(create_app(origin_settings.model_copy(update={"origin_body_bytes": 5000}))) as client:
        for content in (b"x" * 5001, without_end()):
            answer = await client.post(PATH, content=content, headers=acorn.admin_headers)
            assert answer.status_code == 413
    assert await rows(db, acorn.id, "SELECT id FROM product_import") == []


async def test_reading_and_writing_need_their_scopes(db, acorn, client):
    async with db.tenant(acorn.id) as tx:
        reader = {"X-Shopify-Access-Token": await issue_token(tx, acorn.id, "reader", ["read_products"])}
        other = {"X-Shopify-Access-Token": await issue_token(tx, acorn.id, "other", ["read_orders"])}
    assert (await client.get(PATH, headers=reader)).status_code == 200
    assert (await client.post(PATH, content=CUP, headers=reader)).status_code == 403
    assert (await client.get(PATH, headers=other)).status_code == 403
    assert (await client.post(PATH, content=CUP, headers={"X-Shopify-Access-Token": "wrong"})).status_code == 401


async def test_an_unknown_version_is_not_found(client):
    assert (await client.get("/admin/api/2024/imports.json")).status_code == 404
    assert (await client.get("/admin/api/unstable/imports.json")).status_code == 200


async def test_the_list_goes_on_before_an_id(client):
    ids = [(await client.post(PATH, content=CUP)).json()["import"]["id"] for _ in range(3)]
    first = (await client.get(PATH, params={"limit": 2})).json()["imports"]
    assert [record["id"] for record in first] == ids[:0:-1]
    rest = (await client.get(PATH, params={"limit": 2, "before_id": ids[1]})).json()["imports"]
    assert [record["id"] for record in rest] == ids[:1]
    assert (await client.get(PATH, params={"limit": 251})).status_code == 422
