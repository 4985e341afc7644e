"""The network between one process and one server: what arrives, when, and what the caller is told about it.

A caller that gives up does not undo what it sent: the server may do it a moment later, or may have done it already.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from random import Random
from typing import Any

from tests.model.virtual_time import NOBODY, PROCESS, VirtualLoop


class Fault(StrEnum):
    NONE = "none"
    REFUSED = "refused"
    """Nobody listens there."""
    DEAF = "deaf"
    """Nothing comes through in either direction, and nobody says so."""
    LOSES_REPLIES = "loses replies"
    """What is asked is done; then the connection breaks."""
    SLOW = "slow"


class Server:
    """A place where requests arrive. Frozen, it does what it was asked when it thaws."""

    def __init__(self) -> None:
        self.is_frozen = False
        self.asked: dict[asyncio.Future[Any], Callable[[], None]] = {}
        """What is under way here, and how its caller begins to lose patience."""
        self._waiting: list[Callable[[], None]] = []

    def freeze(self) -> None:
        self.is_frozen = True
        for lose_patience in self.asked.values():
            lose_patience()

    def arrive(self, request: Callable[[], None]) -> None:
        if self.is_frozen:
            self._waiting.append(request)
        else:
            request()

    def thaw(self) -> None:
        self.is_frozen = False
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            request()


class WireError(Exception):
    """The caller knows no more than that there is no answer."""


class Wire:
    """`late_seconds`: how long a tenth of what is sent may take on its way while all is well."""

    def __init__(
        self, loop: VirtualLoop, rng: Random, server: Server, answer_seconds: float, late_seconds: float
    ) -> None:
        self._loop = loop
        self._rng = rng
        self._server = server
        self._answer_seconds = answer_seconds
        self._late_seconds = late_seconds
        self.fault = Fault.NONE
        self.slow_seconds = 0.0

    def heal(self) -> None:
        self.fault = Fault.NONE

    def latency(self) -> float:
        """One way. Mostly next to nothing; sometimes enough for anything to come between."""
        rng = self._rng
        if self.fault is Fault.SLOW:
            return rng.random() * self.slow_seconds
        kind = rng.random()
        return 0.0 if kind < 0.5 else rng.random() * (0.003 if kind < 0.9 else self._late_seconds)

    async def ask(self, work: Callable[[], Any], *, wait_seconds: float = 0.0) -> Any:
        """What `work` gives at the server, or the exception it raises there. Raises WireError."""
        return await self.ask_later(lambda answer: answer(work), wait_seconds)

    async def ask_later(
        self, work: Callable[[Callable[[Callable[[], Any]], None]], None], wait_seconds: float = 0.0
    ) -> Any:
        """`work` is given a function to call when the server has come to an answer."""
        process = PROCESS.get()
        if process is not None and process.is_ended:
            raise WireError("sent by nobody")
        asked: asyncio.Future[Any] = self._loop.create_future()
        if self.fault is Fault.REFUSED:
            self._in(0.001, _fail, asked, "refused")
        elif self.fault is Fault.DEAF:
            self._in(self._answer_seconds + wait_seconds, _fail, asked, "no answer")
        else:
            self._in(self.latency(), self._server.arrive, lambda: work(lambda compute: self._reply(asked, compute)))
            lose_patience = partial(self._in, self._answer_seconds + wait_seconds, _fail, asked, "too late")
            if self.fault is Fault.NONE and not self._server.is_frozen:
                return await self._soon(asked, lose_patience)
            lose_patience()
        return await asked

    async def _soon(self, asked: asyncio.Future[Any], lose_patience: Callable[[], None]) -> Any:
        """Without trouble nobody needs a time-out, and most of what there is to do would be time-outs."""
        self._server.asked[asked] = lose_patience
        try:
            return await asked
        finally:
            del self._server.asked[asked]

    def _reply(self, asked: asyncio.Future[Any], compute: Callable[[], Any]) -> None:
        try:
            answer = compute()
        except Exception as error:
            self._in(self.latency(), _raise, asked, error)
            return
        if self.fault is Fault.NONE or self.fault is Fault.SLOW:
            self._in(self.latency(), _succeed, asked, answer)
        else:
            self._in(0.001 if self.fault is Fault.LOSES_REPLIES else self._answer_seconds, _fail, asked, "cut")

    def _in(self, delay: float, callback: Callable[..., Any], *args: Any) -> None:
        if delay:
            self._loop.call_later(delay, callback, *args, context=NOBODY)
        else:
            self._loop.call_soon(callback, *args, context=NOBODY)


def _succeed(asked: asyncio.Future[Any], answer: Any) -> None:
    if not asked.done():
        asked.set_result(answer)


def _fail(asked: asyncio.Future[Any], why: str) -> None:
    if not asked.done():
        asked.set_exception(WireError(why))


def _raise(asked: asyncio.Future[Any], error: Exception) -> None:
    if not asked.done():
        asked.set_exception(error)
