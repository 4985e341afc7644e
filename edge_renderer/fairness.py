"""What keeps one shop's rush out of the others' way, as one worker has it: the limits, the costs, and who asks them."""

from collections.abc import Callable
from dataclasses import dataclass

from edge_renderer.admission import Admission
from edge_renderer.budgets import Buckets
from edge_renderer.costs import Costs
from edge_renderer.metrics import Gauge
from edge_renderer.settings import EdgeSettings
from edge_renderer.shedding import Shedder
from edge_renderer.turns import Turns


@dataclass(frozen=True, slots=True)
class Fairness:
    fills: Turns
    passes: Turns
    costs: Costs
    shedder: Shedder
    admission: Admission

    def gauges(self) -> list[Gauge]:
        return [
            ("stoa_edge_fills_running", "Pages being made", lambda: self.fills.running),
            ("stoa_edge_fills_waiting", "Pages that wait for a turn to be made", lambda: self.fills.waiting),
            ("stoa_edge_passes_running", "Carts and checkouts being passed on", lambda: self.passes.running),
            ("stoa_edge_passes_waiting", "Those that wait for a turn", lambda: self.passes.waiting),
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
    passes = Buckets(settings.edge_tenant_passes_per_second, settings.edge_tenant_passes_burst, clock)
    wait_seconds, waiting = settings.edge_fill_wait_seconds, settings.edge_tenant_waiting
    return Fairness(
        Turns("making pages", settings.edge_fills, settings.edge_tenant_fills, wait_seconds, waiting),
        Turns("carts", settings.edge_passes, settings.edge_tenant_passes, wait_seconds, waiting),
        costs,
        shedder,
        Admission(fills, passes, shedder),
    )
