"""/health and /metrics, on a loopback port of their own: no shop's host leads here."""

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from edge_renderer.answer import NEVER_STORED, Answer
from edge_renderer.asgi import Receive, Scope, Send
from edge_renderer.twins import JSON_TYPE, encode_json

Health = Callable[[], dict[str, object]]


class OpsApp:
    """`health` says in plain values what this worker knows of itself. It is alive if it answers at all: an edge whose
    state server, cache or origin is down serves on, and must not be restarted for it."""

    def __init__(self, registry: CollectorRegistry, health: Health) -> None:
        self._registry = registry
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_head = scope["method"] == "HEAD"
        await self._answer(scope["path"], scope["method"]).send(send, is_head=is_head, extra=[])

    def _answer(self, path: str, method: str) -> Answer:
        if method not in {"GET", "HEAD"}:
            return Answer(405, [(b"allow", b"GET, HEAD")])
        if path == "/health":
            body = encode_json({"status": "ok", **self._health()})
            return Answer(200, [(b"content-type", JSON_TYPE.encode()), NEVER_STORED], body)
        if path == "/metrics":
            content_type = CONTENT_TYPE_LATEST.encode()
            return Answer(200, [(b"content-type", content_type), NEVER_STORED], generate_latest(self._registry))
        return Answer(404, [NEVER_STORED])
