"""An event loop whose time costs nothing: it jumps to the next thing that is due, and one seed decides every order.

Every callback belongs to a process (by its context), so that a process can be frozen as SIGSTOP does it, in the middle
of anything, or ended; callbacks of nobody are the servers' and the network's.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any

PROCESS: ContextVar["Process | None"] = ContextVar("PROCESS", default=None)
NOBODY = copy_context()
TICK_SECONDS = 0.001
START_SECONDS = 1000.0


class Handle:
    """What asyncio expects of `call_soon` and `call_at`, and no more."""

    __slots__ = ("args", "callback", "context", "is_cancelled", "when_due")

    def __init__(self, callback: Callable[..., Any], args: tuple[Any, ...], context: Context, when_due: float) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.when_due = when_due
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self.when_due


def _given_or_own(context: Context | None) -> Context:
    """Not `context or ...`: a context in which nothing was ever set, as `NOBODY` may be, counts as false."""
    return copy_context() if context is None else context


class Process:
    """What runs in its context stops with it. Its boot clock goes on while it is frozen, and no other host's agrees."""

    def __init__(self, loop: "VirtualLoop", clock_offset: float) -> None:
        self._loop = loop
        self._clock_offset = clock_offset
        self._context = copy_context()
        self._context.run(PROCESS.set, self)
        self.is_frozen = False
        self.is_ended = False
        self.waiting: deque[Handle] = deque()
        self.tasks: dict[asyncio.Task[Any], None] = {}
        """In the order they were made: a set's would be another one each time."""

    def clock(self) -> float:
        return self._loop.now + self._clock_offset

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self._context.copy().run(self._loop.create_task, work)

    def thaw(self) -> None:
        self.is_frozen = False
        self._loop.ready.extend(self.waiting)
        self.waiting.clear()

    def end(self) -> None:
        """As SIGKILL: what its clean-up would still send goes nowhere, because it `is_ended`."""
        self.is_ended = True
        self.thaw()
        for task in list(self.tasks):
            task.cancel()


class VirtualLoop(asyncio.AbstractEventLoop):
    def __init__(self, rng: Random) -> None:
        self.now = START_SECONDS
        self.ready: deque[Handle] = deque()
        self.failures: list[str] = []
        self._due: list[tuple[float, float, int, Handle]] = []
        self._rng = rng
        self._numbers = 0

    def run_until(self, when: float) -> None:
        """Everything that is due by then, ties in an order the seed decides."""
        ready, due = self.ready, self._due
        asyncio._set_running_loop(self)
        try:
            while True:
                while ready:
                    handle = ready.popleft()
                    if not handle.is_cancelled:
                        self._call(handle)
                if not due or due[0][0] > when:
                    break
                handle = heapq.heappop(due)[3]
                if not handle.is_cancelled:
                    self.now = max(self.now, handle.when_due)
                    self._call(handle)
            self.now = max(self.now, when)
        finally:
            asyncio._set_running_loop(None)

    def _call(self, handle: Handle) -> None:
        process = handle.context.get(PROCESS)
        if process is not None and process.is_frozen:
            process.waiting.append(handle)
            return
        try:
            handle.context.run(handle.callback, *handle.args)
        except Exception as error:
            self.failures.append(f"a callback failed: {error!r}")

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:
        handle = Handle(callback, args, _given_or_own(context), self.now)
        self.ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        # On whole ticks, so that things happen at the same moment and have to be told apart by the seed.
        when = -(-when // TICK_SECONDS) * TICK_SECONDS
        handle = Handle(callback, args, _given_or_own(context), when)
        self._numbers += 1
        heapq.heappush(self._due, (when, self._rng.random(), self._numbers, handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=name or "", context=context)
        process = PROCESS.get()
        if process is not None:
            process.tasks[task] = None
            task.add_done_callback(process.tasks.pop)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False
