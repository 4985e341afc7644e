"""Products, variants and images through the admin API, in two shops."""

import asyncio

from tests.fixtures.admin import png


async def test_a_product_is_created_with_its_default_variant(merchants):
    shown = await merchants.acorn.add_product("Crème Brûlée", tags="sweet,  French ,sweet")
    assert (shown["handle"], shown["tags"], shown["vendor"]) == ("creme-brulee", "French, sweet", "Acorn")
    assert shown["status"] == "active"
    assert shown["published_at"] is not None
    [variant] = shown["variants"]
    assert (variant["title"], variant["price"], variant["inventory_quantity"]) == ("Default Title", "0.00", 0)
    assert [(option["name"], option["values"]) for option in shown["options"]] == [("Title", ["Default Title"])]
    assert await merchants.acorn.tags() >= {f"t/{merchants.acorn.store_id}/product/{shown['id']}"}
    assert await merchants.birch.tags() == set()
    assert (await merchants.birch.get("products/count")) == {"count": 0}


async def test_a_product_is_created_whole(merchants):
    shown = await merchants.acorn.add_product(
        "Shirt",
        options=[{"name": "Size"}, {"name": "Colour"}],
        variants=[
            {
                "option1": "S",
                "option2": "Red",
                "price": "19.99",
                "sku": "S-R",
                "inventory_quantity": 7,
                "weight": 0.2,
                "inventory_management": "stoa",
            },
            {
                "option1": "M",
                "option2": "Red",
                "price": 21,
                "compare_at_price": "30",
                "inventory_management": "shopify",
            },
        ],
        images=[
            {"src": "https://img.example.com/a.jpg", "alt": "Front"},
            {"attachment": png(), "filename": "Back side.PNG"},
        ],
    )
    small, medium = shown["variants"]
    assert (small["title"], small["price"], small["grams"], small["weight"]) == ("S / Red", "19.99", 200, 0.2)
    assert (small["inventory_quantity"], small["inventory_management"]) == (7, "shopify")
    assert (medium["price"], medium["compare_at_price"], medium["position"]) == ("21.00", "30.00", 2)
    assert [option["values"] for option in shown["options"]] == [["S", "M"], ["Red"]]
    front, back = shown["images"]
    assert (front["src"], front["alt"]) == ("https://img.example.com/a.jpg", "Front")
    assert back["src"].startswith(f"{merchants.acorn.storefront_url}/files/")
    assert back["src"].endswith("/back-side.png")
    assert (back["width"], back["height"]) == (3, 2)
    assert shown["image"] == front


async def test_what_was_read_can_be_put_back_unchanged(merchants):
    shown = await merchants.acorn.add_product(
        "Shirt",
        handle="shirt-x",
        options=["Size"],
        variants=[{"option1": "S", "weight": 1.5, "weight_unit": "lb", "price": "5"}, {"option1": "M"}],
        images=[{"attachment": png()}, {"src": "https://img.example.com/a.jpg"}],
    )
    again = (await merchants.acorn.put(f"products/{shown['id']}", {"product": shown}))["product"]
    for each in (shown, again):
        each.pop("updated_at")
    assert again == shown


async def test_a_list_of_variants_is_the_whole_list(merchants):
    shown = await merchants.acorn.add_product(
        options=["Size"], variants=[{"option1": size, "price": "1"} for size in ("S", "M", "L")]
    )
    small, medium, _ = shown["variants"]
    variants = [{"id": medium["id"], "price": "2.50"}, {"option1": "XL"}, {"id": small["id"]}]
    again = (await merchants.acorn.put(f"products/{shown['id']}", {"product": {"variants": variants}}))["product"]
    assert [(each["title"], each["price"]) for each in again["variants"]] == [
        ("M", "2.50"),
        ("XL", "0.00"),
        ("S", "1.00"),
    ]
    assert again["variants"][0]["id"] == medium["id"]
    assert again["options"][0]["values"] == ["M", "XL", "S"]
    items = ",".join(str(each["inventory_item_id"]) for each in shown["variants"])
    left = (await merchants.acorn.get("inventory_items", ids=items))["inventory_items"]
    assert {item["id"] for item in left} == {small["inventory_item_id"], medium["inventory_item_id"]}


async def test_options_are_renamed_added_and_dropped(merchants):
    shown = await merchants.acorn.add_product(
        options=["Size", "Colour"], variants=[{"option1": "S", "option2": "Red"}, {"option1": "M", "option2": "Red"}]
    )
    size, colour = shown["options"]
    path = f"products/{shown['id']}"
    swapped = {"options": [{"id": colour["id"], "name": "Color"}, {"id": size["id"]}]}
    again = (await merchants.acorn.put(path, {"product": swapped}))["product"]
    assert [(each["id"], each["name"]) for each in again["options"]] == [(colour["id"], "Color"), (size["id"], "Size")]
    assert [each["title"] for each in again["variants"]] == ["Red / S", "Red / M"]
    dropped = await merchants.acorn.put(path, {"product": {"options": [{"name": "Size"}]}})
    assert [each["title"] for each in dropped["product"]["variants"]] == ["S", "M"]
    added = {"options": [{"name": "Size"}, {"name": "Cut", "values": ["Slim"]}]}
    assert (await merchants.acorn.put(path, {"product": added}))["product"]["variants"][0]["title"] == "S / Slim"


BAD_PRODUCTS = [
    ({"title": " "}, {"title": ["can't be blank"]}),
    ({}, {"title": ["can't be blank"]}),
    ({"title": "x" * 256}, {"title": ["is too long (maximum is 255 characters)"]}),
    ({"title": "a\0b"}, {"title": ["must not have a null character or half a surrogate pair"]}),
    ({"title": ["a"]}, {"title": ["must be a text"]}),
    ({"title": "x", "status": "gone"}, {"status": ["must be one of active, draft, archived"]}),
    ({"title": "x", "variants": [{"price": "abc"}]}, {"variants.price": ["is not a number"]}),
    ({"title": "x", "variants": [{"price": "-1"}]}, {"variants.price": ["must be greater than or equal to 0"]}),
    ({"title": "x", "variants": [{"price": "1.999"}]}, {"variants.price": ["has more decimals than EUR allows"]}),
    (
        {"title": "x", "variants": [{"option1": "S"}, {"option1": "M", "price": "x"}]},
        {"variants.price": ["is not a number (variant 2)"]},
    ),
    (
        {"title": "x", "options": ["Size", "Colour"], "variants": [{"option1": "S", "option2": "Red"}] * 2},
        {"base": ["The variant 'S / Red' already exists."]},
    ),
    ({"title": "x", "options": ["A", "B", "C", "D"]}, {"options": ["can't be more than 3"]}),
    ({"title": "x", "options": ["A", "a"]}, {"options": ["must have different names"]}),
    (
        {"title": "x", "options": ["Size", "Colour"], "variants": [{"option1": "S"}]},
        {"variants.option2": ["can't be blank: the product has the option Colour"]},
    ),
    ({"title": "x", "variants": [{"option1": str(n)} for n in range(2049)]}, {"variants": ["can't be more than 2048"]}),
    (
        {"title": "x", "variants": [{"inventory_quantity": -1}]},
        {"variants.inventory_quantity": ["can't be negative unless inventory_policy is continue"]},
    ),
    ({"title": "x", "variants": [{"grams": "many"}]}, {"variants.grams": ["must be a whole number (number 1)"]}),
    (
        {"title": "x", "images": [{"attachment": "R0lGODlh"}]},
        {"attachment": ["must be a PNG, JPEG, WebP, GIF or SVG image"]},
    ),
    (
        {"title": "x", "images": [{"src": "file:///etc/passwd"}]},
        {"src": ["must be a web address such as https://example.com/cup.jpg, or use attachment"]},
    ),
    ({"title": "x", "published_at": "soon"}, {"published_at": ["must be a time such as 2026-01-31T12:00:00Z"]}),
    ({"title": "x", "tags": [f"t{n}" for n in range(251)]}, {"tags": ["can't be more than 250"]}),
]


async def test_bad_products_are_refused_field_by_field_and_nothing_is_written(merchants):
    for product, errors in BAD_PRODUCTS:
        assert await merchants.acorn.post("products", {"product": product}, 422) == {"errors": errors}
    assert await merchants.acorn.get("products/count") == {"count": 0}
    assert await merchants.acorn.tags() == set()


async def test_what_cannot_be_read_is_400(merchants):
    missing = {"product": "Required parameter missing or invalid"}
    cases = [
        (b"{", "The request body is not valid JSON"),
        (b"", missing),
        (b"[]", missing),
        (b'{"title": "x"}', missing),
        (b'{"product": "x"}', missing),
        (b"[" * 100_000, "There was an error parsing the body"),
        (b"\x80", "There was an error parsing the body"),
    ]
    for content, errors in cases:
        answer = await merchants.acorn.ask(
            "POST", "products", content=content, headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()) == (400, {"errors": errors})


async def test_handles_are_counted_up_and_never_shared(merchants):
    titles = ["Cup", "cup", "Cup", "Cup 1"]
    made = await asyncio.gather(*(merchants.acorn.add_product(title) for title in titles))
    assert len({product["handle"] for product in made}) == 4
    other = await merchants.birch.add_product("Cup")
    assert other["handle"] == "cup"
    taken = await merchants.acorn.put(f"products/{made[0]['id']}", {"product": {"handle": made[1]["handle"]}}, 422)
    assert taken == {"errors": {"handle": ["has already been taken"]}}


async def test_publication_follows_what_is_said(merchants):
    product_id = (await merchants.acorn.add_product(published=False))["id"]
    path = f"products/{product_id}"
    assert (await merchants.acorn.get(path))["product"]["published_at"] is None
    shown = (await merchants.acorn.put(path, {"product": {"published": True}}))["product"]
    assert shown["published_at"] is not None
    again = (await merchants.acorn.put(path, {"product": {"published": "true", "title": "Mug"}}))["product"]
    assert again["published_at"] == shown["published_at"]
    hidden = (await merchants.acorn.put(path, {"product": {**again, "published": False}}))["product"]
    assert hidden["published_at"] is None
    assert (await merchants.acorn.add_product(status="draft"))["published_at"] is None


async def test_variants_are_written_on_both_paths(merchants):
    product = await merchants.acorn.add_product(options=["Size"], variants=[{"option1": "S"}])
    path = f"products/{product['id']}/variants"
    made = (await merchants.acorn.post(path, {"variant": {"option1": "M", "price": 3, "position": 1}}))["variant"]
    assert (made["price"], made["position"], made["product_id"]) == ("3.00", 1, product["id"])
    assert await merchants.acorn.get(f"{path}/count") == {"count": 2}
    for url, price in ((f"{path}/{made['id']}", "4.00"), (f"variants/{made['id']}", "5.00")):
        assert (await merchants.acorn.put(url, {"variant": {"price": price}}))["variant"]["price"] == price
    assert [
        each["title"] for each in (await merchants.acorn.get(f"products/{product['id']}"))["product"]["variants"]
    ] == [
        "M",
        "S",
    ]
    refused = await merchants.acorn.post(path, {"variant": {"option1": "S"}}, 422)
    assert refused == {"errors": {"base": ["The variant 'S' already exists."]}}
    assert await merchants.acorn.put(f"variants/{made['id']}", {"variant": {"price": "x"}}, 422) == {
        "errors": {"price": ["is not a number"]}
    }
    await merchants.acorn.delete(f"variants/{made['id']}")
    last = product["variants"][0]["id"]
    assert "last variant" in (await merchants.acorn.delete(f"{path}/{last}", 422))["errors"]["base"][0]


async def test_images_are_ordered_shown_by_variants_and_kept_once(merchants):
    product = await merchants.acorn.add_product(options=["Size"], variants=[{"option1": "S"}, {"option1": "M"}])
    small, medium = (variant["id"] for variant in product["variants"])
    path = f"products/{product['id']}/images"
    first = (await merchants.acorn.post(path, {"image": {"attachment": png(), "variant_ids": [small]}}))["image"]
    second = (await merchants.acorn.post(path, {"image": {"attachment": png(), "position": 1}}))["image"]
    assert first["src"] == second["src"]
    assert [image["id"] for image in (await merchants.acorn.get(path))["images"]] == [first["id"], second["id"]]
    changed = (await merchants.acorn.put(f"{path}/{first['id']}", {"image": {"alt": "A", "variant_ids": [medium]}}))[
        "image"
    ]
    assert (changed["alt"], changed["variant_ids"], changed["position"]) == ("A", [medium], 2)
    shown = (await merchants.acorn.get(f"products/{product['id']}"))["product"]
    assert [image["id"] for image in shown["images"]] == [second["id"], first["id"]]
    assert [variant["image_id"] for variant in shown["variants"]] == [None, first["id"]]
    await merchants.acorn.delete(f"{path}/{first['id']}")
    shown = (await merchants.acorn.get(f"products/{product['id']}"))["product"]
    assert [variant["image_id"] for variant in shown["variants"]] == [None, None]
    assert await merchants.acorn.get(f"{path}/count") == {"count": 1}


async def test_a_deleted_product_leaves_nothing_and_is_made_known(merchants):
    product = await merchants.acorn.add_product()
    item_id = product["variants"][0]["inventory_item_id"]
    await merchants.acorn.tags()
    await merchants.acorn.delete(f"products/{product['id']}")
    assert await merchants.acorn.tags() == {
        f"t/{merchants.acorn.store_id}/{name}" for name in (f"product/{product['id']}", "listing")
    }
    await merchants.acorn.delete(f"products/{product['id']}", 404)
    assert (await merchants.acorn.ask("GET", f"inventory_items/{item_id}")).status_code == 404


async def test_another_shops_ids_are_not_found(merchants):
    product = await merchants.acorn.add_product(images=[{"attachment": png()}])
    variant, image = product["variants"][0], product["images"][0]
    own = await merchants.birch.add_product()
    paths = {
        f"products/{product['id']}": {"product": {"title": "x"}},
        f"variants/{variant['id']}": {"variant": {"price": "1"}},
        f"products/{product['id']}/variants/{variant['id']}": {"variant": {"price": "1"}},
        f"products/{own['id']}/variants/{variant['id']}": {"variant": {"price": "1"}},
        f"products/{product['id']}/images/{image['id']}": {"image": {"alt": "x"}},
        f"products/{own['id']}/images/{image['id']}": {"image": {"alt": "x"}},
        f"inventory_items/{variant['inventory_item_id']}": {"inventory_item": {"sku": "x"}},
    }
    for path, body in paths.items():
        for method in ("GET", "PUT", "DELETE"):
            if (method, path.partition("/")[0]) != ("DELETE", "inventory_items"):
                answer = await merchants.birch.ask(method, path, json=body if method == "PUT" else None)
                assert (answer.status_code, answer.json()) == (404, {"errors": "Not Found"}), (method, path)
    foreign = {"variants": [{"id": variant["id"], "price": "9"}], "images": [{"id": image["id"]}]}
    assert (await merchants.birch.ask("PUT", f"products/{own['id']}", json={"product": foreign})).status_code == 422
    assert (await merchants.acorn.get(f"products/{product['id']}"))["product"] == product


async def test_an_id_that_cannot_be_is_not_found(merchants):
    for bad_id in ("0", "-1", "abc", "9" * 30, "9" * 5000, "1%00"):
        answer = await merchants.acorn.ask("GET", f"products/{bad_id}")
        assert (answer.status_code, answer.json()) == (404, {"errors": "Not Found"})
