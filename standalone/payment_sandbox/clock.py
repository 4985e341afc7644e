"""The sandbox's own time: the machine's, and as much later as somebody has asked for."""

import time
from dataclasses import dataclass


@dataclass(slots=True)
class Clock:
    ahead_seconds: float = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_seconds
