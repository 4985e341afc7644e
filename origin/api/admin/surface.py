"""What every admin answer has in common, as the outermost ASGI layer: limits, request id, version, HEAD.

Header names are sent in the exact case that existing clients look for: one of them looks its limits up in a plain dict.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from origin.api.admin.buckets import Buckets

DEFAULT_VERSION = "2024-10"
_VERSIONED = re.compile(r"/admin/api/(\d{4}-\d{2}|unstable)/")
_CREDENTIALS = (b"x-stoa-access-token", b"x-shopify-access-token", b"authorization")


class ExactCase(bytes):
    """A header name that stays as it is spelled: uvicorn sends `name.lower()`."""

    def lower(self) -> "ExactCase":
        return self


_CALL_LIMITS = (ExactCase(b"X-Stoa-Shop-Api-Call-Limit"), ExactCase(b"X-Shopify-Shop-Api-Call-Limit"))
_VERSIONS = (ExactCase(b"X-Stoa-API-Version"), ExactCase(b"X-Shopify-API-Version"))


class AdminSurface:
    def __init__(
        self,
        app: ASGIApp,
        bucket_size: int,
        leak_per_second: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._app = app
        self._buckets = Buckets(bucket_size, leak_per_second, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/admin/"):
            await self._app(scope, receive, send)
            return
        used, wait_seconds = self._buckets.pour(_client(scope))
        headers = self._headers(scope, used)
        is_head = scope["method"] == "HEAD"

        async def send_dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        if wait_seconds:
            await self._refuse(send_dressed, wait_seconds)
            return
        # A HEAD is the GET whose body stays here; its Content-Length is the GET's.
        await self._app({**scope, "method": "GET"} if is_head else scope, receive, send_dressed)

    def _headers(self, scope: Scope, used: int) -> list[tuple[bytes, bytes]]:
        limit = f"{used}/{self._buckets.size}".encode()
        match = _VERSIONED.match(scope["path"])
        version = (match[1] if match else DEFAULT_VERSION).encode()
        return [
            *((name, limit) for name in _CALL_LIMITS),
            *((name, version) for name in _VERSIONS),
            (ExactCase(b"X-Request-Id"), secrets.token_hex(16).encode()),
            (b"Cache-Control", b"no-store"),
        ]

    async def _refuse(self, send: Send, wait_seconds: float) -> None:
        rate = f"{self._buckets.leak_per_second:g}"
        text = f"Exceeded {rate} calls per second for api client. Reduce request rates to resume uninterrupted service."
        body = json.dumps({"errors": text}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"Retry-After", f"{max(wait_seconds, 0.1):.1f}".encode()),
        ]
        await send({"type": "http.response.start", "status": 429, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _client(scope: Scope) -> bytes:
    """Whoever presents the same credential; without one, whoever calls from the same address."""
    presented = [value for name, value in scope["headers"] if name in _CREDENTIALS]
    if not presented:
        presented = [str((scope.get("client") or ("",))[0]).encode()]
    return hashlib.blake2b(b"\n".join(presented), digest_size=16).digest()
