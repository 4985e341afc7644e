"""An e-mail as the bytes that travel: few headers, a text and the same as a page.

Written with the email library's older half (`email.mime`): its newer one takes each header apart by the grammar before
it writes it, which cost more than all else a confirmation takes.
"""

import secrets
from dataclasses import dataclass
from email.charset import QP, Charset
from email.header import Header
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import formataddr
from typing import Any

_POLICY = compat32.clone(linesep="\r\n")
_LONGEST_LINE = 900  # a server may refuse more than 998 letters
_UTF8: Any = Charset("utf-8")
_UTF8.body_encoding = QP  # the library would take base64, which nobody can read as it is


@dataclass(frozen=True, slots=True)
class Letter:
    """`content` has CRLF line ends. A `recipient` in other letters than ASCII's needs a server that knows SMTPUTF8."""

    sender: str
    recipient: str
    content: bytes

    @property
    def is_international(self) -> bool:
        return not self.recipient.isascii()


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the headers say. `more`: by name; their values are ours, and ASCII."""

    from_name: str
    sender: str
    recipient: str
    reply_to: str
    more: dict[str, str]


def seal(envelope: Envelope, text: str, page: str) -> Letter:
    """What others have written (names, addresses) cannot end its header."""
    recipient, reply_to = _in_one_line(envelope.recipient), _in_one_line(envelope.reply_to)
    # A boundary of ours: the library looks for one that is in neither part, and this one cannot be guessed.
    message: Message[Any, Any] = MIMEMultipart("alternative", boundary=f"stoa-{secrets.token_hex(12)}", policy=_POLICY)
    message["From"] = _named(_in_one_line(envelope.from_name), envelope.sender)
    message["To"] = _as_it_is(recipient)
    if reply_to and (reply_to.isascii() or not recipient.isascii()):
        message["Reply-To"] = _as_it_is(reply_to)
    for name, value in envelope.more.items():
        message[name] = value
    message.attach(_part(text, "plain"))
    message.attach(_part(page, "html"))
    return Letter(envelope.sender, recipient, message.as_bytes())


def _named(name: str, address: str) -> Header | str:
    """Names in other letters than ASCII's as encoded words, over as many lines as they need."""
    if name.isascii():
        return formataddr((name, address))
    header = Header(name, "utf-8", header_name="From")
    header.append(f"<{address}>", "us-ascii")
    return header


def _as_it_is(address: str) -> str:
    """The library writes such letters (PEP 383) as the bytes they stand for."""
    return address.encode().decode("ascii", "surrogateescape")


def _part(content: str, kind: str) -> MIMEText:
    lines = content.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"
    is_plain = lines.isascii() and all(len(line) <= _LONGEST_LINE for line in lines.split("\n"))
    return MIMEText(lines, kind, "us-ascii" if is_plain else _UTF8, policy=_POLICY)


def _in_one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
