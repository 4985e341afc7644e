"""Snapshots over the internal routes: the data of each page kind, its tags, and two shops kept apart."""

import msgpack
import pytest

from contracts.snapshot import Snapshot
from tests.fixtures.origin import EDGE_SECRET

INSIDE = {"Stoa-Edge-Secret": EDGE_SECRET}


async def one(tx, query, *values):
    return await (await tx.execute(query, values)).fetchone()


async def stock(db, shop, title="Cup", handle="cup", price_minor=1000, available=9):
    """A product with two sizes in a collection, written as plain rows."""
    async with db.tenant(shop.id) as tx:
        product = await one(
            tx,
            """INSERT INTO product (store_id, title, handle, body_html, vendor, product_type, published_at,
                                    availability, price_min_minor, price_max_minor)
               VALUES (%s, %s, %s, '<h1>Hi</h1><script>x()</script><p onclick=a>Fine</p>', 'Kiln', 'Mug', now(),
                       'in_stock', %s, %s) RETURNING id""",
            shop.id, title, handle, price_minor, price_minor + 500,
        )  # fmt: skip
        option = [shop.id, product["id"]]
        await tx.execute(
            "INSERT INTO product_option (store_id, product_id, name, position) VALUES (%s, %s, 'Size', 1)", option
        )
        await tx.execute(
            """INSERT INTO product_image (store_id, product_id, position, src, alt)
               VALUES (%s, %s, 1, '/files/1/a.svg', 'A cup')""",
            option,
        )
        location = await one(tx, "SELECT id FROM location WHERE store_id = %s", shop.id)
        for position, size in enumerate(("Small", "Large"), start=1):
            item = await one(
                tx, "INSERT INTO inventory_item (store_id, is_tracked) VALUES (%s, true) RETURNING id", shop.id
            )
            await tx.execute(
                """INSERT INTO variant (store_id, product_id, inventory_item_id, title, position, option1, price_minor,
                                        inventory_management, availability)
                   VALUES (%s, %s, %s, %s, %s, %s, %s, 'shopify', 'in_stock')""",
                [shop.id, product["id"], item["id"], size, position, size, price_minor + (position - 1) * 500],
            )
            await tx.execute(
                """INSERT INTO inventory_level (store_id, inventory_item_id, location_id, available)
                   VALUES (%s, %s, %s, %s)""",
                [shop.id, item["id"], location["id"], available],
            )
        collection = await one(
            tx,
            """INSERT INTO collection (store_id, kind, title, handle, published_at)
               VALUES (%s, 'custom', 'Table', %s, now())
               ON CONFLICT (store_id, handle) DO UPDATE SET title = excluded.title RETURNING id""",
            shop.id, "table",
        )  # fmt: skip
        await tx.execute(
            "INSERT INTO collect (store_id, collection_id, product_id) VALUES (%s, %s, %s)",
            [shop.id, collection["id"], product["id"]],
        )
    return product["id"], collection["id"]


async def snapshot(origin, shop, target, **headers):
    answer = await origin.get(
        f"/internal/stores/{shop.id}/snapshot", params={"target": target}, headers=INSIDE | headers
    )
    assert answer.status_code == 200, answer.text
    return Snapshot.decode(answer.content)


def tags(found):
    return {tag for part in found.parts.values() for tag in part.tags}


async def test_without_the_edges_secret_the_internal_routes_do_not_exist(origin, acorn):
    for headers in ({}, {"Stoa-Edge-Secret": "guess"}):
        assert (await origin.get(f"/internal/hosts/{acorn.host}", headers=headers)).status_code == 404


async def test_a_host_names_its_tenant_and_an_unknown_host_none(origin, acorn, birch):
    answer = await origin.get(f"/internal/hosts/{acorn.host}", headers=INSIDE)
    tenant = msgpack.unpackb(answer.content)["tenant"]
    assert (tenant["store_id"], tenant["host"], tenant["currency"]) == (acorn.id, acorn.host, "EUR")
    assert answer.headers["stoa-tags"] == f"h/{acorn.host} t/{acorn.id}/shop"
    unknown = await origin.get("/internal/hosts/cedar.stoa.localhost", headers=INSIDE)
    assert (unknown.status_code, unknown.headers["stoa-tags"]) == (404, "h/cedar.stoa.localhost")


async def test_a_product_is_given_whole_safe_and_tagged(origin, db, acorn, birch):
    product_id, collection_id = await stock(db, acorn)
    await stock(db, birch, title="Birch cup")
    found = await snapshot(origin, acorn, "/products/cup")
    product = found.parts["product"].data
    assert (product["title"], product["price_minor"], product["price_max_minor"]) == ("Cup", 1000, 1500)
    assert product["description_html"] == "<h2>Hi</h2><p>Fine</p>"
    assert product["options"][0]["values"] == ["Small", "Large"]
    assert [variant["available"] for variant in product["variants"]] == [True, True]
    assert product["collections"] == [{"title": "Table", "url": "/collections/table"}]
    assert tags(found) == {
        f"t/{acorn.id}/shop",
        f"t/{acorn.id}/product/{product_id}",
        f"t/{acorn.id}/collection/{collection_id}/members",
    }


async def test_the_same_handle_in_two_shops_is_two_products(origin, db, acorn, birch):
    await stock(db, acorn)
    await stock(db, birch, title="Birch cup")
    titles = [(await snapshot(origin, shop, "/products/cup")).parts["product"].data["title"] for shop in (acorn, birch)]
    assert titles == ["Cup", "Birch cup"]


async def test_related_products_share_a_collection_and_lend_their_tags(origin, db, acorn):
    await stock(db, acorn)
    other_id, _ = await stock(db, acorn, title="Bowl", handle="bowl")
    related = (await snapshot(origin, acorn, "/products/cup")).parts["related"]
    assert [card["title"] for card in related.data] == ["Bowl"]
    assert f"t/{acorn.id}/product/{other_id}" in related.tags


@pytest.mark.parametrize("target", ["/products/none", "/collections/none", "/pages/none", "/products/none.js"])
async def test_what_is_not_there_is_a_404_tagged_with_the_listing(origin, acorn, target):
    found = await snapshot(origin, acorn, target)
    assert (found.status, set(found.parts)) == (404, {"shop", "missing"})
    assert f"t/{acorn.id}/listing" in tags(found)


async def test_an_unpublished_product_is_not_there(origin, db, acorn):
    await stock(db, acorn)
    async with db.tenant(acorn.id) as tx:
        await tx.execute("UPDATE product SET published_at = NULL WHERE store_id = %s", [acorn.id])
    assert (await snapshot(origin, acorn, "/products/cup")).status == 404
    assert (await snapshot(origin, acorn, "/collections/table")).parts["products"].data["items"] == []


async def test_a_collection_is_sorted_filtered_and_counted(origin, db, acorn):
    await stock(db, acorn)
    await stock(db, acorn, title="Bowl", handle="bowl", price_minor=500)
    by_price = (await snapshot(origin, acorn, "/collections/table?sort_by=price-ascending")).parts["products"].data
    assert [card["title"] for card in by_price["items"]] == ["Bowl", "Cup"]
    assert (by_price["total"], by_price["price_range"]) == (2, {"low_minor": 500, "high_minor": 1000})
    dear = (await snapshot(origin, acorn, "/collections/table?filter.v.price.gte=6")).parts["products"].data
    assert [card["title"] for card in dear["items"]] == ["Cup"]
    gone = (await snapshot(origin, acorn, "/collections/table?filter.v.availability=0")).parts["products"].data
    assert gone["items"] == []


async def test_the_whole_catalog_is_a_collection_called_all(origin, db, acorn):
    await stock(db, acorn)
    found = await snapshot(origin, acorn, "/collections/all")
    assert found.parts["collection"].data["id"] == 0
    assert [card["title"] for card in found.parts["products"].data["items"]] == ["Cup"]


async def test_search_finds_by_the_beginning_of_a_word_in_its_own_shop(origin, db, acorn, birch):
    await stock(db, acorn)
    await stock(db, birch, title="Birch cup")
    for words in ("cu", "CUP", "kiln mu"):
        found = await snapshot(origin, acorn, f"/search?q={words}")
        assert [card["title"] for card in found.parts["products"].data["items"]] == ["Cup"]
    nothing = await snapshot(origin, acorn, "/search?q='%20|%20!(")
    assert nothing.parts["search"].data["total"] == 0


async def test_feeds_hold_whole_products(origin, db, acorn):
    await stock(db, acorn)
    for target in ("/products.json", "/collections/table/products.json?limit=5"):
        found = await snapshot(origin, acorn, target)
        assert [len(product["variants"]) for product in found.parts["products"].data["items"]] == [2]


@pytest.mark.parametrize(
    ("target", "part"),
    [
        ("/", "featured"),
        ("/collections", "collections"),
        ("/search/suggest.json?q=cu", "search"),
        ("/sitemap.xml", "sitemap"),
    ],
)
async def test_every_other_kind_of_page_has_its_parts(origin, db, acorn, target, part):
    await stock(db, acorn)
    found = await snapshot(origin, acorn, target)
    assert found.status == 200
    assert found.parts[part].data


async def test_an_unchanged_snapshot_is_not_sent_again(origin, db, acorn):
    await stock(db, acorn)
    path = f"/internal/stores/{acorn.id}/snapshot"
    first = await origin.get(path, params={"target": "/products/cup"}, headers=INSIDE)
    again = {"If-None-Match": first.headers["etag"]}
    assert (await origin.get(path, params={"target": "/products/cup"}, headers=INSIDE | again)).status_code == 304
    async with db.tenant(acorn.id) as tx:
        await tx.execute("UPDATE product SET title = 'New' WHERE store_id = %s", [acorn.id])
    assert (await origin.get(path, params={"target": "/products/cup"}, headers=INSIDE | again)).status_code == 200


async def test_a_search_for_what_no_text_can_hold_finds_nothing(origin, db, acorn):
    await stock(db, acorn)
    assert (await snapshot(origin, acorn, "/search?q=%00%01")).parts["search"].data == {"query": "", "total": 0}


async def test_a_collection_not_yet_published_is_not_shown_but_can_change_the_page(origin, db, acorn):
    _, collection_id = await stock(db, acorn)
    async with db.tenant(acorn.id) as tx:
        await tx.execute("UPDATE collection SET published_at = NULL WHERE store_id = %s", [acorn.id])
    found = await snapshot(origin, acorn, "/products/cup")
    assert found.parts["product"].data["collections"] == []
    assert f"t/{acorn.id}/collection/{collection_id}/members" in tags(found)


async def test_a_neighbour_that_is_not_shown_can_change_the_related_products(origin, db, acorn):
    await stock(db, acorn)
    hidden_id, _ = await stock(db, acorn, title="Bowl", handle="bowl")
    async with db.tenant(acorn.id) as tx:
        await tx.execute("UPDATE product SET status = 'draft' WHERE store_id = %s AND id = %s", [acorn.id, hidden_id])
    related = (await snapshot(origin, acorn, "/products/cup")).parts["related"]
    assert related.data == []
    assert f"t/{acorn.id}/product/{hidden_id}" in related.tags
