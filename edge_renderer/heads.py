"""What a request's head says, read once per block of header bytes and remembered.

Shoppers' browsers send the same dozen headers again and again; a few values differ from request to request. The memo's
key is the exact block less those values. Same bytes, same meaning: only blocks that the real parser has accepted as one
whole request are remembered, and a value that is left out holds no byte that the parser could refuse. A page never
depends on a cookie or a referrer, and the condition's value is read each time.
"""

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import httptools

from contracts.tenant import normalise_host
from edge_renderer.request import accepted_encodings

if TYPE_CHECKING:
    from edge_renderer.hit_path import Way

MOST_REQUEST_BYTES = 4096
"""Longer ones are not looked at here: the memo holds some thousands of them."""

# The second spelling is that of proxies which were asked over HTTP/2.
_COOKIE, _REFERER, _CONDITION = b"\r\nCookie: ", b"\r\nReferer: ", b"\r\nIf-None-Match: "
_COOKIE_2, _REFERER_2, _CONDITION_2 = b"\r\ncookie: ", b"\r\nreferer: ", b"\r\nif-none-match: "
# What stands in the key where a line was, ends of lines included: no accepted block has a zero byte.
_NO_COOKIE, _NO_REFERER, _NO_CONDITION = b"\r\n\0cookie\r\n", b"\r\n\0referer\r\n", b"\r\n\0condition\r\n"
_PRINTABLE = bytes(range(0x20, 0x7F))
# These ask for more than a page: a body, another protocol, or words in between.
_NOT_PLAIN = frozenset((b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"http2-settings"))


class Meaning:
    """Of a block of headers, as far as pages go: whose host, and what encodings. One object for all who ask alike.

    `ways`: what the hit path knows to answer them, by method and target.
    """

    __slots__ = ("__weakref__", "ways")

    def __init__(self) -> None:
        self.ways: dict[bytes, Way] = {}


_SOMETHING_ELSE = Meaning()
"""Nothing is known to answer it."""


class Heads:
    """Bounded: two generations of `most` blocks; when the younger is full, the older is thrown away."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._young: dict[bytes, Meaning] = {}
        self._old: dict[bytes, Meaning] = {}
        self._meanings: WeakValueDictionary[tuple[str, frozenset[str]], Meaning] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def meaning(self, host: str, encodings: frozenset[str]) -> Meaning:
        """`host` is normalised."""
        known = self._meanings.get((host, encodings))
        if known is None:
            known = self._meanings[host, encodings] = Meaning()
        return known

    def read(self, block: bytes, request: bytes) -> tuple[Meaning, bytes] | None:
        """What a request's headers mean, and the value of its If-None-Match; None if that cannot be told from memory.

        `block` is what follows the first line in `request`, which should be one head to its empty line, and if it is
        not, means nothing.
        """
        condition, spelt = b"", _REFERER
        before, found, after = block.partition(_COOKIE)
        if not found:
            before, found, after = block.partition(_COOKIE_2)
            spelt = _REFERER_2 if found else _REFERER
        if found:
            value, _, after = after.partition(b"\r\n")
            if value.translate(None, _PRINTABLE):
                return None
            block = _NO_COOKIE.join((before, after))
        before, found, after = block.partition(spelt)
        if found:
            value, _, after = after.partition(b"\r\n")
            if value.translate(None, _PRINTABLE):
                return None
            block = _NO_REFERER.join((before, after))
        before, found, after = block.partition(_CONDITION if spelt is _REFERER else _CONDITION_2)
        if found:
            condition, _, after = after.partition(b"\r\n")
            if condition.translate(None, _PRINTABLE):
                return None
            block = _NO_CONDITION.join((before, after))
        return self._young.get(block) or self._read_slowly(block, request, condition), condition

    def _read_slowly(self, block: bytes, request: bytes, condition: bytes) -> Meaning:
        meaning = self._old.get(block)
        if meaning is None:
            head = _Head()
            if not head.accepts(request):
                return _SOMETHING_ELSE
            host, encodings = head.host(condition), head.encodings()
            meaning = _SOMETHING_ELSE if host is None else self.meaning(host, encodings)
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

    def host(self, condition: bytes) -> str | None:
        """Normalised; None if it is not a plain question of one host, with `condition` as its only If-None-Match."""
        names = {name for name, _ in self._headers}
        conditions = self._values(b"if-none-match")
        hosts = self._values(b"host")
        is_plain = self._is_kept_alive and _NOT_PLAIN.isdisjoint(names) and conditions in ([], [condition.strip(b" ")])
        return normalise_host(hosts[0].decode("latin-1")) if is_plain and len(hosts) == 1 else None

    def encodings(self) -> frozenset[str]:
        return accepted_encodings(b", ".join(self._values(b"accept-encoding")).decode("latin-1"))

    def _values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self._headers if key == name]
