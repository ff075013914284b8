"""Every setting of the system, read once from the environment and passed from there.

Names are ``EMPROPS_<FIELD>``; the three that hosting platforms set by habit (``PORT``, ``DATABASE_URL``,
``REDIS_URL``) are read under those names. A variable that is set to nothing counts as unset.
"""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(ValueError):
    """Settings that are unsafe, or that do not go together; the message is one sentence that says what to do."""


class Settings(BaseSettings):
    """Typed settings; durations are seconds, sizes are bytes unless the name says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="EMPROPS_", env_ignore_empty=True, populate_by_name=True, extra="ignore"
    )

    # --- where things are
    mode: Literal["local", "production", "test"] = "local"
    """``local`` trusts the ``user_id`` header; ``production`` derives the user from a token."""
    host: str = "127.0.0.1"
    """Address that the api listens on; ``0.0.0.0``: every address of this machine."""
    port: int = Field(default=3001, ge=0, le=65535, validation_alias=AliasChoices("PORT", "EMPROPS_PORT"))
    """Port that the api listens on; 0: any free one."""
    data_dir: Path = Path(".emprops")
    """Embedded engines, stored files and logs of a one-machine installation."""
    database_url: str = Field(default="", validation_alias=AliasChoices("DATABASE_URL", "EMPROPS_DATABASE_URL"))
    """PostgreSQL, as ``postgresql://user:password@host/database``. Unset: ``emprops up`` starts its own."""
    redis_url: str = Field(default="", validation_alias=AliasChoices("REDIS_URL", "EMPROPS_REDIS_URL"))
    """Redis or Valkey, as ``redis://``, ``rediss://`` or ``unix://``. Unset: ``emprops up`` starts its own."""
    redis_server: str = ""
    """Redis or Valkey program that ``emprops up`` starts, a path or a name on PATH; empty: the one in the wheel."""
    public_url: str = Field(default="", pattern=r"^$|^https?://[^/]")
    """Base of every URL the API hands out; by default ``http://localhost:<port>``."""

    # --- who is calling
    allow_remote_local: bool = False
    """Let other machines reach an api that trusts the ``user_id`` header (``mode`` local, ``host`` not loopback)."""
    jwt_secret: SecretStr = SecretStr("")
    """Secret of HS256 tokens, at least 32 bytes. Production needs one of this, ``jwks_file`` and ``jwks_url``."""
    jwks_file: str = ""
    """File with the public keys of RS256, ES256 and EdDSA tokens, as a JSON Web Key Set."""
    jwks_url: str = ""
    """URL at which the token issuer publishes that key set."""
    jwt_issuer: str = "emprops"
    """What a token's ``iss`` must be."""
    jwt_audience: str = "emprops"
    """What a token's ``aud`` must be, or contain."""
    oidc_issuer: str = ""
    """OpenID provider at which people sign in to the console, as its ``iss`` says; empty: none."""
    oidc_client_id: str = ""
    """What that provider calls this installation."""
    oidc_client_secret: SecretStr = SecretStr("")
    """Secret of this installation there; empty: it has none, and PKCE alone protects the exchange."""
    oidc_operators: str = ""
    """Comma-separated addresses of those who are operators when they sign in there; only verified addresses count."""
    authors: Literal["everyone", "granted"] | None = None
    """Which users may make workflows, projects and collections: ``everyone``, or those who were ``granted`` the role
    author. Unset: granted in production, else everyone."""
    role_claim: str = Field(default="roles", min_length=1)
    """Claim of a token that names the user's roles, such as ``roles`` or ``realm_access.roles``."""
    role_names: str = ""
    """What the issuer calls our roles: comma-separated ``name=role``, such as ``studio=author, ops=viewer``."""
    cors_origins: str = ""
    """Comma-separated origins (``https://app.example.com``) that may call the api. In production also ``*``: all."""
    metrics_token: SecretStr = SecretStr("")
    """Bearer token that reads ``/metrics`` and the demand for workers, and nothing else; empty: API keys only."""

    # --- PostgreSQL
    database_pool_size: int = Field(default=10, ge=2)
    """Most connections to PostgreSQL of one process."""
    statement_timeout: float = Field(default=10.0, ge=0.001)
    """How long one SQL statement may take."""
    lock_timeout: float = Field(default=3.0, ge=0.001)
    """How long a statement may wait for a lock."""

    # --- requests
    max_body_bytes: int = Field(default=1024 * 1024, ge=1)
    """Largest request body; uploads have other limits."""
    max_json_depth: int = Field(default=64, ge=1)
    """Deepest nesting of a JSON body."""
    max_json_nodes: int = Field(default=20_000, ge=1)
    """Most values in a JSON body."""
    body_timeout: float = Field(default=30.0, gt=0)
    """How long a request body may take to arrive; of a file, how long nothing may arrive."""
    max_workflow_file_bytes: int = Field(default=128 * 1024 * 1024, ge=1)
    """Largest picture, video or sound in which a workflow is looked for."""
    rate_limit: int | None = Field(default=None, ge=0)
    """Requests a minute of one user; 0: no limit. Unset: 600 in production, else no limit."""
    generation_rate_limit: int | None = Field(default=None, ge=0)
    """Of those, requests that put work into the queue; 0: no limit. Unset: 60 in production, else no limit."""

    # --- queue
    queue_prefix: str = Field(default="emprops:", pattern=r"^[A-Za-z0-9:._-]+$")
    """What every key in Redis begins with, so that installations can share one."""
    lease: float = Field(default=60.0, gt=0)
    """How long a claim lasts without a heartbeat from its worker."""
    max_failures: int = Field(default=3, ge=0)
    """Retryable failures of one step after which it fails for good."""
    max_lost_claims: int = Field(default=3, ge=1)
    """Times a worker may vanish with a step before the step fails with ``worker_lost``."""
    attestation_days: int = Field(default=30, ge=1)
    """How long Redis keeps how a step ended, so that a ticket that is sent again does not run again."""
    affinity_wait: float = Field(default=3.0, ge=0)
    """How long a step is kept for waiting workers that have its models loaded, before any takes it. 0: not at all."""
    user_priority_max: int = Field(default=50, ge=50, le=100)
    """Highest priority that users get: more is lowered, with a warning. Services and operators get up to 100."""
    priority_age: float = Field(default=1800.0, ge=0)
    """After so long, a user's next step no longer waits for steps of higher priority, but goes before all. 0: never."""

    # --- quotas of a user for whom an operator set no others
    quota_open_jobs: int | None = Field(default=None, ge=0)
    """Jobs that have not ended; 0: no limit. Unset: 200 in production, else no limit."""
    quota_open_steps: int | None = Field(default=None, ge=0)
    """Steps of those jobs that have not ended; 0: no limit. Unset: 2,000 in production, else no limit."""
    quota_running_steps: int | None = Field(default=None, ge=0)
    """Steps in the queue or running; others are held back. 0: no limit. Unset: 32 in production, else no limit."""
    quota_hourly_generations: int | None = Field(default=None, ge=0)
    """Generations started in one hour of the clock; 0: no limit. Unset: 500 in production, else no limit."""
    quota_daily_generations: int | None = Field(default=None, ge=0)
    """Generations started in one day (UTC); 0: no limit. Unset: 5,000 in production, else no limit."""
    quota_stored_bytes: int | None = Field(default=None, ge=0)
    """Size of all stored files; 0: no limit. Unset: 50 GiB in production, else no limit."""

    # --- moderation
    moderation_url: str = Field(default="", pattern=r"^$|^https?://[^/@]+(/|$)")
    """Service that judges what users ask for and what is made; may be private. Empty, and no plugin: nothing does."""
    moderation_secret: SecretStr = SecretStr("")
    """Bearer token that the service is sent; empty: none."""
    moderation_plugin: str = ""
    """Installed plugin that judges instead: a name in the entry-point group ``emprops.moderation``."""
    moderation_stages: Literal["both", "start", "results", "none"] = "both"
    """What is checked of collections for which an operator set nothing else."""
    moderation_outage: Literal["closed", "open"] = "closed"
    """While nobody answers: ``closed`` refuses starts and keeps results waiting, ``open`` allows everything."""
    moderation_timeout: float = Field(default=10.0, gt=0, le=60)
    """How long a verdict may take."""

    # --- streams and WebSockets
    stream_heartbeat: float = Field(default=15.0, gt=0)
    """A stream that has nothing to say sends a comment this often, so that proxies keep it open."""
    stream_poll: float = Field(default=5.0, gt=0)
    """How often PostgreSQL is asked, once for all streams of a process, what changed without a message."""
    stream_send_timeout: float = Field(default=10.0, gt=0)
    """A client that takes nothing for this long is cut off."""
    stream_life: float = Field(default=15 * 60.0, gt=0)
    """A stream or WebSocket is closed after this long; clients connect again and miss nothing."""
    stream_limit: int = Field(default=10_000, ge=1)
    """Open streams per process, each a file and about 3 kB; one more is answered 503."""
    stream_limit_per_user: int = Field(default=20, ge=1)
    """Open streams of one user per process; one more is answered 503."""
    socket_limit: int = Field(default=1_000, ge=1)
    """Open WebSockets per process; one more is answered 503."""
    socket_limit_per_user: int = Field(default=20, ge=1)
    """Open WebSockets of one user per process; one more is answered 503."""

    # --- requests that wait for a job to end
    wait_longest: float = Field(default=60.0, gt=0, le=60)
    """Longest wait; who asks for more waits for so long. Less than the patience of a proxy before the api."""
    wait_limit: int = Field(default=1_000, ge=1)
    """Requests that may wait at once, per process; one more is answered 503."""
    wait_limit_per_user: int = Field(default=100, ge=1)
    """Requests of one user that may wait at once, per process; one more is answered 429."""

    # --- OpenAI's API, as the api serves it
    openai_models: str = ""
    """Further names of models: comma-separated ``name=collection``, such as ``gpt-image-1=art, dall-e-3=art``."""
    openai_patience: float = Field(default=590.0, gt=0, le=3600)
    """How long an answer with pictures may take. The official clients give up after 600 s."""

    # --- credits
    credits_enforced: bool = True
    """False: generations show their price, and cost nothing."""
    credits_initial: Decimal | None = Field(default=None, ge=0, max_digits=15, decimal_places=6)
    """Credits that a user starts with. Unset: none in production, else 1000, so that priced samples work at once."""

    # --- models and custom nodes
    catalog_open: bool | None = None
    """Whether users may add models and custom nodes; services always may. Unset: not in production, else yes."""

    # --- files
    storage: Literal["folder", "s3"] = "folder"
    """Where results are stored: a folder in ``data_dir``, or an S3 bucket."""
    s3_bucket: str = ""
    """Name of the bucket; needed when ``storage`` is ``s3``."""
    s3_endpoint: str = Field(default="", pattern=r"^$|^https?://[^/]")
    """Base URL of an S3-compatible service; empty: AWS. Credentials come from the usual ``AWS_*`` variables."""
    s3_region: str = ""
    """Region of the bucket; empty: as the environment says."""
    asset_bytes: int = Field(default=100_000_000, ge=1)
    """Largest file that users may bring as an asset."""
    asset_days: float = Field(default=0.0, ge=0)
    """Days for which assets are kept that say nothing else (``expires_in``); 0: until they are deleted."""
    result_days: float = Field(default=0.0, ge=0)
    """Days for which results are kept, unless an operator set others for a user or a collection; 0: for good."""
    result_links: Literal["public", "signed"] = "public"
    """How long URLs open results: ``public``, as long as these are kept; ``signed``, until the signature ends."""
    link_life: float = Field(default=3600.0, gt=0)
    """How long the signed URLs of assets and results open; those of results for up to a quarter of an hour more."""
    hidden_file_days: float = Field(default=30.0, ge=0)
    """Days after which the file of a hidden output is removed, unless something else uses it; 0: never."""
    share_days: float = Field(default=7.0, gt=0, le=366)
    """How long the watch links that owners get can be opened."""
    share_secret: SecretStr = SecretStr("")
    """What signs those links, at least 32 bytes. Unset: derived from ``jwt_secret``, or a file in ``data_dir``."""

    # --- Mux
    mux_token_id: str = ""
    """Access token of a Mux environment; empty: videos are played as they are stored."""
    mux_token_secret: SecretStr = SecretStr("")
    """Secret of that access token."""
    mux_webhook_secret: SecretStr = SecretStr("")
    """Signing secret of the webhook at ``/webhooks/mux``; empty: that address does not exist."""
    mux_signing_key_id: str = ""
    """With this and ``mux_signing_key``, videos play with signed tokens only."""
    mux_signing_key: SecretStr = SecretStr("")
    """Private key as Mux gives it: PEM in base64."""
    mux_playback_life: float = Field(default=6 * 3600.0, gt=0)
    """How long a signed playback token is valid."""
    mux_base_url: str = "https://api.mux.com"
    """Base URL of the API of Mux."""

    # --- outbound requests
    outbound_allow: str = ""
    """Comma-separated ``host`` or ``host:port`` that may be fetched although they are private; empty: none."""

    # --- webhooks
    webhook_keys: SecretStr = SecretStr("")
    """Comma-separated keys (32 bytes or more) of webhooks' secrets: the first encrypts, all decrypt. Unset: derived."""
    webhook_limit: int = Field(default=20, ge=1)
    """Webhook endpoints of one user, and of all services together."""

    # --- services that workers drive
    comfyui_url: str = ""
    """Address of the ComfyUI that a worker drives, such as ``http://127.0.0.1:8188``; may be private. Empty: none."""
    openai_api_key: SecretStr = SecretStr("")
    """With this or ``openai_base_url``, workers serve ``openai_chat`` and ``openai_image``."""
    openai_base_url: str = ""
    """Base URL of OpenAI's API or one like it (vLLM, Ollama, LiteLLM); empty: OpenAI. It may be private."""
    stability_api_key: SecretStr = SecretStr("")
    """With this, workers serve ``stability_api``."""
    stability_base_url: str = "https://api.stability.ai"
    """Base URL of Stability's API, or of a proxy for it."""

    # --- upkeep
    upkeep_in_api: bool = True
    """Whether the api runs orchestration and upkeep too. False: ``emprops upkeep`` must run somewhere."""
    stale_after: float = Field(default=600.0, gt=0)
    """A step without news for this long is reconciled against Redis."""

    # --- audit log
    audit_days: float = Field(default=0.0, ge=0)
    """Days for which entries of the audit log are kept; 0: for ever."""

    # --- workers over HTTP, as the api serves them
    gateway_poll: float = Field(default=10.0, gt=0, le=15)
    """Longest answer to a worker that waits for work. A worker silent for 15 s is not woken."""
    gateway_waits: int = Field(default=500, ge=1)
    """Workers that may wait at once, per process; each takes a connection to Redis."""
    gateway_workers_per_key: int = Field(default=64, ge=1)
    """Workers that one key may have at a time."""
    gateway_calls_per_second: int = Field(default=200, ge=1)
    """Calls per key and process, on average over two seconds."""
    gateway_file_bytes: int = Field(default=2 * 1024**3, ge=1)
    """Largest result file."""
    gateway_uploads: int = Field(default=32, ge=1)
    """Uploads at once, per process; one key may have half of them."""

    # --- worker
    server: str = ""
    """Address of an api: the worker then works over HTTP, and needs no Redis and no storage of its own."""
    worker_key: SecretStr = SecretStr("")
    """API key with the scope ``worker`` for that api."""
    worker_key_file: str = ""
    """File that holds that key, instead of the key itself."""
    server_allow_http: bool = False
    """Let the key travel over plain http to a server that is not this machine."""
    worker_concurrency: int = Field(default=1, ge=1)
    """Steps that a worker runs at once, of all job types without separate slots."""
    worker_concurrency_by_type: str = ""
    """Separate slots for job types, such as ``local_image=1,openai_chat=8``; the other types share the slots above."""
    worker_job_types: str = ""
    """Comma-separated job types this worker serves; empty: all that its connectors serve."""
    worker_connectors: str = ""
    """Comma-separated connector names to load; empty: all that are configured."""
    worker_grace: float = Field(default=30.0, ge=0)
    """Seconds that running steps get to finish when the worker is told to stop; then they are handed back."""
    max_run_time: float = Field(default=30 * 60.0, gt=0)
    """How long one attempt of a step may take; then it has failed, and is tried again. The api hands it to workers."""
    max_result_bytes: int = Field(default=4 * 1024**3, ge=1)
    """Largest result file that a worker takes from a service; results travel by disk, so this is not about memory."""
    progress_interval: float = Field(default=0.5, ge=0)
    """A step reports progress at most this often."""
    previews: bool = True
    """Whether workers show what is being made: small pictures and texts so far, at most one a second and step."""

    # --- metrics, traces, logs
    metrics_host: str = "127.0.0.1"
    """Address at which ``emprops worker`` and ``emprops upkeep`` serve their metrics, to anyone who reaches it."""
    worker_metrics_port: int = Field(default=0, ge=0, le=65_535)
    """Port of a worker's ``/metrics``; 0: none."""
    upkeep_metrics_port: int = Field(default=0, ge=0, le=65_535)
    """Port of the ``/metrics`` of ``emprops upkeep``; 0: none."""
    otlp_endpoint: str = Field(
        default="", validation_alias=AliasChoices("EMPROPS_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    )
    """Base URL of the collector that traces are sent to, over OTLP/HTTP; empty: no traces. The other variables that
    OpenTelemetry defines (``OTEL_EXPORTER_OTLP_HEADERS``, ``OTEL_TRACES_SAMPLER`` …) are honoured."""
    otlp_traces_endpoint: str = Field(default="", validation_alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    """The same as a whole URL, path included; wins over the base URL."""
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
        BeforeValidator(lambda level: level.upper() if isinstance(level, str) else level),
    ] = "INFO"
    """Least severity of the lines that are logged."""
    log_json: bool = False
    """Log lines as JSON, for machines; else as text."""

    @property
    def base_url(self) -> str:
        """The public base URL without a trailing slash."""
        return (self.public_url or f"http://localhost:{self.port}").rstrip("/")

    @property
    def base_path(self) -> str:
        """The path of that URL, which pages have before theirs; empty: none."""
        return urlsplit(self.base_url).path

    @property
    def requests_a_minute(self) -> int:
        """Requests a minute of one user; 0: no limit."""
        unset = 600 if self.mode == "production" else 0
        return unset if self.rate_limit is None else self.rate_limit

    @property
    def generations_a_minute(self) -> int:
        """Requests of one user that put work into the queue, a minute; 0: no limit."""
        unset = 60 if self.mode == "production" else 0
        return unset if self.generation_rate_limit is None else self.generation_rate_limit

    @property
    def traces_url(self) -> str:
        """Where traces are sent; empty: nowhere."""
        return self.otlp_traces_endpoint or (self.otlp_endpoint and f"{self.otlp_endpoint.rstrip('/')}/v1/traces")

    @property
    def users_add_to_catalog(self) -> bool:
        """Whether users may add models and custom nodes."""
        return self.mode != "production" if self.catalog_open is None else self.catalog_open

    @property
    def initial_credits(self) -> Decimal:
        """Credits that a user starts with."""
        if self.credits_initial is not None:
            return self.credits_initial
        return Decimal(0) if self.mode == "production" else Decimal(1000)

    @property
    def files_dir(self) -> Path:
        """Folder of stored files when storage is a folder."""
        return self.data_dir / "files"
