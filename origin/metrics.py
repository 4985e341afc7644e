"""What an origin counts, as Prometheus reads it, on a loopback port of its own: no shop's host leads there."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from origin.checkout.books import Why


class OriginMetrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._disagreeing = Gauge(
            "stoa_origin_payments_disagreeing",
            "Payments that differ between the provider and our books after the last round",
            ["why"],
            registry=self.registry,
        )
        self._found = Counter(
            "stoa_origin_payments_disagreed",
            "Payments that the reconciler found to differ, each round anew",
            ["why"],
            registry=self.registry,
        )
        self._reconciled_at = Gauge(
            "stoa_origin_reconciled_at_seconds", "When the last round ended, of the epoch", registry=self.registry
        )
        self._refunds_failed = Counter(
            "stoa_origin_refunds_failed",
            "Refunds that the provider had accepted and that failed later: the money did not reach the buyer",
            registry=self.registry,
        )
        self._broken = Gauge(
            "stoa_origin_books_broken",
            "Things that must hold of shops' stock, orders and payments, and did not when last looked at",
            registry=self.registry,
        )
        self._books_at = Gauge(
            "stoa_origin_books_checked_at_seconds", "When a shop's books were last looked at", registry=self.registry
        )
        for why in Why:
            self._found.labels(why)

    def found(self, why: Why) -> None:
        self._found.labels(why).inc()

    def refund_failed(self) -> None:
        self._refunds_failed.inc()

    def has_reconciled(self, left: Mapping[Why, int]) -> None:
        for why in Why:
            self._disagreeing.labels(why).set(left.get(why, 0))
        self._reconciled_at.set_to_current_time()

    def is_not_reconciling(self) -> None:
        """Another origin does, and its numbers count."""
        self._disagreeing.clear()
        self._reconciled_at.set(0)

    def has_checked_books(self, broken: int) -> None:
        self._broken.set(broken)
        self._books_at.set_to_current_time()

    def is_not_checking_books(self) -> None:
        """Another origin does, and its numbers count."""
        self._broken.set(0)
        self._books_at.set(0)


@contextmanager
def ops_server(metrics: OriginMetrics, port: int) -> Iterator[None]:
    """/metrics, from a thread of its own; port 0 serves nothing."""
    if port == 0:
        yield
        return
    server, thread = start_http_server(port, "127.0.0.1", metrics.registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
