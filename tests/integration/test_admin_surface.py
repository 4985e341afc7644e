"""What all admin routes have in common: tokens, scopes, shapes of errors, headers, lists and their cursors."""

import base64
from contextvars import ContextVar

import httpx
import pytest
from psycopg import AsyncConnection

from contracts.tenant import StoreStatus
from origin.app import create_app
from origin.tenants import set_status
from tests.fixtures.admin import client_of

PRODUCTS = "/admin/api/2024-10/products.json"


async def test_every_way_of_presenting_a_token_opens_the_shop_it_belongs_to(merchants, admin_app):
    basic = base64.b64encode(f"any:{merchants.birch.token}".encode()).decode()
    for headers in (
        {"X-Stoa-Access-Token": merchants.birch.token},
        {"X-Shopify-Access-Token": merchants.birch.token},
        {"Authorization": f"Bearer {merchants.birch.token}"},
        {"Authorization": f"Basic {basic}"},
    ):
        for path in ("/admin/api/2024-10/shop.json", "/admin/api/unstable/shop.json", "/admin/shop.json"):
            answer = await client_of(admin_app, headers).get(path)
            assert answer.status_code == 200
            assert (answer.json()["shop"]["name"], answer.json()["shop"]["currency"]) == ("Birch", "USD")


async def test_without_a_valid_token_nothing_is_answered(merchants, admin_app):
    for headers in ({}, {"X-Stoa-Access-Token": "stoa_wrong"}, {"Authorization": "Basic !!"}):
        answer = await client_of(admin_app, headers).get(PRODUCTS)
        assert answer.status_code == 401
        assert answer.json()["errors"].startswith("[API] Invalid API key or access token")


async def test_a_token_does_what_its_scopes_say(merchants):
    token = await merchants.acorn.token_for("read_products")
    client = merchants.acorn.with_token(token)
    assert (await client.get(PRODUCTS)).status_code == 200
    refused = await client.post(PRODUCTS, json={"product": {"title": "x"}})
    assert refused.status_code == 403
    assert refused.json() == {"errors": "[API] This action requires merchant approval for write_products scope."}
    scopes = await client.get("/admin/oauth/access_scopes.json")
    assert scopes.json() == {"access_scopes": [{"handle": "read_products"}]}


async def test_a_suspended_shop_and_a_closed_one_say_so(merchants, db):
    for status, code in ((StoreStatus.SUSPENDED, 402), (StoreStatus.CLOSED, 423)):
        await set_status(db, merchants.acorn.store_id, status)
        assert (await merchants.acorn.ask("GET", "shop")).status_code == code
        assert (await merchants.birch.ask("GET", "shop")).status_code == 200


async def test_unknown_routes_versions_and_methods(merchants):
    for path in ("/admin/api/2024-10/nothing.json", "/admin/api/v1/shop.json", "/admin/api/2024-10/products"):
        answer = await merchants.acorn.http.get(path)
        assert (answer.status_code, answer.json()) == (404, {"errors": "Not Found"})
    assert (await merchants.acorn.http.patch(PRODUCTS)).status_code == 405


async def test_headers_have_the_case_that_clients_look_for(merchants):
    answer = await merchants.acorn.ask("GET", "shop")
    headers = dict(answer.headers.raw)
    assert headers[b"X-Stoa-API-Version"] == headers[b"X-Shopify-API-Version"] == b"2024-10"
    assert headers[b"X-Stoa-Shop-Api-Call-Limit"] == headers[b"X-Shopify-Shop-Api-Call-Limit"]
    used, size = headers[b"X-Shopify-Shop-Api-Call-Limit"].split(b"/")
    assert int(used) >= 1
    assert int(size) == 4000
    assert headers[b"X-Request-Id"] != dict((await merchants.acorn.ask("GET", "shop")).headers.raw)[b"X-Request-Id"]


async def test_head_says_whether_there_is_one(merchants):
    product = await merchants.acorn.add_product()
    found = await merchants.acorn.ask("HEAD", f"products/{product['id']}")
    assert (found.status_code, found.content) == (200, b"")
    assert (await merchants.birch.ask("HEAD", f"products/{product['id']}")).status_code == 404


async def test_a_full_bucket_is_429_for_its_own_token_only(origin_settings, acorn, birch):
    small = origin_settings.model_copy(update={"admin_bucket_size": 2, "admin_bucket_leak_per_second": 0.001})
    app = create_app(small)
    async with app.router.lifespan_context(app):
        client = client_of(app, acorn.admin_headers)
        statuses = [(await client.get("/admin/shop.json")).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        refused = await client.get("/admin/shop.json")
        assert float(refused.headers["Retry-After"]) > 1
        assert dict(refused.headers.raw)[b"X-Shopify-Shop-Api-Call-Limit"] == b"2/2"
        assert refused.json()["errors"].startswith("Exceeded 0.001 calls per second")
        assert (await client_of(app, birch.admin_headers).get("/admin/shop.json")).status_code == 200


async def test_a_body_over_the_limit_is_refused(origin_settings, acorn):
    app = create_app(origin_settings.model_copy(update={"origin_body_bytes": 2000}))
    async with app.router.lifespan_context(app):
        client = client_of(app, acorn.admin_headers)
        answer = await client.post(PRODUCTS, json={"product": {"title": "x", "body_html": "y" * 3000}})
        assert answer.status_code == 413


async def follow(client: httpx.AsyncClient, answer: httpx.Response, relation: str) -> httpx.Response:
    return await client.get(answer.links[relation]["url"])


def ids(answer: httpx.Response) -> list[int]:
    return [product["id"] for product in answer.json()["products"]]


async def test_a_list_is_walked_forth_and_back_and_keeps_its_filters(merchants):
    made = [(await merchants.acorn.add_product(f"P{n}", vendor="Odd" if n % 2 else "Even"))["id"] for n in range(8)]
    odd = made[1::2]
    client = merchants.acorn.http
    first = await client.get(PRODUCTS, params={"vendor": "Odd", "limit": 2, "fields": "id,title"})
    assert ids(first) == odd[:2]
    assert set(first.json()["products"][0]) == {"id", "title"}
    assert first.links["next"]["url"].startswith(
        "http://admin.test:8081/admin/api/2024-10/products.json?limit=2&page_info="
    )
    assert "previous" not in first.links
    await merchants.acorn.delete(f"products/{odd[0]}")
    second = await follow(client, first, "next")
    assert ids(second) == odd[2:]
    assert set(second.json()["products"][0]) == {"id", "title"}
    assert "next" not in second.links
    assert ids(await follow(client, second, "previous")) == [odd[1]]
    assert (await client.get(PRODUCTS)).headers.get("Link") is None


async def test_a_cursor_is_good_for_its_own_shop_and_list_only(merchants):
    for _ in range(3):
        await merchants.acorn.add_product()
        await merchants.birch.add_product()
    url = (await merchants.acorn.http.get(PRODUCTS, params={"limit": 1})).links["next"]["url"]
    cursor = httpx.URL(url).params["page_info"]
    for client, path, page_info in (
        (merchants.birch.http, PRODUCTS, cursor),
        (merchants.acorn.http, "/admin/api/2024-10/pages.json", cursor),
        (merchants.acorn.http, PRODUCTS, cursor[:-2]),
        (merchants.acorn.http, PRODUCTS, "eyJuZXh0IjoxfQ"),
    ):
        answer = await client.get(path, params={"page_info": page_info})
        assert (answer.status_code, answer.json()) == (400, {"errors": {"page_info": "Invalid value."}})
    mixed = await merchants.acorn.http.get(PRODUCTS, params={"page_info": cursor, "vendor": "x"})
    assert mixed.status_code == 400
    assert mixed.json() == {"errors": {"vendor": "vendor cannot be passed when page_info is present."}}


async def test_lists_and_counts_are_filtered_alike(merchants):
    cup = await merchants.acorn.add_product("Cup", product_type="Ware", vendor="A")
    hat = await merchants.acorn.add_product("Hat", status="draft", vendor="B")
    page = (await merchants.acorn.post("custom_collections", {"custom_collection": {"title": "C"}}))[
        "custom_collection"
    ]
    await merchants.acorn.post("collects", {"collect": {"collection_id": page["id"], "product_id": hat["id"]}})
    await merchants.birch.add_product("Cup", product_type="Ware", vendor="A")
    cases = [
        ({"ids": f"{cup['id']},999999"}, [cup]),
        ({"ids[]": [cup["id"], hat["id"]]}, [cup, hat]),
        ({"since_id": cup["id"]}, [hat]),
        ({"title": "Cup"}, [cup]),
        ({"handle": "hat"}, [hat]),
        ({"vendor": "B", "status": "draft,archived"}, [hat]),
        ({"status": "any"}, [cup, hat]),
        ({"product_type": "Ware"}, [cup]),
        ({"collection_id": page["id"]}, [hat]),
        ({"published_status": "published"}, [cup]),
        ({"published_status": "unpublished"}, [hat]),
        ({"created_at_min": cup["created_at"], "created_at_max": hat["created_at"]}, [cup, hat]),
        ({"updated_at_min": "2099-01-01"}, []),
        ({"created_at_max": "2020-01-01T00:00:00+02:00"}, []),
        ({"unknown": "x"}, [cup, hat]),
    ]
    for params, expected in cases:
        answer = await merchants.acorn.ask("GET", "products", params=params)
        assert ids(answer) == [product["id"] for product in expected], params
        assert await merchants.acorn.get("products/count", **params) == {"count": len(expected)}


@pytest.mark.parametrize("is_counted", [False, True])
async def test_a_filter_that_cannot_be_read_is_400(merchants, is_counted):
    path = "products/count" if is_counted else "products"
    bad = {"ids": "1,x", "created_at_min": "soon", "status": "gone", "published_status": "x", "since_id": "-1"}
    bad |= {"title": "a\0"} | ({} if is_counted else {"limit": "0"})
    for name, value in bad.items():
        answer = await merchants.acorn.ask("GET", path, params={name: value})
        assert answer.status_code == 400, name
        assert set(answer.json()["errors"]) == {name}


async def test_a_page_of_many_products_takes_as_many_statements_as_a_page_of_one(merchants, monkeypatch):
    for number in range(6):
        await merchants.acorn.add_product(f"P{number}", images=[{"src": "https://img.example.com/a.jpg"}])
    statements, execute = [], AsyncConnection.execute
    is_asked_for = ContextVar("is_asked_for", default=False)  # not so what the app's own tasks ask meanwhile

    async def counting(connection, query, *more, **named):
        if is_asked_for.get():
            statements.append(query)
        return await execute(connection, query, *more, **named)

    monkeypatch.setattr(AsyncConnection, "execute", counting)
    is_asked_for.set(True)
    counts = []
    for limit in (1, 6):
        statements.clear()
        assert len((await merchants.acorn.get("products", limit=limit))["products"]) == limit
        counts.append(len(statements))
    assert 0 < counts[0] == counts[1] < 12


async def test_the_storefront_is_changed_and_every_page_of_the_shop_made_known(merchants):
    navigation = {"main": [{"title": "Home", "url": "/"}], "footer": [{"title": "Us", "url": "https://example.com"}]}
    change = {"settings": {"accent": "#123456"}, "navigation": navigation, "description": "Wood."}
    shown = (await merchants.acorn.put("storefront", {"storefront": change}))["storefront"]
    assert shown == {"theme": "agora", **change}
    assert await merchants.acorn.tags() == {f"t/{merchants.acorn.store_id}/shop", f"h/{merchants.acorn.host}"}
    assert (await merchants.birch.get("storefront"))["storefront"]["settings"] == {}
    for bad, name in (
        ({"theme": "gone"}, "theme"),
        ({"navigation": {"main": [{"title": "x", "url": "javascript:alert(1)"}]}}, "navigation"),
        ({"navigation": {"main": "x"}}, "navigation"),
        ({"settings": "x"}, "settings"),
    ):
        assert set((await merchants.acorn.put("storefront", {"storefront": bad}, 422))["errors"]) == {name}


async def test_static_pages_are_kept_per_shop(merchants):
    page = (await merchants.acorn.post("pages", {"page": {"title": "About us", "body_html": "<p>Hi</p>"}}))["page"]
    assert (page["handle"], page["shop_id"]) == ("about-us", merchants.acorn.store_id)
    assert await merchants.acorn.tags() == {
        f"t/{merchants.acorn.store_id}/{name}" for name in (f"page/{page['id']}", "listing")
    }
    changed = (await merchants.acorn.put(f"pages/{page['id']}", {"page": {"body_html": "<p>Ho</p>"}}))["page"]
    assert (changed["body_html"], changed["title"]) == ("<p>Ho</p>", "About us")
    assert f"t/{merchants.acorn.store_id}/page/{page['id']}" in await merchants.acorn.tags()
    assert await merchants.birch.get("pages/count") == {"count": 0}
    await merchants.birch.delete(f"pages/{page['id']}", 404)
    await merchants.acorn.delete(f"pages/{page['id']}")
    assert (await merchants.acorn.get("pages")) == {"pages": []}
