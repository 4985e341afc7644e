"""What was sent of an order, in two shops: from where it was sold, and never more than was ordered."""

import asyncio

import pytest

from tests.fixtures.buying import buy
from tests.integration.test_order_changes import events
from tests.integration.test_refunds import order_of, sold

__all__ = ["sold"]


@pytest.fixture
async def spread(till, shops, sellers):
    """Seven cups in acorn: five were at its first place, the others in the barn."""
    acorn, _ = shops
    barn = (await sellers.acorn.post("locations", {"location": {"name": "Barn"}}))["location"]["id"]
    [cup] = (await sellers.acorn.get("products", title="Cup"))["products"]
    item = cup["variants"][0]["inventory_item_id"]
    level = {"inventory_item_id": item, "location_id": barn, "available": 3}
    await sellers.acorn.post("inventory_levels/set", level, status=200)
    answer = await buy(till, acorn, quantity=7)
    return answer.more["order"]["id"], barn


async def to_send(seller, order_id):
    return (await seller.get(f"orders/{order_id}/fulfillment_orders"))["fulfillment_orders"]


async def send(seller, *parts, status=201, **more):
    body = {"fulfillment": {"line_items_by_fulfillment_order": list(parts), **more}}
    return await seller.post("fulfillments", body, status=status)


async def test_an_order_is_sent_in_two_parts(till, shops, sellers, sold):
    [wanted] = await to_send(sellers.acorn, sold[0])
    [line] = wanted["line_items"]
    assert (wanted["status"], wanted["supported_actions"]) == ("open", ["create_fulfillment"])
    assert (line["quantity"], line["fulfillable_quantity"], wanted["destination"]["city"]) == (3, 3, "Ghent")
    part = {
        "fulfillment_order_id": wanted["id"],
        "fulfillment_order_line_items": [{"id": line["id"], "quantity": 2}],
    }
    tracking = {"number": "1Z", "company": "UPS", "url": "https://parcels.example/1Z"}
    made = (await send(sellers.acorn, part, tracking_info=tracking))["fulfillment"]
    assert (made["status"], made["name"], made["tracking_numbers"]) == ("success", "#1001.1", ["1Z"])
    assert [each["quantity"] for each in made["line_items"]] == [2]
    order = await order_of(sellers.acorn, sold[0])
    assert (order["fulfillment_status"], order["fulfillments"]) == ("partial", [made])
    assert [(each["fulfillment_status"], each["fulfillable_quantity"]) for each in order["line_items"]] == [
        ("partial", 1)
    ]
    assert (await to_send(sellers.acorn, sold[0]))[0]["status"] == "in_progress"
    rest = (await send(sellers.acorn, {"fulfillment_order_id": wanted["id"]}))["fulfillment"]
    assert (rest["name"], rest["line_items"][0]["quantity"]) == ("#1001.2", 1)
    assert (await order_of(sellers.acorn, sold[0]))["fulfillment_status"] == "fulfilled"
    assert (await to_send(sellers.acorn, sold[0]))[0]["status"] == "closed"
    nothing = await send(sellers.acorn, {"fulfillment_order_id": wanted["id"]}, status=422)
    assert list(nothing["errors"]) == ["base"]
    path = f"orders/{sold[0]}/fulfillments"
    listed = (await sellers.acorn.get(path))["fulfillments"]
    assert [each["id"] for each in listed] == [made["id"], rest["id"]]
    assert await sellers.acorn.get(f"{path}/count") == {"count": 2}
    assert (await sellers.acorn.get(f"{path}/{rest['id']}"))["fulfillment"] == listed[1]
    one = await sellers.acorn.get(f"fulfillment_orders/{wanted['id']}")
    assert one["fulfillment_order"]["status"] == "closed"
    assert await sellers.acorn.get(f"fulfillment_orders/{wanted['id']}/fulfillments") == {"fulfillments": listed}
    assert [len((await sellers.acorn.get("orders", fulfillment_status="shipped"))["orders"])] == [1]
    told = await events(till, shops[0])
    assert {"fulfillments/create", "orders/partially_fulfilled", "orders/fulfilled"} <= set(told)
    assert (await order_of(sellers.birch, sold[1]))["fulfillment_status"] is None


async def test_each_location_sends_what_was_sold_from_it(sellers, spread):
    order_id, barn = spread
    first, second = await to_send(sellers.acorn, order_id)
    assert [each["line_items"][0]["quantity"] for each in (first, second)] == [5, 2]
    assert (second["assigned_location_id"], second["assigned_location"]["name"]) == (barn, "Barn")
    both = [{"fulfillment_order_id": each["id"]} for each in (first, second)]
    assert (await send(sellers.acorn, *both, status=422))["errors"]
    made = (await send(sellers.acorn, both[1]))["fulfillment"]
    assert (made["location_id"], made["line_items"][0]["quantity"]) == (barn, 2)
    assert [each["status"] for each in await to_send(sellers.acorn, order_id)] == ["open", "closed"]
    assert (await order_of(sellers.acorn, order_id))["fulfillment_status"] == "partial"
    legacy = await sellers.acorn.post(f"orders/{order_id}/fulfillments", {"fulfillment": {"tracking_number": "1"}})
    assert legacy["fulfillment"]["line_items"][0]["quantity"] == 5
    assert (await order_of(sellers.acorn, order_id))["fulfillment_status"] == "fulfilled"


async def test_the_older_way_says_where_it_was_sent_from(sellers, spread):
    order_id, barn = spread
    first, _ = await to_send(sellers.acorn, order_id)
    await send(sellers.acorn, {"fulfillment_order_id": first["id"]})
    line = first["line_items"][0]["id"]
    twice = {"fulfillment": {"line_items": [{"id": line, "quantity": 1}, {"id": line, "quantity": 1}]}}
    refused = await sellers.acorn.post(f"orders/{order_id}/fulfillments", twice, status=422)
    assert refused["errors"] == {"line_items": ["name a line twice"]}
    made = (await sellers.acorn.post(f"orders/{order_id}/fulfillments", {"fulfillment": {}}))["fulfillment"]
    assert (made["location_id"], made["line_items"][0]["quantity"]) == (barn, 2)


async def test_two_who_send_at_once_send_once(sellers, sold):
    [wanted] = await to_send(sellers.acorn, sold[0])
    body = {"fulfillment": {"line_items_by_fulfillment_order": [{"fulfillment_order_id": wanted["id"]}]}}
    answers = await asyncio.gather(*(sellers.acorn.ask("POST", "fulfillments", json=body) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422]


async def test_what_was_not_sent_after_all_is_sent_again(sellers, sold):
    [wanted] = await to_send(sellers.acorn, sold[0])
    made = (await send(sellers.acorn, {"fulfillment_order_id": wanted["id"]}))["fulfillment"]
    tracking = {"fulfillment": {"tracking_info": {"number": "2", "company": "DHL"}, "notify_customer": True}}
    tracked = await sellers.acorn.post(f"fulfillments/{made['id']}/update_tracking", tracking, status=200)
    assert (tracked["fulfillment"]["tracking_number"], tracked["fulfillment"]["tracking_company"]) == ("2", "DHL")
    refused = await sellers.acorn.ask("POST", f"orders/{sold[0]}/cancel")
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["base"])
    for path in (f"fulfillments/{made['id']}", f"orders/{sold[0]}/fulfillments/{made['id']}"):
        assert (await sellers.acorn.ask("POST", f"{path}/cancel")).json()["fulfillment"]["status"] == "cancelled"
    assert (await order_of(sellers.acorn, sold[0]))["fulfillment_status"] is None
    assert (await to_send(sellers.acorn, sold[0]))[0]["status"] == "open"
    assert (await sellers.acorn.ask("POST", f"fulfillments/{made['id']}/update_tracking", json=tracking)).is_error
    assert (await send(sellers.acorn, {"fulfillment_order_id": wanted["id"]}))["fulfillment"]["name"] == "#1001.2"


async def test_what_is_refunded_is_not_sent_and_what_was_sent_comes_back(sellers, sold):
    [line] = (await order_of(sellers.acorn, sold[0]))["line_items"]

    async def refund(status, **more):
        body = {"refund": {"refund_line_items": [{"line_item_id": line["id"], "quantity": 1, **more}]}}
        return await sellers.acorn.post(f"orders/{sold[0]}/refunds", body, status=status)

    [wanted] = await to_send(sellers.acorn, sold[0])
    part = {"fulfillment_order_id": wanted["id"], "fulfillment_order_line_items": [{"id": line["id"], "quantity": 2}]}
    await send(sellers.acorn, part)
    assert (await order_of(sellers.acorn, sold[0]))["fulfillment_status"] == "partial"
    await refund(201, restock_type="cancel")
    assert (await order_of(sellers.acorn, sold[0]))["fulfillment_status"] == "fulfilled"
    assert (await send(sellers.acorn, part, status=422))["errors"]
    assert "cancel" in (await refund(422, restock_type="cancel"))["errors"]["refund_line_items"][0]
    await refund(201, restock_type="return")
    order = await order_of(sellers.acorn, sold[0])
    assert (order["fulfillment_status"], order["line_items"][0]["current_quantity"]) == ("fulfilled", 1)


async def test_what_is_refunded_before_it_is_sent_is_never_sent(till, shops, sellers, sold):
    [line] = (await order_of(sellers.acorn, sold[0]))["line_items"]
    [wanted] = await to_send(sellers.acorn, sold[0])
    part = {"fulfillment_order_id": wanted["id"], "fulfillment_order_line_items": [{"id": line["id"], "quantity": 1}]}
    made = (await send(sellers.acorn, part))["fulfillment"]
    returned = {"line_item_id": line["id"], "quantity": 2, "restock_type": "return"}
    refund = await sellers.acorn.post(f"orders/{sold[0]}/refunds", {"refund": {"refund_line_items": [returned]}})
    lines = refund["refund"]["refund_line_items"]
    assert [(each["restock_type"], each["quantity"]) for each in lines] == [("return", 1), ("cancel", 1)]
    assert sum(float(each["subtotal"]) for each in lines) == 2 * float(line["price"])
    refused = await sellers.acorn.ask("POST", f"fulfillments/{made['id']}/cancel")
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["base"])
    await send(sellers.acorn, {"fulfillment_order_id": wanted["id"]})
    order = await order_of(sellers.acorn, sold[0])
    assert (order["fulfillment_status"], order["line_items"][0]["fulfillable_quantity"]) == ("fulfilled", 0)
    assert (await send(sellers.acorn, part, status=422))["errors"]
    assert (await to_send(sellers.birch, sold[1]))[0]["line_items"][0]["fulfillable_quantity"] == 3


async def test_an_order_without_stock_is_sent_from_the_shops_own_place(shops, sellers):
    lines = [{"variant_id": shops[0].plate, "quantity": 1}, {"title": "Card", "price": "1"}]
    order = (await sellers.acorn.post("orders", {"order": {"line_items": lines}}))["order"]
    [wanted] = await to_send(sellers.acorn, order["id"])
    assert len(wanted["line_items"]) == 2
    legacy = {"fulfillment": {"line_items": [{"id": order["line_items"][1]["id"]}], "location_id": None}}
    made = await sellers.acorn.post(f"orders/{order['id']}/fulfillments", legacy)
    assert [each["title"] for each in made["fulfillment"]["line_items"]] == ["Card"]
    again = await sellers.acorn.post(f"orders/{order['id']}/fulfillments", legacy, status=422)
    assert list(again["errors"]) == ["line_items"]
    await send(sellers.acorn, {"fulfillment_order_id": wanted["id"]})
    assert (await order_of(sellers.acorn, order["id"]))["fulfillment_status"] == "fulfilled"


async def test_another_shops_order_cannot_be_sent(sellers, sold):
    [wanted] = await to_send(sellers.acorn, sold[0])
    made = (await send(sellers.acorn, {"fulfillment_order_id": wanted["id"]}))["fulfillment"]
    for path in (
        f"orders/{sold[0]}/fulfillment_orders",
        f"orders/{sold[0]}/fulfillments",
        f"fulfillment_orders/{wanted['id']}",
        f"fulfillment_orders/{wanted['id']}/fulfillments",
    ):
        assert (await sellers.birch.ask("GET", path)).status_code == 404, path
    assert (await send(sellers.birch, {"fulfillment_order_id": wanted["id"]}, status=422))["errors"]
    for path in (f"fulfillments/{made['id']}", f"orders/{sold[0]}/fulfillments/{made['id']}"):
        assert (await sellers.birch.ask("POST", f"{path}/cancel")).status_code == 404
    assert (
        await sellers.acorn.ask("POST", f"orders/{sold[0] + 1}/fulfillments/{made['id']}/cancel")
    ).status_code == 404
    reader = sellers.acorn.with_token(await sellers.acorn.token_for("read_orders"))
    answer = await reader.post(f"/admin/api/2024-10/fulfillments/{made['id']}/cancel.json")
    assert answer.status_code == 403
    assert (await order_of(sellers.acorn, sold[0]))["fulfillment_status"] == "fulfilled"


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([], "line_items_by_fulfillment_order"),
        ([{"fulfillment_order_id": 10**9}], "line_items_by_fulfillment_order"),
        ([{"fulfillment_order_id": 10**9 + 1}], "line_items_by_fulfillment_order"),
        ([{"fulfillment_order_line_items": []}], "line_items_by_fulfillment_order.fulfillment_order_id"),
    ],
)
async def test_what_cannot_be_sent_is_named(sellers, sold, parts, field):
    answer = await send(sellers.acorn, *parts, status=422)
    assert list(answer["errors"]) == [field]
