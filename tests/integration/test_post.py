"""One line to the mail server for many letters, and what becomes of a letter when the line breaks at each point."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from origin.errors import Unavailable
from origin.jobs.letter import Letter
from origin.jobs.post import IDLE_SECONDS, Post

LETTER = Letter("orders@stoa.example", "ann@example.com", b"Subject: x\r\n\r\nhi\r\n")


@dataclass
class Desk:
    """A mail server. `breaks`: for each call, the word at which it hangs up or what it says to it; "" for none."""

    breaks: list[str] = field(default_factory=list)
    calls: list[list[str]] = field(default_factory=list)
    letters: int = 0
    port: int = 0

    def answer(self, call: list[str], word: str, number: int) -> str | None:
        """None: hangs up."""
        call.append(word)
        broken = self.breaks[number] if number < len(self.breaks) else ""
        nth = f"{word}{call.count(word)}"
        if broken == nth:
            return None
        if broken == f"{nth}=421":
            return "421 too many letters"
        return {"EHLO": "250 desk", "DATA": "354 go on", "QUIT": "221 bye"}.get(word, "250 fine")


@contextmanager
def desk(*breaks: str) -> Iterator[Desk]:
    kept = Desk(list(breaks))

    class Clerk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            number = len(kept.calls)
            call: list[str] = []
            kept.calls.append(call)
            self.wfile.write(b"220 desk\r\n")
            while line := self.rfile.readline():
                word = line.split()[0].decode().upper()
                if (said := kept.answer(call, word, number)) is None:
                    return
                self.wfile.write(said.encode() + b"\r\n")
                if word == "DATA":
                    while self.rfile.readline() not in (b".\r\n", b""):
                        pass
                    kept.letters += 1
                    if kept.answer(call, "BODY", number) is None:
                        return
                    self.wfile.write(b"250 kept\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Clerk) as server:
        kept.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()


class Now:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@contextmanager
def post_to(server: Desk, now: Now | None = None) -> Iterator[Post]:
    post = Post(f"smtp://127.0.0.1:{server.port}", now or Now())
    try:
        yield post
    finally:
        post.close()


def test_letters_travel_over_one_line() -> None:
    with desk() as server, post_to(server) as post:
        for _ in range(3):
            post.send(LETTER)
        assert server.calls == [["EHLO", *["MAIL", "RCPT", "DATA", "BODY"] * 3]]


@pytest.mark.parametrize("broken", ["MAIL2", "RCPT2", "MAIL2=421"])
def test_a_kept_line_that_has_ended_is_replaced(broken: str) -> None:
    with desk(broken) as server, post_to(server) as post:
        for _ in range(3):
            post.send(LETTER)
        assert (len(server.calls), server.letters) == (2, 3)


@pytest.mark.parametrize("broken", ["DATA2", "BODY2"])
def test_what_may_have_been_accepted_is_not_sent_again_by_itself(broken: str) -> None:
    with desk(broken) as server, post_to(server) as post:
        post.send(LETTER)
        with pytest.raises(Unavailable):
            post.send(LETTER)
        assert len(server.calls) == 1
        post.send(LETTER)  # the job's next try
        assert len(server.calls) == 2


def test_a_line_is_replaced_once() -> None:
    with desk("MAIL2", "MAIL1", "MAIL1") as server, post_to(server) as post:
        post.send(LETTER)
        with pytest.raises(Unavailable):
            post.send(LETTER)
        assert (len(server.calls), server.letters) == (2, 1)


def test_a_new_line_that_breaks_is_the_jobs_to_try_again() -> None:
    with desk("MAIL1") as server, post_to(server) as post:
        with pytest.raises(Unavailable):
            post.send(LETTER)
        assert len(server.calls) == 1


def test_a_line_that_nobody_uses_is_ended() -> None:
    now = Now()
    with desk() as server, post_to(server, now) as post:
        post.send(LETTER)
        now.seconds += IDLE_SECONDS / 2
        post.rest()
        post.send(LETTER)
        now.seconds += IDLE_SECONDS
        post.send(LETTER)
        assert [call.count("BODY") for call in server.calls] == [2, 1]
    assert server.calls[0][-1] == "QUIT"  # nobody waits for that word to be heard, but the desk's end does


def test_a_server_that_is_away_is_unavailable() -> None:
    with desk() as server:
        pass
    with post_to(server) as post, pytest.raises(Unavailable):
        post.send(LETTER)
