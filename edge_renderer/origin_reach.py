"""Whether the origin answers at all. When it is silent, a page must not wait for a time-out of its own to learn it.

A question that went unanswered is no proof, for one page may be slow by itself. So the origin is asked for its health;
while it does not say a word to that, it counts as away, and it is looked for again and again until it answers.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger()

PATIENCE_SECONDS = 1.0
"""For the first look's answer, before the origin counts as away. Later looks may take as long as any question may."""


class OriginReach:
    """`look` asks the origin something small and returns whether it answered, in bounded time."""

    def __init__(self, look: Callable[[], Awaitable[bool]], look_seconds: float) -> None:
        self._look = look
        self._look_seconds = look_seconds
        self._watching: asyncio.Task[None] | None = None
        self.is_away = False

    def suspect(self) -> None:
        """A question was not answered in time."""
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _watch(self) -> None:
        """Looks overlap: one that got lost must not keep us from seeing that the origin is back."""
        has_answered = asyncio.Event()
        looks: set[asyncio.Task[None]] = set()
        wait_seconds = PATIENCE_SECONDS
        try:
            while not await _is_set_within(has_answered, wait_seconds, looks, self._look):
                if not self.is_away:
                    log.warning("the origin does not answer; pages are served unverified")
                self.is_away, wait_seconds = True, self._look_seconds
        finally:
            if self.is_away:
                log.info("the origin answers again")
            self.is_away = False
            for look in looks:
                look.cancel()


async def _is_set_within(
    answered: asyncio.Event, seconds: float, looks: set[asyncio.Task[None]], look: Callable[[], Awaitable[bool]]
) -> bool:
    async def look_once() -> None:
        if await look():
            answered.set()

    task = asyncio.create_task(look_once())
    looks.add(task)
    task.add_done_callback(looks.discard)
    try:
        async with asyncio.timeout(seconds):
            return await answered.wait()
    except TimeoutError:
        return False
