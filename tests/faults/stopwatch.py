"""Seconds that what runs in a test's event loop is answerable for, such as the platforms of the matrix. While that loop
does not come round at all, nothing in it can be quick.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_STEP_SECONDS = 0.01
_STALL_SECONDS = 0.02
"""A loop that is late by less is merely busy, and its platforms have to do with that."""


class Stopwatch:
    """Stands still while the loop does. What a platform waits for (a time-out, a pause, a server) runs in full."""

    def __init__(self) -> None:
        self.stalled_seconds = 0.0
        self._step_began = time.monotonic()

    def __call__(self) -> float:
        """Also to who is woken after a stall before `run` is."""
        return time.monotonic() - self.stalled_seconds - self._late_seconds()

    async def run(self) -> None:
        while True:
            self._step_began = time.monotonic()
            await asyncio.sleep(_STEP_SECONDS)
            self.stalled_seconds += self._late_seconds()

    def _late_seconds(self) -> float:
        late = time.monotonic() - self._step_began - _STEP_SECONDS
        return late if late > _STALL_SECONDS else 0.0


@asynccontextmanager
async def running_stopwatch() -> AsyncIterator[Stopwatch]:
    stopwatch = Stopwatch()
    running = asyncio.create_task(stopwatch.run())
    try:
        yield stopwatch
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
