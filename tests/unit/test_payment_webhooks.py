"""How the sandbox's events travel to their receiver."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httptools
import pytest
from structlog.testing import capture_logs

from standalone.payment_sandbox.__main__ import read_options
from standalone.payment_sandbox.post_lines import PostLines
from standalone.payment_sandbox.webhooks import WebhookSender
from tests.fixtures.checkout import until

OK_IN_TWO_PIECES = (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"ok")


@dataclass
class Receiver:
    """Gives each question the next of these answers, piece by piece; none: it hangs up. `asked_on`: the number of the
    connection that each question came on, and `questions` what it was."""

    answers: list[tuple[bytes, ...]]
    url: str = ""
    connections: int = 0
    asked_on: list[int] = field(default_factory=list)
    questions: list[bytes] = field(default_factory=list)
    _gone: list[asyncio.Event] = field(default_factory=list)

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number, gone = self.connections, asyncio.Event()
        self._gone.append(gone)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                self.questions.append(head + await reader.readexactly(int(length)))
                self.asked_on.append(number)
                pieces = self.answers.pop(0)
                if not pieces:
                    break
                for piece in pieces[:-1]:
                    writer.write(piece)
                    with suppress(TimeoutError):  # who does not wait for the rest has hung up by then
                        async with asyncio.timeout(0.05):
                            await reader.read(1)
                writer.write(pieces[-1])
        writer.close()
        gone.set()

    async def all_gone(self) -> None:
        await asyncio.gather(*(gone.wait() for gone in self._gone))


@asynccontextmanager
async def receiver(*answers: tuple[bytes, ...]) -> AsyncIterator[Receiver]:
    one = Receiver(list(answers))
    async with await asyncio.start_server(one.receive, "127.0.0.1", 0) as server:
        one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield one
        async with asyncio.timeout(5):
            await one.all_gone()


async def test_events_one_after_the_other_take_one_connection() -> None:
    """Also where an answer comes in two pieces, as servers send it."""
    async with receiver(*[OK_IN_TWO_PIECES] * 3) as one:
        sender = WebhookSender(one.url, "whsec_test")
        for _ in range(3):
            sending = sender.send("{}")
            assert sending is not None
            await sending
        await sender.close()
    assert one.asked_on == [1, 1, 1]


async def test_an_event_is_told_again_until_it_is_taken() -> None:
    async with receiver((), (_answer(500),), (_answer(200),)) as one:
        sender = WebhookSender(f"{one.url}/hook?of=stoa", "whsec_test")
        sending = sender.send('{"a": 1}')
        assert sending is not None
        with capture_logs() as told:
            await sending
        await sender.close()
    assert [line["event"] for line in told] == ["event not delivered", "event not taken"]
    assert one.asked_on == [1, 2, 2], "a connection that ended is not used again"
    for question in one.questions:
        assert question.startswith(b"POST /hook?of=stoa HTTP/1.1\r\nHost: 127.0.0.1:")
        assert question.endswith(b'\r\n\r\n{"a": 1}')


async def test_a_delivery_that_fails_in_any_way_is_told_and_is_not_the_last() -> None:
    async with receiver((_answer(200),)) as one:
        sender = WebhookSender("http://127.0.0.1:99999/", "whsec_test")
        with capture_logs() as told:
            sending = sender.send("{}")
            assert sending is not None
            await until(lambda: told or sending.done())
            sender.url = one.url
            await sending
        await sender.close()
    assert [(line["event"], line["log_level"]) for line in told] == [("event not delivered", "warning")]
    assert "Port out of range" in told[0]["error"]
    assert len(one.questions) == 1


@pytest.mark.parametrize(
    "url",
    [
        "not a url",
        "/stripe/webhook",
        "127.0.0.1:8000/stripe/webhook",
        "ftp://shop.example/hook",
        "http://",
        "http://:8000/hook",
        "http://shop.example:port/hook",
        "http://shop.example:99999/hook",
        "http://shop.example:0/hook",
        "http://[::1/hook",
        "http://shop..example/hook",
        f"http://{'s' * 64}.example/hook",
        "http://user:word@shop.example/hook",
        "http://shop.example/a hook",
        "http://shop.example/hook\nHost: other",
        "http://shop.example/häk",
    ],
)
def test_an_address_that_nothing_can_be_posted_to_is_refused_at_the_start(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        read_options(["--port=1", "--data-dir=payments", f"--webhook-url={url}"])
    assert ended.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == (
        f"payment_sandbox: error: argument --webhook-url: events cannot be posted to {url!r}: "
        "give an address like http://127.0.0.1:8000/stripe/webhook, or none"
    )


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:8000/stripe/webhook", "https://[::1]/hook?of=stoa", "http://a"])
def test_an_address_that_something_can_be_posted_to_is_taken(url: str) -> None:
    assert read_options(["--port=1", "--data-dir=payments", f"--webhook-url={url}"]).webhook_url == url


async def test_no_answer_becomes_that_of_another_question() -> None:
    """One that is none, two at once, and one that came too late: each ends its connection."""
    answers = [(b"hello\r\n\r\n",), (_answer(200) + _answer(202),), (b"HTTP/1.1 200 ",), (_answer(204),)]
    async with receiver(*answers) as one:
        lines = PostLines()
        assert [await _status(lines, one.url) for _ in range(2)] == [None, 200]
        impatient = asyncio.create_task(_status(lines, one.url))
        await until(lambda: len(one.asked_on) == 3)
        impatient.cancel()
        assert await _status(lines, one.url) == 204
        lines.close()
    assert one.asked_on == [1, 2, 3, 4]


async def test_a_connection_that_has_ended_goes_without_the_collector() -> None:
    last = (b"HTTP/1.1 200 So\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",)
    gc.collect()
    gc.disable()
    try:
        async with receiver(*[last] * 20) as one:
            lines = PostLines()
            for _ in range(20):
                assert await lines.post(one.url, b"{}", {}) == 200
        assert one.connections == 20
        parsers = [found for found in gc.get_objects() if isinstance(found, httptools.HttpResponseParser)]
        assert len(parsers) < 5
    finally:
        gc.enable()


async def _status(lines: PostLines, url: str) -> int | None:
    try:
        async with asyncio.timeout(20):
            return await lines.post(url, b"{}", {})
    except OSError:
        return None


def _answer(status: int) -> bytes:
    return f"HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n".encode()
