"""Routes that no provider has: the sandbox's faults and its clock. docs/payment_sandbox.md is their manual."""

import json
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from standalone.payment_sandbox import refunds
from standalone.payment_sandbox.errors import ProviderError
from standalone.payment_sandbox.faults import Faults
from standalone.payment_sandbox.sandbox import Sandbox

_MOST_AHEAD_SECONDS = 10 * 365 * 86_400


async def faults(request: Request) -> Response:
    """GET says them, POST turns those it names, DELETE ends them all."""
    sandbox: Sandbox = request.app.state.sandbox
    if request.method != "GET":
        changes = await _object(request) if request.method == "POST" else Faults().model_dump()
        if changes is None:
            return _refused("the body must be a JSON object of knobs")
        try:
            sandbox.dice.turn(changes)
        except ValidationError as error:
            wrong = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()]
            return _refused("; ".join(wrong))
    return JSONResponse(sandbox.dice.faults.model_dump(mode="json"))


async def clock(request: Request) -> Response:
    """GET says how far the clock is ahead, POST `{"advance_seconds": 90000}` puts it on."""
    sandbox: Sandbox = request.app.state.sandbox
    if request.method == "POST":
        asked = await _object(request)
        advance = asked.get("advance_seconds") if asked and asked.keys() == {"advance_seconds"} else None
        if not isinstance(advance, int | float) or not 0 <= advance <= _MOST_AHEAD_SECONDS:
            return _refused("advance_seconds: a number of seconds, not below 0")
        sandbox.clock.ahead_seconds += advance
    return JSONResponse({"now": int(sandbox.clock.now()), "ahead_seconds": sandbox.clock.ahead_seconds})


async def fail_refund(request: Request) -> Response:
    """POST: the bank sends this refund back now."""
    sandbox: Sandbox = request.app.state.sandbox
    work = sandbox.work(request)
    try:
        with sandbox.ledger.transaction():
            refund = refunds.fail(work, request.path_params["id"])
            work.write()
    except ProviderError as error:
        return JSONResponse(error.body, error.status)
    await sandbox.deliver(work.events)
    return JSONResponse(refund)


async def _object(request: Request) -> dict[str, Any] | None:
    try:
        found = await request.json()
    except json.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _refused(message: str) -> Response:
    return JSONResponse({"error": message}, 422)
