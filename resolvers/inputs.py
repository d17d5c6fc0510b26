"""Requests as GraphQL, REST and the CLI pass them on: not validated yet (see `resolvers.validation`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

from db.schedule_mode import ScheduleMode
from db.values import OnRefused
from runner.charsets import DEFAULT
from runner.secrets.secret import Secret


class Unset(Enum):
    """A field that the caller did not name, unlike one set to null."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
Missing: TypeAlias = Literal[Unset.UNSET]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredential:
    """A password, or a private key with an optional passphrase and OpenSSH certificate."""

    password: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    certificate: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewServer:
    name: str
    host: str
    port: int = 22
    username: str
    host_keys: Sequence[str]
    host_key_alias: str | None = None
    legacy_algorithms: Sequence[str] = ()
    jump_server_id: int | None = None
    credential: NewCredential
    tags: Sequence[str] = ()
    max_parallel: int = 10
    run_mode: str = "durable"
    output_encoding: str = DEFAULT
    blackouts: Sequence[Mapping[str, Any]] = ()
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChange:
    name: str | Missing = UNSET
    host: str | Missing = UNSET
    port: int | Missing = UNSET
    username: str | Missing = UNSET
    host_keys: Sequence[str] | Missing = UNSET
    accept_fingerprints: Sequence[str] | Missing = UNSET
    host_key_alias: str | None | Missing = UNSET
    legacy_algorithms: Sequence[str] | Missing = UNSET
    jump_server_id: int | None | Missing = UNSET
    credential: NewCredential | Missing = UNSET
    tags: Sequence[str] | Missing = UNSET
    max_parallel: int | Missing = UNSET
    run_mode: str | Missing = UNSET
    output_encoding: str | Missing = UNSET
    blackouts: Sequence[Mapping[str, Any]] | Missing = UNSET
    enabled: bool | Missing = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsChange:
    """Changes to the terms of a task's schedule; for a new task, what differs from the defaults."""

    dst: str | Missing = UNSET
    overlap: str | Missing = UNSET
    missed: str | Missing = UNSET
    missed_cap: int | Missing = UNSET
    missed_window_seconds: int | Missing = UNSET
    jitter_seconds: int | Missing = UNSET
    start_deadline_seconds: int | None | Missing = UNSET
    retry_limit: int | Missing = UNSET
    retry_delay_seconds: int | Missing = UNSET
    retry_on: Sequence[str] | Missing = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretVariable:
    """A variable with a value of its own or a registered secret by name. With neither, a change keeps the old one."""

    name: str
    value: Secret | None = None
    secret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewParameter:
    """A parameter that a task declares. `type` is one of `db.values.ParameterType`."""

    name: str
    type: str
    description: str | None = None
    required: bool = False
    default: str | None = None
    pattern: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    options: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterValue:
    """A value for a parameter of a task, which may be a secret."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """A secret to register. With `server_id`, only runs on that server may use it."""

    name: str
    value: Secret
    server_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectServers:
    """Conditions on servers, all of which have to match; at least one is given. An empty name matches every name."""

    ids: Sequence[int] | None = None
    tags_all: Sequence[str] | None = None
    tags_any: Sequence[str] | None = None
    tags_none: Sequence[str] | None = None
    name_contains: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetTerms:
    """How the fleet runs of a fleet task are carried out.

    `batch_size` is `{"servers": n}` or `{"percent": n}`, `stop_after` `{"failures": n}` or `{"percent": n}`.
    """

    batch_size: Mapping[str, int] | None = None
    pause_seconds: int = 0
    stop_after: Mapping[str, int] | None = None
    on_refused: str = OnRefused.SKIP


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A task to create. None for a limit means the service's default, for the run mode the server's.

    It runs on the server `server_id`, or as a fleet task on the servers of its `selector`.
    """

    name: str
    command: str
    cron_expr: str
    server_id: int | None = None
    selector: SelectServers | None = None
    fleet: FleetTerms | None = None
    timezone: str | None = None
    enabled: bool = True
    timeout_seconds: int | None = None
    output_limit: int | None = None
    on_output_limit: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    secret_env: Sequence[SecretVariable] = ()
    working_dir: str | None = None
    run_mode: str | None = None
    merge_streams: bool = False
    terms: TermsChange = TermsChange()
    schedule_mode: str = ScheduleMode.ACTIVE
    parameters: Sequence[NewParameter] = ()
    parameter_values: Sequence[ParameterValue] = ()
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChange:
    name: str | Missing = UNSET
    command: str | Missing = UNSET
    server_id: int | None | Missing = UNSET
    selector: SelectServers | None | Missing = UNSET
    fleet: FleetTerms | None | Missing = UNSET
    cron_expr: str | Missing = UNSET
    timezone: str | Missing = UNSET
    enabled: bool | Missing = UNSET
    timeout_seconds: int | None | Missing = UNSET
    output_limit: int | None | Missing = UNSET
    on_output_limit: str | None | Missing = UNSET
    env: Mapping[str, str] | Missing = UNSET
    secret_env: Sequence[SecretVariable] | Missing = UNSET
    working_dir: str | None | Missing = UNSET
    run_mode: str | None | Missing = UNSET
    merge_streams: bool | Missing = UNSET
    terms: TermsChange | Missing = UNSET
    schedule_mode: str | Missing = UNSET
    parameters: Sequence[NewParameter] | Missing = UNSET
    parameter_values: Sequence[ParameterValue] | Missing = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewSchedule:
    """A schedule to preview. None means: the service's time zone, from now on, without a server's blackout windows."""

    cron_expr: str
    timezone: str | None = None
    count: int = 10
    start: datetime | None = None
    dst: str = "vixie"
    server_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTask:
    """A request to run a task now. The answer waits up to `wait_seconds` (0..60) for the run to end."""

    task_id: int
    parameters: Sequence[ParameterValue] = ()
    idempotency_key: str | None = None
    wait_seconds: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCommand:
    """A request to run a command without a task. `stdin` is its input; None is the same as an empty one."""

    server_id: int
    command: str
    timeout_seconds: int | None = None
    output_limit: int | None = None
    on_output_limit: str | None = None
    merge_streams: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    secret_env: Sequence[SecretVariable] = ()
    working_dir: str | None = None
    stdin: bytes | None = field(default=None, repr=False)
    idempotency_key: str | None = None
    wait_seconds: float = 0


def collect_values(change: Any) -> dict[str, Any]:
    """Return the fields of a change that the caller named."""
    found = {item.name: getattr(change, item.name) for item in fields(change)}
    return {name: value for name, value in found.items() if value is not UNSET}
