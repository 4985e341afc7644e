"""The provider's lists: newest first, in slices, by time of creation and a few fields; and its search by metadata."""

import re
from typing import Any

from standalone.payment_sandbox.errors import invalid, no_such
from standalone.payment_sandbox.forms import whole_number
from standalone.payment_sandbox.ledger import Slice
from standalone.payment_sandbox.resources import Resource
from standalone.payment_sandbox.work import Params, Work

MOST = 100
_QUERY = re.compile(r"metadata\[['\"]([^'\"]+)['\"]\]:\s*['\"]([^'\"]*)['\"]")
# list parameter -> where the resource has it
_FIELDS = {
    "charge": "$.charge",
    "customer": "$.customer",
    "destination": "$.destination",
    "payment_intent": "$.payment_intent",
    "transfer_group": "$.transfer_group",
    "type": "$.type",
}
_SLICING = {"created", "ending_before", "expand", "limit", "starting_after"}


def page(work: Work, kind: str, url: str, params: Params) -> Resource:
    """Raises ProviderError for a filter this sandbox does not have: to ignore one would answer another question."""
    unknown = params.keys() - _FIELDS.keys() - _SLICING
    if unknown:
        raise invalid(f"This sandbox cannot filter by {', '.join(sorted(unknown))}.", min(unknown))
    part = _slice(work, kind, params)
    found = work.ledger.find(kind, {_FIELDS[name]: params[name] for name in params.keys() & _FIELDS.keys()}, part)
    shown = found[: part.limit]
    if part.ending_before is not None:
        shown.reverse()
    data = [work.expanded(each, _in_list(params)) for each in shown]
    return {"object": "list", "url": url, "has_more": len(found) > part.limit, "data": data}


def search(work: Work, params: Params) -> Resource:
    """Payment intents by clauses of the form metadata['name']:'value', joined by AND. What is younger than the index
    is not found."""
    wanted = {f'$.metadata."{name}"': value for name, value in _QUERY.findall(str(params.get("query", "")))}
    if not wanted:
        raise invalid("The search query must name metadata.", "query")
    found = work.ledger.find("payment_intent", wanted, Slice(limit=_limit(params)))
    indexed = [each for each in found if each["created"] <= work.now - work.search_lag_seconds]
    return {
        "object": "search_result",
        "url": "/v1/payment_intents/search",
        "has_more": False,
        "next_page": None,
        "data": [work.expanded(each, _in_list(params)) for each in indexed[: _limit(params)]],
    }


def _slice(work: Work, kind: str, params: Params) -> Slice:
    for name in ("starting_after", "ending_before"):
        if name in params and not work.ledger.has(kind, params[name]):
            raise no_such(kind, params[name], name, 400)
    since, until = _bounds(params.get("created"))
    return Slice(_limit(params), params.get("starting_after"), params.get("ending_before"), since, until)


def _limit(params: Params) -> int:
    limit = whole_number(params, "limit") if "limit" in params else 10
    if not 1 <= limit <= MOST:
        raise invalid(f"The limit must be between 1 and {MOST}.", "limit", "parameter_invalid_integer")
    return limit


def _bounds(created: Any) -> tuple[int | None, int | None]:
    """Both inclusive, from a second or from gt, gte, lt, lte."""
    if created is None:
        return None, None
    if not isinstance(created, dict):
        second = whole_number({"created": created}, "created")
        return second, second
    bounds = {name: whole_number(created, name) for name in created}
    since = bounds.get("gte", bounds["gt"] + 1 if "gt" in bounds else None)
    until = bounds.get("lte", bounds["lt"] - 1 if "lt" in bounds else None)
    return since, until


def _in_list(params: Params) -> Params:
    return {"expand": [path.removeprefix("data.") for path in params.get("expand", [])]}
