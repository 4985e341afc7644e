"""A merchant's change on every edge worker, in every shape of the page, and nowhere else."""

import time

from tests.fixtures.merchant import Merchant

PROMISED_SECONDS = 5.0


def seconds_until_everywhere(shop: Merchant, sightings: dict[str, str]) -> float:
    """How long until each page of each worker has its text; fails after what is promised."""
    since = time.monotonic()
    missing = sightings
    while missing:
        waited = time.monotonic() - since
        assert waited < PROMISED_SECONDS, f"not fresh everywhere: {missing}"
        missing = {
            path: text for path, text in missing.items() if not all(text in page.text for page in shop.everywhere(path))
        }
    return time.monotonic() - since


def prepare(shop: Merchant) -> dict[str, object]:
    product = shop.add_product("Blue Mug", "12.00", 9)
    collection = shop.admin("POST", "custom_collections.json", {"custom_collection": {"title": "Mugs"}})[
        "custom_collection"
    ]
    shop.admin("POST", "collects.json", {"collect": {"collection_id": collection["id"], "product_id": product["id"]}})
    seconds_until_everywhere(shop, {"/products/blue-mug": "12.00", "/collections/mugs": "12.00"})
    return product


def test_a_new_price_is_on_every_page_of_every_worker_and_the_other_shop_is_left_alone(acorn_and_birch):
    acorn, birch = acorn_and_birch
    product = prepare(acorn)
    prepare(birch)
    # By its gzip: the brotli is made behind the second reading's back, and has its own entity tag.
    before = [page.headers["etag"] for page in birch.everywhere("/products/blue-mug", **{"Accept-Encoding": "gzip"})]
    variant_id = product["variants"][0]["id"]
    acorn.admin("PUT", f"variants/{variant_id}.json", {"variant": {"id": variant_id, "price": "17.35"}})
    waited = seconds_until_everywhere(
        acorn,
        {
            "/products/blue-mug": "17.35",
            "/products/blue-mug.js": '"price":1735',
            "/products/blue-mug.json": '"price":"17.35"',
            "/collections/mugs": "17.35",
            "/collections/mugs/products.json": '"price":"17.35"',
            "/products.json": '"price":"17.35"',
        },
    )
    print(f"fresh on {len(acorn.platform.ready.edge_workers)} workers after {waited * 1000:.0f} ms")
    after = birch.everywhere("/products/blue-mug", **{"Accept-Encoding": "gzip"})
    assert [page.headers["etag"] for page in after] == before
    assert all("hit" in page.headers["cache-status"] for page in after)


def test_a_product_can_be_seen_once_it_exists_and_not_once_it_is_gone(acorn_and_birch):
    acorn, birch = acorn_and_birch
    assert {page.status_code for page in acorn.everywhere("/products/red-bowl")} == {404}
    birch.add_product("Red Bowl", "3.00", 1)
    product = acorn.add_product("Red Bowl", "5.00", 1)
    seconds_until_everywhere(acorn, {"/products/red-bowl": "Red Bowl", "/sitemap.xml": "/products/red-bowl"})
    acorn.admin("DELETE", f"products/{product['id']}.json")
    since = time.monotonic()
    while {page.status_code for page in acorn.everywhere("/products/red-bowl")} != {404}:
        assert time.monotonic() - since < PROMISED_SECONDS
    assert {page.status_code for page in birch.everywhere("/products/red-bowl")} == {200}


def test_a_new_shop_serves_although_its_host_was_asked_for_before(platform, acorn_and_birch):
    acorn, _ = acorn_and_birch
    name = f"cedar-{abs(hash(acorn.host)) % 10**6}"
    cedar = Merchant(platform, acorn.client, f"{name}.stoa.localhost", "")
    assert {page.status_code for page in cedar.everywhere("/")} == {404}
    platform.create_store(name)
    since = time.monotonic()
    while {page.status_code for page in cedar.everywhere("/")} != {200}:
        assert time.monotonic() - since < PROMISED_SECONDS
    assert {page.status_code for page in acorn.everywhere("/")} == {200}
