"""Reading what browsers and scripts send: JSON or forms, with bracketed names as nested fields."""

import json
import re
from collections.abc import Iterator
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException as StarletteHTTPException

from origin.cart.editing import CartError
from origin.texts import UNSTORABLE, is_storable

MAX_BODY_BYTES = 256 * 1024
MAX_FIELDS = 1_000


def wants_json(request: Request) -> bool:
    """The ecosystem's three ways to ask for it: the path's ending, Accept, or the header of scripts."""
    accept = request.headers.get("Accept", "")
    return (
        request.url.path.endswith((".js", ".json"))
        or "application/json" in accept
        or "application/javascript" in accept
        or "X-Requested-With" in request.headers
    )


def is_json(request: Request) -> bool:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json"


class BadBody(CartError):
    def __init__(self, description: str) -> None:
        super().__init__(400, description, "Bad Request")


async def read_fields(request: Request) -> dict[str, Any]:
    """JSON as it is; a form with `updates[7]=2` and `updates[]=2` as dicts and lists. Raises BadBody."""
    if int(request.headers.get("Content-Length") or 0) > MAX_BODY_BYTES:
        raise BadBody(f"The request is larger than {MAX_BODY_BYTES} bytes.")
    fields = await _read_json(request) if is_json(request) else await _read_form(request)
    if not all(is_storable(text) for text in _texts(fields)):
        raise BadBody(f"A text {UNSTORABLE}.")
    return fields


async def _read_form(request: Request) -> dict[str, Any]:
    try:
        form = await request.form(max_files=0, max_fields=MAX_FIELDS)
    except (StarletteHTTPException, ValueError) as error:
        raise BadBody("The form could not be read.") from error
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            raise BadBody("A form of the shop has no files.")
        _put(fields, name, value)
    return fields


def _texts(value: Any) -> Iterator[str]:
    """Every text in it, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, held in value.items():
            yield name
            yield from _texts(held)
    elif isinstance(value, list):
        for held in value:
            yield from _texts(held)


async def _read_json(request: Request) -> dict[str, Any]:
    body = await request.body()
    if not body:
        return {}
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadBody("The request body is not valid JSON.") from error
    if not isinstance(parsed, dict):
        raise BadBody("The request body must be a JSON object.")
    return parsed


def _put(fields: dict[str, Any], name: str, value: str) -> None:
    match = re.fullmatch(r"([^\[\]]+)\[([^\[\]]*)\]", name)
    if not match:
        fields[name] = value
    elif match.group(2):
        nested = fields.setdefault(match.group(1), {})
        if isinstance(nested, dict):
            nested[match.group(2)] = value
    else:
        items = fields.setdefault(match.group(1), [])
        if isinstance(items, list):
            items.append(value)
