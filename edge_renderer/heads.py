"""What a request's head says, read once per block of header bytes and remembered.

Shoppers' browsers send the same dozen headers again and again; a few values differ from request to request. The keys
are the exact block less its cookies and, for who comes from yet another page, less referrer and condition as well. Same
bytes, same meaning: only blocks that the real parser has accepted as one whole request are remembered, and a value that
is left out holds no byte that the parser could refuse. A page never depends on a cookie or a referrer.
"""

from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakValueDictionary

import httptools

from contracts.tenant import normalise_host
from edge_renderer.request import accepted_encodings

if TYPE_CHECKING:
    from edge_renderer.hit_path import Way

T = TypeVar("T")

MOST_REQUEST_BYTES = 4096
"""Longer ones are not looked at here: the memo holds some thousands of them."""

# The second spelling is that of proxies which were asked over HTTP/2.
_COOKIE, _COOKIE_2 = b"\r\nCookie: ", b"\r\ncookie: "
_REFERERS = (b"\r\nReferer: ", b"\r\nreferer: ")
_CONDITIONS = (b"\r\nIf-None-Match: ", b"\r\nif-none-match: ")
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


Asked = tuple[Meaning, bytes]
"""What a request's headers mean, and the value of its If-None-Match (empty: there is none)."""


class Heads:
    """Each memo is bounded to two generations of `most` blocks."""

    def __init__(self, most: int) -> None:
        self._whole: Generations[Asked] = Generations(most)
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

    def read(self, block: bytes, request: bytes) -> Asked | None:
        """None if it cannot be told here.

        `block` is what follows the first line in `request`, which should be one head to its empty line, and if it is
        not, means nothing.
        """
        before, found, after = block.partition(_COOKIE)
        if not found:
            before, found, after = block.partition(_COOKIE_2)
        if found:
            value, _, after = after.partition(b"\r\n")
            if value.translate(None, _PRINTABLE):
                return None
            block = _NO_COOKIE.join((before, after))
        return self._whole.young.get(block) or self._read_less(block, request)

    def _read_less(self, block: bytes, request: bytes) -> Asked | None:
        known = self._whole.older(block)
        if known is not None:
            return known
        less, _ = _cut(block, _REFERERS, _NO_REFERER)
        less, condition = _cut(less, _CONDITIONS, _NO_CONDITION) if less is not None else (None, b"")
        if less is None:
            return None
        meaning = self._less.young.get(less) or self._less.older(less) or self._learn(less, request, condition)
        known = meaning, condition
        if meaning is not _SOMETHING_ELSE:
            self._whole.add(block, known)
        return known

    def _learn(self, less: bytes, request: bytes, condition: bytes) -> Meaning:
        head = _Head()
        if not head.accepts(request):
            return _SOMETHING_ELSE
        host = head.host(condition)
        meaning = _SOMETHING_ELSE if host is None else self.meaning(host, head.encodings())
        self._less.add(less, meaning)
        return meaning


class Generations(Generic[T]):
    """A bounded memo: when the younger generation is full, the older one is thrown away."""

    __slots__ = ("_most", "_old", "young")

    def __init__(self, most: int) -> None:
        self._most = most
        self._old: dict[bytes, T] = {}
        self.young: dict[bytes, T] = {}

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    def add(self, key: bytes, value: T) -> None:
        if len(self.young) >= self._most:
            self._old, self.young = self.young, {}
        self.young[key] = value

    def older(self, key: bytes) -> T | None:
        """What was asked for again stays for another generation."""
        value = self._old.get(key)
        if value is not None:
            self.add(key, value)
        return value


def _cut(block: bytes, names: tuple[bytes, bytes], mark: bytes) -> tuple[bytes | None, bytes]:
    """The block with a mark for the line, and the line's value; without a block if nobody may leave that value out."""
    for name in names:
        before, found, after = block.partition(name)
        if found:
            value, _, after = after.partition(b"\r\n")
            return (None if value.translate(None, _PRINTABLE) else mark.join((before, after))), value
    return block, b""


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
