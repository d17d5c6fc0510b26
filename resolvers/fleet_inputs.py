"""Requests about fleet runs as callers pass them on: not validated yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from db.values import OnRefused
from resolvers.inputs import ParameterValue, SecretVariable, SelectServers


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetCommand:
    """A command without a task, to run on each server; the same as `RunCommand` otherwise."""

    command: str
    timeout_seconds: int | None = None
    output_limit: int | None = None
    on_output_limit: str | None = None
    merge_streams: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    secret_env: Sequence[SecretVariable] = ()
    working_dir: str | None = None
    stdin: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRequest:
    """What to run and where: a command, or the task with the id `task_id` with values of its parameters.

    Without a selector it runs where the task says.
    """

    command: FleetCommand | None = None
    task_id: int | None = None
    parameters: Sequence[ParameterValue] = ()
    selector: SelectServers | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFleetRun:
    """A fleet run to start. Without `batch_size`, all executions are requested at once.

    `batch_size` is `{"servers": n}` or `{"percent": n}`, `stop_after` `{"failures": n}` or `{"percent": n}`.
    """

    request: FleetRequest
    batch_size: Mapping[str, int] | None = None
    pause_seconds: int = 0
    stop_after: Mapping[str, int] | None = None
    on_refused: str = OnRefused.FAIL_ALL
    plan_digest: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryFleetRun:
    """The servers of a fleet run to run on again: those whose execution ended for one of these reasons.

    `not_started`: also those that were refused or not started.
    """

    id: int
    reasons: Sequence[str]
    not_started: bool = False
    idempotency_key: str | None = None
