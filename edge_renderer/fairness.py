"""What keeps one shop's rush out of the others' way, as one worker has it: the limits, the costs, and who asks them."""

from collections.abc import Callable
from dataclasses import dataclass

from edge_renderer.admission import Admission
from edge_renderer.budgets import Buckets
from edge_renderer.costs import Costs
from edge_renderer.metrics import Gauge
from edge_renderer.precedence import LaneLimits, Precedence
from edge_renderer.settings import EdgeSettings
from edge_renderer.shedding import Shedder
from edge_renderer.turns import Turns


@dataclass(frozen=True, slots=True)
class Fairness:
    hosts: Turns
    fills: Turns
    carts: Turns
    checkouts: Turns
    costs: Costs
    shedder: Shedder
    admission: Admission
    precedence: Precedence

    def gauges(self) -> list[Gauge]:
        return [
            ("stoa_edge_hosts_running", "Unknown hosts being asked about", lambda: self.hosts.running),
            (
                "stoa_edge_hosts_waiting",
                "Unknown hosts that wait for a turn to be asked about",
                lambda: self.hosts.waiting,
            ),
            ("stoa_edge_fills_running", "Pages being made", lambda: self.fills.running),
            ("stoa_edge_fills_waiting", "Pages that wait for a turn to be made", lambda: self.fills.waiting),
            ("stoa_edge_carts_running", "Cart requests being passed on", lambda: self.carts.running),
            ("stoa_edge_carts_waiting", "Cart requests that wait for a turn", lambda: self.carts.waiting),
            ("stoa_edge_checkouts_running", "Checkout requests being passed on", lambda: self.checkouts.running),
            ("stoa_edge_checkouts_waiting", "Checkout requests that wait for a turn", lambda: self.checkouts.waiting),
            ("stoa_edge_lanes", "Shops that step behind smaller ones", lambda: len(self.precedence)),
            (
                "stoa_edge_shed_level",
                "Part of the work beyond hits to be refused now, 0 to 1",
                lambda: self.shedder.level,
            ),
        ]


def fairness_of(settings: EdgeSettings, clock: Callable[[], float]) -> Fairness:
    costs = Costs()
    shedder = Shedder(costs, settings.edge_late_seconds)
    fills = Buckets(settings.edge_tenant_fills_per_second, settings.edge_tenant_fills_burst, clock)
    carts = Buckets(settings.edge_tenant_passes_per_second, settings.edge_tenant_passes_burst, clock)
    checkouts = Buckets(settings.edge_tenant_checkouts_per_second, settings.edge_tenant_checkouts_burst, clock)
    patience = settings.edge_wait_seconds, settings.edge_tenant_waiting
    precedence = Precedence(costs, _lane_limits(settings), clock)
    hosts = settings.edge_unknown_hosts
    return Fairness(
        # Of their own, of which unknown hosts may have one half: made-up names keep no shop waiting that is known.
        Turns(
            "asking whose a host is", 2 * hosts, hosts, settings.edge_wait_seconds, settings.edge_unknown_hosts_waiting
        ),
        Turns("making pages", settings.edge_fills, settings.edge_tenant_fills, *patience, precedence.way),
        Turns("carts", settings.edge_carts, settings.edge_tenant_carts, *patience, precedence.way),
        Turns("checkouts", settings.edge_checkouts, settings.edge_tenant_checkouts, *patience),
        costs,
        shedder,
        Admission(fills, carts, checkouts, shedder),
        precedence,
    )


def _lane_limits(settings: EdgeSettings) -> LaneLimits:
    return LaneLimits(
        large_share=settings.edge_large_percent / 100,
        pause_times=settings.edge_lane_pause_times,
        patience_seconds=settings.edge_lane_patience_seconds,
        most_waiting=settings.edge_lane_waiting,
    )
