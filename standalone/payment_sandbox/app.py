"""The payment provider of one machine: the part of its HTTP API that checkout uses, with its idempotency.

First answers are kept under their key once execution has begun, errors included; the same key with other parameters
is an error, and while the first request runs the second is told so.
"""

import asyncio
import base64
import binascii
import hashlib
import html
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import stripe
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from standalone.payment_sandbox.errors import ProviderError, invalid
from standalone.payment_sandbox.forms import parse_form
from standalone.payment_sandbox.intents import Intents, Params
from standalone.payment_sandbox.ledger import Ledger
from standalone.payment_sandbox.parameters import KnownParameters
from standalone.payment_sandbox.resources import Resource
from standalone.payment_sandbox.webhooks import WebhookSender

KEY_SECONDS = 24 * 3600
PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}


@dataclass(slots=True)
class Sandbox:
    """`latency_ms` passes before a request is executed, `answer_ms` after: a time-out then follows a success."""

    ledger: Ledger
    webhooks: WebhookSender
    known: KnownParameters = field(default_factory=KnownParameters)
    latency_ms: int = 0
    answer_ms: int = 0
    running_keys: set[str] = field(default_factory=set)
    requests: int = 0


Operation = Callable[[Intents, Request, Params, str | None], Resource]


def create_app(sandbox: Sandbox) -> Starlette:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await sandbox.webhooks.close()
        sandbox.ledger.close()

    app = Starlette(routes=_ROUTES, lifespan=lifespan)
    app.state.sandbox = sandbox
    return app


def _route(method: str, path: str, operation: str, act: Operation) -> Route:
    async def endpoint(request: Request) -> Response:
        sandbox: Sandbox = request.app.state.sandbox
        sandbox.requests += 1
        try:
            status, body, headers = await _answer(sandbox, request, operation, act)
        except ProviderError as error:
            status, body, headers = error.status, error.body, {}
        await asyncio.sleep(sandbox.answer_ms / 1000)
        return JSONResponse(body, status, headers)

    return Route(path, endpoint, methods=[method], name=operation)


async def _answer(
    sandbox: Sandbox, request: Request, operation: str, act: Operation
) -> tuple[int, Resource, dict[str, str]]:
    account = _authenticate(request)
    params = parse_form((await request.body()).decode() if request.method == "POST" else request.url.query)
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    if key is None:
        sandbox.known.check(operation, params)
        await asyncio.sleep(sandbox.latency_ms / 1000)
        status, body = _execute(sandbox, request, params, act, None)
        return status, body, {}
    if len(key) > 255:
        raise invalid("Idempotency keys must be at most 255 characters long.")
    stored_key = f"{account}/{key}"
    fingerprint = hashlib.sha256(json.dumps([request.url.path, params], sort_keys=True).encode()).hexdigest()
    sandbox.ledger.forget_answers(time.time() - KEY_SECONDS)
    kept = sandbox.ledger.answer(stored_key)
    if kept is not None:
        if kept[0] != fingerprint:
            raise ProviderError(
                400,
                "idempotency_error",
                "Keys for idempotent requests can only be used with the same parameters they were first used with.",
            )
        return kept[1], kept[2], {"Idempotent-Replayed": "true"}
    if stored_key in sandbox.running_keys:
        raise ProviderError(
            409, "idempotency_error", "There is currently another in-progress request using this idempotency key."
        )
    sandbox.running_keys.add(stored_key)
    try:
        sandbox.known.check(operation, params)
        await asyncio.sleep(sandbox.latency_ms / 1000)
        status, body = _execute(sandbox, request, params, act, (stored_key, fingerprint))
    finally:
        sandbox.running_keys.discard(stored_key)
    return status, body, {}


def _execute(
    sandbox: Sandbox, request: Request, params: Params, act: Operation, keep: tuple[str, str] | None
) -> tuple[int, Resource]:
    """One transaction: what was done, and the answer that will be given again."""
    intents = _intents(sandbox, request)
    key = keep[0].partition("/")[2] if keep else None
    with sandbox.ledger.transaction():
        try:
            status, body = 200, act(intents, request, params, key)
        except ProviderError as error:
            status, body = error.status, error.body
        if keep:
            sandbox.ledger.keep_answer(*keep, status, body, time.time())
    for event in intents.new_events:
        sandbox.webhooks.send(event)
    return status, body


def _intents(sandbox: Sandbox, request: Request) -> Intents:
    version = request.headers.get("Stripe-Version", stripe.api_version)
    return Intents(sandbox.ledger, str(request.base_url).rstrip("/"), version)


def _authenticate(request: Request) -> str:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    secret = value.strip()
    if scheme.lower() == "basic":
        try:
            secret = base64.b64decode(value).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            secret = ""
    if not secret.startswith("sk_test_"):
        raise ProviderError(401, "invalid_request_error", "Invalid API Key provided: this sandbox takes sk_test_ keys.")
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


async def _show_authentication(request: Request) -> Response:
    """The bank's page: what a buyer sees who has to confirm a payment."""
    sandbox: Sandbox = request.app.state.sandbox
    intent = sandbox.ledger.get("payment_intent", request.path_params["id"])
    if intent is None:
        return HTMLResponse(_page("There is no such payment.", ""), 404, PAGE_HEADERS)
    if intent["status"] != "requires_action":
        return HTMLResponse(_page("This payment has already been answered.", ""), 200, PAGE_HEADERS)
    amount = f"{intent['amount']} {html.escape(intent['currency'].upper())} (minor units)"
    buttons = (
        '<form method="post"><button name="result" value="complete">Complete</button> '
        '<button name="result" value="fail" class="plain">Fail</button></form>'
    )
    return HTMLResponse(_page(f"Do you confirm the payment of {amount}?", buttons), 200, PAGE_HEADERS)


async def _answer_authentication(request: Request) -> Response:
    sandbox: Sandbox = request.app.state.sandbox
    form = parse_form((await request.body()).decode())
    identifier = request.path_params["id"]
    before = sandbox.ledger.get("payment_intent", identifier)
    action = (before or {}).get("next_action") or {}
    return_url = action.get("redirect_to_url", {}).get("return_url")
    if not return_url:
        return HTMLResponse(_page("This payment waits for nobody.", ""), 409, PAGE_HEADERS)
    intents = _intents(sandbox, request)
    with sandbox.ledger.transaction():
        intent = intents.authenticate(identifier, form.get("result") == "complete")
    for event in intents.new_events:
        sandbox.webhooks.send(event)
    said = {
        "payment_intent": identifier,
        "payment_intent_client_secret": intent["client_secret"],
        "redirect_status": "succeeded" if intent["status"] in ("succeeded", "requires_capture") else "failed",
    }
    return RedirectResponse(return_url + ("&" if "?" in return_url else "?") + urlencode(said), 303)


def _page(text: str, more: str) -> str:
    style = (
        "body{font:16px/1.5 system-ui;max-width:26rem;margin:15vh auto;padding:0 1rem;color-scheme:light dark}"
        "button{font:inherit;padding:.6rem 1.2rem;border-radius:.5rem;border:1px solid;background:#635bff;color:#fff}"
        ".plain{background:none;color:inherit}small{opacity:.7}"
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Test bank</title><style>{style}</style><h1>Test bank</h1><p>{text}</p>{more}"
        f"<p><small>This is the payment sandbox. No money moves.</small></p></html>"
    )


async def _set_latency(request: Request) -> Response:
    """`{"ms": 300}` before execution, `{"answer_ms": 300}` after it; what is not named stays."""
    sandbox: Sandbox = request.app.state.sandbox
    wanted: Any = await request.json()
    for name, value in wanted.items() if isinstance(wanted, dict) else ():
        if name not in ("ms", "answer_ms") or not isinstance(value, int) or not 0 <= value <= 600_000:
            return JSONResponse({"error": "ms and answer_ms are whole numbers from 0 to 600000"}, 422)
    sandbox.latency_ms = wanted.get("ms", sandbox.latency_ms)
    sandbox.answer_ms = wanted.get("answer_ms", sandbox.answer_ms)
    return JSONResponse({"ms": sandbox.latency_ms, "answer_ms": sandbox.answer_ms})


async def _health(request: Request) -> Response:
    sandbox: Sandbox = request.app.state.sandbox
    return JSONResponse({"status": "ok", "requests": sandbox.requests})


async def _no_route(request: Request) -> Response:
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return JSONResponse({"error": {"type": "invalid_request_error", "message": message}}, 404)


_INTENT = "/v1/payment_intents"
_ROUTES = [
    _route("POST", _INTENT, "payment_intent.create", lambda on, request, params, key: on.create(params, key)),
    _route("GET", _INTENT, "payment_intent.list", lambda on, request, params, key: on.list(params)),
    _route("GET", _INTENT + "/search", "payment_intent.search", lambda on, request, params, key: on.search(params)),
    _route(
        "GET",
        _INTENT + "/{id}",
        "payment_intent.retrieve",
        lambda on, request, params, key: on.retrieve(request.path_params["id"], params),
    ),
    _route(
        "POST",
        _INTENT + "/{id}/confirm",
        "payment_intent.confirm",
        lambda on, request, params, key: on.confirm(request.path_params["id"], params, key),
    ),
    _route(
        "POST",
        _INTENT + "/{id}/cancel",
        "payment_intent.cancel",
        lambda on, request, params, key: on.cancel(request.path_params["id"], params, key),
    ),
    _route(
        "POST",
        _INTENT + "/{id}/capture",
        "payment_intent.capture",
        lambda on, request, params, key: on.capture(request.path_params["id"], params, key),
    ),
    _route("POST", "/v1/refunds", "refund.create", lambda on, request, params, key: on.refund(params, key)),
    _route(
        "GET",
        "/v1/charges/{id}",
        "charge.retrieve",
        lambda on, request, params, key: on.charge(request.path_params["id"]),
    ),
    _route("GET", "/v1/events", "event.list", lambda on, request, params, key: on.events(params)),
    Route("/sandbox/authenticate/{id}", _show_authentication, methods=["GET"]),
    Route("/sandbox/authenticate/{id}", _answer_authentication, methods=["POST"]),
    Route("/sandbox/latency", _set_latency, methods=["POST"]),
    Route("/health", _health),
    Route("/{path:path}", _no_route, methods=["GET", "POST", "DELETE"]),
]
