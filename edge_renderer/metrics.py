"""What an edge worker counts, as Prometheus reads it. The cache and the follower count in plain numbers of their own;
those are read when somebody asks, so that counting costs the hit path nothing."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge_renderer.errors import Refusal
from edge_renderer.hit_path import HitCounters

_FILL_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0)
_FRESHNESS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
_LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

Gauge = tuple[str, str, Callable[[], float | None]]


class EdgeMetrics:
    """Those the edge's own code counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.answered = Answered()
        self.fill_seconds = Histogram(
            "stoa_edge_fill_seconds", "Time to make a page, origin included", buckets=_FILL_BUCKETS, registry=registry
        )
        self.ask_seconds = Histogram(
            "stoa_edge_ask_seconds", "Time to ask the origin once", buckets=_FILL_BUCKETS, registry=registry
        )
        self.origin_seconds = Counter(
            "stoa_edge_origin_seconds", "Of asking: the origin's own work, as it says itself", registry=registry
        )
        self.database_seconds = Counter(
            "stoa_edge_database_seconds", "Of the origin's work: waiting for PostgreSQL", registry=registry
        )
        self.render_seconds = Histogram(
            "stoa_edge_render_seconds", "Time in a theme or twin", buckets=_FILL_BUCKETS, registry=registry
        )
        self.commit_to_applied_seconds = Histogram(
            "stoa_edge_commit_to_applied_seconds",
            "Freshness: at most how long after a change was committed its pages were marked stale in this worker; "
            "their next reader starts or awaits the new page",
            buckets=_FRESHNESS_BUCKETS,
            registry=registry,
        )
        self.render_failures = Counter("stoa_edge_render_failures", "Pages no theme could make", registry=registry)
        self.refused = Counter("stoa_edge_refused", "Requests refused, by why", ["why"], registry=registry)
        for refusal in Refusal:
            self.refused.labels(refusal)
        self.loop_lag_seconds = Histogram(
            "stoa_edge_loop_lag_seconds", "How late the event loop was", buckets=_LAG_BUCKETS, registry=registry
        )
        self.origin_failures = Counter(
            "stoa_edge_origin_failures", "Answered 503 for want of an origin", registry=registry
        )
        self.passed = Counter("stoa_edge_passed", "Cart and checkout requests passed on", registry=registry)

    def count_answer(self, status: int, body_bytes: int = 0) -> None:
        self.answered.by_class[status // 100] += 1
        self.answered.body_bytes += body_bytes


class Answered:
    """Answers by status class, and the bytes of their bodies."""

    def __init__(self) -> None:
        self.by_class = [0] * 6
        self.body_bytes = 0


class AnswerCollector(Collector):
    """Those of the application and those of the hit path together."""

    def __init__(self, application: Answered, hit_path: HitCounters) -> None:
        self._application = application
        self._hit_path = hit_path

    def collect(self) -> Iterator[Metric]:
        by_class = list(self._application.by_class)
        by_class[2] += self._hit_path.found
        by_class[3] += self._hit_path.unchanged
        answers = CounterMetricFamily("stoa_edge_answers", "Answers by status class", labels=["status"])
        for number in range(1, 6):
            answers.add_metric([f"{number}xx"], by_class[number])
        yield answers
        sent_bytes = self._application.body_bytes + self._hit_path.body_bytes
        yield CounterMetricFamily("stoa_edge_sent_bytes", "Bytes of answers' bodies, as encoded", value=sent_bytes)


class CounterCollector(Collector):
    """A dataclass of plain counts, each as `<prefix>_<field>_total`; `more` is what others have counted of a field."""

    def __init__(self, prefix: str, counters: Any, more: Callable[[], Mapping[str, int]] = dict) -> None:
        self._prefix = prefix
        self._counters = counters
        self._more = more

    def collect(self) -> Iterator[Metric]:
        more = self._more()
        for field in dataclasses.fields(self._counters):
            value = getattr(self._counters, field.name) + more.get(field.name, 0)
            yield CounterMetricFamily(f"{self._prefix}_{field.name}", field.name.replace("_", " "), value=value)


class GaugeCollector(Collector):
    """Values that are looked up when asked for: name, what it is, how to get it (None: not known now)."""

    def __init__(self, gauges: list[Gauge]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        for name, about, read in self._gauges:
            value = read()
            if value is not None:
                yield GaugeMetricFamily(name, about, value=value)
