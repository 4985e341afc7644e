"""What purges do to this worker beside marking its entries (the tiers listen for that): how late they were heard.

Measured by the state server's clock alone: from a message's own id to the reply that brought it.
"""

from contracts.events import Position
from edge_renderer.metrics import EdgeMetrics
from invalidation.follower import Follower


class PurgeLag:
    """A listener of the follower."""

    def __init__(self, follower: Follower, metrics: EdgeMetrics) -> None:
        self._follower = follower
        self._metrics = metrics

    def apply(self, tags: tuple[str, ...], position: Position, heard_at: float) -> None:
        self._metrics.purge_seconds.observe(max(0.0, (self._follower.server_ms - position.id.ms) / 1000))

    def distrust(self) -> None:
        self._metrics.distrusts.inc()
