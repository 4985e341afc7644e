"""Custom and smart collections and collects through the admin API, in two shops."""

from tests.fixtures.admin import png


async def custom(merchant, **more):
    body = {"custom_collection": {"title": "Ours", **more}}
    return (await merchant.post("custom_collections", body))["custom_collection"]


async def smart(merchant, *rules, **more):
    written = [dict(zip(("column", "relation", "condition"), rule, strict=True)) for rule in rules]
    body = {"smart_collection": {"title": "Smart", "rules": written, **more}}
    return (await merchant.post("smart_collections", body))["smart_collection"]


async def members(merchant, collection):
    return [each["title"] for each in (await merchant.get(f"collections/{collection['id']}/products"))["products"]]


def tags(merchant, *names):
    return {f"t/{merchant.store_id}/{name}" for name in names}


async def test_a_custom_collection_has_the_products_that_were_put_in(merchants):
    cup, hat = await merchants.acorn.add_product("Cup"), await merchants.acorn.add_product("Hat")
    collection = await custom(merchants.acorn, image={"attachment": png(), "alt": "All"}, sort_order="alpha-asc")
    assert (collection["handle"], collection["products_count"]) == ("ours", 0)
    assert (collection["image"]["width"], collection["image"]["alt"]) == (3, "All")
    await merchants.acorn.tags()
    body = {"collect": {"collection_id": collection["id"], "product_id": hat["id"]}}
    collect = (await merchants.acorn.post("collects", body))["collect"]
    assert (collect["position"], collect["sort_value"]) == (1, "0000000001")
    own = (f"collection/{collection['id']}", f"collection/{collection['id']}/members", "listing")
    expected = tags(merchants.acorn, f"product/{hat['id']}", *own)
    assert await merchants.acorn.tags() == expected
    assert await members(merchants.acorn, collection) == ["Hat"]
    again = await merchants.acorn.post("collects", body, 422)
    assert again == {"errors": {"product_id": ["already exists in this collection"]}}
    whole = {"collects": [{"product_id": cup["id"]}, {"product_id": hat["id"]}]}
    path = f"custom_collections/{collection['id']}"
    assert (await merchants.acorn.put(path, {"custom_collection": whole}))["custom_collection"]["products_count"] == 2
    assert await merchants.acorn.get("collects/count", collection_id=collection["id"]) == {"count": 2}
    listed = (await merchants.acorn.get("custom_collections", product_id=cup["id"]))["custom_collections"]
    assert [each["id"] for each in listed] == [collection["id"]]
    await merchants.acorn.delete(f"collects/{collect['id']}")
    assert await members(merchants.acorn, collection) == ["Cup"]
    await merchants.acorn.tags()
    await merchants.acorn.delete(path)
    assert await merchants.acorn.tags() == tags(merchants.acorn, *own)


async def test_a_smart_collection_follows_its_rules_and_its_products(merchants):
    cup = await merchants.acorn.add_product("Cup", tags="blue", variants=[{"price": "10"}])
    await merchants.acorn.add_product("Hat", tags="red", variants=[{"price": "30"}])
    await merchants.birch.add_product("Cup", tags="blue")
    blue = await smart(merchants.acorn, ("tag", "equals", "blue"))
    dear = await smart(merchants.acorn, ("variant_price", "greater_than", "20"), title="Dear")
    assert (await members(merchants.acorn, blue), await members(merchants.acorn, dear)) == (["Cup"], ["Hat"])
    await merchants.acorn.tags()
    variant = cup["variants"][0]["id"]
    await merchants.acorn.put(f"variants/{variant}", {"variant": {"price": "25.00"}})
    assert await merchants.acorn.tags() == tags(
        merchants.acorn,
        f"product/{cup['id']}",
        f"collection/{blue['id']}",
        f"collection/{dear['id']}",
        f"collection/{dear['id']}/members",
        "listing",
    )
    assert await members(merchants.acorn, dear) == ["Cup", "Hat"]
    path = f"smart_collections/{blue['id']}"
    either = {
        "disjunctive": True,
        "rules": [*blue["rules"], {"column": "title", "relation": "equals", "condition": "HAT"}],
    }
    assert (await merchants.acorn.put(path, {"smart_collection": either}))["smart_collection"]["products_count"] == 2
    unchanged = (await merchants.acorn.put(path, {"smart_collection": {"title": "B"}}))["smart_collection"]
    assert (unchanged["title"], unchanged["products_count"], unchanged["rules"]) == ("B", 2, either["rules"])


async def test_members_of_a_smart_collection_are_not_put_in_by_hand(merchants):
    cup = await merchants.acorn.add_product("Cup", tags="blue")
    collection = await smart(merchants.acorn, ("tag", "equals", "blue"))
    body = {"collect": {"collection_id": collection["id"], "product_id": cup["id"]}}
    assert "smart collection" in (await merchants.acorn.post("collects", body, 422))["errors"]["collection_id"][0]
    assert await merchants.acorn.get("collects") == {"collects": []}


async def test_bad_rules_are_named(merchants):
    for rules, text in (
        ([], "can't be blank: a smart collection needs at least one rule"),
        ([{"column": "colour", "relation": "equals", "condition": "x"}], "number 1: the column must be one of title"),
        ([{"column": "title", "relation": "greater_than", "condition": "x"}], "number 1: title can be compared by"),
        ([{"column": "variant_price", "relation": "equals", "condition": "1e3"}], "number 1: the condition of variant"),
        ([{"column": "tag", "relation": "equals", "condition": " "}], "number 1: the condition must have 1 to 255"),
    ):
        body = {"smart_collection": {"title": "x", "rules": rules}}
        [message] = (await merchants.acorn.post("smart_collections", body, 422))["errors"]["rules"]
        assert message.startswith(text)
    missing = {"smart_collection": {"title": "x", "rules": [{"column": "tag"}]}}
    assert set((await merchants.acorn.post("smart_collections", missing, 422))["errors"]) == {
        "rules.relation",
        "rules.condition",
    }


async def test_kinds_and_shops_are_kept_apart(merchants):
    ours = await custom(merchants.acorn)
    theirs = await custom(merchants.birch)
    assert theirs["handle"] == ours["handle"]
    cup = await merchants.acorn.add_product("Cup")
    for path in (f"custom_collections/{ours['id']}", f"collections/{ours['id']}", f"collections/{ours['id']}/products"):
        assert (await merchants.birch.ask("GET", path)).status_code == 404
    assert (await merchants.acorn.ask("GET", f"smart_collections/{ours['id']}")).status_code == 404
    refused = await merchants.birch.post(
        "collects", {"collect": {"collection_id": ours["id"], "product_id": cup["id"]}}, 422
    )
    assert refused == {"errors": {"collection_id": ["does not exist"], "product_id": ["does not exist"]}}
    whole = {"custom_collection": {"collects": [{"product_id": cup["id"]}]}}
    assert "collects" in (await merchants.birch.put(f"custom_collections/{theirs['id']}", whole, 422))["errors"]
    assert await merchants.birch.get("custom_collections/count") == {"count": 1}


async def test_a_smart_collection_is_arranged_by_hand(merchants):
    made = [await merchants.acorn.add_product(title, tags="x") for title in ("A", "B", "C")]
    collection = await smart(merchants.acorn, ("tag", "equals", "x"), sort_order="manual")
    query = "&".join(f"products[]={made[n]['id']}" for n in (2, 0))
    answer = await merchants.acorn.ask("PUT", f"smart_collections/{collection['id']}/order?{query}")
    assert (answer.status_code, answer.json()) == (200, {})
    async with merchants.acorn.app.state.collaborators.db.tenant(merchants.acorn.store_id) as tx:
        rows = await (await tx.execute("SELECT product_id FROM collect ORDER BY position")).fetchall()
    assert [row["product_id"] for row in rows] == [made[n]["id"] for n in (2, 0, 1)]
