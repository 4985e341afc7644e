"""Merchants and the completer at work on the same orders at once: whatever they do, the books agree with the
provider's, and no unit and no cent is there twice."""

import asyncio
import random

import pytest

from contracts.tenant import StoreId
from standalone.audit import audit, provider_intents
from tests.fixtures.buying import buy, complete_payments
from tests.integration.test_refunds import order_of

ACTIONS = 14
GOOD = {200, 201, 404, 409, 422}


def actions(seller, order, rng):
    """One thing that a merchant may do with an order, as (path, body)."""
    [line] = order["line_items"]
    orders, quantity = f"orders/{order['id']}", rng.randint(1, 3)
    amount = rng.choice(["1.00", "15.50", order["total_price"], None])
    returned = {
        "line_item_id": line["id"],
        "quantity": quantity,
        "restock_type": rng.choice(["cancel", "return", "no_restock"]),
    }
    return rng.choice(
        [
            (f"{orders}/refunds", {"refund": {"refund_line_items": [returned], "transactions": [{"amount": amount}]}}),
            (f"{orders}/refunds", {"refund": {"refund_line_items": [returned]}}),
            (f"{orders}/transactions", {"transaction": {"kind": "refund", "amount": amount}}),
            (f"{orders}/cancel", {"restock": rng.random() < 0.5, "amount": rng.choice([None, "2.00"])}),
            (f"{orders}/fulfillments", {"fulfillment": {"line_items": [{"id": line["id"], "quantity": quantity}]}}),
            ("orders", {"order": {"line_items": [{"variant_id": line["variant_id"], "quantity": quantity}],
                                  "inventory_behaviour": "decrement_obeying_policy"}}),
        ]
    )  # fmt: skip


async def cancel_some(seller, order_id, rng):
    for each in (await seller.get(f"orders/{order_id}/fulfillments"))["fulfillments"]:
        if rng.random() < 0.5:
            answer = await seller.ask("POST", f"fulfillments/{each['id']}/cancel")
            has_come_back = answer.status_code == 422 and "has come back" in answer.text
            assert answer.status_code == 200 or has_come_back, answer.text


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_merchants_do_at_once_the_books_agree(till, shops, sellers, sandbox, seed):
    rng = random.Random(seed)
    bought = [await buy(till, shop, f"key-{shop.id}", quantity=3) for shop in shops]
    sides = list(zip((sellers.acorn, sellers.birch), shops, bought, strict=True))
    for _ in range(2):
        asked = []
        for seller, _, answer in sides:
            order = await order_of(seller, answer.more["order"]["id"])
            asked += [(seller, *actions(seller, order, rng)) for _ in range(ACTIONS // 2)]
        rng.shuffle(asked)
        answers = await asyncio.gather(*(seller.ask("POST", path, json=body) for seller, path, body in asked))
        assert {answer.status_code for answer in answers} <= GOOD, [answer.text for answer in answers]
        assert any(answer.is_success for answer in answers)
        for seller, shop, answer in sides:
            await cancel_some(seller, answer.more["order"]["id"], rng)
            await complete_payments(till, shop)
    intents = await provider_intents(sandbox.url)
    for _, shop, _ in sides:
        async with till.db.tenant(StoreId(shop.id)) as tx:
            assert await audit(tx, shop.id, intents, {shop.cup: 5}) == []
