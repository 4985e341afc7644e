"""Reading a list request (filters, limit, fields or a cursor) and answering it with Links to its neighbours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import JSONResponse

from contracts.tenant import StoreId
from origin.api.admin import cursors
from origin.api.admin.cursors import BadCursor, Cursor
from origin.api.admin.refusals import bad_request
from origin.catalog.listing import DEFAULT_LIMIT, MAX_LIMIT, Condition, Filters, Slice, Window


@dataclass(frozen=True, slots=True)
class ListRequest:
    conditions: list[Condition]
    window: Window
    key: str  # of the row the window starts from, as the cursor has it; empty at the start
    fields: frozenset[str]
    filters: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as clients know it. `defaults` are filters that hold unless others are given."""

    resource: str
    filters: Filters
    is_descending: bool = False
    defaults: Mapping[str, str] = field(default_factory=dict)

    @property
    def documented(self) -> dict[str, Any]:
        """For OpenAPI: every filter, `limit`, `fields` and `page_info`."""
        names = ["limit", "page_info", "fields", *self.filters]
        return {"parameters": [_parameter(name) for name in names]}

    @property
    def counted(self) -> dict[str, Any]:
        return {"parameters": [_parameter(name) for name in self.filters]}

    def conditions(self, request: Request) -> list[Condition]:
        """What a count or a list is restricted to. 400 for a filter that cannot be read."""
        return self._conditions(self._given(request))

    def read(self, request: Request, store_id: StoreId, signing_key: str) -> ListRequest:
        given, limit, fields = self._given(request), _limit(request), asked_fields(request)
        page_info = _value(request, "page_info")
        if not page_info:
            is_descending = self.is_descending and "since_id" not in given
            window = Window(limit, is_descending=is_descending)
            return ListRequest(self._conditions(given), window, "", fields, tuple(given.items()))
        for name in given:
            raise bad_request(name, f"{name} cannot be passed when page_info is present.")
        return self._continued(_cursor(page_info, signing_key, store_id, self.resource), limit, fields)

    def _continued(self, cursor: Cursor, limit: int, fields: frozenset[str]) -> ListRequest:
        filters = dict(cursor.filters)
        window = Window(
            limit,
            after_id=int(cursor.key) if cursor.key.isdigit() and not cursor.is_backward else None,
            before_id=int(cursor.key) if cursor.key.isdigit() and cursor.is_backward else None,
            is_descending=self.is_descending and "since_id" not in filters,
        )
        return ListRequest(self._conditions(filters), window, cursor.key, fields, cursor.filters)

    def _given(self, request: Request) -> dict[str, str]:
        given = {name: _value(request, name) for name in self.filters}
        return {name: value for name, value in given.items() if value}

    def _conditions(self, given: Mapping[str, str]) -> list[Condition]:
        conditions = []
        for name, value in {**self.defaults, **given}.items():
            try:
                condition = self.filters[name](value)
            except ValueError as error:
                raise bad_request(name, str(error)) from error
            if condition:
                conditions.append(condition)
        return conditions

    def answer(
        self,
        request: Request,
        store_id: StoreId,
        signing_key: str,
        asked: ListRequest,
        found: Slice,
        shown: Sequence[dict[str, Any]],
        *,
        root: str = "",
        key_of: Callable[[dict[str, Any]], str] = lambda row: str(row["id"]),
    ) -> JSONResponse:
        """`{root: [...]}`, and a Link header when there is more before or after. `root` is the resource's name."""

        def link(row: dict[str, Any], relation: str) -> str:
            cursor = Cursor(store_id, self.resource, asked.filters, key_of(row), relation == "previous")
            return f'<{_neighbour(request, asked, cursors.encode(cursor, signing_key))}>; rel="{relation}"'

        links = []
        if found.rows and found.has_previous:
            links.append(link(found.rows[0], "previous"))
        if found.rows and found.has_next:
            links.append(link(found.rows[-1], "next"))
        body = {root or self.resource: [only(one, asked.fields) for one in shown]}
        return JSONResponse(body, headers={"Link": ", ".join(links)} if links else None)


def only(shown: dict[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name in fields} if fields else shown


def asked_fields(request: Request) -> frozenset[str]:
    return frozenset(part.strip() for part in _value(request, "fields").split(",") if part.strip())


def _neighbour(request: Request, asked: ListRequest, page_info: str) -> str:
    """Absolute, as the client itself spelled scheme, host and port: it follows the address with its own connection."""
    query: dict[str, str | int] = {"limit": asked.window.limit, "page_info": page_info}
    if asked.fields:
        query["fields"] = ",".join(sorted(asked.fields))
    return f"{request.url.replace(query=urlencode(query), fragment='')}"


def _cursor(page_info: str, signing_key: str, store_id: StoreId, resource: str) -> Cursor:
    try:
        return cursors.decode(page_info, signing_key, store_id, resource)
    except BadCursor as error:
        raise bad_request("page_info", "Invalid value.") from error


def _limit(request: Request) -> int:
    text = _value(request, "limit") or str(DEFAULT_LIMIT)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise bad_request("limit", f"must be a number from 1 to {MAX_LIMIT}")
    return min(int(text), MAX_LIMIT)


def _value(request: Request, name: str) -> str:
    """A parameter's text; a list (`ids[]=1&ids[]=2`) as one with commas."""
    values = [value for key, value in request.query_params.multi_items() if key in {name, f"{name}[]"}]
    return ",".join(values).strip()


def _parameter(name: str) -> dict[str, Any]:
    kind = "integer" if name in {"limit", "since_id"} else "string"
    return {"name": name, "in": "query", "required": False, "schema": {"type": kind}, "description": _meaning(name)}


def _meaning(name: str) -> str:
    if name.endswith(("_min", "_max")):
        bound = "from" if name.endswith("_min") else "up to"
        return f"Only those {bound} this ISO 8601 time, inclusive."
    return _MEANINGS.get(name, f"Only those with this {name.replace('_', ' ')}.")


_MEANINGS = {
    "limit": f"How many, {DEFAULT_LIMIT} unless said, {MAX_LIMIT} at most.",
    "page_info": "A cursor from a Link header; filters cannot be given with it.",
    "fields": "Only these keys of each object, separated by commas.",
    "ids": "Only these, separated by commas.",
    "since_id": "Only those with a greater id.",
    "published_status": "published, unpublished or any.",
    "status": "One state, several separated by commas, or any.",
}
