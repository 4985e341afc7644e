"""Requests that can be read in more than one way, and how the edge reads each: refused, or as exactly these requests.

Every case ends with LAST, a whole request that closes the connection: a reader who took it for a part of something else
gives itself away. The bytes are our own; the ideas are those of the literature on request smuggling.
"""

from dataclasses import dataclass

HOST = b"acorn.example.com"
_H = b"Host: " + HOST + b"\r\n"
_POST = b"POST /cart/add.js HTTP/1.1\r\n" + _H + b"Content-Type: text/plain\r\n"
_GET = b"GET /cart.js?first HTTP/1.1\r\n" + _H
SMUGGLED = b"GET /cart.js?smuggled HTTP/1.1\r\n" + _H + b"\r\n"
LAST = b"GET /cart.js?last HTTP/1.1\r\n" + _H + b"Connection: close\r\n\r\n"
_CHUNKED = b"5\r\nhello\r\n0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Case:
    """`seen`: what the origin is asked, as "METHOD target body"; beside those the client gets one answer if it is
    refused, and none if the edge waits for the rest of a request."""

    name: str
    raw: bytes
    seen: tuple[str, ...]
    is_refused: bool = True
    waits: bool = False


_HELLO = "POST /cart/add.js hello"
_LAST = "GET /cart.js?last "


def _refused(name: str, raw: bytes, *seen: str) -> Case:
    return Case(name, raw + LAST, seen)


def _read(name: str, raw: bytes, *seen: str) -> Case:
    return Case(name, raw + LAST, (*seen, _LAST), is_refused=False)


def _te(name: str, line: bytes) -> Case:
    return _refused(f"s3 {name}", _POST + line + b"\r\n\r\n" + _CHUNKED)


def _cl(name: str, value: bytes) -> Case:
    return _refused(f"s4 {name}", _POST + b"Content-Length:" + value + b"\r\n\r\nhello")


def _chunks(name: str, chunks: bytes) -> Case:
    return _refused(f"s5 {name}", _POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)


CASES = (
    _read("plain body", _POST + b"Content-Length: 5\r\n\r\nhello", _HELLO),
    _read("plain chunks", _POST + b"Transfer-Encoding: chunked\r\n\r\n" + _CHUNKED, _HELLO),
    _read("chunked in capitals", _POST + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n" + _CHUNKED, _HELLO),
    _read("two in a row", _POST + b"Content-Length: 5\r\n\r\nhello" + SMUGGLED, _HELLO, "GET /cart.js?smuggled "),
    # S1, S2: two lengths
    _refused("s1 cl.te", _POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX"),
    _refused(
        "s1 cl.te hides a request",
        _POST + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(SMUGGLED)) + SMUGGLED,
    ),
    _refused("s2 te.cl", _POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n" + _CHUNKED),
    _refused(
        "s2 te.cl hides a request",
        _POST
        + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n%x\r\n" % len(SMUGGLED)
        + SMUGGLED
        + b"\r\n0\r\n\r\n",
    ),
    # S3: what is nearly chunked
    _te("xchunked", b"Transfer-Encoding: xchunked"),
    _te("chunked, identity", b"Transfer-Encoding: chunked, identity"),
    _te("identity", b"Transfer-Encoding: identity"),
    _te("identity and a length", b"Transfer-Encoding: identity\r\nContent-Length: 5"),
    _te("two lines", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x"),
    _te("two lines, the other first", b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked"),
    _te("twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    _te("twice in a line", b"Transfer-Encoding: chunked, chunked"),
    _te("vertical tab before", b"Transfer-Encoding: \x0bchunked"),
    _te("vertical tab after", b"Transfer-Encoding: chunked\x0b"),
    _te("space before the colon", b"Transfer-Encoding : chunked"),
    _te("folded", b"Transfer-Encoding:\r\n chunked"),
    _te("folded with a tab", b"Transfer-Encoding:\r\n\tchunked"),
    _te("folded into another", b"X: y\r\n Transfer-Encoding: chunked"),
    _te("quoted", b'Transfer-Encoding: "chunked"'),
    _te("parameter", b"Transfer-Encoding: chunked;q=1"),
    _te("comma before", b"Transfer-Encoding: ,chunked"),
    _te("comma after", b"Transfer-Encoding: chunked,"),
    _te("null", b"Transfer-Encoding: chunked\x00"),
    _te("gzip, chunked", b"Transfer-Encoding: gzip, chunked"),
    _te("bare return", b"X: y\rTransfer-Encoding: chunked"),
    _te("bare newline", b"X: y\nTransfer-Encoding: chunked"),
    _te("empty", b"Transfer-Encoding:"),
    _te("latin", b"Transfer-Encoding: chunke\xc4"),
    # S4: lengths
    _cl("two that differ", b" 5\r\nContent-Length: 6"),
    _cl("two alike", b" 5\r\nContent-Length: 5"),
    _cl("a list", b" 5, 5"),
    _cl("negative", b" -5"),
    _cl("plus", b" +5"),
    _cl("hex", b" 0x5"),
    _cl("letters", b" 5a"),
    _cl("two words", b" 5 5"),
    _cl("vertical tab", b" \x0b5"),
    _cl("empty", b""),
    _cl("underscore", b" 0_5"),
    _cl("fraction", b" 5.0"),
    _cl("over 64 bits", b" 18446744073709551621"),
    _cl("folded", b"\r\n 5"),
    _cl("quoted", b' "5"'),
    _refused("s4 space before the colon", _POST + b"Content-Length : 5\r\n\r\nhello"),
    # S5: chunks and line ends
    _chunks("negative size", b"-5\r\nhello\r\n0\r\n\r\n"),
    _chunks("plus", b"+5\r\nhello\r\n0\r\n\r\n"),
    _chunks("0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    _chunks("space before", b" 5\r\nhello\r\n0\r\n\r\n"),
    _chunks("overflow", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    _chunks("long overflow", b"f" * 40 + b"\r\nhello\r\n0\r\n\r\n"),
    _chunks("more data than said", b"5\r\nhello!\r\n0\r\n\r\n"),
    _chunks("no end of data", b"5\r\nhello0\r\n\r\n"),
    _chunks("size ended by a newline", b"5\nhello\r\n0\r\n\r\n"),
    _chunks("data ended by a newline", b"5\r\nhello\n0\r\n\r\n"),
    _chunks("size ended by a return", b"5\rhello\r\n0\r\n\r\n"),
    _chunks("newline in an extension", b"5;a\nhello\r\n0\r\n\r\n"),
    _chunks("junk for a size", b"hello\r\n0\r\n\r\n"),
    _chunks("no size", b"\r\nhello\r\n0\r\n\r\n"),
    _chunks("underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
    _refused("s5 a bare newline ends a line", b"GET /cart.js?first HTTP/1.1\n" + _H + b"\r\n"),
    _refused("s5 bare newlines end the head", _GET + b"X: y\n\n"),
    _refused("s5 a bare return in a value", _GET + b"X: y\rz\r\n\r\n"),
    _refused("s5 a bare return ends the head", _GET + b"X: y\r\r\n\r\n"),
    _refused("s5 null in a value", _GET + b"X: y\x00z\r\n\r\n"),
    _refused("s5 null in a name", _GET + b"X\x00: y\r\n\r\n"),
    _refused("s5 no colon", _GET + b"nothing\r\n\r\n"),
    _refused("s5 no name", _GET + b": y\r\n\r\n"),
    _refused("s5 the first line is folded", b"GET /cart.js?first HTTP/1.1\r\n X: y\r\n" + _H + b"\r\n"),
    _refused("s5 a space in the target", b"GET /cart.js?fi rst HTTP/1.1\r\n" + _H + b"\r\n"),
    # S6 to S8
    Case(
        "s6 a get with a body that is a request",
        _GET + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED + LAST,
        (_LAST,),
    ),
    _refused("s7 chunks in http/1.0", _POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + _CHUNKED),
    _refused(
        "s7 http/1.0 keep-alive and chunks",
        _POST.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + _CHUNKED,
    ),
    _refused("s7 http/2.0", _GET.replace(b"1.1", b"2.0") + b"\r\n"),
    _refused("s7 http/0.9", b"GET /cart.js?first\r\n"),
    _refused("s7 http/1.", _GET.replace(b"1.1", b"1.") + b"\r\n"),
    _refused("s7 http/01.1", _GET.replace(b"1.1", b"01.1") + b"\r\n"),
    _refused("s7 http in small letters", _GET.replace(b"HTTP", b"http") + b"\r\n"),
    _read(
        "s8 no body and a request behind it",
        _POST + b"Content-Length: 0\r\n\r\n" + SMUGGLED,
        "POST /cart/add.js ",
        "GET /cart.js?smuggled ",
    ),
    _read(
        "s8 a body that is a request",
        _POST + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
        "POST /cart/add.js " + SMUGGLED.decode(),
    ),
    Case(
        "s8 a length that takes the next request in",
        _POST + b"Content-Length: 500\r\n\r\n" + LAST,
        (),
        is_refused=False,
        waits=True,
    ),
    Case(
        "s8 a chunk that takes the next request in",
        _POST + b"Transfer-Encoding: chunked\r\n\r\n1f4\r\n" + LAST,
        (),
        is_refused=False,
        waits=True,
    ),
    # two hosts
    Case("host twice", _GET + b"Host: birch.example.com\r\n\r\n" + LAST, (_LAST,)),
    _refused("host in the target and another", _GET.replace(b"/cart", b"http://birch.example.com/cart") + b"\r\n"),
    Case("no host", b"GET /cart.js?first HTTP/1.1\r\n\r\n" + LAST, (_LAST,)),
)
