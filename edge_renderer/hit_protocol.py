"""Where the hit path meets the socket: plain hits are answered as their bytes arrive, the rest goes to uvicorn.

Only between two requests: while uvicorn reads one, or the application answers one, everything is theirs, in order.
"""

from typing import Any, ClassVar

from edge_renderer.hit_path import HitPath
from edge_renderer.protocol import BoundedProtocol


class HitProtocol(BoundedProtocol):
    """Of one worker: `listening` gives it its hit path."""

    hit_path: ClassVar[HitPath]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._path = self.hit_path  # found sooner here than in the class
        self._is_quiet = False
        """Nothing has gone to uvicorn, and no time has run out, since this was seen to be between two requests."""

    def data_received(self, data: bytes) -> None:
        """What comes is most often one request; several at once are taken apart only when it is not."""
        if self._is_quiet or self._becomes_quiet():
            answer = self._path.answer(data, self.server_state.default_headers)
            if answer is not None:
                self.transport.writelines(answer)
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
        if self._is_quiet and self.timeout_keep_alive_task is None:
            self._stop_head_timer()
            self._set_idle_timer()
        return self._is_quiet

    def _answer_first(self, data: bytes) -> bytes:
        """Answers those of several requests that are hits and stand before all others; returns what is left."""
        start = 0
        while start < len(data) and self._is_quiet:
            end = data.find(b"\r\n\r\n", start) + 4
            if end < 4 or (start == 0 and end == len(data)):
                break
            answer = self._path.answer(data[start:end], self.server_state.default_headers)
            if answer is None:
                break
            self.transport.writelines(answer)
            start = end
        return data[start:]

    def _set_idle_timer(self) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Closes what has been idle since it was last looked at: after one to two times the timer's length. A timer set
        anew for each hit would be a tenth of its cost."""
        if self._is_quiet:
            self._is_quiet = False
            self._set_idle_timer()
        else:
            super().timeout_keep_alive_handler()
