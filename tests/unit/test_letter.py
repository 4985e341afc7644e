"""What `origin/jobs/letter.py` writes is what the email library reads."""

import email
import email.policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from origin.jobs.letter import Envelope, Letter, seal

SHORT = {"from_name": "Acorn", "sender": "orders@stoa.example", "recipient": "ann@example.com", "reply_to": ""}


def sealed(text: str = "hi", page: str = "<p>hi</p>", **changes: Any) -> Letter:
    return seal(Envelope(**(SHORT | {"more": {"Subject": "Order #1 confirmed"}} | changes)), text, page)


def opened(letter: Letter) -> EmailMessage:
    return email.message_from_bytes(letter.content, _class=EmailMessage, policy=email.policy.default)


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_text_and_page_come_out_as_they_went_in(text: str, page: str) -> None:
    content = sealed(text, page).content
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    message = opened(sealed(text, page))
    for kind, given_text in (("plain", text), ("html", page)):
        whole = given_text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"
        assert part(message, kind) == whole


@given(st.text(st.characters(codec="utf-8"), max_size=255))
def test_a_name_cannot_end_its_header(name: str) -> None:
    message = opened(sealed(from_name=name, reply_to="a@b.example\r\nBcc: eve@example.com"))
    assert set(message.keys()) == {"From", "To", "Reply-To", "Subject", "MIME-Version", "Content-Type"}
    assert message["From"].addresses[0].addr_spec == "orders@stoa.example"
    assert part(message, "plain") == "hi\n"


def test_names_in_all_scripts_are_readable() -> None:
    for name in ("Acorn", 'Acorn "the" shop, Ltd.', "Größe & Söhne", "日本の店"):
        message = opened(sealed(from_name=name))
        assert message["From"].addresses[0].display_name == name
        assert not message.defects
    long = email.message_from_bytes(sealed(from_name="日本の店" * 30).content)["From"]
    assert str(make_header(decode_header(long))) == "日本の店" * 30 + " <orders@stoa.example>"
    assert max(map(len, long.splitlines())) <= 78


def test_an_address_in_another_script_asks_for_a_server_that_knows_it() -> None:
    letter = sealed(recipient="grüße@example.com", reply_to="söhne@example.com")
    assert letter.is_international
    assert "To: grüße@example.com\r\n".encode() in letter.content
    assert b"Reply-To: s\xc3\xb6hne" in letter.content
    plain = sealed(reply_to="söhne@example.com")
    assert not plain.is_international
    assert b"Reply-To" not in plain.content
