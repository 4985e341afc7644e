"""What a merchant changes of a placed order that moves neither money nor stock: what it says, whether it is done."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from psycopg.types.json import Jsonb

from contracts.events import Topic
from contracts.tenant import StoreId
from invalidation import outbox
from origin.catalog.products import clean_tags
from origin.db import Tx
from origin.errors import Invalid
from origin.orders import ledger

_COLUMNS = ("note", "tags", "email", "phone", "note_attributes", "shipping_address")
_JSON = ("note_attributes", "shipping_address")


class OrderChange(TypedDict, total=False):
    note: str | None
    tags: Sequence[str]
    email: str
    phone: str | None
    note_attributes: Mapping[str, str]
    shipping_address: Mapping[str, Any] | None


async def change(tx: Tx, store_id: StoreId, order_id: int, wanted: OrderChange) -> None:
    """What is given; an address is laid over the one there was. Raises NotFound."""
    await ledger.lock(tx, store_id, order_id)
    given = {name: wanted[name] for name in _COLUMNS if name in wanted}  # type: ignore[literal-required]
    if "tags" in given:
        given["tags"] = clean_tags(given["tags"])
    sets = [
        f"{name} = coalesce({name}, '{{}}') || %s" if name == "shipping_address" and given[name] else f"{name} = %s"
        for name in given
    ]
    values = [Jsonb(value) if name in _JSON and value is not None else value for name, value in given.items()]
    await _write(tx, store_id, order_id, sets, values)


async def close(tx: Tx, store_id: StoreId, order_id: int) -> None:
    """Done with: out of the list of open ones. Raises NotFound."""
    await ledger.lock(tx, store_id, order_id)
    await _write(tx, store_id, order_id, ["closed_at = coalesce(closed_at, now())"], [])


async def reopen(tx: Tx, store_id: StoreId, order_id: int) -> None:
    """Raises NotFound, or Invalid for a cancelled one."""
    order = await ledger.lock(tx, store_id, order_id)
    if order.is_cancelled:
        raise Invalid({"base": ["a cancelled order cannot be opened again"]})
    await _write(tx, store_id, order_id, ["closed_at = NULL"], [])


async def delete(tx: Tx, store_id: StoreId, order_id: int) -> None:
    """Nobody sees it any more. Raises NotFound; Invalid when a payment provider has had a part in it."""
    order = await ledger.lock(tx, store_id, order_id)
    if any(payment.payment_intent for payment in order.payments):
        raise Invalid({"base": ["an order that was paid through a payment provider cannot be deleted; cancel it"]})
    await tx.execute("UPDATE sales_order SET deleted_at = now() WHERE store_id = %s AND id = %s", [store_id, order_id])
    await outbox.add_event(tx, store_id, Topic.ORDER_DELETED, {"order_id": order_id})


async def _write(tx: Tx, store_id: StoreId, order_id: int, sets: Sequence[str], values: Sequence[Any]) -> None:
    statement = f"UPDATE sales_order SET {', '.join([*sets, 'updated_at = now()'])} WHERE store_id = %s AND id = %s"
    await tx.execute(statement.encode(), [*values, store_id, order_id])
    await outbox.add_event(tx, store_id, Topic.ORDER_UPDATED, {"order_id": order_id})
