"""The settings: one frozen object, read once, from the environment (SSHCAST_*) and the command line."""

import os
from pathlib import Path
from typing import Any, Literal, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from db.database_url import DatabaseUrl, read_database_url
from db.values import Role
from sshcast import environment, setting_errors, setting_forms, setting_relations
from sshcast.oidc import role_map

MOST_SECONDS = 3_153_600_000  # a hundred years: moments that far away can still be written
MOST_TIMEOUT = 2**31 - 1
MOST_OUTPUT = 2**50


class SettingsInvalid(Exception):
    """A setting has an invalid value; the message names the setting."""


def _find_data_folder() -> Path:
    """Return $XDG_DATA_HOME/sshcast, or ~/.local/share/sshcast."""
    base = os.environ.get("XDG_DATA_HOME")
    try:
        return (Path(base) if base else Path.home() / ".local" / "share") / "sshcast"
    except RuntimeError:  # a user id that nobody has, as containers are often given one
        raise SettingsInvalid(
            "SSHCAST_DATA: is not set, and this user has no home folder: set it to a folder that this user can write to"
        ) from None


class Settings(BaseModel):
    """The settings. A field's variable is SSHCAST_ and its name in capitals; `environment.py` reads the values.

    Not pydantic-settings', which would read none of them here and takes half as long again to import as pydantic.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(
        default_factory=_find_data_folder, description="The folder of the SQLite database and keys (0700)."
    )
    database_url: SecretStr | None = Field(
        None, description="The database, postgresql://user:password@host/name; by default SQLite in the data folder."
    )
    database_connections: int = Field(10, ge=2, description="How many connections to PostgreSQL this process may hold.")
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8000, ge=0, le=65_535, description="The port to listen on.")
    tls_cert: Path | None = Field(None, description="The TLS certificate with its chain (PEM): serve HTTPS.")
    tls_key: Path | None = Field(None, description="The key of the TLS certificate (PEM, without a passphrase).")
    behind_proxy: bool = Field(False, description="A proxy in front does TLS: allow listening beyond loopback.")
    trusted_proxies: list[str] = Field([], description="Proxies (addresses, networks) whose X-Forwarded-* is trusted.")
    allowed_hosts: list[str] = Field([], description="Host names under which the service answers, besides localhost.")
    allowed_origins: list[str] = Field([], description="Origins of other sites whose pages may call the service.")
    signing_key: SecretStr | None = Field(
        None, description="The key that signs access tokens, at least 32 bytes; by default created in the data folder."
    )
    secret_key: SecretStr | None = Field(
        None, description="The key that encrypts credentials, 64 hex digits; by default created in the data folder."
    )
    secret_key_before: SecretStr | None = Field(
        None, description="The previous master key, needed until `sshcast secrets rotate` has re-encrypted everything."
    )
    access_seconds: int = Field(3600, ge=60, le=MOST_SECONDS, description="How many seconds an access token is valid.")
    refresh_seconds: int = Field(
        604_800, ge=60, le=MOST_SECONDS, description="How many seconds a refresh token is valid."
    )
    session_seconds: int = Field(
        2_592_000, ge=60, le=MOST_SECONDS, description="The longest life of a session in seconds, refreshed or not."
    )
    default_timeout: int = Field(
        300, ge=1, le=MOST_TIMEOUT, description="Time limit of a run in seconds, if it is given none."
    )
    max_timeout: int = Field(
        86_400, ge=1, le=MOST_TIMEOUT, description="The longest time limit in seconds that a run may have."
    )
    default_output_limit: int = Field(
        10_485_760, ge=1, le=MOST_OUTPUT, description="Output limit of a run in bytes, if it is given none."
    )
    max_output_limit: int = Field(
        1_073_741_824, ge=1, le=MOST_OUTPUT, description="The largest output limit in bytes that a run may be given."
    )
    on_output_limit: Literal["stop", "truncate"] = Field(
        "stop",
        description="What happens to a run at its output limit, if it is not told: `stop` ends it; `truncate` lets it "
        "go on, and keeps the beginning and the end of its output.",
    )
    allowed_networks: list[str] = Field(
        [], description="Networks that servers may be in even if `SSHCAST_DENIED_NETWORKS` covers them."
    )
    denied_networks: list[str] = Field(
        [], description="Networks that servers must not be in, besides those of cloud metadata."
    )
    allowed_ports: list[int] = Field([], description="SSH ports that servers may have; if empty, any.")
    jump_names: bool = Field(False, description="Let jump servers resolve host names; the addresses are not checked.")
    max_pending: int = Field(100_000, ge=1, description="How many executions may be pending; more are refused (429).")
    max_pending_per_user: int = Field(50_000, ge=1, description="How many executions of one user may be pending.")
    max_pending_per_server: int = Field(50_000, ge=1, description="How many executions on one server may be pending.")
    max_tasks_per_user: int = Field(50_000, ge=1, description="How many tasks a user may have created.")
    streams_per_user: int = Field(
        100, ge=1, description="How many streams (subscriptions, followed logs) a user may open."
    )
    streams: int = Field(2000, ge=1, description="How many streams may be open in total.")
    sockets_per_user: int = Field(100, ge=1, description="How many WebSockets a user may have open.")
    requests_per_second: int = Field(
        500, ge=1, description="Requests per second of a user, in bursts of at most 20 seconds' worth (429)."
    )
    changes_per_second: int = Field(
        300, ge=1, description="Changes and runs per second of a user, in bursts of at most 20 seconds' worth."
    )
    strangers_per_second: int = Field(
        200,
        ge=1,
        description="Requests per second of an address without a valid token, in bursts of at most 20 seconds' worth.",
    )
    refusals_per_second: int = Field(
        10,
        ge=1,
        description="Audited refusals (role, policy) per second of a user, in bursts of at most 500 seconds' worth.",
    )
    start_seconds: int = Field(
        60, ge=1, description="How many seconds a server may take from opening a session until its shell answers."
    )
    runner_slots: int = Field(200, ge=1, description="How many executions this process runs at once.")
    drain_seconds: float = Field(
        10, ge=0, description="How many seconds attached runs may go on once the service is asked to stop."
    )
    keep_executions_days: int = Field(
        0, ge=0, le=36_500, description="How many days finished runs, output and fleet runs are kept; 0: for ever."
    )
    keep_slots_days: int = Field(
        0, ge=0, le=36_500, description="How many days entries of the schedule ledger are kept; 0: for ever."
    )
    keep_events_days: int = Field(30, ge=0, le=36_500, description="How many days events are kept; 0: for ever.")
    cron_floor_seconds: int = Field(1, ge=1, description="The shortest interval in seconds that a schedule may have.")
    policy_mode: Literal["standard", "strict", "audit"] = Field(
        "standard", description="How strictly the command policy is applied; `audit` refuses nothing."
    )
    public_url: str | None = Field(
        None, description="The service's address in browsers, such as https://sshcast.example.com; always served."
    )
    hsts_seconds: int = Field(
        31_536_000,
        ge=0,
        le=MOST_SECONDS,
        description="For how many seconds browsers are to use https alone (HSTS); 0: not told.",
    )
    oidc_issuer: str | None = Field(None, description="The issuer URL of the identity provider (OpenID Connect).")
    oidc_name: str | None = Field(None, description="The provider's name on the sign-in button; by default its host.")
    oidc_client_id: str | None = Field(None, description="The client id that the provider gave this service.")
    oidc_client_secret: SecretStr | None = Field(None, description="The client secret; none for a public client.")
    oidc_scopes: str = Field("openid profile email", description="The scopes to request, with spaces between.")
    oidc_groups_claim: str = Field("groups", description="The claim with a user's groups; `a.b` if nested.")
    oidc_role_map: str | None = Field(None, description="Roles by group: `ops=operator,root=admin`, or a JSON object.")
    oidc_default_role: Role | None = Field(
        None, description="The role of users in no such group; if unset, they are refused."
    )
    oidc_audience: str | None = Field(
        None, description="The audience for which the provider's access tokens are accepted; if not set, none are."
    )
    oidc_token_type: Literal["at+jwt", "JWT"] = Field(
        "at+jwt",
        description="The `typ` of the provider's access tokens; `JWT` accepts both, and tokens without a `typ`.",
    )
    timezone: str = Field("UTC", description="The time zone of tasks that are given none.")
    introspection: bool = Field(True, description="Let signed-in users read the GraphQL schema.")
    playground: bool = Field(True, description="Serve the playground page at /graphql.")
    operations: Path | None = Field(
        None, description="A file of operations that clients may name by id: `sshcast operation build` makes it."
    )
    operations_only: bool = Field(False, description="Run no GraphQL operations but those of `SSHCAST_OPERATIONS`.")
    persisted_queries: int = Field(
        1000, ge=0, le=100_000, description="How many documents that clients register by hash are kept; 0: none."
    )
    log_level: setting_forms.LogLevel = Field(
        "info", description="The least level of lines in the log: debug, info, warning or error."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="The form of the log's lines; `auto` is text on a terminal, and JSON elsewhere."
    )
    strict: bool = Field(False, description="Refuse to start if a variable SSHCAST_* is not a setting.")

    @model_validator(mode="before")
    @classmethod
    def read_environment(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Take values given by name first, then those of the environment."""
        return environment.values(os.environ, cls.lists()) | given

    @classmethod
    def lists(cls) -> dict[str, bool]:
        """Return for each setting whether it is a list."""
        return {name: get_origin(field.annotation) is list for name, field in cls.model_fields.items()}

    @field_validator("data", "operations", "tls_cert", "tls_key")
    @classmethod
    def is_a_path(cls, value: Path | None) -> Path | None:
        return None if value is None else setting_forms.folder(value)

    @field_validator("host")
    @classmethod
    def is_a_host(cls, value: str) -> str:
        return setting_forms.host(value)

    @field_validator("database_url")
    @classmethod
    def is_a_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_database_url(value.get_secret_value())
        return value

    @field_validator("timezone")
    @classmethod
    def check_zone(cls, value: str) -> str:
        return setting_forms.zone(value)

    @field_validator("allowed_networks", "denied_networks")
    @classmethod
    def check_networks(cls, value: list[str]) -> list[str]:
        return setting_forms.networks(value)

    @field_validator("trusted_proxies")
    @classmethod
    def are_proxies(cls, value: list[str]) -> list[str]:
        return setting_forms.proxies(value)

    @field_validator("allowed_ports")
    @classmethod
    def are_ports(cls, value: list[int]) -> list[int]:
        return setting_forms.ports(value)

    @field_validator("signing_key")
    @classmethod
    def is_random(cls, value: SecretStr | None) -> SecretStr | None:
        setting_forms.check_signing_key(value)
        return value

    @field_validator("public_url")
    @classmethod
    def check_site(cls, value: str | None) -> str | None:
        return None if value is None else setting_forms.site(value)

    @field_validator("oidc_issuer")
    @classmethod
    def check_issuer(cls, value: str | None) -> str | None:
        return None if value is None else setting_forms.address(value)

    @field_validator("oidc_role_map")
    @classmethod
    def check_role_map(cls, value: str | None) -> str | None:
        role_map.parse_role_map(value or "")
        return value

    @field_validator("oidc_scopes")
    @classmethod
    def check_scopes(cls, value: str) -> str:
        if "openid" not in value.split():
            raise ValueError("must have openid among them")
        return value

    @model_validator(mode="after")
    def check_relations(self) -> "Settings":
        setting_relations.check_relations(dict(self))
        return self

    @property
    def url(self) -> DatabaseUrl:
        """The database's URL, shown without its password."""
        if self.database_url is not None:
            return read_database_url(self.database_url.get_secret_value())
        return DatabaseUrl(dialect="sqlite", database=str(self.data.absolute() / "sshcast.db"))

    @property
    def sqlite(self) -> bool:
        return self.url.dialect == "sqlite"


def load(**given: Any) -> Settings:
    """Load the settings from the environment, overridden by `given`; raise SettingsInvalid, which shows no value."""
    strangers = unknown()
    try:
        made = Settings(**given)
    except ValidationError as error:
        found = setting_errors.explain(error, Settings.model_fields, given)
        raise SettingsInvalid("; ".join(filter(None, [found, strangers]))) from None
    if made.strict and strangers:
        raise SettingsInvalid(f"{strangers}; correct or unset that, or unset SSHCAST_STRICT to be only warned")
    return made


def unknown() -> str | None:
    """Return a sentence that names the SSHCAST_* variables that are not settings, if any."""
    return environment.unknown(os.environ, Settings.model_fields)
