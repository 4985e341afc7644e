"""The unmodified ShopifyAPI client library against a real server on loopback."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import shopify
import uvicorn
from pyactiveresource.connection import ResourceNotFound, UnauthorizedAccess

from contracts.tenant import StoreId
from origin.app import create_app
from origin.settings import OriginSettings
from tests.fixtures.origin import Shop


@pytest.fixture
def port(origin_settings: OriginSettings) -> Iterator[int]:
    """The origin, served from a thread until the test is over."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(origin_settings), log_level="error", lifespan="on"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.02)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(20)
    listener.close()


def use(port: int, shop: Shop) -> None:
    shopify.Session.setup(protocol="http", myshopify_domain="0.0.1", port=port)
    shopify.ShopifyResource.activate_session(shopify.Session("127", "2024-10", shop.token))


def a_days_work(port: int, acorn: Shop, birch: Shop) -> None:
    use(port, acorn)
    assert shopify.Shop.current().name == "Acorn"
    product = shopify.Product()
    product.title, product.tags = "Cup", "b, a"
    product.options = [{"name": "Size"}]
    product.variants = [
        shopify.Variant({"option1": "S", "price": "9.99"}),
        shopify.Variant({"option1": "M", "price": "10.99"}),
    ]
    assert product.save(), product.errors.full_messages()
    assert (product.handle, product.tags) == ("cup", "a, b")
    found = shopify.Product.find(product.id)
    found.title = "Mug"
    assert found.save()
    assert [variant.price for variant in shopify.Product.find(product.id).variants] == ["9.99", "10.99"]
    bad = shopify.Product()
    bad.title = " "
    assert not bad.save()
    assert bad.errors.full_messages() == ["title can't be blank"]
    variant = shopify.Variant.find(product.variants[0].id)
    variant.price = "12.00"
    assert variant.save()
    assert shopify.Variant.find(variant.id).price == "12.00"
    assert shopify.Limits.credit_used() >= 1
    assert shopify.Limits.credit_limit() == 4000
    assert shopify.Product.exists(product.id)
    assert not shopify.Product.exists(999_999_999)
    collect_and_stock(product, variant)
    walk_pages()
    use(port, birch)
    assert shopify.Product.count() == 0
    with pytest.raises(ResourceNotFound):
        shopify.Product.find(product.id)
    use(port, acorn)
    product.destroy()
    with pytest.raises(ResourceNotFound):
        shopify.Product.find(product.id)
    assert [scope.handle for scope in shopify.AccessScope.find()]


def collect_and_stock(product: shopify.Product, variant: shopify.Variant) -> None:
    collection = shopify.CustomCollection.create({"title": "Ours"})
    collection.add_product(product)
    assert [each.id for each in collection.products()] == [product.id]
    collection.remove_product(product)
    assert collection.products() == []
    smart = shopify.SmartCollection.create(
        {"title": "A", "rules": [{"column": "tag", "relation": "equals", "condition": "a"}]}
    )
    assert [each.id for each in smart.products()] == [product.id]
    location = shopify.Location.find()[0]
    level = shopify.InventoryLevel.set(location.id, variant.inventory_item_id, 6)
    assert level.available == 6
    assert shopify.InventoryLevel.adjust(location.id, variant.inventory_item_id, -2).available == 4
    image = shopify.Image({"product_id": product.id})
    image.src = "https://img.example.com/a.jpg"
    assert image.save()
    assert shopify.Image.find(image.id, product_id=product.id).src == image.src
    assert shopify.Page.create({"title": "About", "body_html": "x"}).handle == "about"
    assert shopify.Order.find(status="any") == []


def orders(port: int, acorn: Shop, birch: Shop) -> None:
    use(port, acorn)
    variant = shopify.Product.create({"title": "Bowl", "variants": [{"price": "10.00"}]}).variants[0]
    order = shopify.Order.create(
        {
            "email": "a@example.com",
            "line_items": [{"variant_id": variant.id, "quantity": 3}],
            "financial_status": "pending",
        }
    )
    assert (order.name, order.total_price, order.financial_status) == ("#1001", "30.00", "pending")
    paid = order.capture("")
    assert (paid.kind, paid.status, paid.amount) == ("capture", "success", "30.00")
    assert [each.id for each in order.transactions()] == [paid.id]
    order = shopify.Order.find(order.id)
    order.note = "n"
    assert order.save(), order.errors.full_messages()
    order.close()
    assert order.closed_at is not None
    order.open()
    assert order.closed_at is None
    send_and_refund(order)
    use(port, birch)
    assert shopify.Order.count(status="any") == 0
    use(port, acorn)
    other = shopify.Order.create({"line_items": [{"title": "Talk", "price": "5.00", "quantity": 1}]})
    other.cancel(reason="customer", email=True, restock=True)
    assert (other.cancel_reason, other.financial_status) == ("customer", "refunded")
    other.destroy()
    assert [each.name for each in shopify.Order.find(status="any")] == ["#1001"]
    bad = shopify.Order({"line_items": []})
    assert not bad.save()
    assert bad.errors.full_messages() == ["line_items can't be blank"]


def send_and_refund(order: shopify.Order) -> None:
    line = order.line_items[0]
    [wanted] = shopify.FulfillmentOrders.find(order_id=order.id)
    part = {
        "fulfillment_order_id": wanted.id,
        "fulfillment_order_line_items": [{"id": wanted.line_items[0].id, "quantity": 2}],
    }
    sent = shopify.fulfillment.FulfillmentV2({"line_items_by_fulfillment_order": [part]})
    assert sent.save(), sent.errors.full_messages()
    [found] = shopify.Fulfillment.find(order_id=order.id)
    found.update_tracking({"number": "1Z", "company": "UPS"}, False)
    assert found.tracking_number == "1Z"
    rest = shopify.Fulfillment({"order_id": order.id, "line_items": [{"id": line.id}]})
    assert rest.save(), rest.errors.full_messages()
    rest.cancel()
    assert rest.status == "cancelled"
    planned = shopify.Refund.calculate(order.id, refund_line_items=[{"line_item_id": line.id, "quantity": 1}])
    assert planned.transactions[0].amount == "10.00"
    refund = shopify.Refund.create(
        {
            "order_id": order.id,
            "note": "n",
            "refund_line_items": [{"line_item_id": line.id, "quantity": 1, "restock_type": "cancel"}],
            "transactions": [{"parent_id": planned.transactions[0].parent_id, "amount": "10.00", "kind": "refund"}],
        }
    )
    assert [each.status for each in refund.transactions] == ["success"]
    assert [each.id for each in shopify.Refund.find(order_id=order.id)] == [refund.id]
    now = shopify.Order.find(order.id)
    assert (now.financial_status, now.fulfillment_status) == ("partially_refunded", "fulfilled")


def walk_pages() -> None:
    for number in range(4):
        assert shopify.Product.create({"title": f"P{number}"}).id
    page = shopify.Product.find(limit=2)
    titles = [product.title for product in page]
    while page.has_next_page():
        page = page.next_page()
        titles += [product.title for product in page]
    assert titles == ["Mug", "P0", "P1", "P2", "P3"]
    assert [product.title for product in page.previous_page()] == ["P1", "P2"]


async def test_the_python_client_library_works_unmodified(port, acorn, birch):
    await asyncio.to_thread(a_days_work, port, acorn, birch)


async def test_the_python_client_library_works_with_orders(port, acorn, birch):
    await asyncio.to_thread(orders, port, acorn, birch)


async def test_the_python_client_library_is_told_of_a_wrong_token(port):
    def ask() -> None:
        use(port, Shop(StoreId(1), "acorn", "stoa_wrong"))
        with pytest.raises(UnauthorizedAccess):
            shopify.Product.find()

    await asyncio.to_thread(ask)
