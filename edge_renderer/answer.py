"""An answer as the edge sends it, and the headers every answer has."""

from dataclasses import dataclass, field

from edge_renderer.asgi import Send

HeaderLine = tuple[bytes, bytes]

PAGE_POLICY = (
    b"default-src 'self'; img-src 'self' https: data:; style-src 'self' 'unsafe-inline'; script-src 'self'; "
    b"object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
# An uploaded SVG opened by itself must not run: no scripts, no plug-ins, an origin of its own.
FILE_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; sandbox"

SECURITY: tuple[HeaderLine, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), browsing-topics=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
PRIVATE: HeaderLine = (b"cache-control", b"private, no-store")
NEVER_STORED: HeaderLine = (b"cache-control", b"no-store")


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` without Content-Length, which is the body's; an answer without body (304) has none."""

    status: int
    headers: list[HeaderLine] = field(default_factory=list)
    body: bytes = b""
    is_hit: bool = False
    """From memory, as the hit path answers too: nothing is ever logged of it, so it carries no request id."""

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key == name), None)

    def lines(self) -> list[HeaderLine]:
        """All header lines; also to a HEAD, so that its length is still said."""
        return self.headers if self.status == 304 else [*self.headers, (b"content-length", b"%d" % len(self.body))]

    async def send(self, send: Send, *, is_head: bool, extra: list[HeaderLine]) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": [*self.lines(), *extra]})
        await send({"type": "http.response.body", "body": b"" if is_head else self.body})


def secured(content_type: str, *headers: HeaderLine, policy: bytes = PAGE_POLICY) -> list[HeaderLine]:
    return [
        (b"content-type", content_type.encode()),
        *headers,
        (b"content-security-policy", policy),
        *SECURITY,
    ]
