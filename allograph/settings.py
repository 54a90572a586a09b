"""What the environment decides. Names that the reference documents keep their meaning; ours begin with `ALLOGRAPH_`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from limits import RateLimitItem, parse
from pydantic import AliasChoices, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEFAULT_PORT = 2024

DATABASE_VARIABLES = ("DATABASE_URI", "DATABASE_URL", "POSTGRES_URI")
"""The names under which a Postgres may be given; the first that is set counts."""


def _rate(value: Any) -> Any:
    return parse(value) if isinstance(value, str) else value


class Settings(BaseSettings):
    """Read once at start-up. Durations are seconds, sizes bytes."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True, arbitrary_types_allowed=True)

    database_uri: str | None = Field(
        None, validation_alias=AliasChoices(*DATABASE_VARIABLES),
        description="A Postgres to use. Unset: an embedded one below `data_dir`.",
    )  # fmt: skip
    redis_uri: str | None = Field(
        None, validation_alias="REDIS_URI", description="Carry the events of runs through this Redis, not through Postgres."
    )
    data_dir: Path = Field(
        Path(".allograph"), validation_alias="ALLOGRAPH_DATA_DIR", description="Where the embedded Postgres keeps its data."
    )
    host: str = Field("127.0.0.1", validation_alias="HOST")
    port: int | None = Field(None, ge=0, le=65535, validation_alias="PORT")
    """Unset: `DEFAULT_PORT`, or the next free one."""
    jobs_per_worker: int = Field(
        10, ge=0, validation_alias="N_JOBS_PER_WORKER", description="Runs that one worker executes at once."
    )
    pool_size: int = Field(
        20, ge=2, validation_alias=AliasChoices("ALLOGRAPH_POOL_SIZE", "LANGGRAPH_POSTGRES_POOL_MAX_SIZE"),
        description="Most database connections of one process.",
    )  # fmt: skip
    pool_seconds: float = Field(
        30, gt=0, validation_alias="ALLOGRAPH_POOL_TIMEOUT_SECONDS",
        description="How long a request waits for a free database connection before it is answered with 503.",
    )  # fmt: skip
    max_open_requests: int = Field(
        5000, ge=1, validation_alias="ALLOGRAPH_MAX_OPEN_REQUESTS",
        description="Requests and streams that one process has open at once; further ones are answered with 503.",
    )  # fmt: skip
    rate_limit: Annotated[RateLimitItem | None, BeforeValidator(_rate)] = Field(
        None, validation_alias="ALLOGRAPH_RATE_LIMIT",
        description="Requests of one user, such as `100/minute`; further ones are answered with 429. Unset: any number.",
    )  # fmt: skip
    max_open_requests_per_user: int | None = Field(
        None, ge=1, validation_alias="ALLOGRAPH_MAX_OPEN_REQUESTS_PER_USER",
        description="Requests and streams that one user has open at once in one process; further ones are answered with 429.",
    )  # fmt: skip
    body_seconds: float = Field(
        60, gt=0, validation_alias="ALLOGRAPH_BODY_SECONDS", description="How long a client may take to send the body of a request."
    )
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024, validation_alias="ALLOGRAPH_MAX_BODY_BYTES")
    public_docs: bool = Field(
        True, validation_alias="ALLOGRAPH_PUBLIC_DOCS",
        description="Where authentication is on: whether `/docs` and `/openapi.json` may be read without it.",
    )  # fmt: skip
    check_contract: bool = Field(
        False, validation_alias="ALLOGRAPH_CHECK_CONTRACT", description="Check every reply against the contract."
    )
    lease_seconds: float = Field(
        30, gt=0, validation_alias="ALLOGRAPH_LEASE_SECONDS", description="How long a worker may be silent."
    )
    job_max_retries: int = Field(
        3, ge=0, validation_alias="BG_JOB_MAX_RETRIES", description="How often a run is taken up again after its worker died."
    )
    job_timeout_seconds: float = Field(3600, gt=0, validation_alias="BG_JOB_TIMEOUT_SECS")
    shutdown_grace_seconds: float = Field(
        180, ge=0, validation_alias=AliasChoices("BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS", "ALLOGRAPH_SHUTDOWN_GRACE_SECONDS"),
        description="How long a stopping worker waits for its runs before it hands them back.",
    )  # fmt: skip
    poll_seconds: float = Field(
        2, gt=0, validation_alias="ALLOGRAPH_POLL_SECONDS", description="How often the queue is read without a notification."
    )
    event_retention_seconds: float = Field(
        3600, ge=0, validation_alias="ALLOGRAPH_EVENT_RETENTION_SECONDS", description="How long events of ended runs are kept."
    )
    run_retention_seconds: float | None = Field(
        None, ge=0, validation_alias="ALLOGRAPH_RUN_RETENTION_SECONDS",
        description="How long ended runs are kept; their threads stay. Unset: for as long as their threads.",
    )  # fmt: skip
    heartbeat_seconds: float = Field(
        5, gt=0, validation_alias="ALLOGRAPH_HEARTBEAT_SECONDS", description="Silence on a stream before a heartbeat is sent."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", validation_alias="LOG_LEVEL")
    log_json: bool = Field(False, validation_alias="LOG_JSON")


def _split(value: Any) -> Any:
    return tuple(word for word in (part.strip() for part in value.split(",")) if word) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""Several words in one variable, with commas between them."""


class AuthSettings(BaseSettings):
    """Whose tokens are believed: docs/auth.md. What belongs together is checked by `allograph.tokens.policy`."""

    # An empty variable is how a container file says that nothing is set; an empty secret must never count as one.
    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True, env_ignore_empty=True)

    mode: Literal["none", "supabase", "jwt"] = Field(
        "none",
        validation_alias="ALLOGRAPH_AUTH",
        description="Whose tokens are verified when the project has no `Auth` of its own.",
    )
    issuer: str | None = Field(
        None,
        validation_alias="ALLOGRAPH_AUTH_ISSUER",
        description="The `iss` of every token. Supabase: unset, `SUPABASE_URL/auth/v1`.",
    )
    audience: Words = Field(
        (), validation_alias="ALLOGRAPH_AUTH_AUDIENCE",
        description="Who this server is: one of these must be in `aud`. Supabase: unset, `authenticated`.",
    )  # fmt: skip
    jwks_url: str | None = Field(
        None, validation_alias="ALLOGRAPH_AUTH_JWKS_URL",
        description="Where the issuer publishes its keys. Unset: where its OpenID configuration says.",
    )  # fmt: skip
    secret: SecretStr | None = Field(
        None, validation_alias="ALLOGRAPH_AUTH_SECRET", description="A secret shared with the issuer, in place of published keys."
    )
    algorithms: Words = Field(
        (), validation_alias="ALLOGRAPH_AUTH_ALGORITHMS",
        description="Unset: RS256, ES256 and EdDSA with published keys, HS256 with a secret.",
    )  # fmt: skip
    leeway_seconds: float = Field(
        10, ge=0, le=300, validation_alias="ALLOGRAPH_AUTH_LEEWAY_SECONDS",
        description="How far the clocks of this server and of the issuer may be apart.",
    )  # fmt: skip
    role_claim: str | None = Field(
        None, validation_alias="ALLOGRAPH_AUTH_ROLE_CLAIM",
        description="The claim with the user's roles; a dot leads into an object. Unset: `role`; Supabase: `app_metadata.role`.",
    )  # fmt: skip
    admin_roles: Words = Field(
        (), validation_alias="ALLOGRAPH_AUTH_ADMIN_ROLES", description="Roles that may do everything with everything. Unset: none."
    )
    jwks_seconds: float = Field(
        600, gt=0, validation_alias="ALLOGRAPH_AUTH_JWKS_SECONDS", description="After this long, published keys are fetched again."
    )
    jwks_stale_seconds: float = Field(
        86400, gt=0, validation_alias="ALLOGRAPH_AUTH_JWKS_STALE_SECONDS",
        description="How long keys are believed while their issuer cannot be reached.",
    )  # fmt: skip
    supabase_url: str | None = Field(None, validation_alias="SUPABASE_URL")
    supabase_jwt_secret: SecretStr | None = Field(
        None, validation_alias="SUPABASE_JWT_SECRET", description="Of projects that still sign with HS256."
    )
    supabase_key: SecretStr | None = Field(
        None, validation_alias=AliasChoices("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY"),
        description="Sent along when users are checked.",
    )  # fmt: skip
    supabase_check_user: bool = Field(
        False, validation_alias="ALLOGRAPH_SUPABASE_CHECK_USER",
        description="Ask Supabase whether the session of a token is still open, so that signing out counts at once.",
    )  # fmt: skip
    supabase_check_seconds: float = Field(
        30, ge=1, validation_alias="ALLOGRAPH_SUPABASE_CHECK_SECONDS", description="How long such an answer counts."
    )
