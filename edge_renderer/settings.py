"""The edge's settings, from the environment (prefix STOA_). Everything that has a limit has it here."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_MEGABYTE = 1024 * 1024


class EdgeSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="STOA_", frozen=True, extra="ignore")

    state_url: str = Field(description="State Valkey: the bus and the tags' positions")
    cache_url: str = Field(description="Cache Valkey: pages and tenant records")
    origin_url: str = Field(description="The origin, as edges reach it")
    edge_secret: str = Field(min_length=16, description="Shared by edges and origin; opens the internal routes")

    edge_host: str = Field("127.0.0.1", description="Address the edge listens on")
    edge_port: int = Field(8080, ge=0, le=65535, description="Port that all edge workers of a machine share")
    edge_direct_port: int = Field(0, ge=0, le=65535, description="A further port for this worker alone; 0 is none")
    edge_ops_port: int = Field(0, ge=0, le=65535, description="Loopback port of /health and /metrics; 0 is none")

    edge_memory_bytes: int = Field(256 * _MEGABYTE, ge=_MEGABYTE, description="Pages kept in a worker's memory (L1)")
    edge_memory_tenant_percent: int = Field(25, ge=1, le=100, description="Most of it that one shop may use")
    edge_fragment_bytes: int = Field(32 * _MEGABYTE, ge=0, description="Parts of pages kept for making further pages")
    edge_file_bytes: int = Field(_MEGABYTE, ge=0, description="Largest uploaded file that is cached")
    edge_file_body_bytes: int = Field(
        20 * _MEGABYTE, ge=1024, description="Largest uploaded file that is served at all"
    )

    edge_page_seconds: int = Field(86_400, ge=60, description="Longest life of a cached page nobody has purged")
    edge_missing_seconds: float = Field(1.0, ge=0, le=60, description="Life of a cached 404")
    edge_missing_pages: int = Field(200, ge=0, description="404s of one shop kept at once")
    edge_unknown_host_seconds: float = Field(60.0, ge=0, description="Life of knowing that a host is no shop's")
    edge_cdn_seconds: int = Field(
        5, ge=0, le=86_400, description="Time a CDN in front may keep a page (CDN-Cache-Control)"
    )

    edge_fills: int = Field(32, ge=1, description="Pages made at once by one worker")
    edge_tenant_fills: int = Field(2, ge=1, description="Pages of one shop made at once by one worker")
    edge_unknown_hosts: int = Field(8, ge=1, description="Hosts a worker does not know that it asks about at once")
    edge_unknown_hosts_waiting: int = Field(1000, ge=0, description="Hosts that may wait to be asked about")
    edge_carts: int = Field(32, ge=1, description="Cart requests passed on at once by one worker")
    edge_tenant_carts: int = Field(2, ge=1, description="Those of one shop")
    edge_checkouts: int = Field(256, ge=1, description="Checkout requests passed on at once by one worker")
    edge_tenant_checkouts: int = Field(160, ge=1, description="Those of one shop")
    edge_wait_seconds: float = Field(2.0, gt=0, description="Longest wait for a turn of any of these kinds")
    edge_tenant_waiting: int = Field(64, ge=0, description="Requests of one shop that may wait for each kind of turn")
    edge_tenant_fills_per_second: float = Field(
        20.0, gt=0, description="Pages a worker does not hold that it makes for one shop, in the long run"
    )
    edge_tenant_fills_burst: int = Field(200, ge=4, description="Those it makes at a go after a pause")
    edge_tenant_passes_per_second: float = Field(
        20.0, gt=0, description="Cart requests a worker passes on for one shop, in the long run"
    )
    edge_tenant_passes_burst: int = Field(100, ge=4, description="Those it passes on at a go after a pause")
    edge_tenant_checkouts_per_second: float = Field(
        100.0, gt=0, description="Checkout requests a worker passes on for one shop, in the long run"
    )
    edge_tenant_checkouts_burst: int = Field(400, ge=4, description="Those it passes on at a go after a pause")
    edge_large_percent: float = Field(
        2.0, gt=0, le=100, description="Part of a worker's time up to which no shop steps behind smaller ones"
    )
    edge_lane_pause_times: float = Field(
        4.0, ge=0, description="How many times as long as each of its misses and carts took such a shop then pauses"
    )
    edge_lane_patience_seconds: float = Field(
        0.05, ge=0, description="Its longest pause, and its longest wait for what smaller shops have under way"
    )
    edge_lane_waiting: int = Field(8, ge=0, description="Its misses and carts that may wait")
    edge_late_seconds: float = Field(
        0.02, gt=0, description="Lateness of the event loop from which the dearest shops' misses and carts are refused"
    )
    edge_pass_body_bytes: int = Field(256 * 1024, ge=1024, description="Largest cart or checkout request")
    edge_pass_answer_bytes: int = Field(4 * _MEGABYTE, ge=1024, description="Largest answer passed back to a shopper")

    edge_connect_seconds: float = Field(0.5, gt=0, description="Time to connect to the origin")
    edge_read_seconds: float = Field(3.0, gt=0, description="Time the origin has for a snapshot")
    edge_look_seconds: float = Field(0.5, gt=0, description="Time between two looks for an origin that is away")
    edge_pass_seconds: float = Field(30.0, gt=0, description="Time the origin has for a cart or checkout request")
    edge_origin_connections: int = Field(384, ge=1, description="Connections to the origin kept by one worker")
    edge_origin_keepalive_seconds: float = Field(
        4.0, gt=0, description="Idle time after which they are closed; less than the origin's own"
    )
    edge_cache_seconds: float = Field(0.1, gt=0, description="Time the cache server has for one answer")
    edge_state_seconds: float = Field(1.0, gt=0, description="Time the state server has for one answer")
    edge_proof_seconds: float = Field(
        0.1, gt=0, description="Time it has to say what changed since a page on the cache server was made"
    )

    edge_connections: int = Field(10_000, ge=1, description="Shoppers' connections one worker holds")
    edge_header_bytes: int = Field(32 * 1024, ge=1024, description="Largest request line and headers together")
    edge_header_seconds: float = Field(10.0, gt=0, description="Time a client has to send them")
    edge_body_seconds: float = Field(15.0, gt=0, description="Time a client has to send a body")
    edge_stall_seconds: float = Field(20.0, gt=0, description="Time in which a client has to read something")
    edge_idle_seconds: int = Field(30, ge=1, description="Time an idle connection of a shopper is kept")
    edge_remembered_heads: int = Field(32_768, ge=16, description="Blocks of request headers that are remembered")
    edge_stop_seconds: int = Field(1, ge=0, description="Time running requests have when the edge is stopped")
    edge_slow_seconds: float = Field(1.0, gt=0, description="Requests that take longer are logged")

    themes_path: str = Field("", description="Folder of the installed themes; empty is the one beside the packages")
