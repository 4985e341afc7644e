"""The edge as an ASGI application: reads the request, gives it an id, turns failures into apologies, and says so in the
log. Answers that are quick and well are not logged: at a hit's cost, a line would be half of it."""

import itertools
import secrets
import time
from typing import Any

import structlog

from contracts.page import BadTarget
from edge_renderer.answer import Answer
from edge_renderer.apologies import Apologies, plain_page
from edge_renderer.asgi import Receive, Scope, Send
from edge_renderer.errors import BadRequest, EdgeError
from edge_renderer.metrics import EdgeMetrics
from edge_renderer.request import Request, logged_path
from edge_renderer.serve import Shopfront

log: Any = structlog.get_logger("edge")


class Front:
    def __init__(self, shopfront: Shopfront, apologies: Apologies, metrics: EdgeMetrics, slow_seconds: float) -> None:
        self._shopfront = shopfront
        self._apologies = apologies
        self._metrics = metrics
        self._slow_seconds = slow_seconds
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        request_id = f"{self._prefix}-{next(self._numbers):x}"
        answer = await self._answer(scope, receive, request_id)
        is_head = scope["method"] == "HEAD"
        self._metrics.count_answer(answer.status, 0 if is_head else len(answer.body))
        extra = [] if answer.is_hit else [(b"x-request-id", request_id.encode())]
        await answer.send(send, is_head=is_head, extra=extra)
        seconds = time.perf_counter() - began
        if seconds > self._slow_seconds:
            log.warning("slow", seconds=round(seconds, 3), **_described(scope, answer.status, request_id))

    async def _answer(self, scope: Scope, receive: Receive, request_id: str) -> Answer:
        try:
            request = Request.read(scope, receive)
        except BadRequest as error:
            return plain_page(error.status, "That request cannot be answered", str(error))
        try:
            return await self._shopfront.answer(request, request_id)
        except (BadRequest, BadTarget) as error:
            return self._apologies.bad_request(request, error)
        except EdgeError as error:
            return self._apologies.unavailable(None, request, request_id, error)
        except Exception:
            log.exception("failed", **_described(scope, 500, request_id))
            return plain_page(500, "Something went wrong", f"Please try again. Reference: {request_id}.")


def _described(scope: Scope, status: int, request_id: str) -> dict[str, Any]:
    path = logged_path(scope["raw_path"].decode("latin-1"))
    return {"status": status, "method": scope["method"], "path": path, "request_id": request_id}
