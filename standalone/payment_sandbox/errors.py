"""The provider's way to say no: a status and an `error` object, stored under an idempotency key like any answer."""

from typing import Any


class ProviderError(Exception):
    """Becomes `{"error": {...}}` with this status."""

    def __init__(self, status: int, kind: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "message": message, **more}}


def invalid(message: str, param: str | None = None, code: str | None = None, status: int = 400) -> ProviderError:
    more = {name: value for name, value in (("param", param), ("code", code)) if value is not None}
    return ProviderError(status, "invalid_request_error", message, **more)


def no_such(kind: str, identifier: str, param: str = "id", status: int = 404) -> ProviderError:
    return invalid(f"No such {kind}: '{identifier}'", param, "resource_missing", status)
