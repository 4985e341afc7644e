"""Who asks over a kept connection gives it up long before who answers does, or a question would meet its end."""

from edge_renderer.settings import EdgeSettings
from origin.__main__ import KEEP_ALIVE_SECONDS
from standalone.payment_sandbox.__main__ import KEEP_ALIVE_SECONDS as SANDBOX_SECONDS

AIOHTTP_SECONDS = 15
"""So long the origin keeps an idle connection to the provider."""
STILL_SECONDS = 10
"""A program may stand still, and close what has been idle for too long before it reads what was sent meanwhile."""


def test_idle_connections_are_ended_by_who_asks() -> None:
    edges_seconds = EdgeSettings.model_fields["edge_origin_keepalive_seconds"].default
    assert edges_seconds + STILL_SECONDS < KEEP_ALIVE_SECONDS
    assert AIOHTTP_SECONDS + STILL_SECONDS < SANDBOX_SECONDS
