"""What a request's head says, read once per block of header bytes and remembered.

Shoppers' browsers send the same dozen headers again and again; a few values differ from request to request. The keys
are the exact block with an empty cookie and, for who comes from yet another page, empty referrer and condition as well.
Same bytes, same meaning: only blocks that the real parser has accepted as one whole request are remembered, and a value
that is left out holds no byte that the parser could refuse. A page never depends on a cookie or a referrer.
"""

from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakValueDictionary

import httptools

from contracts.tenant import normalise_host
from edge_renderer.request import accepted_encodings

if TYPE_CHECKING:
    from edge_renderer.hit_path import Way

T = TypeVar("T")

MOST_REQUEST_BYTES = 4096
"""Longer ones are not looked at here: the memo holds some thousands of them."""
USUAL_BLOCK_BYTES = 1024
"""What a browser's block without its cookie is below; a memo of so many blocks holds no more than as many of these."""

VERSION = b" HTTP/1.1\r\n"
"""How a first line ends, behind which the block of headers begins."""
COOKIE = b"\r\nCookie: "
# The second spelling is that of proxies which were asked over HTTP/2.
_COOKIES = (COOKIE, b"\r\ncookie: ")
_REFERERS = (b"\r\nReferer: ", b"\r\nreferer: ")
_CONDITIONS = (b"\r\nIf-None-Match: ", b"\r\nif-none-match: ")
NO_COOKIE = COOKIE + b"\r\n"
UNPRINTABLE_TO_ZERO = bytes(byte if 0x20 <= byte < 0x7F else 0 for byte in range(256))
_READING = (b"GET ", b"HEAD ")
# These ask for more than a page: a body, another protocol, or words in between.
_NOT_PLAIN = frozenset((b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"http2-settings"))


class Meaning:
    """Of a block of headers, as far as pages go: whose host, and what encodings. One object for all who ask alike.

    `ways`: what the hit path knows to answer them, by method and target.
    """

    __slots__ = ("__weakref__", "ways")

    def __init__(self) -> None:
        self.ways: dict[bytes, Way] = {}


Asked = tuple[Meaning, bytes]
"""What a request's headers mean, and the value of its If-None-Match (empty: there is none)."""

_NOT_PAGES = Meaning()
_SOMETHING_ELSE: Asked = (_NOT_PAGES, b"")
"""Nothing is known to answer it."""


class Heads:
    """Each memo is bounded to two generations of `most` blocks."""

    def __init__(self, most: int) -> None:
        self.whole: Generations[Asked] = Generations(most)
        """By the block with an empty cookie: the hit path looks here before it asks to `read`."""
        self._less: Generations[Meaning] = Generations(most)
        self._meanings: WeakValueDictionary[tuple[str, frozenset[str]], Meaning] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._less)

    def meaning(self, host: str, encodings: frozenset[str]) -> Meaning:
        """`host` is normalised."""
        known = self._meanings.get((host, encodings))
        if known is None:
            known = self._meanings[host, encodings] = Meaning()
        return known

    def read(self, block: bytes, request: bytes) -> Asked:
        """`block` is what follows the first line in `request`, which should be one head to its empty line, and if it is
        not, means nothing. Nor does what writes: it would be looked at anew each time, for its body is not here."""
        if not request.startswith(_READING):
            return _SOMETHING_ELSE
        whole, _ = _emptied(block, _COOKIES)
        if whole is None:
            return _SOMETHING_ELSE
        known = self.whole.young.get(whole) or self.whole.older(whole)
        if known is not None:
            return known
        less, _ = _emptied(whole, _REFERERS)
        less, condition = _emptied(less, _CONDITIONS) if less is not None else (None, b"")
        if less is None:
            return _SOMETHING_ELSE
        meaning = self._less.young.get(less) or self._less.older(less) or self._learn(less, request, condition)
        if meaning is _NOT_PAGES:
            return _SOMETHING_ELSE
        self.whole.add(whole, (meaning, condition))
        return meaning, condition

    def _learn(self, less: bytes, request: bytes, condition: bytes) -> Meaning:
        """The block has to begin where the headers do: 1. one request is `GET / RTSP/1.1`, an Accept-Encoding, a header
        that ends in ` HTTP/1.1`, and then the block that somebody else sends; 2. what all of it means is remembered of
        the block alone; 3. that somebody is sent what they cannot read."""
        head = _Head()
        if not request[: request.find(b"\n") + 1].endswith(VERSION) or not head.accepts(request):
            return _NOT_PAGES
        host = head.host(condition)
        meaning = _NOT_PAGES if host is None else self.meaning(host, head.encodings())
        self._less.add(less, meaning)
        return meaning


class Generations(Generic[T]):
    """A bounded memo: when the younger generation is full, in blocks or in bytes, the older one is thrown away."""

    __slots__ = ("_most", "_old", "_young_bytes", "young")

    def __init__(self, most: int) -> None:
        self._most = most
        self._old: dict[bytes, T] = {}
        self._young_bytes = 0
        self.young: dict[bytes, T] = {}

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    def add(self, key: bytes, value: T) -> None:
        if len(self.young) >= self._most or self._young_bytes + len(key) > self._most * USUAL_BLOCK_BYTES:
            self._old, self.young, self._young_bytes = self.young, {}, 0
        self.young[key] = value
        self._young_bytes += len(key)

    def older(self, key: bytes) -> T | None:
        """What was asked for again stays for another generation."""
        value = self._old.get(key)
        if value is not None:
            self.add(key, value)
        return value


def _emptied(block: bytes, names: tuple[bytes, bytes]) -> tuple[bytes | None, bytes]:
    """The block with that line's value left out, and the value; without a block if nobody may leave that value out."""
    for name in names:
        before, found, after = block.rpartition(name)
        if found:
            value, _, after = after.partition(b"\r\n")
            is_printable = 0 not in value.translate(UNPRINTABLE_TO_ZERO)
            return (b"%b%b\r\n%b" % (before, name, after) if is_printable else None), value
    return block, b""


class _Head:
    """The real parser's reading of one whole request."""

    def __init__(self) -> None:
        self._parser: Any = None
        """While it reads only: it holds this object too, and what goes in a circle waits for the collector."""
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
        self._parser = httptools.HttpRequestParser(self)
        try:
            self._parser.feed_data(request)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        finally:
            self._parser = None
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
