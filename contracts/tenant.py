"""Who a request is for: the tenant record every program agrees on, and the one way to read a Host header."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NewType

StoreId = NewType("StoreId", int)

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")


class StoreStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A shop as the platform sees it. `host` is the stored primary domain, never text from a request.

    `theme_version` changes with the theme's files or the shop's settings; it is part of every page key.
    """

    store_id: StoreId
    host: str
    name: str
    status: StoreStatus
    currency: str
    locale: str
    theme: str
    theme_version: str

    def encode(self) -> dict[str, Any]:
        return {
            "store_id": self.store_id,
            "host": self.host,
            "name": self.name,
            "status": str(self.status),
            "currency": self.currency,
            "locale": self.locale,
            "theme": self.theme,
            "theme_version": self.theme_version,
        }

    @classmethod
    def decode(cls, record: dict[str, Any]) -> "Tenant":
        """Strict: raises KeyError, TypeError or ValueError on anything but what `encode` wrote."""
        if not isinstance(record["store_id"], int):
            raise TypeError("store_id must be an int")
        texts = {name: _text(record, name) for name in _TEXTS}
        status = StoreStatus(texts.pop("status"))
        return cls(store_id=StoreId(record["store_id"]), status=status, **texts)


_TEXTS = ("host", "name", "status", "currency", "locale", "theme", "theme_version")


def _text(record: dict[str, Any], name: str) -> str:
    value = record[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str")
    return value


def normalise_host(raw: str) -> str | None:
    """A Host header's shop: lower-cased, without port and trailing dot. None if it cannot name one."""
    host, colon, port = raw.partition(":")
    if colon and not (port.isascii() and port.isdigit() and len(port) <= 5):
        return None
    host = host.lower().removesuffix(".")
    return host if _HOST.fullmatch(host) else None
