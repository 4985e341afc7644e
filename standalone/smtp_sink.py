"""The post office of one machine: takes every e-mail, delivers none, shows them on a page and as JSON.

Messages are files, so they outlive a restart; only the newest are kept.
"""

import argparse
import asyncio
import email
import email.policy
import html
import json
import time
from collections import deque
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from typing import Any

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from contracts import niceness

KEPT_MESSAGES = 1_000
KEYS = {"to", "subject", "from", "text", "html", "received_at"}
SEALED_KEYS = {"to", "content", "received_at"}
MESSAGE_BYTES = 10 * 1024 * 1024
PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}


class Mailbox:
    """A folder of messages, newest last by name. Each is kept as it came and read when somebody looks: most are looked
    at by nobody, and to take a message apart costs more than to take it in."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        for half in folder.glob("*.new"):  # of a crash
            half.unlink(missing_ok=True)
        self._paths = deque(sorted(folder.glob("*.json")))
        self._opened: dict[Path, dict[str, Any]] = {}

    def add(self, recipients: list[str], content: bytes) -> None:
        received_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        # In latin-1 every byte is one character, and comes out as it went in.
        sealed = {"to": recipients, "received_at": received_at, "content": content.decode("latin-1")}
        path = self._folder / f"{time.time_ns():020d}.json"
        aside = path.with_suffix(".new")
        aside.write_text(json.dumps(sealed), encoding="utf-8")
        aside.replace(path)  # as a whole: who reads sees all of it or nothing
        self._paths.append(path)
        while len(self._paths) > KEPT_MESSAGES:
            old = self._paths.popleft()
            old.unlink(missing_ok=True)
            self._opened.pop(old, None)

    def newest_first(self, recipient: str = "") -> list[dict[str, Any]]:
        """`recipient` keeps only the messages to that address, in any case of letters."""
        wanted = recipient.lower()
        found = ((path, self._opened.get(path) or _read(path)) for path in reversed(tuple(self._paths)))
        return [
            self._open(path, record)
            for path, record in found
            if record and (not wanted or wanted in [to.lower() for to in record["to"]])
        ]

    def _open(self, path: Path, record: dict[str, Any]) -> dict[str, Any]:
        if "content" in record:
            record = self._opened[path] = _unsealed(record)
        return record


def _read(path: Path) -> dict[str, Any] | None:
    """None for a file that is gone by now or no message: a damaged one must not hide the others. What an older release
    has kept is open already."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_message = isinstance(record, dict) and (record.keys() >= KEYS or record.keys() >= SEALED_KEYS)
    return record if is_message else None


def _unsealed(record: dict[str, Any]) -> dict[str, Any]:
    content = record["content"].encode("latin-1")
    message = email.message_from_bytes(content)
    try:
        shown = {
            "subject": _header(message, "Subject"),
            "from": _header(message, "From"),
            "text": _part(message, "plain"),
            "html": _part(message, "html"),
        }
    except (LookupError, ValueError, TypeError, AttributeError):  # what it says of itself is not so: as it came, then
        shown = {"subject": "", "from": "", "text": content.decode("utf-8", "replace"), "html": ""}
    return {"to": record["to"], **shown, "received_at": record["received_at"]}


def _header(message: Message, name: str) -> str:
    return str(email.policy.default.header_factory(name, str(message.get(name, ""))))


def _part(message: Message, kind: str) -> str:
    for part in message.walk():
        if part.get_content_type() == f"text/{kind}" and part.get_content_disposition() != "attachment":
            body = part.get_payload(decode=True)
            return body.decode(part.get_content_charset("utf-8"), "replace") if isinstance(body, bytes) else ""
    return ""


class SinkHandler:
    """What aiosmtpd calls for each message."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content or b""
        try:
            self._mailbox.add(list(envelope.rcpt_tos), content if isinstance(content, bytes) else content.encode())
        except OSError as error:  # a full disk: the sender keeps it and tries again
            return f"452 {error.strerror}"
        return "250 Kept"


def make_app(mailbox: Mailbox) -> Starlette:
    def page(request: Request) -> Response:
        records = mailbox.newest_first(request.query_params.get("to", ""))
        return HTMLResponse(_page(records), headers=PAGE_HEADERS)

    def messages(request: Request) -> Response:
        return JSONResponse(mailbox.newest_first(request.query_params.get("to", "")))

    def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(routes=[Route("/", page), Route("/messages.json", messages), Route("/health", health)])


def _page(records: list[dict[str, Any]]) -> str:
    style = (
        "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}"
        ":root{color-scheme:light dark}"
        "article{border-top:1px solid #8886;padding:1rem 0}pre{white-space:pre-wrap;overflow-wrap:anywhere}"
        "h2{font-size:1.1rem;margin:0}p{margin:.2rem 0;opacity:.75}"
    )
    articles = (
        "".join(_article(record) for record in records) or "<p>No e-mail yet. What the shops send lands here.</p>"
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Mail</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{style}</style><h1>Mail</h1>{articles}</html>"
    )


def _article(record: dict[str, Any]) -> str:
    subject, recipients = html.escape(record["subject"]), html.escape(", ".join(record["to"]))
    text = html.escape(record["text"] or record["html"])
    when = html.escape(record["received_at"])
    return f"<article><h2>{subject}</h2><p>to {recipients}, {when}</p><pre>{text}</pre></article>"


async def run(host: str, smtp_port: int, page_port: int, folder: Path) -> None:
    """Until SIGTERM or SIGINT, which uvicorn turns into a return."""
    mailbox = Mailbox(folder)
    handler = SinkHandler(mailbox)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, data_size_limit=MESSAGE_BYTES, enable_SMTPUTF8=True), host, smtp_port
    )
    config = uvicorn.Config(make_app(mailbox), host=host, port=page_port, log_level="warning", access_log=False)
    async with server:
        await uvicorn.Server(config).serve()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m standalone.smtp_sink", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--page-port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    niceness.add_option(parser)
    options = parser.parse_args()
    niceness.step_back(options.niceness)
    asyncio.run(run(options.host, options.smtp_port, options.page_port, options.folder))


if __name__ == "__main__":
    main()
