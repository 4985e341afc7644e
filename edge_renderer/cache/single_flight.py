"""One piece of work per key at a time in this process; everybody who wants it waits for the same one.

The work belongs to nobody who waits: a shopper who hangs up cancels only their own waiting. A failure is told to those
who waited and then forgotten.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_SAID_AGAIN_SECONDS = 0.5


class SingleFlight(Generic[T]):
    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Task[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def is_flying(self, key: str) -> bool:
        """1. a flight ends; 2. before its landing is heard of, somebody asks: what it brought may be old, as when the
        process was frozen meanwhile, so it is over for them."""
        flight = self._flights.get(key)
        return flight is not None and not flight.done()

    async def run(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of the flight under way, or of a new one."""
        return await asyncio.shield(self.start(key, work))

    def start(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """Starts a flight unless one is under way; nobody has to wait for it."""
        if self.is_flying(key):
            return self._flights[key]
        flight = self._flights[key] = asyncio.create_task(work())
        flight.add_done_callback(lambda done: self._land(key, done))
        return flight

    async def close(self) -> None:
        """Cancels what is under way and waits until it is gone. Said again to what goes on: a client library whose own
        time-out ends at that moment takes the one for the other."""
        while flights := list(self._flights.values()):
            for flight in flights:
                flight.cancel()
            await asyncio.wait(flights, timeout=_SAID_AGAIN_SECONDS)
            await asyncio.sleep(0)  # those that have ended leave with the next turn of the loop

    def _land(self, key: str, flight: asyncio.Task[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # looked at, so that asyncio does not report a failure that no one waited for
