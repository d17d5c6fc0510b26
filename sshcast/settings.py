"""The settings: one frozen object, read once, from the environment (SSHCAST_*) and the command line."""

import os
from pathlib import Path
from typing import Any, Literal, get_origin

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from db.database_url import DatabaseUrl, read_database_url
from db.values import Role
from sshcast import environment, setting_errors, setting_forms
from sshcast.oidc import role_map

MOST_SECONDS = 3_153_600_000  # a hundred years: moments that far away can still be written
MOST_TIMEOUT = 2**31 - 1
MOST_OUTPUT = 2**50


class SettingsInvalid(Exception):
    """A setting has a value that cannot be used; the message names it."""


def _find_data_folder() -> Path:
    """$XDG_DATA_HOME/sshcast, or ~/.local/share/sshcast."""
    base = os.environ.get("XDG_DATA_HOME")
    try:
        return (Path(base) if base else Path.home() / ".local" / "share") / "sshcast"
    except RuntimeError:  # a user id that nobody has, as containers are often given one
        raise SettingsInvalid(
            "SSHCAST_DATA: is not set, and this user has no home folder: set it to a folder that this user can write to"
        ) from None


class Settings(BaseSettings):
    """Each field is SSHCAST_ and its name in capitals; `environment.py` says how their values are read."""

    model_config = SettingsConfigDict(env_prefix="SSHCAST_", frozen=True, extra="forbid")

    data: Path = Field(default_factory=_find_data_folder, description="The data folder: database, keys (0700).")
    database_url: SecretStr | None = Field(
        None, description="postgresql://user:password@host/name; by default SQLite in the data folder."
    )
    database_connections: int = Field(10, ge=2, description="Connections to PostgreSQL that this process may hold.")
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8000, ge=0, le=65_535, description="The port to listen on.")
    behind_proxy: bool = Field(False, description="A TLS proxy is in front: may bind beyond loopback.")
    trusted_proxies: list[str] = Field([], description="Addresses or networks whose X-Forwarded-* is believed.")
    allowed_hosts: list[str] = Field([], description="Host names that are served besides localhost.")
    allowed_origins: list[str] = Field([], description="Origins of other sites whose pages may call.")
    signing_key: SecretStr | None = Field(
        None, description="The JWT key, at least 32 bytes; by default made in the data folder."
    )
    secret_key: SecretStr | None = Field(
        None, description="The master key for credentials, 64 hexadecimal digits; by default made in the data folder."
    )
    secret_key_before: SecretStr | None = Field(
        None, description="The master key before, while `sshcast secrets rotate` has not gone over all."
    )
    access_seconds: int = Field(3600, ge=60, le=MOST_SECONDS, description="Life of an access token.")
    refresh_seconds: int = Field(604_800, ge=60, le=MOST_SECONDS, description="Life of a refresh token.")
    session_seconds: int = Field(
        2_592_000,
        ge=60,
        le=MOST_SECONDS,
        description="Longest life of a session, however often it is refreshed: then, sign in anew.",
    )
    default_timeout: int = Field(
        300, ge=1, le=MOST_TIMEOUT, description="Time limit of a run, in seconds, where none is given."
    )
    max_timeout: int = Field(86_400, ge=1, le=MOST_TIMEOUT, description="The longest time limit that may be asked for.")
    default_output_limit: int = Field(
        10_485_760, ge=1, le=MOST_OUTPUT, description="Output cap of a run, in bytes, if none is given."
    )
    max_output_limit: int = Field(
        1_073_741_824, ge=1, le=MOST_OUTPUT, description="The largest output cap that may be asked for."
    )
    allowed_networks: list[str] = Field([], description="Networks in which servers may be whatever is denied.")
    denied_networks: list[str] = Field([], description="Networks in which no server may be, besides cloud metadata.")
    allowed_ports: list[int] = Field([], description="Ports that servers may have; none named: any.")
    max_pending: int = Field(100_000, ge=1, description="Executions that may wait; beyond, new ones are refused (429).")
    max_pending_per_user: int = Field(50_000, ge=1, description="How many of them may be of one user.")
    max_pending_per_server: int = Field(50_000, ge=1, description="How many of them may be for one server.")
    max_tasks_per_user: int = Field(50_000, ge=1, description="Tasks that a user may have made.")
    streams_per_user: int = Field(100, ge=1, description="Streams (subscriptions, followed logs) a user may have open.")
    streams: int = Field(2000, ge=1, description="Streams that may be open in all.")
    sockets_per_user: int = Field(100, ge=1, description="WebSockets that a user may have open.")
    requests_per_second: int = Field(500, ge=1, description="Requests of a user; 20 seconds' worth at once (429).")
    changes_per_second: int = Field(300, ge=1, description="Changes and runs of a user; 20 seconds' worth at once.")
    strangers_per_second: int = Field(
        200, ge=1, description="Requests without a good token, an address; 20 seconds' worth at once."
    )
    refusals_per_second: int = Field(
        10,
        ge=1,
        description="Refusals (role, policy) that a user is told and that are audited; 500 seconds' worth at once.",
    )
    start_seconds: int = Field(
        60, ge=1, description="How long a server may take from being asked for a session to a shell that answers in it."
    )
    runner_slots: int = Field(200, ge=1, description="Executions that this process drives at once.")
    drain_seconds: float = Field(10, ge=0, description="How long attached runs may go on after a stop was asked for.")
    keep_executions_days: int = Field(
        0, ge=0, le=36_500, description="Days that a finished run and its output are kept; 0: for ever."
    )
    keep_slots_days: int = Field(
        0, ge=0, le=36_500, description="Days that a line of the schedules' ledger is kept; 0: for ever."
    )
    cron_floor_seconds: int = Field(1, ge=1, description="The shortest interval that a schedule may have.")
    policy_mode: Literal["standard", "strict", "audit"] = Field(
        "standard", description="How strictly the command policy is taken; `audit` refuses nothing."
    )
    public_url: str | None = Field(
        None,
        description="Where browsers find the service, such as https://sshcast.example.com; served like ALLOWED_HOSTS.",
    )
    oidc_issuer: str | None = Field(None, description="The identity provider (OpenID Connect) that users sign in with.")
    oidc_name: str | None = Field(None, description="What the sign-in button calls it; by default its host name.")
    oidc_client_id: str | None = Field(None, description="What it knows this service as.")
    oidc_client_secret: SecretStr | None = Field(None, description="The secret for that; none for a public client.")
    oidc_scopes: str = Field("openid profile email", description="What is asked of it, with spaces between.")
    oidc_groups_claim: str = Field("groups", description="The claim with a user's groups; `a.b` for one in another.")
    oidc_role_map: str | None = Field(None, description="Roles of groups: `ops=operator,root=admin`, or a JSON object.")
    oidc_default_role: Role | None = Field(None, description="The role of those in no such group; none: refused.")
    oidc_audience: str | None = Field(
        None, description="Its access tokens that are made for this audience are taken; none: no access token is."
    )
    oidc_token_type: Literal["at+jwt", "JWT"] = Field(
        "at+jwt", description="The `typ` that its access tokens have; `JWT` takes both, and those without one."
    )
    timezone: str = Field("UTC", description="Time zone of tasks that name none.")
    introspection: bool = Field(True, description="Let those who have signed in read the schema.")
    playground: bool = Field(True, description="Serve the playground page at /graphql.")

    strict: bool = Field(False, description="Refuse to start when there are SSHCAST_* variables that are no settings.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given by name, then our own reading of the environment."""
        return init_settings, InitSettingsSource(settings_cls, environment.values(os.environ, cls.lists()))

    @classmethod
    def lists(cls) -> dict[str, bool]:
        """Each setting, and whether it is a list."""
        return {name: get_origin(field.annotation) is list for name, field in cls.model_fields.items()}

    @field_validator("data")
    @classmethod
    def is_a_folder(cls, value: Path) -> Path:
        return setting_forms.folder(value)

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
    def check_issuer_settings(self) -> "Settings":
        needed = {"SSHCAST_OIDC_CLIENT_ID": self.oidc_client_id, "SSHCAST_PUBLIC_URL": self.public_url}
        absent = [name for name, value in needed.items() if not value]
        if self.oidc_issuer and absent:
            raise ValueError(f"SSHCAST_OIDC_ISSUER: needs {' and '.join(absent)} too: set that as well")
        if self.oidc_token_type == "JWT" and self.oidc_audience and self.oidc_audience == self.oidc_client_id:  # noqa: S105
            raise ValueError(
                "SSHCAST_OIDC_AUDIENCE: must not be what SSHCAST_OIDC_CLIENT_ID is, or ID tokens would pass for access "
                "tokens: have the provider make its access tokens for an audience of their own"
            )
        return self

    @model_validator(mode="after")
    def check_key_before(self) -> "Settings":
        if self.secret_key_before and self.secret_key is None:
            raise ValueError(
                "SSHCAST_SECRET_KEY_BEFORE: is for use with SSHCAST_SECRET_KEY, which is not set: give both, or have "
                "both keys in the data folder's secret.key, a line each, the current one first"
            )
        return self

    @model_validator(mode="after")
    def check_defaults(self) -> "Settings":
        for default, most in (("default_timeout", "max_timeout"), ("default_output_limit", "max_output_limit")):
            if getattr(self, default) > getattr(self, most):
                raise ValueError(
                    f"{environment.variable_of(default)}: is {getattr(self, default)}, and must be at most "
                    f"{environment.variable_of(most)}, which is {getattr(self, most)}"
                )
        return self

    @property
    def url(self) -> DatabaseUrl:
        """Where the database is; shown without its password."""
        if self.database_url is not None:
            return read_database_url(self.database_url.get_secret_value())
        return DatabaseUrl(dialect="sqlite", database=str(self.data.absolute() / "sshcast.db"))

    @property
    def sqlite(self) -> bool:
        return self.url.dialect == "sqlite"


def load(**given: Any) -> Settings:
    """From the environment, and `given` over it. SettingsInvalid names what is wrong without its value."""
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
    """A sentence for the SSHCAST_* variables that are no settings."""
    return environment.unknown(os.environ, Settings.model_fields)
