"""Signed places in a list: what a client gets in a Link and brings back as `page_info`.

A cursor binds the shop, the list and the filters, so it can be neither forged nor taken elsewhere.
"""

from dataclasses import dataclass

from itsdangerous import BadData, URLSafeSerializer

from contracts.tenant import StoreId


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place after (or before) the row `key`, in the list that these filters make."""

    store_id: StoreId
    resource: str
    filters: tuple[tuple[str, str], ...]
    key: str
    is_backward: bool = False


class BadCursor(ValueError):
    """Not a cursor of ours, or not one of this shop and list."""


def _serializer(signing_key: str) -> URLSafeSerializer:
    return URLSafeSerializer(signing_key, salt="admin list cursor")


def encode(cursor: Cursor, signing_key: str) -> str:
    place = [cursor.store_id, cursor.resource, list(cursor.filters), cursor.key, int(cursor.is_backward)]
    return str(_serializer(signing_key).dumps(place))


def decode(text: str, signing_key: str, store_id: StoreId, resource: str) -> Cursor:
    try:
        owner, name, filters, key, is_backward = _serializer(signing_key).loads(text)
    except (BadData, ValueError, TypeError) as error:
        raise BadCursor from error
    if (owner, name) != (store_id, resource):
        raise BadCursor
    return Cursor(
        store_id, resource, tuple((str(key), str(value)) for key, value in filters), str(key), bool(is_backward)
    )
