"""Where the hit path meets the socket: plain hits are answered as their bytes arrive, the rest goes to uvicorn.

Only between two requests: while uvicorn reads one, or the application answers one, everything is theirs, in order.
"""

import asyncio
from typing import Any, ClassVar

from edge_renderer.hit_path import HitPath
from edge_renderer.protocol import BoundedProtocol


class HitProtocol(BoundedProtocol):
    """Of one worker: `listening` gives it its hit path."""

    hit_path: ClassVar[HitPath]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_quiet = False
        """Nothing has gone to uvicorn since it was between two requests."""
        self._hits = 0
        self._hits_when_set = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._write = self.transport.writelines

    def data_received(self, data: bytes) -> None:
        """What comes is most often one request; several at once are taken apart only when it is not."""
        if self._is_quiet or self._becomes_quiet():
            answer = self.hit_path.answer(data, self.server_state.default_headers)
            if answer is not None:
                self._write(answer)
                self._hits += 1
                if self.timeout_keep_alive_task is None:
                    self._set_first_timer()
                return
            data = self._answer_first(data)
            if not data:
                return
            self._is_quiet = False
        super().data_received(data)

    def pause_writing(self) -> None:
        """Who does not read the answers has to wait for more in uvicorn's queue, which then reads no further."""
        self._is_quiet = False
        super().pause_writing()

    def _becomes_quiet(self) -> bool:
        self._is_quiet = self.is_between_requests and not self.flow.write_paused
        return self._is_quiet

    def _answer_first(self, data: bytes) -> bytes:
        """Answers those of several requests that are hits and stand before all others; returns what is left."""
        start = 0
        while start < len(data) and self._is_quiet:
            end = data.find(b"\r\n\r\n", start) + 4
            if end < 4 or (start == 0 and end == len(data)):
                break
            answer = self.hit_path.answer(data[start:end], self.server_state.default_headers)
            if answer is None:
                break
            self._write(answer)
            self._hits += 1
            start = end
        if start and self.timeout_keep_alive_task is None:
            self._set_first_timer()
        return data[start:]

    def _set_first_timer(self) -> None:
        """Timers are not set anew for each hit: that would be a tenth of its cost."""
        self._stop_head_timer()
        self._set_idle_timer()

    def _set_idle_timer(self) -> None:
        self._hits_when_set = self._hits
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Closes what has been idle since the timer was set; that is after one to two times its length."""
        if self._hits == self._hits_when_set:
            super().timeout_keep_alive_handler()
        else:
            self._set_idle_timer()
