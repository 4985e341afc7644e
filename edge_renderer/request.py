"""What the edge reads of a request. Everything else a client sends is not looked at, so it cannot matter."""

import re
from dataclasses import dataclass
from functools import lru_cache

from contracts.tenant import normalise_host
from edge_renderer.asgi import Receive, Scope
from edge_renderer.errors import BadRequest

_CART_TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,200}", re.ASCII)
_OF_ONE_SHOPPER = re.compile(r"/+(orders|checkout|account)/.*", re.ASCII | re.IGNORECASE | re.DOTALL)
_ZERO_QUALITY = re.compile(r";\s*q=0(\.0{0,3})?\s*$")


@dataclass(frozen=True, slots=True)
class Request:
    """`host` is normalised, None if it cannot name a shop; `target` is as it was sent."""

    method: str
    target: str
    host: str | None
    headers: list[tuple[bytes, bytes]]
    client_address: str
    receive: Receive

    @classmethod
    def read(cls, scope: Scope, receive: Receive) -> "Request":
        """Raises BadRequest if it does not name exactly one host."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1:
            raise BadRequest("A request names exactly one host.")
        query: bytes = scope["query_string"]
        target = scope["raw_path"] + b"?" + query if query else scope["raw_path"]
        peer = scope.get("client")
        return cls(
            method=scope["method"],
            target=target.decode("latin-1"),
            host=_host(hosts[0]),
            headers=headers,
            client_address=peer[0] if peer else "",
            receive=receive,
        )

    @property
    def is_head(self) -> bool:
        return self.method == "HEAD"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def header(self, name: bytes, separator: bytes = b", ") -> str:
        """All lines of that name as one; empty if there is none."""
        return separator.join(value for key, value in self.headers if key == name).decode("latin-1")

    @property
    def has_body(self) -> bool:
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in self.headers
        )

    @property
    def cart_token(self) -> str:
        """The value of the cookie `cart` if it can be a token, else empty: such a shopper has no cart yet."""
        for pair in self.header(b"cookie", b"; ").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == "cart":
                return value if _CART_TOKEN.fullmatch(value) else ""
        return ""

    @property
    def encodings(self) -> frozenset[str]:
        """Those of br and gzip that the client takes: never its own text."""
        return accepted_encodings(self.header(b"accept-encoding"))

    @property
    def wants_json(self) -> bool:
        """A script rather than a person looking at a page."""
        accept = self.header(b"accept")
        is_script = "json" in accept or "javascript" in accept or bool(self.header(b"x-requested-with"))
        return self.path.endswith((".js", ".json")) or is_script or "json" in self.header(b"content-type")


@lru_cache(maxsize=4096)
def _host(value: bytes) -> str | None:
    return normalise_host(value.decode("latin-1"))


def logged_path(raw_path: str) -> str:
    """What a log may say of a path: an order's or a checkout's address opens it to whoever reads it there."""
    return _OF_ONE_SHOPPER.sub(r"/\1/...", raw_path)[:200]


@lru_cache(maxsize=1024)
def accepted_encodings(accept_encoding: str) -> frozenset[str]:
    items = accept_encoding.lower().split(",")
    refused = {_name(item) for item in items if _ZERO_QUALITY.search(item)}
    taken = {_name(item) for item in items} - refused
    everything = {"br", "gzip"} if "*" in taken else set()
    return frozenset(((taken & {"br", "gzip"}) | everything) - refused)


def _name(item: str) -> str:
    name = item.partition(";")[0].strip()
    return "gzip" if name == "x-gzip" else name
