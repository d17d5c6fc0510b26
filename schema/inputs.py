"""The inputs of mutations, converted to the resolvers' inputs. Only ids are checked here."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import strawberry
from strawberry import ID

from resolvers import inputs
from resolvers.errors import Invalid
from schema.enums import Mode, OnOutputLimit
from schema.fleet_places import FleetTermsInput, ServerSelector
from schema.ids import parse_id, parse_optional_id
from schema.parameters import ParameterInput, ParameterValueInput, convert_values
from schema.scalars import Long
from schema.schedule_inputs import TermsInput
from schema.schedule_words import ScheduleMode
from schema.secret_variables import SecretVariableInput

ABSENT: Any = strawberry.UNSET
NULLABLE = frozenset(
    {
        *("timeout_seconds", "output_limit", "on_output_limit", "working_dir", "run_mode"),
        *("host_key_alias", "jump_server_id"),
    }
)

MERGE = "Whether what the command writes to standard error goes to its standard output, in the order of writing (2>&1)."


@strawberry.input(description="An environment variable of a command.")
class EnvironmentVariable:
    name: str = strawberry.field(description="The variable's name: letters, digits and _, not beginning with a digit.")
    value: str = strawberry.field(description="The value. It cannot be read back.")


@strawberry.input(description="A task to create.")
class CreateTaskInput:
    name: str = strawberry.field(description="1 to 100 characters.")
    command: str = strawberry.field(
        description="The command as shell text, 1 to 65,536 bytes. It runs in /bin/sh; a first line such as "
        "`#!/bin/bash` chooses another shell."
    )
    server_id: ID | None = strawberry.field(
        default=None, description="The server to run it on; without it, a `selector` is needed."
    )
    selector: ServerSelector | None = strawberry.field(
        default=None, description="Servers to run it on instead: each slot is a fleet run on those selected then."
    )
    fleet: FleetTermsInput | None = strawberry.field(
        default=None, description="With a selector: how its fleet runs are carried out."
    )
    cron_expr: str = strawberry.field(
        description="When to run it: a cron expression of 5 or 6 fields, `@daily` and the like, `@once` (now, and "
        "never again) or `@manual` (only when a user runs it)."
    )
    timezone: str | None = strawberry.field(
        default=None, description="The IANA time zone of the schedule; without it, the service's."
    )
    enabled: bool = strawberry.field(default=True, description="Whether the schedule runs the task.")
    timeout_seconds: int | None = strawberry.field(
        default=None, description="The time limit of a run in seconds; without it, the service's default."
    )
    output_limit: Long | None = strawberry.field(
        default=None,
        name="outputLimitBytes",
        description="The output limit of a run in bytes, both streams together; without it, the service's default.",
    )
    on_output_limit: OnOutputLimit | None = strawberry.field(
        default=None, description="What happens when a run reaches that limit; without it, the service's default."
    )
    env: list[EnvironmentVariable] = strawberry.field(
        default_factory=list, description="Environment variables of the command, at most 100."
    )
    secret_env: list[SecretVariableInput] = strawberry.field(
        default_factory=list,
        description="Secret environment variables, each with a value or the name of a registered secret.",
    )
    working_dir: str | None = strawberry.field(
        default=None,
        description="The working directory: an absolute path or one that begins with `~/`; without it, the account's "
        "home directory.",
    )
    run_mode: Mode | None = strawberry.field(
        default=None, description="The mode of its runs; without it, the server's."
    )
    merge_streams: bool = strawberry.field(default=False, description=MERGE)
    terms: TermsInput | None = strawberry.field(
        default=None, description="How its slots become runs: overlap, missed runs, retries and the like."
    )
    schedule_mode: ScheduleMode = strawberry.field(
        default=ScheduleMode.ACTIVE, description="Whether its schedule starts runs, or is only recorded."
    )
    parameters: list[ParameterInput] = strawberry.field(
        default_factory=list, description="The parameters that a run may be given, at most 50."
    )
    parameter_values: list[ParameterValueInput] = strawberry.field(
        default_factory=list, description="The values of parameters that its schedule gives."
    )

    def convert(self) -> inputs.NewTask:
        return inputs.NewTask(
            name=self.name,
            command=self.command,
            server_id=parse_optional_id("server_id", self.server_id),
            selector=None if self.selector is None else self.selector.convert(),
            fleet=None if self.fleet is None else self.fleet.convert(),
            cron_expr=self.cron_expr,
            timezone=self.timezone,
            enabled=self.enabled,
            timeout_seconds=self.timeout_seconds,
            output_limit=self.output_limit,
            on_output_limit=self.on_output_limit,
            env=build_environment(self.env),
            secret_env=[variable.convert() for variable in self.secret_env],
            working_dir=self.working_dir,
            run_mode=self.run_mode,
            merge_streams=self.merge_streams,
            terms=inputs.TermsChange() if self.terms is None else self.terms.convert(),
            schedule_mode=self.schedule_mode,
            parameters=[parameter.convert() for parameter in self.parameters],
            parameter_values=convert_values(self.parameter_values),
        )


@strawberry.input(description="Changes to a task. Fields that are absent stay as they are.")
class UpdateTaskInput:
    id: ID = strawberry.field(description="The task's id.")
    name: str | None = strawberry.field(default=ABSENT, description="1 to 100 characters.")
    command: str | None = strawberry.field(default=ABSENT, description="The command, as shell text.")
    server_id: ID | None = strawberry.field(
        default=ABSENT, description="The server to run it on; a fleet task becomes a task of this server."
    )
    selector: ServerSelector | None = strawberry.field(
        default=ABSENT, description="The servers to run it on; it becomes a fleet task if it is none."
    )
    fleet: FleetTermsInput | None = strawberry.field(
        default=ABSENT, description="How a fleet task's runs are carried out; it replaces all of it."
    )
    cron_expr: str | None = strawberry.field(default=ABSENT, description="When to run it.")
    timezone: str | None = strawberry.field(default=ABSENT, description="The IANA time zone of the schedule.")
    enabled: bool | None = strawberry.field(default=ABSENT, description="Whether the schedule runs the task.")
    timeout_seconds: int | None = strawberry.field(
        default=ABSENT, description="The time limit of a run in seconds; null for the service's default."
    )
    output_limit: Long | None = strawberry.field(
        default=ABSENT,
        name="outputLimitBytes",
        description="The output limit of a run in bytes; null for the service's default.",
    )
    on_output_limit: OnOutputLimit | None = strawberry.field(
        default=ABSENT, description="What happens when a run reaches that limit; null for the service's default."
    )
    env: list[EnvironmentVariable] | None = strawberry.field(
        default=ABSENT, description="Environment variables of the command; they replace all previous ones."
    )
    secret_env: list[SecretVariableInput] | None = strawberry.field(
        default=ABSENT,
        description="Secret environment variables; they replace all previous ones. A name with neither a value nor a "
        "secret keeps what the task has under that name; a name that is absent is removed.",
    )
    working_dir: str | None = strawberry.field(
        default=ABSENT, description="The working directory; null for the account's home directory."
    )
    run_mode: Mode | None = strawberry.field(default=ABSENT, description="The mode of its runs; null for the server's.")
    merge_streams: bool | None = strawberry.field(default=ABSENT, description=MERGE)
    terms: TermsInput | None = strawberry.field(
        default=ABSENT, description="How its slots become runs: overlap, missed runs, retries and the like."
    )
    schedule_mode: ScheduleMode | None = strawberry.field(
        default=ABSENT,
        description="Whether its schedule starts runs, or is only recorded. Slots up to the moment of the change, "
        "which is the new `scheduleModeSince`, are decided by the mode before it, later ones by the new mode.",
    )
    parameters: list[ParameterInput] | None = strawberry.field(
        default=ABSENT, description="The parameters that a run may be given; they replace all previous ones."
    )
    parameter_values: list[ParameterValueInput] | None = strawberry.field(
        default=ABSENT, description="The values that its schedule gives; they replace all previous ones, also secret."
    )

    def convert(self) -> inputs.TaskChange:
        found = collect_changes(self, inputs.TaskChange)
        if "server_id" in found:
            found["server_id"] = parse_id("server_id", found["server_id"])
        if "env" in found:
            found["env"] = build_environment(found["env"])
        return inputs.TaskChange(**found)


@strawberry.input(description="The task to enable or disable.")
class SetTaskEnabledInput:
    id: ID = strawberry.field(description="The task's id.")
    enabled: bool = strawberry.field(description="Whether the schedule runs the task.")


@strawberry.input(description="The task to delete.")
class DeleteTaskInput:
    id: ID = strawberry.field(description="The task's id.")


@strawberry.input(description="The server to delete.")
class DeleteServerInput:
    id: ID = strawberry.field(description="The server's id.")


@strawberry.input(description="The execution to cancel.")
class CancelExecutionInput:
    id: ID = strawberry.field(description="The execution's id.")


def collect_changes(change: Any, kind: type) -> dict[str, Any]:
    """Return the fields of `kind` that the caller gave; raise Invalid for a null where null is not a value."""
    found = {item.name: getattr(change, item.name, ABSENT) for item in fields(kind)}
    found = {name: value for name, value in found.items() if value is not ABSENT}
    for name, value in found.items():
        if value is None and name not in NULLABLE:
            raise Invalid(name, "must not be null: leave it out to keep it.", "不能为 null：不修改时请省略该字段。")
    for name in ("credential", "terms", "selector", "fleet"):
        if name in found:
            found[name] = found[name].convert()
    for name in ("blackouts", "secret_env", "parameters", "parameter_values"):
        if name in found:
            found[name] = [item.convert() for item in found[name]]
    return found


def build_environment(variables: Sequence[EnvironmentVariable]) -> dict[str, str]:
    found = {variable.name: variable.value for variable in variables}
    if len(found) < len(variables):
        raise Invalid("env", "names a variable more than once.", "包含重复的变量名。")
    return found
