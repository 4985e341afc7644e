"""The relay's settings, from the environment (prefix STOA_). Every limit of the relay is here."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts import crash_points

_HOUR_MS = 3_600_000


class RelaySettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="STOA_", frozen=True, extra="ignore")

    relay_database_url: str = Field(description="PostgreSQL as stoa_relay: the outbox and nothing else")
    state_url: str = Field(description="State Valkey: the bus, the tags' positions, the job queue")

    relay_ops_port: int = Field(0, ge=0, le=65535, description="Loopback port of /health and /metrics; 0 is none")
    relay_poll_ms: int = Field(25, ge=1, le=1000, description="Time between two looks at an outbox that is quiet")
    relay_busy_poll_ms: int = Field(
        5, ge=1, le=1000, description="The same, for a second after a page changed: changes seldom come alone"
    )
    relay_heartbeat_ms: int = Field(250, ge=10, le=2000, description="Longest silence on the bus while all is well")
    relay_stand_by_ms: int = Field(
        500, ge=10, le=10_000, description="Time between two tries to become the active relay"
    )
    relay_batch_rows: int = Field(1000, ge=1, le=10_000, description="Outbox rows of one drain")
    relay_publish_tags: int = Field(4096, ge=512, le=65_536, description="Tags the state server is given in one call")
    relay_query_seconds: float = Field(3.0, gt=0, description="Time PostgreSQL has for one statement")
    relay_idle_seconds: float = Field(
        5.0, ge=1, description="Time without a question after which PostgreSQL lets another relay take over"
    )
    relay_state_seconds: float = Field(2.0, gt=0, description="Time the state server has for one answer")
    relay_pause_seconds: float = Field(1.0, gt=0, description="Longest pause before the next try after a failure")
    bus_messages: int = Field(100_000, ge=1000, description="Messages kept on the bus, about")
    positions_ttl_ms: int = Field(
        25 * _HOUR_MS, ge=_HOUR_MS, description="Life of a shop's tag positions: the longest page life and a margin"
    )
    job_seconds: int = Field(300, ge=1, description="Time a job made from an event may run")
    import_job_seconds: int = Field(3600, ge=1, description="Time an import may run")
    crash_at: str = Field(
        "",
        pattern=crash_points.CRASH_AT,
        description="for tests of recovery: NAME:PASSAGE:kill, or disconnect for kill",
    )
