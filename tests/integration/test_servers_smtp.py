"""The SMTP sink as a running program: what goes in by SMTP comes out as JSON and on a page."""

import json
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from standalone.command import Command, free_port
from standalone.smtp_sink import KEPT_MESSAGES, Mailbox
from tests.fixtures.servers import running


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    folder = tmp_path_factory.mktemp("sink")
    smtp_port, page_port = free_port(), free_port()
    url = f"http://127.0.0.1:{page_port}"
    argv = (sys.executable, "-m", "standalone.smtp_sink", f"--smtp-port={smtp_port}", f"--page-port={page_port}")
    command = Command("smtp", (*argv, f"--folder={folder / 'mail'}"))

    async def is_ready() -> bool:
        async with httpx.AsyncClient(verify=False) as client:
            try:
                return (await client.get(url + "/health")).status_code == 200
            except httpx.TransportError:
                return False

    with running(command, is_ready, folder):
        yield smtp_port, url


def send(smtp_port: int, to: str, subject: str, text: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "acorn@example.com", to, subject
    message.set_content(text)
    message.add_alternative(f"<p>{text}</p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", smtp_port, timeout=10) as client:
        client.send_message(message)


def test_a_message_comes_out_as_it_went_in_and_the_newest_comes_first(sink: tuple[int, str]) -> None:
    smtp_port, url = sink
    send(smtp_port, "ann@example.com", "Order 1001", "Grüße")
    send(smtp_port, "bob@example.com", "Order 1002", "Thanks")
    messages = httpx.get(url + "/messages.json").json()
    assert [message["subject"] for message in messages[:2]] == ["Order 1002", "Order 1001"]
    (only,) = httpx.get(url + "/messages.json", params={"to": "ANN@example.com"}).json()
    assert only["to"] == ["ann@example.com"]
    assert only["text"].strip() == "Grüße"
    assert only["html"].strip() == "<p>Grüße</p>"
    assert set(only) >= {"to", "subject", "text", "html", "received_at"}


def test_the_page_shows_markup_as_text(sink: tuple[int, str]) -> None:
    smtp_port, url = sink
    send(smtp_port, "eve@example.com", "<script>alert(1)</script>", "<b>x</b>")
    page = httpx.get(url + "/")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_only_the_newest_messages_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT_MESSAGES):
        (tmp_path / f"{number:020d}.json").write_text('{"to": []}')
    Mailbox(tmp_path).add(["ann@example.com"], b"Subject: newest\r\n\r\nhi")
    assert len(list(tmp_path.glob("*.json"))) == KEPT_MESSAGES
    assert not (tmp_path / f"{0:020d}.json").exists()
    assert Mailbox(tmp_path).newest_first("ann@example.com")[0]["subject"] == "newest"


def test_what_cannot_be_read_is_shown_as_it_came(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path)
    mailbox.add(["ann@example.com"], "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nGrüße".encode())
    mailbox.add(["bob@example.com"], b"Content-Type: text/plain; charset=klingon\r\n\r\n\xffqapla")
    for _ in range(2):
        second, first = mailbox.newest_first()
        assert (first["subject"], first["text"]) == ("Grüße", "Grüße")
        assert (second["subject"], second["to"]) == ("", ["bob@example.com"])
        assert "klingon" in second["text"]
        assert "qapla" in second["text"]


def test_messages_of_an_older_release_are_shown(tmp_path: Path) -> None:
    kept = {"to": ["a@b.example"], "subject": "old", "from": "", "text": "t", "html": "", "received_at": "2026-01-01"}
    (tmp_path / f"{1:020d}.json").write_text(json.dumps(kept))
    assert Mailbox(tmp_path).newest_first() == [kept]


def test_a_missing_option_is_a_sentence() -> None:
    done = subprocess.run([sys.executable, "-m", "standalone.smtp_sink"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--smtp-port" in done.stderr
