"""The payment provider of one machine: the part of its HTTP API that checkout and refunds use, with its idempotency.

First answers are kept under their key once execution has begun, errors included; the same key with other parameters
is an error, and while the first request runs the second is told so.
"""

import asyncio
import base64
import binascii
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from standalone.payment_sandbox import bank_page, connect, controls, intents, lists, refunds
from standalone.payment_sandbox.errors import ProviderError, invalid
from standalone.payment_sandbox.faults import Fault
from standalone.payment_sandbox.forms import parse_form
from standalone.payment_sandbox.hanging_up import HangUp, with_transport
from standalone.payment_sandbox.ledger import to_json
from standalone.payment_sandbox.resources import Resource, new_id
from standalone.payment_sandbox.sandbox import Sandbox
from standalone.payment_sandbox.work import Params, Work

KEY_SECONDS = 24 * 3600
MAX_KEY_CHARACTERS = 255
_FAILURE = to_json({"error": {"type": "api_error", "message": "An error occurred at the provider, on purpose."}})


@dataclass(frozen=True, slots=True)
class Operation:
    """`act` is given the identifier in the path, or nothing."""

    method: str
    path: str
    name: str
    act: Callable[[Work, Params, str], Resource]


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` is JSON."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """Under which key, and what."""

    key: str
    fingerprint: str


class SandboxApp(Starlette):
    """Hands the connection on, for faults that end it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(with_transport(scope, send), receive, send)


def create_app(sandbox: Sandbox) -> Starlette:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await sandbox.close()

    app = SandboxApp(routes=[*map(_route, _OPERATIONS), *_PAGES], lifespan=lifespan)
    app.state.sandbox = sandbox
    return app


def _route(operation: Operation) -> Route:
    async def endpoint(request: Request) -> Response:
        sandbox: Sandbox = request.app.state.sandbox
        sandbox.requests += 1
        fault = sandbox.dice.fault(operation.name, is_post=operation.method == "POST")
        if fault is Fault.RESET_BEFORE:
            return HangUp()
        try:
            reply = await _answer(sandbox, request, operation, fault)
        except ProviderError as error:
            reply = Reply(error.status, to_json(error.body))
        await asyncio.sleep(sandbox.faults.answer_ms / 1000)
        if fault in (Fault.RESET_AFTER, Fault.HANG_AFTER):
            return HangUp(sandbox.faults.hang_ms / 1000 if fault is Fault.HANG_AFTER else 0)
        headers = {"Request-Id": new_id("req")} | reply.headers
        return Response(reply.body, reply.status, headers, "application/json")

    return Route(operation.path, endpoint, methods=[operation.method], name=operation.name)


async def _answer(sandbox: Sandbox, request: Request, operation: Operation, fault: Fault | None) -> Reply:
    account = _authenticate(request)
    if fault is Fault.RATE_LIMIT:
        raise ProviderError(429, "invalid_request_error", "Too many requests.", code="rate_limit")
    params = parse_form((await request.body()).decode() if request.method == "POST" else request.url.query)
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    if key is None:
        return await _carry_out(sandbox, request, operation, params, fault)
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        raise invalid(f"Idempotency keys must have 1 to {MAX_KEY_CHARACTERS} characters.")
    stored_key = f"{account}/{request.headers.get('Stripe-Account', '')}/{key}"
    fingerprint = _fingerprint(request, params)
    kept = _kept(sandbox, stored_key, fingerprint)
    if kept:
        return kept
    if stored_key in sandbox.running_keys:
        raise ProviderError(
            409,
            "invalid_request_error",
            "There is currently another in-progress request using this idempotency key.",
            code="idempotency_key_in_use",
        )
    sandbox.running_keys.add(stored_key)
    try:
        return await _carry_out(sandbox, request, operation, params, fault, Asked(stored_key, fingerprint))
    finally:
        sandbox.running_keys.discard(stored_key)


def _kept(sandbox: Sandbox, stored_key: str, fingerprint: str) -> Reply | None:
    """What was answered under this key in the last 24 hours. Raises ProviderError if something else was asked."""
    kept = sandbox.ledger.answer(stored_key, sandbox.clock.now() - KEY_SECONDS)
    if kept is None:
        return None
    if kept[0] != fingerprint:
        raise ProviderError(
            400,
            "idempotency_error",
            "Keys for idempotent requests can only be used with the same parameters they were first used with.",
        )
    return Reply(kept[1], kept[2], {"Idempotent-Replayed": "true"})


async def _carry_out(
    sandbox: Sandbox,
    request: Request,
    operation: Operation,
    params: Params,
    fault: Fault | None,
    asked: Asked | None = None,
) -> Reply:
    """In one transaction: what was done, and the answer that will be given again."""
    sandbox.known.check(operation.name, params)
    await asyncio.sleep(sandbox.dice.latency_seconds())
    work = sandbox.work(request, request.headers.get("Idempotency-Key"))
    with sandbox.ledger.transaction():
        reply = _execute(work, operation, params, request.path_params.get("id", ""), fault)
        work.write()
        if asked:
            sandbox.ledger.keep_answer(asked.key, asked.fingerprint, reply.status, reply.body, work.now)
    await sandbox.deliver(work.events)
    sandbox.do_later(work)
    return reply


def _execute(work: Work, operation: Operation, params: Params, identifier: str, fault: Fault | None) -> Reply:
    if fault is Fault.ERROR_BEFORE:
        return Reply(500, _FAILURE)
    try:
        reply = Reply(200, to_json(operation.act(work, params, identifier)))
    except ProviderError as error:
        if not error.is_kept:
            raise
        reply = Reply(error.status, to_json(error.body))
    return Reply(500, _FAILURE) if fault is Fault.ERROR_AFTER else reply


def _fingerprint(request: Request, params: Params) -> str:
    return hashlib.sha256(json.dumps([request.scope["path"], params], sort_keys=True).encode()).hexdigest()


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


async def _health(request: Request) -> Response:
    sandbox: Sandbox = request.app.state.sandbox
    return JSONResponse({"status": "ok", "requests": sandbox.requests})


async def _no_route(request: Request) -> Response:
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return JSONResponse({"error": {"type": "invalid_request_error", "message": message}}, 404)


def _listing(name: str, url: str) -> Operation:
    return Operation("GET", url, f"{name}.list", lambda work, params, _: lists.page(work, name, url, params))


def _retrieval(name: str, url: str) -> Operation:
    def act(work: Work, params: Params, identifier: str) -> Resource:
        return work.expanded(work.load(name, identifier), params)

    return Operation("GET", f"{url}/{{id}}", f"{name}.retrieve", act)


_INTENT = "/v1/payment_intents"
_OPERATIONS = [
    Operation("POST", _INTENT, "payment_intent.create", lambda work, params, _: intents.create(work, params)),
    _listing("payment_intent", _INTENT),
    Operation("GET", f"{_INTENT}/search", "payment_intent.search", lambda work, params, _: lists.search(work, params)),
    _retrieval("payment_intent", _INTENT),
    Operation("POST", f"{_INTENT}/{{id}}/confirm", "payment_intent.confirm", intents.confirm),
    Operation("POST", f"{_INTENT}/{{id}}/cancel", "payment_intent.cancel", intents.cancel),
    Operation("POST", f"{_INTENT}/{{id}}/capture", "payment_intent.capture", intents.capture),
    Operation("POST", "/v1/refunds", "refund.create", lambda work, params, _: refunds.create(work, params)),
    *(
        operation(name, f"/v1/{name}s")
        for name in ("refund", "charge", "transfer", "application_fee")
        for operation in (_listing, _retrieval)
    ),
    _listing("event", "/v1/events"),
    Operation("GET", "/v1/balance", "balance.retrieve", lambda work, *_: connect.balance(work)),
    Operation(
        "GET",
        "/v1/balance_transactions/{id}",
        "balance_transaction.retrieve",
        lambda work, _, identifier: connect.balance_transaction(work, identifier),
    ),
]
_PAGES = [
    Route("/sandbox/authenticate/{id}", bank_page.show, methods=["GET"]),
    Route("/sandbox/authenticate/{id}", bank_page.answer, methods=["POST"]),
    Route("/sandbox/faults", controls.faults, methods=["GET", "POST", "DELETE"]),
    Route("/sandbox/clock", controls.clock, methods=["GET", "POST"]),
    Route("/sandbox/fail_refund/{id}", controls.fail_refund, methods=["POST"]),
    Route("/health", _health),
    Route("/{path:path}", _no_route, methods=["GET", "POST", "DELETE"]),
]
