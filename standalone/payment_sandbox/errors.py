"""The provider's way to say no: a status and an `error` object."""

from typing import Any


class ProviderError(Exception):
    """Becomes `{"error": {...}}` with this status. `is_kept`: under the idempotency key, like any result of a request
    that was executed; parameters that say nothing sensible are refused before that, and leave the key free."""

    def __init__(self, status: int, kind: str, message: str, *, is_kept: bool = True, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.is_kept = is_kept
        self.body = {"error": {"type": kind, "message": message, **more}}


def invalid(message: str, param: str | None = None, code: str | None = None) -> ProviderError:
    """A parameter that cannot be meant, whatever the state of things."""
    return ProviderError(400, "invalid_request_error", message, is_kept=False, **_named(param=param, code=code))


def impossible(message: str, param: str | None = None, code: str | None = None, **more: Any) -> ProviderError:
    """What was asked for makes sense, but not as things stand."""
    return ProviderError(400, "invalid_request_error", message, **more, **_named(param=param, code=code))


def no_such(kind: str, identifier: str, param: str = "id", status: int = 404) -> ProviderError:
    message = f"No such {kind}: '{identifier}'"
    return ProviderError(status, "invalid_request_error", message, param=param, code="resource_missing")


def _named(**fields: str | None) -> dict[str, Any]:
    return {name: text for name, text in fields.items() if text is not None}
