"""Builds an edge worker from its settings and takes it down again. Nothing here waits for a server to be there."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from prometheus_client import CollectorRegistry

from edge_renderer.apologies import Apologies
from edge_renderer.cache.counters import CacheCounters
from edge_renderer.cache.local import LocalCache
from edge_renderer.cache.shared import SharedCache
from edge_renderer.cache.tiers import Tiers
from edge_renderer.errand import Errand
from edge_renderer.fairness import Fairness, fairness_of
from edge_renderer.fragments import Fragments
from edge_renderer.front import Front
from edge_renderer.heads import Heads
from edge_renderer.hit_path import HitPath
from edge_renderer.metrics import AnswerCollector, CounterCollector, EdgeMetrics, Gauge, GaugeCollector
from edge_renderer.ops import OpsApp
from edge_renderer.origin_lines import OriginLines
from edge_renderer.origin_reach import OriginReach
from edge_renderer.pages import PageMaker
from edge_renderer.passthrough import Passthrough, passing_session
from edge_renderer.release import release_of
from edge_renderer.render import Renderer, RenderLimits
from edge_renderer.serve import Shopfront
from edge_renderer.settings import EdgeSettings
from edge_renderer.shedding import LoopWatch
from edge_renderer.snapshots import OriginClient, lines_to_origin
from edge_renderer.tenants import Tenants
from edge_renderer.theme_assets import ThemeAssets
from edge_renderer.themes import ThemeLibrary
from invalidation.bus import Bus
from invalidation.follower import Follower
from invalidation.lease import Clock, lease_clock


@dataclass(frozen=True, slots=True)
class Edge:
    """A running worker: what shoppers reach, what operators reach, and the parts that tests look at."""

    app: Front
    hit_path: HitPath
    ops: OpsApp
    tiers: Tiers
    follower: Follower
    metrics: EdgeMetrics
    counters: CacheCounters
    reach: OriginReach
    fairness: Fairness


@dataclass(frozen=True, slots=True)
class Theming:
    """The installed themes, read and compiled, and this release's name: the slow part of a start."""

    themes: ThemeLibrary
    renderer: Renderer
    fragments: Fragments
    release: str


def load_theming(settings: EdgeSettings) -> Theming:
    """Raises ThemeError if an installed theme is not allowed to run."""
    beside_the_packages = Path(__file__).resolve().parent.parent / "themes"
    themes = ThemeLibrary.load(Path(settings.themes_path) if settings.themes_path else beside_the_packages)
    # By the time this thread worked, not by the wall's: a busy machine must not make pages fail.
    fragments = Fragments(settings.edge_fragment_bytes)
    renderer = Renderer(themes, RenderLimits(), fragments, clock=time.thread_time)
    return Theming(themes, renderer, fragments, release_of(themes, settings.edge_cdn_seconds))


@asynccontextmanager
async def running_edge(settings: EdgeSettings, theming: Theming, clock: Clock = lease_clock) -> AsyncIterator[Edge]:
    """Follows the bus until left."""
    counters = CacheCounters()
    bus = Bus(settings.state_url, answer_seconds=settings.edge_state_seconds)
    shared = SharedCache(
        settings.cache_url,
        settings.edge_secret,
        counters,
        namespace=theming.release,
        answer_seconds=settings.edge_cache_seconds,
        clock=clock,
    )
    follower = Follower(bus, clock)
    fairness = fairness_of(settings, clock)
    tiers = _tiers(settings, shared, follower, bus, fairness, counters, clock)
    session, lines = passing_session(settings), lines_to_origin(settings)
    edge = _edge(settings, theming, tiers, Hearing(follower, clock), fairness, session, lines)
    watch = LoopWatch(edge.metrics.loop_lag_seconds.observe, fairness.shedder.judge)
    tasks = [asyncio.create_task(follower.run()), asyncio.create_task(watch.run())]
    try:
        yield edge
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await tiers.close()
        await edge.reach.close()
        await session.close()
        await lines.close()
        await shared.close()
        await bus.close()


def _tiers(
    settings: EdgeSettings,
    shared: SharedCache,
    follower: Follower,
    bus: Bus,
    fairness: Fairness,
    counters: CacheCounters,
    clock: Clock,
) -> Tiers:
    share_bytes = settings.edge_memory_bytes * settings.edge_memory_tenant_percent // 100
    local = LocalCache(settings.edge_memory_bytes, share_bytes, counters, most_missing=settings.edge_missing_pages)
    return Tiers(
        local,
        shared,
        follower,
        bus,
        counters,
        page_ms=settings.edge_page_seconds * 1000,
        missing_ms=round(settings.edge_missing_seconds * 1000),
        proof_seconds=settings.edge_proof_seconds,
        costs=fairness.costs,
        may_renew=fairness.admission.may_renew,
        clock=clock,
    )


@dataclass(frozen=True, slots=True)
class Hearing:
    """How well this worker hears the bus now."""

    follower: Follower
    clock: Clock

    def has_lease(self) -> bool:
        return self.follower.lease.is_valid(self.clock())

    def lease_age_seconds(self) -> float | None:
        age_seconds = self.clock() - self.follower.lease.heard_until
        return age_seconds if math.isfinite(age_seconds) else None


def _edge(
    settings: EdgeSettings,
    theming: Theming,
    tiers: Tiers,
    hearing: Hearing,
    fairness: Fairness,
    session: aiohttp.ClientSession,
    lines: OriginLines,
) -> Edge:
    registry = CollectorRegistry()
    follower = hearing.follower
    metrics = EdgeMetrics(registry)
    follower.measure(metrics.commit_to_applied_seconds.observe)
    registry.register(CounterCollector("stoa_edge_follower", follower.counters))
    origin = OriginClient(lines, metrics, settings)
    away: Gauge = ("stoa_edge_origin_away", "1 while the origin is silent", lambda: origin.reach.is_away)
    fragments: Gauge = ("stoa_edge_fragment_bytes", "Parts of pages kept", lambda: theming.fragments.held_bytes)
    registry.register(GaugeCollector([*_gauges(tiers, hearing), *fairness.gauges(), away, fragments]))
    registry.register(CounterCollector("stoa_edge_fragments", theming.fragments.counters))
    apologies = Apologies(theming.renderer, metrics)
    heads = Heads(settings.edge_remembered_heads // 2)
    hit_path = HitPath(tiers.local, follower.lease, hearing.clock, heads)
    registry.register(CounterCollector("stoa_edge_hit_path", hit_path.counters))
    at_the_socket = hit_path.counters
    registry.register(CounterCollector("stoa_edge_cache", tiers.counters, lambda: {"hits_local": at_the_socket.hits}))
    registry.register(AnswerCollector(metrics.answered, hit_path.counters))
    shopfront = Shopfront(
        Tenants(tiers, origin, fairness.hosts, round(settings.edge_unknown_host_seconds * 1000)),
        tiers,
        PageMaker(origin, theming.renderer, fairness.fills, metrics, settings),
        ThemeAssets(theming.themes),
        Passthrough(session, origin.reach, fairness.carts, metrics, settings),
        Passthrough(session, origin.reach, fairness.checkouts, metrics, settings),
        apologies,
        hit_path,
        lambda target: Errand(target, follower, hearing.clock),
        fairness.admission,
        fairness.costs,
        fairness.precedence,
        settings.edge_cdn_seconds,
    )
    front = Front(shopfront, apologies, metrics, settings.edge_slow_seconds)
    ops = OpsApp(registry, lambda: _health(tiers, hearing))
    return Edge(front, hit_path, ops, tiers, follower, metrics, tiers.counters, origin.reach, fairness)


def _gauges(tiers: Tiers, hearing: Hearing) -> list[Gauge]:
    return [
        ("stoa_edge_memory_bytes", "Bytes of pages held in memory", lambda: tiers.local.held_bytes),
        ("stoa_edge_memory_entries", "Entries held in memory", lambda: len(tiers.local)),
        ("stoa_edge_lease_age_seconds", "How old what has been heard of the bus is", hearing.lease_age_seconds),
        ("stoa_edge_has_lease", "1 while pages are served without asking", hearing.has_lease),
    ]


def _health(tiers: Tiers, hearing: Hearing) -> dict[str, object]:
    age_seconds = hearing.lease_age_seconds()
    return {"has_lease": hearing.has_lease(), "lease_age_seconds": age_seconds, "entries": len(tiers.local)}
