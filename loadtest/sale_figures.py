"""What a sale's journal says: how many came, what they waited, what was sold when, and how it ended for them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from loadtest.charts import Points
from loadtest.scenarios.journal import Asked, Ended, Event, Opened

PAGES = ("home", "product page")
BIN_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The product's books at a moment of the machine's monotonic clock."""

    at: float
    available: int
    reserved: int
    sold: int


@dataclass(slots=True)
class Figures:
    """`began`: the machine's monotonic clock when the arrivals did; `opens_at`: seconds from there until the rush."""

    opens_at: float
    began: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)

    def add(self, events: Iterable[Event]) -> None:
        for event in events:
            match event:
                case Asked():
                    self.asked.append(event)
                case Ended():
                    self.ended.append(event)
                case Opened():
                    self.began = event.at

    @property
    def seconds(self) -> float:
        last = [event.at - self.began for event in self.asked] + [at for at, _ in self.books()]
        return max([*last, 1.0])

    def books(self) -> list[tuple[float, Sample]]:
        """From the beginning on, with the seconds since then."""
        return [(it.at - self.began, it) for it in self.samples if it.at >= self.began]

    @property
    def endings(self) -> Counter[str]:
        return Counter(event.ending for event in self.ended)

    @property
    def habits(self) -> Counter[str]:
        return Counter(event.habit for event in self.ended)

    @property
    def waited_in_line(self) -> int:
        return sum(event.waited_in_line for event in self.ended)

    @property
    def late_p99_ms(self) -> float:
        return percentile([event.late_ms for event in self.ended], 0.99)

    def sold_out_at(self) -> float | None:
        """When the last unit had been reserved or sold for good: nothing was left from then on."""
        gone = None
        for at, sample in self.books():
            gone = (at if gone is None else gone) if sample.available <= 0 else None
        return gone

    def arrivals(self) -> Points:
        return self._rate(event.at for event in self.ended)

    def pages(self) -> Points:
        return self._rate(event.at for event in self.of("sale", *PAGES))

    def checkouts(self) -> Points:
        return self._rate(event.at for event in self.of("sale", "checkout"))

    def orders(self) -> Points:
        """A second, from the books themselves."""
        sold: dict[int, int] = {}
        for at, sample in self.books():
            sold[int(at // BIN_SECONDS)] = sample.sold
        before, points = 0, []
        for number in range(int(self.seconds // BIN_SECONDS) + 1):
            now = sold.get(number, before)
            points.append((number * BIN_SECONDS, max(0, now - before) / BIN_SECONDS))
            before = now
        return points

    def of(self, shop: str, *kinds: str, status: int | None = None) -> list[Asked]:
        return [
            event
            for event in self.asked
            if event.shop == shop and (not kinds or event.kind in kinds) and status in (None, event.status)
        ]

    def over_time(self, events: Sequence[Asked], share: float) -> Points:
        """A percentile of each two seconds, in ms, by when the requests were meant to start."""
        bins: dict[int, list[float]] = defaultdict(list)
        for event in events:
            bins[int((event.at - self.began) // BIN_SECONDS)].append(event.ms)
        return [(number * BIN_SECONDS, percentile(bins[number], share)) for number in sorted(bins) if number >= 0]

    def of_others(self, during: Callable[[float], bool]) -> list[float]:
        """Answer times in ms of the other shops' requests that came while `during` (seconds) holds."""
        return [event.ms for event in self.of("other") if during(event.at - self.began)]

    def _rate(self, moments: Iterable[float]) -> Points:
        counted = Counter(int((at - self.began) // BIN_SECONDS) for at in moments)
        return [
            (number * BIN_SECONDS, counted[number] / BIN_SECONDS)
            for number in range(int(self.seconds // BIN_SECONDS) + 1)
        ]


def percentile(values: Sequence[float], share: float) -> float:
    """0.0 of nothing."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))] if ranked else 0.0
