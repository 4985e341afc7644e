"""Everything the origin and its worker can be told from outside; docs/settings.md lists it for people."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts import crash_points


class OriginSettings(BaseSettings):
    """Read from the environment, each name with the prefix STOA_."""

    model_config = SettingsConfigDict(env_prefix="STOA_", frozen=True, extra="ignore")

    app_database_url: str = Field(description="PostgreSQL as stoa_app: one tenant's rows at a time")
    router_database_url: str = Field(description="PostgreSQL as stoa_router: the directory, read only")
    state_url: str = Field(description="the state server: carts and the job queue")
    edge_secret: str = Field(min_length=16, description="shared with the edges; opens the internal routes")
    platform_token: str = Field(min_length=16, description="bearer token of the platform API")
    signing_key: str = Field(min_length=16, description="signs cursors and links")

    platform_domain: str = Field("stoa.localhost", description="a shop's first host is its subdomain of this")
    storefront_scheme: str = Field("https", description="http or https, in links to shops")
    storefront_port: int = Field(443, description="port in links to shops; left out when it is the scheme's own")

    stripe_secret_key: str = Field("", description="the payment provider's secret key; empty: no card payments")
    stripe_api_base: str = Field("", description="another address for the provider's API; empty: the provider's own")
    stripe_webhook_secret: str = Field("", description="checks the provider's webhooks")
    stripe_publishable_key: str = Field("", description="turns on the provider's own card field in the checkout")
    application_fee_basis_points: int = Field(0, ge=0, le=10000, description="the platform's share, in 1/100 percent")

    smtp_url: str = Field("", description="smtp://host:port for e-mail; empty: none is sent")
    mail_from_domain: str = Field("stoa.localhost", description="domain of the sender's address")

    origin_host: str = Field("127.0.0.1", description="address to listen on")
    origin_port: int = Field(8081, description="port to listen on")
    origin_ops_port: int = Field(0, ge=0, le=65535, description="loopback port of /metrics; 0 is none")
    origin_database_connections: int = Field(10, ge=1, description="most connections as stoa_app")
    origin_database_seconds: float = Field(5.0, gt=0, description="time PostgreSQL has for one answer")
    origin_body_bytes: int = Field(16 * 1024 * 1024, ge=1024, description="largest request body")

    origin_unfinished_imports: int = Field(5, ge=1, description="product imports of one shop that may wait or run")
    reconcile_seconds: float = Field(
        120.0,
        gt=0,
        description="between two comparisons of the provider's payments with our orders; one origin does them",
    )
    reconcile_window_seconds: int = Field(
        72 * 3600, ge=60, le=72 * 3600, description="how far back the first comparison after a start looks"
    )
    reconcile_grace_seconds: int = Field(
        60, ge=0, description="a younger payment that is not settled is not compared yet"
    )
    book_check_seconds: float = Field(
        10.0, gt=0, description="between two looks at what must hold of a shop's books; one origin looks, shop by shop"
    )
    reservation_seconds: int = Field(900, ge=1, description="how long stock is held for a checkout")
    checkout_shop_at_once: int = Field(
        32, ge=1, description="checkouts of a shop a process works on, those at the provider aside; more wait in line"
    )
    checkout_at_once: int = Field(128, ge=1, description="checkouts of all shops a process works on at once")
    checkout_hold_seconds: float = Field(
        2.0,
        ge=0,
        description="how long a request of the first in line waits for its turn before it is told to come back",
    )
    waiting_look_seconds: float = Field(20.0, ge=2, description="longest time between two looks of a waiting buyer")
    waiting_looks_per_second: float = Field(
        100.0, gt=0, description="looks of a shop's waiting buyers; when more wait, each looks less often"
    )
    waiting_missed_looks: float = Field(
        2.0, ge=1, description="a place passes to the next when its holder is away this many times what they were told"
    )
    place_seconds: int = Field(
        1800, ge=60, description="how long a place in line is kept for a buyer who does not look"
    )
    crash_at: str = Field(
        "",
        pattern=crash_points.CRASH_AT,
        description="for tests of recovery: NAME:PASSAGE:kill, or disconnect for kill",
    )
    admin_bucket_size: int = Field(4000, ge=1, description="admin API calls a token may make at once")
    admin_bucket_leak_per_second: float = Field(400.0, gt=0, description="admin API calls a token gets back a second")

    def storefront_url(self, host: str) -> str:
        """`https://acorn.example.com`, from the stored host; the port only when it has to be said."""
        is_default = self.storefront_port == {"http": 80, "https": 443}.get(self.storefront_scheme)
        return f"{self.storefront_scheme}://{host}" + ("" if is_default else f":{self.storefront_port}")
