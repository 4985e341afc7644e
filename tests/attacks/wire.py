"""An attacker's and a victim's socket: exactly these bytes out, and what came back as answers."""

import gzip
import socket
from dataclasses import dataclass

PATIENCE_SECONDS = 10.0
_CHANGING = frozenset({b"age", b"cache-status", b"connection", b"date", b"x-request-id"})
_STORED_BY_DEFAULT = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})  # RFC 9110, 15.1
_WITHOUT_BODY = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it stood on the wire; header names in lower case."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def header(self, name: bytes) -> bytes:
        """All lines of that name; empty if there is none."""
        return b", ".join(value for key, value in self.headers if key == name)

    @property
    def lasting(self) -> tuple[int, frozenset[tuple[bytes, bytes]], bytes]:
        """What of it a cache would give to the next one who asks."""
        return self.status, frozenset(line for line in self.headers if line[0] not in _CHANGING), self.body

    def assert_is(self, clean: "Answer", *about: object) -> None:
        """That it lasts as `clean` does; else says what differs, with bodies unpacked."""
        assert self.lasting == clean.lasting, "\n".join([f"not the clean answer: {about}", *self._differences(clean)])

    def _differences(self, clean: "Answer") -> list[str]:
        (_, ours, _), (_, theirs, _) = self.lasting, clean.lasting
        return [
            f"status: {self.status}, clean: {clean.status}",
            *(f"only here: {line}" for line in sorted(ours - theirs)),
            *(f"only in the clean one: {line}" for line in sorted(theirs - ours)),
            f"here: {self.text!r}",
            f"clean: {clean.text!r}",
        ]

    @property
    def text(self) -> bytes:
        """The body, unpacked."""
        return gzip.decompress(self.body) if self.header(b"content-encoding") == b"gzip" else self.body

    def says(self, text: bytes) -> bool:
        """In any header or in the body, in any case of letters."""
        everything = b"\n".join([self.body, *(b": ".join(line) for line in self.headers)])
        return text.lower() in everything.lower()

    @property
    def may_be_stored(self) -> bool:
        """By any cache between the edge and a shopper: it is not forbidden, and allowed by its status or by words."""
        says = self.header(b"cache-control")
        is_allowed = self.status in _STORED_BY_DEFAULT or bool(says) or bool(self.header(b"cdn-cache-control"))
        return is_allowed and b"no-store" not in says and b"private" not in says


class Connection:
    """To one edge worker; use it with `with`."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        self.is_closed = False

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *pieces: bytes) -> None:
        """Each piece leaves by itself. A server that has hung up already is for `answer` to find."""
        for piece in pieces:
            try:
                self.socket.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                return

    def ask(self, request: bytes) -> Answer:
        self.send(request)
        answer = self.answer(is_head=request.startswith(b"HEAD "))
        assert answer is not None, f"no answer to {request[:200]!r}"
        return answer

    def answer(self, *, is_head: bool = False) -> Answer | None:
        """The next one; None if the server closes before it begins. Raises TimeoutError if it stays silent."""
        while b"\r\n\r\n" not in self._unread:
            if not self._read():
                assert not self._unread, f"half an answer: {self._unread[:200]!r}"
                return None
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        status_line, *lines = head.split(b"\r\n")
        assert status_line.startswith(b"HTTP/1.1 "), status_line
        pairs = (line.partition(b": ") for line in lines)
        headers = tuple((name.lower(), value) for name, _, value in pairs)
        status = int(status_line[9:12])
        is_empty = is_head or status in _WITHOUT_BODY or status < 200
        return Answer(status, headers, b"" if is_empty else self._body(dict(headers)))

    def answers(self, quiet_seconds: float = PATIENCE_SECONDS) -> list[Answer]:
        """All until the server closes, or says nothing for so long."""
        self.socket.settimeout(quiet_seconds)
        found = []
        try:
            while (answer := self.answer()) is not None:
                found.append(answer)
        except TimeoutError:
            pass
        return found

    def everything(self) -> bytes:
        """What comes until the server closes or patience ends, whatever it is."""
        try:
            while self._read():
                pass
        except TimeoutError:
            pass
        return self._unread

    def _body(self, headers: dict[bytes, bytes]) -> bytes:
        if b"content-length" not in headers:
            while self._read():
                pass
            body, self._unread = self._unread, b""
            return body
        length = int(headers[b"content-length"])
        while len(self._unread) < length:
            assert self._read(), "the server closed within an answer"
        body, self._unread = self._unread[:length], self._unread[length:]
        return body

    def _read(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:  # it closed with bytes of ours unread
            data = b""
        self._unread += data
        self.is_closed = not data
        return bool(data)


def request(
    host: str, target: str | bytes, *lines: bytes, method: bytes = b"GET", body: bytes = b"", version: bytes = b"1.1"
) -> bytes:
    """With these header lines more, and with whatever bytes as its body."""
    path = target if isinstance(target, bytes) else target.encode("latin-1")
    head = [method + b" " + path + b" HTTP/" + version, b"Host: " + host.encode("latin-1"), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body
