"""The line to the mail server, kept from one e-mail to the next: to call, to greet and to log in takes longer than most
letters."""

import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

from origin.errors import Unavailable
from origin.jobs.letter import Letter

SMTP_SECONDS = 15.0
IDLE_SECONDS = 5.0
"""After which nothing vouches for a line: a server hangs up on who is silent, and what stands between forgets."""


class _Line(smtplib.SMTP):
    """Knows whether the server may have accepted what was sent last."""

    may_be_accepted = False

    def carry(self, letter: Letter) -> None:
        self.may_be_accepted = False
        options = ["SMTPUTF8", "BODY=8BITMIME"] if letter.is_international else []
        self.sendmail(letter.sender, [letter.recipient], letter.content, options)

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.may_be_accepted = True
        return super().data(msg)

    def hang_up(self) -> None:
        with suppress(OSError, smtplib.SMTPException):
            self.putcmd("quit")
        self.close()


class _SecretLine(_Line, smtplib.SMTP_SSL):
    pass


class Post:
    """`url`: `smtp://[user:password@]host[:port]`, or smtps for TLS from the start. For one thread."""

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        self._parts = urlsplit(url)
        self._clock = clock
        self._line: _Line | None = None
        self._used_at = 0.0

    def send(self, letter: Letter) -> None:
        """Raises Unavailable; the server may have accepted the letter nevertheless.

        A kept line may have come to its end meanwhile. If that shows before the letter was handed over, a new one is
        called, once; if it shows later, nobody can know, and the letter is the caller's to send again.
        """
        self.rest()
        kept, self._line = self._line, None  # until all has gone well
        line = kept or self._call()
        try:
            line.carry(letter)
        except (OSError, smtplib.SMTPException) as error:
            line.hang_up()
            if kept and not line.may_be_accepted:
                return self.send(letter)
            raise _refused(error) from error
        except BaseException:  # the job's time is up
            line.close()
            raise
        self._line, self._used_at = line, self._clock()

    def rest(self) -> None:
        """Ends a line that nobody has used for a while."""
        if self._clock() - self._used_at >= IDLE_SECONDS:
            self.close()

    def close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.hang_up()

    def _call(self) -> _Line:
        host, port = self._parts.hostname or "127.0.0.1", self._parts.port
        try:
            if self._parts.scheme == "smtps":
                return self._known(_SecretLine(host, port or 465, timeout=SMTP_SECONDS, context=_tls()))
            return self._known(_Line(host, port or 25, timeout=SMTP_SECONDS))
        except (OSError, smtplib.SMTPException) as error:
            raise _refused(error) from error

    def _known(self, line: _Line) -> _Line:
        """After log-in, if we are to log in."""
        try:
            if self._parts.username:
                if self._parts.scheme == "smtp":
                    line.starttls(context=_tls())
                line.login(unquote(self._parts.username), unquote(self._parts.password or ""))
        except BaseException:
            line.close()
            raise
        return line


def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _refused(error: Exception) -> Unavailable:
    return Unavailable(f"the mail server did not take the message: {error}")
