"""What a shop allows in one order, wherever a buyer meets it: on the page, in the cart, at the checkout."""

import pytest

from origin.cart.editing import Wish
from origin.cart.shopping import Shopping
from origin.checkout.answers import AnswerKind
from origin.errors import Invalid
from tests.fixtures.buying import ATTEMPTS, buy, fill, submission
from tests.fixtures.checkout import levels, rows


async def limit(seller, variant_id, most, status=200):
    change = {"variant": {"max_per_order": most}}
    return await seller.put(f"variants/{variant_id}", change, status)


async def test_a_merchant_sets_changes_and_lifts_a_limit(merchants):
    cup = await merchants.acorn.add_product("Cup", variants=[{"price": "5.00", "max_per_order": 2}])
    [variant] = cup["variants"]
    assert variant["max_per_order"] == 2
    assert (await limit(merchants.acorn, variant["id"], 3))["variant"]["max_per_order"] == 3
    renamed = await merchants.acorn.put(f"variants/{variant['id']}", {"variant": {"sku": "C-1"}})
    assert renamed["variant"]["max_per_order"] == 3  # what is not said stays
    assert (await limit(merchants.acorn, variant["id"], None))["variant"]["max_per_order"] is None
    for wrong in (0, -1, 1_000_001):
        refused = await limit(merchants.acorn, variant["id"], wrong, status=422)
        assert "from 1 to 1,000,000" in refused["errors"]["max_per_order"][0]
    await limit(merchants.birch, variant["id"], 1, status=404)


async def test_a_cart_takes_no_more_than_the_limit_and_says_so(till, shops, sellers):
    acorn, birch = shops
    await limit(sellers.acorn, acorn.cup, 2)
    desk = Shopping(till.db, till.carts)
    plain, engraved = Wish(acorn.cup, 1), Wish(acorn.cup, 3, {"Engraving": "Ada"})
    token = (await desk.add(acorn.id, None, [plain])).priced.cart.token
    refused = (await desk.add(acorn.id, token, [engraved])).refusal
    assert (refused.status, refused.description) == (422, "One order can have at most 2 of 'Cup'.")
    cart = await desk.show(acorn.id, token)
    assert [line.line.quantity for line in cart.lines] == [1, 1]  # both lines are the same variant
    neighbours = await desk.add(birch.id, None, [Wish(birch.cup, 5)])
    assert neighbours.priced.item_count == 5


async def test_a_limit_holds_for_a_cart_that_was_filled_before(till, shops, sellers):
    acorn, birch = shops
    token = await fill(till, acorn, quantity=3)
    await limit(sellers.acorn, acorn.cup, 2)
    cart = await Shopping(till.db, till.carts).show(acorn.id, token)
    assert cart.notices == ("One order can have at most 2 of “Cup”. Please change its quantity to go on.",)
    with pytest.raises(Invalid) as refused:
        await till.checkouts.submit(acorn.id, "key-1", submission(token))
    assert refused.value.fields == {"cart": ["has more of “Cup” than one order can: 2"]}
    assert await rows(till.db, acorn.id, ATTEMPTS) == []  # the key is free, and nothing is held
    assert (await levels(till.db, acorn.id, acorn.cup))[:2] == (5, 0)
    assert (await buy(till, birch, quantity=3)).kind == AnswerKind.PLACED
    assert (await buy(till, acorn, key="key-2", quantity=2)).kind == AnswerKind.PLACED


async def test_less_stock_than_the_limit_counts_as_stock(till, shops, sellers):
    acorn, _ = shops
    await limit(sellers.acorn, acorn.cup, 6)
    desk = Shopping(till.db, till.carts)
    done = await desk.add(acorn.id, None, [Wish(acorn.cup, 7)])
    assert done.refusal.description == "Only 5 items were added to your cart due to availability."
