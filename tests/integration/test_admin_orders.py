"""Orders as merchants read them, in two shops. The orders are written as checkout writes them."""

from psycopg.types.json import Jsonb

ADDRESS = {
    "first_name": "Ada",
    "last_name": "Byron",
    "address1": "Row 1",
    "city": "London",
    "zip": "N1",
    "country_code": "GB",
}


async def place(merchant, number, *, product=None, state="placed", **columns):
    """An order of two of a product, with its line, customer and payment; returns its id."""
    variant = product["variants"][0] if product else {"id": None, "product_id": None}
    values = {
        "state": state,
        "number": number if state == "placed" else None,
        "token": f"token-{number}-{state}",
        "email": "ada@example.com",
        "currency": "EUR",
        "financial_status": "paid",
        "subtotal_minor": 2000,
        "shipping_minor": 490,
        "tax_minor": 415,
        "total_minor": 2490,
        "shipping_title": "Post",
        "shipping_address": Jsonb(ADDRESS),
        "note_attributes": Jsonb({"gift": "yes"}),
        **columns,
    }
    names, places = ", ".join(values), ", ".join(["%s"] * len(values))
    async with merchant.app.state.collaborators.db.tenant(merchant.store_id, step="a test") as tx:
        customer = await (
            await tx.execute(
                """INSERT INTO customer (store_id, email, first_name) VALUES (%s, 'ada@example.com', 'Ada')
                   ON CONFLICT (store_id, email) DO UPDATE SET first_name = 'Ada' RETURNING id""",
                [merchant.store_id],
            )
        ).fetchone()
        query = f"INSERT INTO sales_order (store_id, customer_id, {names}) VALUES (%s, %s, {places}) RETURNING id"
        row = await (await tx.execute(query.encode(), [merchant.store_id, customer["id"], *values.values()])).fetchone()
        await tx.execute(
            """INSERT INTO order_line (store_id, order_id, position, variant_id, product_id, title, variant_title,
                                       quantity, price_minor, properties)
               VALUES (%s, %s, 1, %s, %s, 'Cup', 'Blue', 2, 1000, '{"engraving": "A"}')""",
            [merchant.store_id, row["id"], variant["id"], variant["product_id"]],
        )
        await tx.execute(
            """INSERT INTO payment (store_id, order_id, kind, status, payment_intent, amount_minor, currency, card)
               VALUES (%s, %s, 'sale', 'success', %s, 2490, 'EUR', '{"brand": "visa", "last4": "4242"}')""",
            [merchant.store_id, row["id"], f"pi_{number}_{state}"],
        )
    return row["id"]


def numbers(answer):
    return [order["order_number"] for order in answer["orders"]]


async def test_an_order_is_shown_whole(merchants):
    product = await merchants.acorn.add_product()
    order_id = await place(merchants.acorn, 1001, product=product)
    order = (await merchants.acorn.get(f"orders/{order_id}"))["order"]
    assert (order["name"], order["order_number"], order["number"]) == ("#1001", 1001, 1)
    prices = ("subtotal_price", "total_price", "total_tax", "total_discounts", "total_line_items_price")
    assert [order[name] for name in prices] == ["20.00", "24.90", "4.15", "0.00", "20.00"]
    assert order["total_price_set"]["shop_money"] == {"amount": "24.90", "currency_code": "EUR"}
    [line] = order["line_items"]
    assert (line["name"], line["quantity"], line["price"], line["product_exists"]) == ("Cup - Blue", 2, "10.00", True)
    assert line["properties"] == [{"name": "engraving", "value": "A"}]
    assert order["note_attributes"] == [{"name": "gift", "value": "yes"}]
    assert order["shipping_address"]["name"] == "Ada Byron"
    assert order["billing_address"]["city"] == "London"
    assert [(each["title"], each["price"]) for each in order["shipping_lines"]] == [("Post", "4.90")]
    customer = order["customer"]
    assert (customer["orders_count"], customer["total_spent"], customer["last_order_name"]) == (1, "24.90", "#1001")
    assert (order["gateway"], order["payment_gateway_names"]) == ("stripe", ["stripe"])
    assert order["order_status_url"] == f"{merchants.acorn.storefront_url}/orders/token-1001-placed"
    await merchants.acorn.delete(f"products/{product['id']}")
    again = (await merchants.acorn.get(f"orders/{order_id}"))["order"]
    assert again["line_items"][0]["product_exists"] is False


async def test_orders_are_filtered_newest_first(merchants):
    ids = {number: await place(merchants.acorn, number) for number in (1001, 1002)}
    ids[1003] = await place(merchants.acorn, 1003, closed_at="2026-01-01", fulfillment_status="fulfilled")
    ids[1004] = await place(merchants.acorn, 1004, cancelled_at="2026-01-01", financial_status="refunded")
    await place(merchants.acorn, 1005, state="pending")
    await place(merchants.birch, 1001)
    cases = [
        ({}, [1002, 1001]),
        ({"status": "any"}, [1004, 1003, 1002, 1001]),
        ({"status": "closed"}, [1003]),
        ({"status": "cancelled"}, [1004]),
        ({"status": "any", "financial_status": "refunded"}, [1004]),
        ({"status": "any", "fulfillment_status": "shipped"}, [1003]),
        ({"fulfillment_status": "unfulfilled"}, [1002, 1001]),
        ({"status": "any", "since_id": ids[1002]}, [1003, 1004]),
        ({"status": "any", "ids": f"{ids[1001]},{ids[1003]}"}, [1003, 1001]),
        ({"name": "#1002"}, [1002]),
        ({"created_at_max": "2020-01-01"}, []),
    ]
    for params, expected in cases:
        assert numbers(await merchants.acorn.get("orders", **params)) == expected, params
        assert await merchants.acorn.get("orders/count", **params) == {"count": len(expected)}
    first = await merchants.acorn.ask("GET", "orders", params={"status": "any", "limit": 3})
    second = await merchants.acorn.http.get(first.links["next"]["url"])
    assert numbers(first.json()) + numbers(second.json()) == [1004, 1003, 1002, 1001]
    assert numbers((await merchants.acorn.http.get(second.links["previous"]["url"])).json()) == [1004, 1003, 1002]


async def test_payments_are_an_orders_transactions(merchants):
    order_id = await place(merchants.acorn, 1001)
    [shown] = (await merchants.acorn.get(f"orders/{order_id}/transactions"))["transactions"]
    assert (shown["kind"], shown["status"], shown["amount"], shown["order_id"]) == (
        "sale",
        "success",
        "24.90",
        order_id,
    )
    assert shown["payment_details"]["credit_card_number"].endswith("4242")
    assert await merchants.acorn.get(f"orders/{order_id}/transactions/count") == {"count": 1}
    one = await merchants.acorn.get(f"orders/{order_id}/transactions/{shown['id']}")
    assert one == {"transaction": shown}


async def test_neither_another_shops_order_nor_an_unfinished_checkout_is_found(merchants):
    placed, pending = await place(merchants.acorn, 1001), await place(merchants.acorn, 1002, state="pending")
    for merchant, order_id in ((merchants.birch, placed), (merchants.acorn, pending)):
        for path in (f"orders/{order_id}", f"orders/{order_id}/transactions"):
            answer = await merchant.ask("GET", path)
            assert (answer.status_code, answer.json()) == (404, {"errors": "Not Found"})
