"""The inputs of runs, converted to the resolvers' inputs. Only ids are checked here."""

import strawberry
from strawberry import ID

from resolvers import inputs
from schema.enums import OnOutputLimit
from schema.ids import parse_id
from schema.inputs import MERGE, EnvironmentVariable, build_environment
from schema.parameters import ParameterValueInput, convert_values
from schema.scalars import Long
from schema.secret_variables import SecretVariableInput
from schema.stdin import decode


@strawberry.input(description="A task to run now.")
class RunTaskInput:
    task_id: ID = strawberry.field(description="The task.")
    parameters: list[ParameterValueInput] = strawberry.field(
        default_factory=list, description="Values of the parameters that the task declares."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="A key of 1 to 128 characters: a request that is repeated with the same key returns the same run "
        "instead of starting another. The error OUTCOME_UNKNOWN repeats the key.",
    )
    wait: float = strawberry.field(
        default=0.0, description="How many seconds, 0 to 60, to wait for the run to end before answering."
    )

    def convert(self) -> inputs.RunTask:
        return inputs.RunTask(
            task_id=parse_id("task_id", self.task_id),
            parameters=convert_values(self.parameters),
            idempotency_key=self.idempotency_key,
            wait_seconds=self.wait,
        )


@strawberry.input(description="A command to run once, without a task.")
class RunCommandInput:
    server_id: ID = strawberry.field(description="The server to run it on.")
    command: str = strawberry.field(
        description="The command as shell text, 1 to 65,536 bytes. It runs in /bin/sh; a first line such as "
        "`#!/bin/bash` chooses another shell."
    )
    timeout_seconds: int | None = strawberry.field(
        default=None, description="The time limit in seconds; without it, the service's default."
    )
    output_limit: Long | None = strawberry.field(
        default=None,
        name="outputLimitBytes",
        description="The output limit in bytes, both streams together; without it, the service's default.",
    )
    on_output_limit: OnOutputLimit | None = strawberry.field(
        default=None, description="What happens when the run reaches that limit; without it, the service's default."
    )
    merge_streams: bool = strawberry.field(default=False, description=MERGE)
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
    stdin: str | None = strawberry.field(
        default=None,
        description="The command's standard input, at most 1 MiB, in base64 of the standard alphabet with padding; "
        "line breaks in it are skipped. It is stored encrypted until the run has ended, and never shown. "
        "Without it the command reads nothing.",
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="A key of 1 to 128 characters: a request that is repeated with the same key returns the same run "
        "instead of starting another. The error OUTCOME_UNKNOWN repeats the key.",
    )
    wait: float = strawberry.field(
        default=0.0, description="How many seconds, 0 to 60, to wait for the run to end before answering."
    )

    def convert(self) -> inputs.RunCommand:
        return inputs.RunCommand(
            server_id=parse_id("server_id", self.server_id),
            command=self.command,
            timeout_seconds=self.timeout_seconds,
            output_limit=self.output_limit,
            on_output_limit=self.on_output_limit,
            merge_streams=self.merge_streams,
            env=build_environment(self.env),
            secret_env=[variable.convert() for variable in self.secret_env],
            working_dir=self.working_dir,
            stdin=decode(self.stdin),
            idempotency_key=self.idempotency_key,
            wait_seconds=self.wait,
        )
