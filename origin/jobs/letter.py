"""An e-mail as the bytes that travel: few headers, a text and the same as a page."""

from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8


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
    is_international = not recipient.isascii()
    message = EmailMessage(policy=SMTPUTF8 if is_international else SMTP)
    message["From"] = Address(_in_one_line(envelope.from_name), addr_spec=envelope.sender)
    message["To"] = recipient
    if reply_to and (reply_to.isascii() or is_international):
        message["Reply-To"] = reply_to
    for name, value in envelope.more.items():
        message[name] = value
    message.set_content(text)
    message.add_alternative(page, subtype="html")
    return Letter(envelope.sender, recipient, message.as_bytes())


def _in_one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
