"""What the `stoa` command reads from the environment: servers and accounts to use instead of its own."""

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from standalone.errors import StandaloneError


class StandaloneSettings(BaseSettings):
    """Empty means: start one of our own, or make one up. docs/settings.md says what each is for."""

    model_config = SettingsConfigDict(env_prefix="STOA_", frozen=True, extra="ignore")

    database_url: str = Field(
        default="", description="PostgreSQL as a role that may create roles; `stoa migrate` needs it too"
    )
    state_url: str = Field(default="", description="State Valkey: noeviction, kept on disk")
    cache_url: str = Field(default="", description="Cache Valkey: allkeys-lfu, nothing kept on disk")
    cache_memory_bytes: int = Field(
        default=256 * 1024 * 1024, ge=1024 * 1024, description="Memory of the built-in cache Valkey"
    )
    stripe_secret_key: str = Field(
        default="", description="Secret key of a Stripe account; empty starts the payment sandbox"
    )
    stripe_publishable_key: str = Field(default="", description="That account's publishable key")
    stripe_webhook_secret: str = Field(default="", description="Signing secret of that account's webhook")
    stripe_api_base: str = Field(
        default="", description="Another address for that account's API; empty is Stripe's own"
    )
    smtp_url: str = Field(
        default="", description="smtp://host:port that delivers; empty starts a sink that shows every e-mail"
    )
    platform_domain: str = Field(default="stoa.localhost", description="A shop's first host is its subdomain of this")
    app_password: str = Field(
        default="", description="`stoa migrate` gives it to stoa_app; empty leaves the role's password"
    )
    router_password: str = Field(default="", description="The same for stoa_router")
    relay_password: str = Field(default="", description="The same for stoa_relay")
    admin_token: str = Field(
        default="", description="`stoa import` uses it for a shop whose token this machine does not know"
    )

    @classmethod
    def read(cls) -> "StandaloneSettings":
        """From the environment. Raises StandaloneError, which names each wrong setting and never its value."""
        try:
            return cls()
        except ValidationError as error:
            wrong = [f"{_variable(detail['loc'])}: {detail['msg']}" for detail in error.errors()]
            # Without its cause, which tells what was set: that may be a password.
            raise StandaloneError(f"{'; '.join(wrong)}. Correct it, or unset it.") from None


def _variable(location: tuple[int | str, ...]) -> str:
    return "_".join(["STOA", *(str(part) for part in location)]).upper()
