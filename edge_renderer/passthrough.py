"""Carts, checkout and orders: the origin's own answers, fetched with a request the edge builds itself.

Nothing of a client's framing goes on: the body is read whole and sent with its length, of the headers only those listed
here, and the tenant is the one whose host it is. What comes back is filtered by a list too, and is nobody else's.
"""

import asyncio
from urllib.parse import quote

import aiohttp
from yarl import URL

from contracts.tenant import Tenant
from edge_renderer.answer import PAGE_POLICY, PRIVATE, SECURITY, Answer, HeaderLine
from edge_renderer.errors import BadRequest, OriginUnavailable
from edge_renderer.metrics import EdgeMetrics
from edge_renderer.origin_reach import OriginReach
from edge_renderer.request import Request
from edge_renderer.settings import EdgeSettings
from edge_renderer.turns import Turns

METHODS = frozenset({"GET", "HEAD", "POST"})

_ASKED = (
    b"accept",
    b"accept-language",
    b"content-type",
    b"cookie",
    b"idempotency-key",
    b"user-agent",
    b"x-requested-with",
)
_ANSWERED = frozenset(
    {
        b"allow",
        b"cache-control",
        b"content-disposition",
        b"content-language",
        b"content-security-policy",
        b"content-type",
        b"idempotent-replayed",
        b"link",
        b"location",
        b"referrer-policy",
        b"refresh",
        b"retry-after",
        b"set-cookie",
        b"vary",
    }
)
_FORBIDDEN_IN_HEADER = frozenset(b"\r\n\0")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def passing_session(settings: EdgeSettings) -> aiohttp.ClientSession:
    """Kept-alive connections to the origin, and nothing added to a request: no cookies, no proxy, no other host."""
    connector = aiohttp.TCPConnector(
        limit=settings.edge_origin_connections, keepalive_timeout=settings.edge_origin_keepalive_seconds
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.edge_connect_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    )


class Passthrough:
    def __init__(
        self,
        session: aiohttp.ClientSession,
        reach: OriginReach,
        turns: Turns,
        metrics: EdgeMetrics,
        settings: EdgeSettings,
    ) -> None:
        self._session = session
        self._reach = reach
        self._turns = turns
        self._metrics = metrics
        self._settings = settings
        self._base = settings.origin_url.rstrip("/")

    async def answer(self, tenant: Tenant, request: Request, request_id: str) -> Answer:
        """Raises BadRequest for a body too large or too slow, Overloaded, and OriginUnavailable.

        Never does a thing twice: only the shopper knows whether to. (A GET may go out again over a new connection if a
        kept one turns out dead.)
        """
        if request.method != "POST" and request.has_body:
            raise BadRequest("Only a POST has a body.")
        body = await self._body(request)
        if self._reach.is_away:
            raise OriginUnavailable("the origin has been silent")
        self._metrics.passed.inc()
        async with self._turns.turn(tenant.store_id):
            try:
                async with asyncio.timeout(self._settings.edge_pass_seconds):
                    return await self._ask(tenant, request, request_id, body)
            except TimeoutError as error:
                self._reach.suspect()
                raise OriginUnavailable(f"the origin took longer than {self._settings.edge_pass_seconds} s") from error
            except aiohttp.ClientError as error:
                raise OriginUnavailable(f"the origin cannot be reached: {type(error).__name__}") from error

    async def _body(self, request: Request) -> bytes:
        try:
            async with asyncio.timeout(self._settings.edge_body_seconds):
                return await read_body(request, self._settings.edge_pass_body_bytes)
        except TimeoutError as error:
            raise BadRequest("The request's body came too slowly.", 408) from error

    async def _ask(self, tenant: Tenant, request: Request, request_id: str, body: bytes) -> Answer:
        """A HEAD asks as GET does: its answer says the length of the body that is then left out."""
        async with self._session.request(
            "GET" if request.is_head else request.method,
            URL(self._base + _spelt(request.target), encoded=True),
            headers=self._headers(tenant, request, request_id),
            data=body or None,
            allow_redirects=False,
        ) as response:
            content = await read_capped(response, self._settings.edge_pass_answer_bytes)
            return Answer(response.status, _answered_headers(response), content)

    def _headers(self, tenant: Tenant, request: Request, request_id: str) -> list[tuple[str, str]]:
        given = {name: request.header(name, b"; " if name == b"cookie" else b", ") for name in _ASKED}
        return [
            *((name.decode(), _as_sent(value)) for name, value in given.items() if value),
            ("accept-encoding", "identity"),
            ("stoa-edge-secret", self._settings.edge_secret),
            ("stoa-store-id", str(tenant.store_id)),
            ("stoa-client-address", request.client_address),
            ("x-request-id", request_id),
        ]


def _spelt(target: str) -> str:
    """As it was sent, but for bytes that are no ASCII, which a request line cannot have."""
    return target if target.isascii() else quote(target.encode("latin-1"), safe=_PRINTABLE)


def _as_sent(value: str) -> str:
    """A header's bytes again once the client has written it as UTF-8; what is none could be read by nobody."""
    return value if value.isascii() else value.encode("latin-1").decode("utf-8", "replace")


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The whole body. Raises BadRequest (413) as soon as it is over the limit, or if the client went away."""
    length = request.header(b"content-length")
    if length.isdigit() and int(length) > limit_bytes:
        raise BadRequest(f"The request's body is over {limit_bytes} bytes.", 413)
    body = b""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("The client went away before its request was complete.")
        chunk: bytes = message.get("body", b"")
        body += chunk
        if len(body) > limit_bytes:
            raise BadRequest(f"The request's body is over {limit_bytes} bytes.", 413)
        if not message.get("more_body", False):
            return body


async def read_capped(response: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    """Raises OriginUnavailable as soon as the body is over the limit, without reading on."""
    length = response.content_length
    if length is not None and length <= limit_bytes:
        return await response.read()
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > limit_bytes:
            response.close()
            raise OriginUnavailable(f"the origin's answer is over {limit_bytes} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _answered_headers(response: aiohttp.ClientResponse) -> list[HeaderLine]:
    headers = [
        (name.lower(), value)
        for name, value in response.raw_headers
        if name.lower() in _ANSWERED and not _FORBIDDEN_IN_HEADER.intersection(value)
    ]
    given = {name for name, _ in headers}
    defaults = [PRIVATE, (b"content-security-policy", PAGE_POLICY), *SECURITY]
    return headers + [(name, value) for name, value in defaults if name not in given]
