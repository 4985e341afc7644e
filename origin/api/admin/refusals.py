"""Bad requests in the ecosystem's shapes: 400 for what cannot be read, 404 for ids nobody has, 422 field by field."""

from collections.abc import Callable, Coroutine
from typing import Any, cast

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from origin.api.errors import AdminError

# Of the root key: it is not there, or not an object.
_ROOT_PROBLEMS = {"missing", "model_attributes_type", "model_type", "dict_type", "model_class_type"}
_MESSAGES = {"missing": "can't be blank", "string_too_long": "is too long (maximum is {max_length} characters)"}


def bad_request(name: str, text: str) -> AdminError:
    """400; clients know this shape with a plain text per name."""
    return AdminError(400, cast("dict[str, list[str]]", {name: text}))


class AdminRoute(APIRoute):
    """A route whose validation errors are answered in the admin API's shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def translated(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                raise refusal([dict(detail) for detail in error.errors()]) from error

        return translated


def admin_router(tag: str) -> APIRouter:
    return APIRouter(tags=[tag], route_class=AdminRoute, strict_content_type=False)


def refusal(details: list[dict[str, Any]]) -> AdminError:
    if any(detail["type"] == "json_invalid" for detail in details):
        return AdminError(400, "The request body is not valid JSON")
    if any(detail["loc"][0] == "path" for detail in details):
        return AdminError(404, "Not Found")
    roots = (detail["loc"] for detail in details if detail["loc"][0] == "body" and detail["type"] in _ROOT_PROBLEMS)
    root = next((steps for steps in roots if len(steps) <= 2), None)
    if root:
        return bad_request(str(root[-1]), "Required parameter missing or invalid")
    fields: dict[str, list[str]] = {}
    for detail in details:
        name, text = _named(detail)
        fields.setdefault(name, []).append(text)
    return AdminError(422, fields)


def _named(detail: dict[str, Any]) -> tuple[str, str]:
    """("body", "product", "variants", 1, "price") -> "variants.price", "... (number 2)"."""
    steps = detail["loc"][2:] if detail["loc"][0] == "body" and len(detail["loc"]) > 2 else detail["loc"][1:]
    name = ".".join(step for step in steps if isinstance(step, str)) or "base"
    numbers = "".join(f" (number {step + 1})" for step in steps if isinstance(step, int))
    message = _MESSAGES.get(detail["type"], str(detail["msg"])).format(**detail.get("ctx", {}))
    message = message.removeprefix("Value error, ").replace("Input should", "should")
    return name, message[:1].lower() + message[1:] + numbers
