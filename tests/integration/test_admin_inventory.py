"""Locations, inventory items and levels through the admin API, in two shops."""


async def stocked(merchant, quantity=10, **variant):
    variant = {"inventory_management": "stoa", "inventory_quantity": quantity, **variant}
    product = await merchant.add_product(variants=[variant])
    location = (await merchant.get("shop"))["shop"]["primary_location_id"]
    return product["variants"][0], location


def key(variant, location_id, **more):
    return {"inventory_item_id": variant["inventory_item_id"], "location_id": location_id, **more}


async def quantity_of(merchant, variant):
    return (await merchant.get(f"variants/{variant['id']}"))["variant"]["inventory_quantity"]


async def test_stock_is_set_adjusted_and_listed(merchants):
    variant, location = await stocked(merchants.acorn)
    await merchants.acorn.tags()
    level = (await merchants.acorn.post("inventory_levels/set", key(variant, location, available=6), 200))[
        "inventory_level"
    ]
    assert {name: level[name] for name in ("inventory_item_id", "location_id", "available")} == key(
        variant, location, available=6
    )
    assert f"t/{merchants.acorn.store_id}/product/{variant['product_id']}" in await merchants.acorn.tags()
    adjusted = await merchants.acorn.post(
        "inventory_levels/adjust", key(variant, location, available_adjustment=-4), 200
    )
    assert adjusted["inventory_level"]["available"] == 2
    listed = await merchants.acorn.get("inventory_levels", inventory_item_ids=variant["inventory_item_id"])
    assert [each["available"] for each in listed["inventory_levels"]] == [2]
    assert listed == await merchants.acorn.get(f"locations/{location}/inventory_levels")
    assert await quantity_of(merchants.acorn, variant) == 2


async def test_less_than_nothing_is_refused_unless_the_variant_may_oversell(merchants):
    variant, location = await stocked(merchants.acorn, 1)
    body = key(variant, location, available_adjustment=-2)
    refused = await merchants.acorn.post("inventory_levels/adjust", body, 422)
    assert refused["errors"]["available"][0].startswith("can't be less than 0: the variant's inventory_policy is deny")
    assert await quantity_of(merchants.acorn, variant) == 1
    await merchants.acorn.put(f"variants/{variant['id']}", {"variant": {"inventory_policy": "continue"}})
    await merchants.acorn.post("inventory_levels/adjust", body, 200)
    assert await quantity_of(merchants.acorn, variant) == -1
    refused = await merchants.acorn.put(f"variants/{variant['id']}", {"variant": {"inventory_policy": "deny"}}, 422)
    assert refused["errors"]["inventory_policy"] == ["can't be deny while -1 is available; set the stock first"]
    await merchants.acorn.post("inventory_levels/set", key(variant, location, available=0), 200)
    await merchants.acorn.put(f"variants/{variant['id']}", {"variant": {"inventory_policy": "deny"}})
    await merchants.acorn.post("inventory_levels/adjust", body, 422)


async def test_an_item_is_stocked_at_several_locations(merchants):
    variant, home = await stocked(merchants.acorn, 3)
    place = {"name": "Barn", "address1": "Lane 1", "country_code": "AT"}
    barn = (await merchants.acorn.post("locations", {"location": place}))["location"]
    assert (barn["address1"], barn["active"]) == ("Lane 1", True)
    await merchants.acorn.post("inventory_levels/connect", key(variant, barn["id"]))
    await merchants.acorn.post("inventory_levels/adjust", key(variant, barn["id"], available_adjustment=4), 200)
    assert await quantity_of(merchants.acorn, variant) == 7
    ids = variant["inventory_item_id"]
    first = await merchants.acorn.ask("GET", "inventory_levels", params={"inventory_item_ids": ids, "limit": 1})
    second = await merchants.acorn.http.get(first.links["next"]["url"])
    places = [answer.json()["inventory_levels"][0]["location_id"] for answer in (first, second)]
    assert places == [home, barn["id"]]
    assert "next" not in second.links
    answer = await merchants.acorn.ask("DELETE", f"inventory_levels?inventory_item_id={ids}&location_id={barn['id']}")
    assert (answer.status_code, answer.json()) == (200, {})
    last = await merchants.acorn.ask("DELETE", f"inventory_levels?inventory_item_id={ids}&location_id={home}")
    assert last.status_code == 422
    renamed = await merchants.acorn.put(f"locations/{barn['id']}", {"location": {"name": "Shed"}})
    assert (renamed["location"]["name"], renamed["location"]["address1"]) == ("Shed", "Lane 1")
    assert await merchants.acorn.get("locations/count") == {"count": 2}


async def test_an_item_and_its_variant_say_the_same(merchants):
    variant, _ = await stocked(merchants.acorn, sku="A", cost="2.50")
    path = f"inventory_items/{variant['inventory_item_id']}"
    item = (await merchants.acorn.get(path))["inventory_item"]
    assert (item["sku"], item["cost"], item["tracked"]) == ("A", "2.50", True)
    change = {"sku": "B", "cost": "3.00", "tracked": False, "country_code_of_origin": "AT"}
    changed = (await merchants.acorn.put(path, {"inventory_item": change}))["inventory_item"]
    assert {name: changed[name] for name in change} == change
    shown = (await merchants.acorn.get(f"variants/{variant['id']}"))["variant"]
    assert (shown["sku"], shown["inventory_management"]) == ("B", None)
    await merchants.acorn.put(f"variants/{variant['id']}", {"variant": {"inventory_management": "shopify", "sku": "C"}})
    assert (await merchants.acorn.get(path))["inventory_item"]["tracked"] is True
    bad = await merchants.acorn.put(path, {"inventory_item": {"cost": "x"}}, 422)
    assert bad == {"errors": {"cost": ["is not a number"]}}


async def test_levels_and_items_need_ids_and_numbers(merchants):
    variant, location = await stocked(merchants.acorn)
    for path, name in (("inventory_levels", "base"), ("inventory_items", "ids")):
        answer = await merchants.acorn.ask("GET", path)
        assert (answer.status_code, set(answer.json()["errors"])) == (422, {name})
    missing = await merchants.acorn.post("inventory_levels/set", key(variant, location), 400)
    assert missing == {"errors": {"available": "Required parameter missing or invalid"}}
    for value in ("many", 1.5, True, 10**20):
        bad = await merchants.acorn.post("inventory_levels/set", key(variant, location, available=value), 422)
        assert set(bad["errors"]) == {"available"}
    huge = await merchants.acorn.post("inventory_levels/set", key(variant, location, available=10**13), 422)
    assert set(huge["errors"]) == {"available"}


async def test_another_shops_items_and_locations_are_not_found(merchants):
    variant, location = await stocked(merchants.acorn)
    own, home = await stocked(merchants.birch)
    for body in (key(variant, location, available=1), key(own, location, available=1), key(variant, home, available=1)):
        assert await merchants.birch.post("inventory_levels/set", body, 404) == {"errors": "Not Found"}
    for path in (f"locations/{location}", f"locations/{location}/inventory_levels"):
        assert (await merchants.birch.ask("GET", path)).status_code == 404
    listed = await merchants.birch.get("inventory_levels", location_ids=location)
    assert listed == {"inventory_levels": []}
    assert await quantity_of(merchants.acorn, variant) == 10
