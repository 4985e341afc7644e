"""What a request's head says, read once per block of header bytes and remembered.

Shoppers' browsers send the same dozen headers again and again; only a few lines differ from request to request. The
memo's key is the exact block less those lines. Same bytes, same meaning: only blocks that the real parser has accepted
as one whole request are remembered, and the lines that are cut out may neither be folded nor hold a byte that it could
refuse. A page never depends on a cookie or a referrer, and the condition is read from its line each time.
"""

from dataclasses import dataclass

import httptools

from contracts.tenant import normalise_host
from edge_renderer.request import accepted_encodings

MOST_REQUEST_BYTES = 4096
"""Longer ones are not looked at here: the memo holds some thousands of them."""

_VERSION = b" HTTP/1.1\r\n"
# Cut out in this order; the last one's value is the condition. Proxies in front often write the second spelling.
_AS_BROWSERS_WRITE = (b"\r\nCookie: ", b"\r\nReferer: ", b"\r\nIf-None-Match: ")
_AS_PROXIES_WRITE = tuple(name.lower() for name in _AS_BROWSERS_WRITE)
_PRINTABLE = bytes(range(0x20, 0x7F))
# These ask for more than a page: a body, another protocol, or words in between.
_NOT_PLAIN = frozenset((b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"http2-settings"))


@dataclass(frozen=True, slots=True)
class Meaning:
    """Of a block of headers, as far as pages go. `host` is normalised, and empty for what is not a plain question."""

    host: bytes
    encodings: frozenset[str] = frozenset()


Asked = tuple[bool, bytes, Meaning, str]
"""Whether it is a HEAD, the target, what its headers mean, and the value of If-None-Match (empty: there is none)."""

_SOMETHING_ELSE = Meaning(b"")


class Heads:
    """Bounded: two generations of `most` blocks; when the younger is full, the older is thrown away."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._young: dict[bytes, Meaning] = {}
        self._old: dict[bytes, Meaning] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def read(self, request: bytes) -> Asked | None:
        """`request`: one head, from its first byte to its empty line. None if it is not a plain GET or HEAD."""
        end = request.find(_VERSION)
        is_head = request.startswith(b"HEAD /")
        if end < 0 or not (is_head or request.startswith(b"GET /")) or len(request) > MOST_REQUEST_BYTES:
            return None
        block, value = request[end + 9 :], b""
        for name in _AS_PROXIES_WRITE if block.startswith(b"\r\nhost: ") else _AS_BROWSERS_WRITE:
            start, value = block.find(name), b""
            if start >= 0:
                stop = block.find(b"\r\n", start + 2)
                value = block[start + len(name) : stop]
                if not value or value.translate(None, _PRINTABLE) or block[stop + 2] in b" \t":
                    return None
                block = block[:start] + block[stop:]
        meaning = self._young.get(block) or self._read_slowly(request, block)
        return (is_head, request[4 + is_head : end], meaning, value.decode("ascii")) if meaning.host else None

    def _read_slowly(self, request: bytes, block: bytes) -> Meaning:
        meaning = self._old.get(block)
        if meaning is None:
            head = _Head()
            if not head.accepts(request):
                return _SOMETHING_ELSE
            meaning = head.meaning(block)
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        self._young[block] = meaning
        return meaning


class _Head:
    """The real parser's reading of one whole request."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._is_kept_alive = False
        self._completed = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Asked now, for the parser forgets it with the message."""
        self._is_kept_alive = self._parser.should_keep_alive() and self._parser.get_http_version() == "1.1"

    def on_message_complete(self) -> None:
        self._completed += 1

    def accepts(self, request: bytes) -> bool:
        try:
            self._parser.feed_data(request)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        return self._completed == 1

    def meaning(self, block: bytes) -> Meaning:
        """`block`: what is left of the headers. A condition that is still in it is not written as it usually is."""
        names = [name for name, _ in self._headers]
        hosts = [value for name, value in self._headers if name == b"host"]
        host = normalise_host(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
        is_plain = host is not None and self._is_kept_alive and _NOT_PLAIN.isdisjoint(names)
        if host is None or not is_plain or b"if-none-match" in block.lower():
            return _SOMETHING_ELSE
        taken = b", ".join(value for name, value in self._headers if name == b"accept-encoding")
        return Meaning(host.encode(), accepted_encodings(taken.decode("latin-1")))
