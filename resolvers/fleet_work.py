"""The work of a fleet run: the columns that its executions share, from a command or a task."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from db import executions
from db.models import Task
from resolvers import commands, parameters, secret_env, validation
from resolvers.context import Context, Limits
from resolvers.errors import Invalid, ServiceError
from resolvers.fleet_inputs import FleetCommand, FleetRequest
from runner.admission.decision import PolicySubject
from runner.secrets.bindings import FLEET_RUNS, build_fleet_stdin_binding
from runner.secrets.secret import Secret
from runner.secrets.vault import Vault

OWN_COLUMNS = ("task_id", "command", "sealed_env")
"""The columns of the work that a fleet run has itself; its column `work` has the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetWork:
    """The shared columns of the executions, and what is sealed once the fleet run has an id.

    `inputs` are the values of a task's parameters as the policy sees them, None for a secret.
    """

    values: Mapping[str, Any]
    own: Mapping[str, Secret] = field(default_factory=dict)
    stdin: bytes | None = field(default=None, repr=False)

    @property
    def task_id(self) -> int | None:
        found: int | None = self.values["task_id"]
        return found

    @property
    def columns(self) -> dict[str, Any]:
        """Return the columns of `fleet_runs`."""
        rest = {name: value for name, value in self.values.items() if name not in OWN_COLUMNS}
        return {name: self.values.get(name) for name in OWN_COLUMNS} | {"work": rest}

    @property
    def facts(self) -> dict[str, Any]:
        """Return all that decides what is run, for the plan's digest; of secret values only the names."""
        return {name: value for name, value in self.values.items() if name != "sealed_env"}

    def build_subject(self, server_id: int) -> PolicySubject:
        return PolicySubject(
            command=self.values["command"],
            shell=self.values["shell"],
            env=self.values["env"],
            secrets=self.values["secret_env"],
            parameters=self.values.get("parameters") or {},
            working_dir=self.values["working_dir"],
            server_id=server_id,
            task_id=self.task_id,
            stdin=self.stdin,
        )

    def seal(self, vault: Vault, id: int) -> dict[str, Any]:
        """Return the sealed columns of the fleet run with this id; {} if nothing is to be sealed."""
        found: dict[str, Any] = {}
        if self.own:
            found["sealed_env"] = secret_env.seal_values(vault, FLEET_RUNS, id, self.own)
        if self.stdin:
            found["sealed_stdin"] = vault.seal(self.stdin, **build_fleet_stdin_binding(id))
        return found


@contextmanager
def locate_errors(*path: str) -> Iterator[None]:
    """Put the path of the part of the request before the field that an error names."""
    try:
        yield
    except ServiceError as error:
        if error.field:
            error.field = (*path, *error.field)
        raise


def check_choice(wanted: FleetRequest) -> None:
    """Raise Invalid unless there is either a command or a task."""
    if (wanted.command is None) == (wanted.task_id is None):
        raise Invalid("work", "must be a command or a task.", "须给出命令或任务之一。")
    if wanted.command is not None and wanted.parameters:
        raise Invalid(
            "parameters",
            "are for a task: give a command its values in env or secretEnv.",
            "仅用于任务：命令的值请放入 env 或 secretEnv。",
        )


def build_command_work(limits: Limits, wanted: FleetCommand) -> FleetWork:
    """Check a command as `runCommand` does, and return its work."""
    with locate_errors("work", "command"):
        return _build_command_work(limits, wanted)


def _build_command_work(limits: Limits, wanted: FleetCommand) -> FleetWork:
    command, stdin = validation.check_command_text(wanted.command), validation.stdin(wanted.stdin)
    sources, own = secret_env.check_new(wanted.secret_env, wanted.env)
    values = {
        "task_id": None,
        "command": command,
        "shell": validation.find_shell(command),
        "env": validation.check_env(wanted.env),
        "secret_env": sources,
        "working_dir": validation.check_working_dir(wanted.working_dir),
        "merge_streams": wanted.merge_streams,
        "stdin_bytes": None if stdin is None else len(stdin),
        "stdin_sha256": None if stdin is None else hashlib.sha256(stdin).hexdigest(),
    }
    values |= commands.apply_limits(limits, wanted.timeout_seconds, wanted.output_limit, wanted.on_output_limit)
    return FleetWork(values=values, own=own, stdin=stdin)


def build_task_work(ctx: Context, task: Task, wanted: FleetRequest) -> FleetWork:
    """Return the work of a task as it stands, with these values of its parameters.

    Its secret values stay bound to the task. Their blobs are not facts: a secret parameter's is new each time.
    """
    columns = executions.copy_from_task(task)
    del columns["server_id"]
    applied = parameters.apply_to_run(task, wanted.parameters)
    return FleetWork(values=columns | parameters.build_run_columns(task, applied, ctx.service.vault))
