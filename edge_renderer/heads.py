"""What a request's head says, read once per block of header bytes and remembered.

Shoppers' browsers send the same dozen headers again and again; a few values differ from request to request. The memo's
key is the exact block less those values. Same bytes, same meaning: only blocks that the real parser has accepted as one
whole request are remembered, and a value that is left out holds no byte that the parser could refuse. A page never
depends on a cookie or a referrer, and the condition's value is read each time.
"""

from dataclasses import dataclass

import httptools

from contracts.tenant import normalise_host
from edge_renderer.request import accepted_encodings

MOST_REQUEST_BYTES = 4096
"""Longer ones are not looked at here: the memo holds some thousands of them."""

_VERSION = b" HTTP/1.1\r\n"
_AS_BROWSERS_WRITE = (b"\r\nCookie: ", b"\r\nReferer: ", b"\r\nIf-None-Match: ")
_AS_PROXIES_WRITE = (b"\r\ncookie: ", b"\r\nreferer: ", b"\r\nif-none-match: ")
# What stands in the key where a line was: no accepted block has a line feed alone.
_COOKIE, _REFERER, _CONDITION = b"\ncookie\n", b"\nreferer\n", b"\ncondition\n"
_PRINTABLE = bytes(range(0x20, 0x7F))
# These ask for more than a page: a body, another protocol, or words in between.
_NOT_PLAIN = frozenset((b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"http2-settings"))


@dataclass(frozen=True, slots=True)
class Meaning:
    """Of a block of headers, as far as pages go. `host` is normalised, and empty for what is not a plain question."""

    host: bytes
    encodings: frozenset[str] = frozenset()


Asked = tuple[bytes, Meaning, bytes]
"""Method and target (b"GET /cart"), what the headers mean, and the value of If-None-Match (empty: there is none)."""

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
        """`request`: what came, if it may be one head. None: not one that can be answered by what is remembered."""
        if len(request) > MOST_REQUEST_BYTES:
            return None
        line, _, block = request.partition(_VERSION)
        names = _AS_PROXIES_WRITE if block.startswith(b"host: ") else _AS_BROWSERS_WRITE
        condition = b""
        before, found, after = block.partition(names[0])
        if found:
            value, _, after = after.partition(b"\r\n")
            if value.translate(None, _PRINTABLE):
                return None
            block = _COOKIE.join((before, after))
        before, found, after = block.partition(names[1])
        if found:
            value, _, after = after.partition(b"\r\n")
            if value.translate(None, _PRINTABLE):
                return None
            block = _REFERER.join((before, after))
        before, found, after = block.partition(names[2])
        if found:
            condition, _, after = after.partition(b"\r\n")
            if condition.translate(None, _PRINTABLE):
                return None
            block = _CONDITION.join((before, after))
        meaning = self._young.get(block) or self._read_slowly(request, block, condition)
        return line, meaning, condition

    def _read_slowly(self, request: bytes, block: bytes, condition: bytes) -> Meaning:
        meaning = self._old.get(block)
        if meaning is None:
            head = _Head()
            if not head.accepts(request):
                return _SOMETHING_ELSE
            meaning = head.meaning(condition)
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
        if request.find(b"\r\n\r\n") != len(request) - 4:  # several, or not all of one
            return False
        try:
            self._parser.feed_data(request)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        return self._completed == 1

    def meaning(self, condition: bytes) -> Meaning:
        """`condition`: what was taken for the value of If-None-Match. Other spellings of it go the slow way."""
        names = {name for name, _ in self._headers}
        hosts = [value for name, value in self._headers if name == b"host"]
        host = normalise_host(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
        conditions = [value for name, value in self._headers if name == b"if-none-match"]
        is_plain = self._is_kept_alive and _NOT_PLAIN.isdisjoint(names) and conditions in ([], [condition.strip(b" ")])
        if host is None or not is_plain:
            return _SOMETHING_ELSE
        taken = b", ".join(value for name, value in self._headers if name == b"accept-encoding")
        return Meaning(host.encode(), accepted_encodings(taken.decode("latin-1")))
