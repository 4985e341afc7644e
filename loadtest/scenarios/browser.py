"""What a buyer asks with: requests to one shop over connections that all buyers share, each timed from the moment it
was meant to start, and told to locust and to whoever else listens to its `request` event."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

from geventhttpclient import HTTPClient
from locust.env import Environment

HEADERS = {
    "Accept": "text/html,application/xhtml+xml,application/json;q=0.9",
    "Accept-Encoding": "identity",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """`status` 0: no answer came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        try:
            read = json.loads(self.body)
        except ValueError:
            return {}
        return read if isinstance(read, dict) else {}

    def retry_after(self, otherwise: float) -> float:
        said = self.headers.get("retry-after", "")
        return float(said) if said.isdigit() else otherwise


class Browser:
    def __init__(self, environment: Environment, connections: HTTPClient, host: str, shop: str) -> None:
        """`shop`: whose figures these are, the sale's or the others'."""
        self.cookies: dict[str, str] = {}
        self._environment = environment
        self._connections = connections
        self._host = host
        self._shop = shop

    def get(self, path: str, name: str, intended: float | None = None) -> Reply:
        return self._ask("GET", path, name, None, {}, intended)

    def post(self, path: str, name: str, body: Mapping[str, Any], key: str = "") -> Reply:
        more = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        return self._ask("POST", path, name, json.dumps(body).encode(), more, None)

    def _ask(
        self, method: str, path: str, name: str, body: bytes | None, more: Mapping[str, str], intended: float | None
    ) -> Reply:
        began = time.monotonic() if intended is None else intended
        cookie = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
        headers = HEADERS | {"Host": self._host} | dict(more) | ({"Cookie": cookie} if cookie else {})
        failure: Exception | None = None
        try:
            answer = self._connections.request(method, path, body=body or b"", headers=headers)
            received = [(str(name).lower(), str(value)) for name, value in answer.headers]
            reply = Reply(answer.status_code, dict(received), bytes(answer.read()))
            self._remember(value for name, value in received if name == "set-cookie")
        except OSError as error:  # a refused, reset or silent connection
            failure, reply = error, Reply(0, {}, b"")
        if reply.status >= 500:
            failure = RuntimeError(f"status {reply.status}")
        self._environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type=method,
            name=f"{self._shop}: {name}",
            response_time=(time.monotonic() - began) * 1000,
            response_length=len(reply.body),
            exception=failure,
            context={"shop": self._shop, "kind": name, "began": began, "status": reply.status},
        )
        return reply

    def _remember(self, cookies: Iterable[str]) -> None:
        for cookie in cookies:
            for key, morsel in SimpleCookie(cookie).items():
                self.cookies[key] = morsel.value
