"""When the buyers of a flash sale come: some, then within seconds a hundred times as many, then fewer. Drawn
beforehand, so that a shop that is slow gets its buyers all the same."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

RUSH_TIMES = 100


@dataclass(frozen=True, slots=True)
class Crowd:
    """`buyers` over `seconds`: a sixth of the time as on any day, then up to RUSH_TIMES that within `ramp_seconds`,
    held for a quarter of the time, and ebbing away to a tenth of it."""

    buyers: int
    seconds: float
    ramp_seconds: float = 3.0

    @property
    def opens_at(self) -> float:
        return self.seconds / 6

    def intensity(self, at: float) -> float:
        """Relative to any day's."""
        full = self.opens_at + self.ramp_seconds
        ebb = full + self.seconds / 4
        if at < self.opens_at:
            return 1.0
        if at < full:
            return 1 + (RUSH_TIMES - 1) * (at - self.opens_at) / self.ramp_seconds
        if at < ebb:
            return float(RUSH_TIMES)
        return RUSH_TIMES * math.pow(0.1, min(1.0, (at - ebb) / max(self.seconds - ebb, 1e-9)))

    def arrivals(self, seed: int) -> list[float]:
        """Seconds from the start, ascending: one for each buyer."""
        step = 0.05
        weights = [self.intensity((number + 0.5) * step) for number in range(math.ceil(self.seconds / step))]
        chance = Random(seed)  # noqa: S311  a schedule, not a secret
        drawn = chance.choices(range(len(weights)), weights, k=self.buyers)
        return sorted((slot + chance.random()) * step for slot in drawn)


def steady(per_s: float, seconds: float, seed: int) -> Iterator[float]:
    """A day like any other: Poisson."""
    chance, at = Random(seed), 0.0  # noqa: S311  a schedule, not a secret
    while (at := at + chance.expovariate(per_s)) < seconds:
        yield at
