"""What mutations take, handed on as the resolvers take it. Ids are read here; every other rule is the resolvers'."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import strawberry
from strawberry import ID

from resolvers import inputs
from resolvers.errors import Invalid
from schema.enums import Mode
from schema.ids import parse_id
from schema.scalars import Long
from schema.schedule_inputs import TermsInput
from schema.secret_variables import SecretVariableInput
from schema.stdin import decode

ABSENT: Any = strawberry.UNSET
NULLABLE = frozenset({"timeout_seconds", "output_limit", "working_dir", "run_mode", "host_key_alias"})


@strawberry.input(description="An environment variable of a command.")
class EnvironmentVariable:
    name: str = strawberry.field(description="Letters, digits and _, no digit first.")
    value: str = strawberry.field(description="The value; it cannot be read again.")


@strawberry.input(description="A task to create.")
class CreateTaskInput:
    name: str = strawberry.field(description="1 to 100 characters.")
    command: str = strawberry.field(description="Shell text, 1 to 65,536 bytes; a first line #!/bin/bash chooses bash.")
    server_id: ID = strawberry.field(description="The server to run it on.")
    cron_expr: str = strawberry.field(
        description="When to run it: a cron expression of 5 or 6 fields, `@daily` and the like, `@once` (now, and "
        "never again) or `@manual` (never by itself)."
    )
    timezone: str | None = strawberry.field(
        default=None, description="The IANA time zone of the schedule; the service's if there is none."
    )
    enabled: bool = strawberry.field(default=True, description="A disabled task does not run by its schedule.")
    timeout_seconds: int | None = strawberry.field(default=None, description="The time limit of a run.")
    output_limit: Long | None = strawberry.field(
        default=None, name="outputLimitBytes", description="How much of a run's output to keep."
    )
    env: list[EnvironmentVariable] = strawberry.field(
        default_factory=list, description="Environment variables of the command, at most 100."
    )
    secret_env: list[SecretVariableInput] = strawberry.field(
        default_factory=list, description="Further ones that are secret, each with a value or a registered secret."
    )
    working_dir: str | None = strawberry.field(
        default=None, description="An absolute path, or one that starts with `~/`; else the account's home."
    )
    run_mode: Mode | None = strawberry.field(
        default=None, description="How its runs are driven; the server's way if there is none."
    )
    terms: TermsInput | None = strawberry.field(default=None, description="How its slots become runs.")

    def convert(self) -> inputs.NewTask:
        return inputs.NewTask(
            name=self.name,
            command=self.command,
            server_id=parse_id("server_id", self.server_id),
            cron_expr=self.cron_expr,
            timezone=self.timezone,
            enabled=self.enabled,
            timeout_seconds=self.timeout_seconds,
            output_limit=self.output_limit,
            env=build_environment(self.env),
            secret_env=[variable.convert() for variable in self.secret_env],
            working_dir=self.working_dir,
            run_mode=self.run_mode,
            terms=inputs.TermsChange() if self.terms is None else self.terms.convert(),
        )


@strawberry.input(description="What to change about a task. What is absent stays as it is.")
class UpdateTaskInput:
    id: ID = strawberry.field(description="The task's id.")
    name: str | None = strawberry.field(default=ABSENT, description="1 to 100 characters.")
    command: str | None = strawberry.field(default=ABSENT, description="The command, as shell text.")
    server_id: ID | None = strawberry.field(default=ABSENT, description="The server to run it on.")
    cron_expr: str | None = strawberry.field(default=ABSENT, description="When to run it.")
    timezone: str | None = strawberry.field(default=ABSENT, description="The IANA time zone of the schedule.")
    enabled: bool | None = strawberry.field(default=ABSENT, description="Whether it runs by its schedule.")
    timeout_seconds: int | None = strawberry.field(
        default=ABSENT, description="The time limit of a run; null for the service's default."
    )
    output_limit: Long | None = strawberry.field(
        default=ABSENT,
        name="outputLimitBytes",
        description="How much of a run's output to keep; null for the service's default.",
    )
    env: list[EnvironmentVariable] | None = strawberry.field(
        default=ABSENT, description="Environment variables of the command, in place of those of before."
    )
    secret_env: list[SecretVariableInput] | None = strawberry.field(
        default=ABSENT,
        description="The secret ones, in place of those of before. A name with neither a value nor a secret keeps what "
        "the task has under it; a name that is absent goes.",
    )
    working_dir: str | None = strawberry.field(default=ABSENT, description="Where to run it; null for the home.")
    run_mode: Mode | None = strawberry.field(
        default=ABSENT, description="How its runs are driven; null for the server's way."
    )
    terms: TermsInput | None = strawberry.field(default=ABSENT, description="How its slots become runs.")

    def convert(self) -> inputs.TaskChange:
        found = collect_changes(self, inputs.TaskChange)
        if "server_id" in found:
            found["server_id"] = parse_id("server_id", found["server_id"])
        if "env" in found:
            found["env"] = build_environment(found["env"])
        return inputs.TaskChange(**found)


@strawberry.input(description="A task to run now.")
class RunTaskInput:
    task_id: ID = strawberry.field(description="The task.")
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="A repeat with the same key (1 to 128 characters) finds the same run. OUTCOME_UNKNOWN names it.",
    )
    wait: float = strawberry.field(
        default=0.0, description="Seconds, 0 to 60, to hold the answer back until the run has ended."
    )

    def convert(self) -> inputs.RunTask:
        return inputs.RunTask(
            task_id=parse_id("task_id", self.task_id), idempotency_key=self.idempotency_key, wait_seconds=self.wait
        )


@strawberry.input(description="A command to run once, without a task.")
class RunCommandInput:
    server_id: ID = strawberry.field(description="The server to run it on.")
    command: str = strawberry.field(description="Shell text, 1 to 65,536 bytes; a first line #!/bin/bash chooses bash.")
    timeout_seconds: int | None = strawberry.field(default=None, description="Its time limit.")
    output_limit: Long | None = strawberry.field(
        default=None, name="outputLimitBytes", description="How much of its output to keep."
    )
    env: list[EnvironmentVariable] = strawberry.field(
        default_factory=list, description="Environment variables of the command, at most 100."
    )
    secret_env: list[SecretVariableInput] = strawberry.field(
        default_factory=list, description="Further ones that are secret, each with a value or a registered secret."
    )
    working_dir: str | None = strawberry.field(
        default=None, description="An absolute path, or one that starts with `~/`; else the account's home."
    )
    stdin: str | None = strawberry.field(
        default=None,
        description="What it reads on its standard input, at most 1 MiB, as base64 of the standard alphabet with its "
        "padding; line breaks in it are skipped. Kept sealed until the run has ended, and never shown. Without it the "
        "command reads nothing.",
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="A repeat with the same key (1 to 128 characters) finds the same run. OUTCOME_UNKNOWN names it.",
    )
    wait: float = strawberry.field(
        default=0.0, description="Seconds, 0 to 60, to hold the answer back until the run has ended."
    )

    def convert(self) -> inputs.RunCommand:
        return inputs.RunCommand(
            server_id=parse_id("server_id", self.server_id),
            command=self.command,
            timeout_seconds=self.timeout_seconds,
            output_limit=self.output_limit,
            env=build_environment(self.env),
            secret_env=[variable.convert() for variable in self.secret_env],
            working_dir=self.working_dir,
            stdin=decode(self.stdin),
            idempotency_key=self.idempotency_key,
            wait_seconds=self.wait,
        )


@strawberry.input(description="A task to switch on or off.")
class SetTaskEnabledInput:
    id: ID = strawberry.field(description="The task's id.")
    enabled: bool = strawberry.field(description="Whether it runs by its schedule.")


@strawberry.input(description="A task to delete.")
class DeleteTaskInput:
    id: ID = strawberry.field(description="The task's id.")


@strawberry.input(description="A server to delete.")
class DeleteServerInput:
    id: ID = strawberry.field(description="The server's id.")


@strawberry.input(description="An execution to stop.")
class CancelExecutionInput:
    id: ID = strawberry.field(description="The execution's id.")


@strawberry.input(description="Who signs in.")
class LoginInput:
    username: str = strawberry.field(description="The user's name.")
    password: str = strawberry.field(description="The user's password.")


@strawberry.input(description="A session to go on with.")
class RefreshInput:
    refresh_token: str = strawberry.field(description="The refresh token that signing in gave.")


def collect_changes(change: Any, kind: type) -> dict[str, Any]:
    """The fields of `kind` that the caller named; null where it is no value is refused by name."""
    found = {item.name: getattr(change, item.name, ABSENT) for item in fields(kind)}
    found = {name: value for name, value in found.items() if value is not ABSENT}
    for name, value in found.items():
        if value is None and name not in NULLABLE:
            raise Invalid(name, "must not be null: leave it out to keep it.", "不能为 null：不修改时请省略该字段。")
    for name in ("credential", "terms"):
        if name in found:
            found[name] = found[name].convert()
    for name in ("blackouts", "secret_env"):
        if name in found:
            found[name] = [item.convert() for item in found[name]]
    return found


def build_environment(variables: Sequence[EnvironmentVariable]) -> dict[str, str]:
    found = {variable.name: variable.value for variable in variables}
    if len(found) < len(variables):
        raise Invalid("env", "names a variable more than once.", "包含重复的变量名。")
    return found
