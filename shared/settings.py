"""Settings: environment variables `PHONGTRAO_*`. The whole list with defaults is `docs/settings.md`, made from here."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What one process needs to know. Secrets come from the environment only, and print as stars."""

    model_config = SettingsConfigDict(env_prefix="PHONGTRAO_", extra="ignore")

    # -- where
    province: str = Field(
        "51", pattern=r"^[0-9a-z]{1,8}$", description="Id of the province; first token of every subject."
    )
    host: str = Field("127.0.0.1", description="Address that HTTP listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port that HTTP listens on; 0 takes a free one.")
    data: Path = Field(Path("var"), description="Folder of the embedded servers' data, keys and logs.")
    database_url: SecretStr = Field(
        SecretStr("postgresql:///phongtrao"),
        description="Postgres of the service that this process serves; `{service}` stands for the service's name.",
    )
    nats_url: str = Field("nats://127.0.0.1:4222", description="NATS server with JetStream.")
    nats_password: SecretStr = Field(SecretStr(""), description="Password of the NATS user named like the service.")
    stream_replicas: int = Field(1, ge=1, le=5, description="Copies of each stream: 1, or 3 in a cluster.")

    # -- who
    oidc_issuer: str = Field("phongtrao-embedded", description="`iss` that tokens must carry.")
    oidc_audience: str = Field("phongtrao", description="`aud` that tokens must carry.")
    oidc_jwks: str = Field("", description="Keys that sign tokens: path of a JWKS file, or an http(s) address.")
    citizen_key: SecretStr = Field(
        SecretStr(""),
        description="Key of the citizens' keyed hash, at least 32 characters; never change it in a campaign.",
    )

    # -- the demonstration (embedded only)
    demo: bool = Field(
        True, description="`phongtrao up` lives through the 2023 campaign; 0 starts with the units alone."
    )
    demo_speed: float = Field(
        1000.0, gt=0, le=100_000, description="Simulated seconds in a second; 1000 makes seven days last ten minutes."
    )
    demo_seed: int = Field(2023, description="Seed of the simulation.")
    demo_share: float = Field(
        1.0, gt=0, le=1, description="Share of the province's teams and learners that the simulation forms."
    )

    # -- habits
    embedded: bool = Field(
        False, description="Set by `phongtrao up`: own signing key and the page to sign in as a persona."
    )
    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="Least important level that is logged."
    )
    poll_seconds: float = Field(
        0.25, gt=0, description="How often relay and readers look by themselves when no notice comes."
    )
    read_wait_seconds: float = Field(
        2.0, ge=0, description="How long a read waits for its `min_pos` before it answers 503."
    )
    batch: int = Field(6_000, ge=1, le=50_000, description="Most events that a projection applies in one transaction.")
    park_limit: int = Field(
        100, ge=0, description="Parked events after which a projection stops instead of parking more."
    )
    ready_lag_seconds: float = Field(30.0, gt=0, description="Age of unprocessed work from which `readyz` answers 503.")
    max_body_bytes: int = Field(2_000_000, ge=1, description="Largest request body; a larger one is answered 413.")

    def dsn(self, service: str) -> str:
        """Postgres address of a service's own database."""
        return self.database_url.get_secret_value().replace("{service}", service)
