"""Secret variables of a command: checked, sealed, and kept or replaced when a task is changed.

A name alone keeps what the task has under it; a value or a registered secret's name replaces that; the others go.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from db import secrets
from db.models import Task
from resolvers import validation
from resolvers.errors import Invalid, NotFound
from resolvers.inputs import SecretVariable
from runner.admission.decision import PolicySubject
from runner.secrets.bindings import build_value_binding
from runner.secrets.secret import SHORTEST, Secret
from runner.secrets.vault import Vault

FIELD = "secret_env"
LONGEST = 32_768
LEAST_CHARACTERS = 3

Sources = dict[str, str | None]
"""A variable's name to the registered secret that it takes; None where its value is its own."""


@dataclass(frozen=True, slots=True)
class RowDraft:
    """A row that is not written yet, and the secret values and the input that are sealed once it has an id."""

    values: dict[str, Any]
    vault: Vault
    own: Mapping[str, Secret] = field(default_factory=dict)
    stdin: bytes | None = field(default=None, repr=False)

    def seal_values(self, table: str, id: int) -> dict[str, str]:
        return _seal_values(self.vault, table, id, self.own)


def check_sources(variables: Sequence[SecretVariable], env: Mapping[str, str]) -> Sources:
    """Where each variable's value comes from, once all rules hold. `env` is what the command gets besides."""
    names = [variable.name for variable in variables]
    values = {variable.name: variable.value.reveal() for variable in variables if variable.value is not None}
    validation.check_env({**env, **dict.fromkeys(names, ""), **values}, FIELD)
    for variable in variables:
        if names.count(variable.name) > 1 or variable.name in env:
            raise Invalid((FIELD, variable.name), "is given more than once.", "重复出现。")
        if variable.value is not None and variable.secret is not None:
            raise Invalid((FIELD, variable.name), "takes a value or a secret, not both.", "不能同时给出值与机密名称。")
        if variable.value is not None:
            check_secret_value((FIELD, variable.name), variable.value)
    return {variable.name: variable.secret for variable in variables}


def check_new(variables: Sequence[SecretVariable], env: Mapping[str, str]) -> tuple[Sources, dict[str, Secret]]:
    """The same for what has none yet, and the values that are its own."""
    found = check_sources(variables, env)
    for variable in variables:
        if variable.value is None and variable.secret is None:
            raise Invalid((FIELD, variable.name), "needs a value or a registered secret.", "须给出值或机密名称。")
    return found, _collect_own_values(variables)


def build_change(
    task: Task, variables: Sequence[SecretVariable], env: Mapping[str, str], vault: Vault
) -> dict[str, Any]:
    """The columns of the task with these variables in place of those that it has."""
    found, blobs = check_sources(variables, env), dict[str, str]()
    for variable in variables:
        if variable.value is not None or variable.secret is not None:
            continue
        if variable.name not in task.secret_env:
            raise Invalid((FIELD, variable.name), "has no value yet: give one.", "尚无值，请提供。")
        found[variable.name] = task.secret_env[variable.name]
        blobs |= {name: blob for name, blob in task.sealed_env.items() if name == variable.name}
    return {FIELD: found, "sealed_env": blobs | _seal_values(vault, "tasks", task.id, _collect_own_values(variables))}


def build_subject(values: Mapping[str, Any], task_id: int | None = None, stdin: bytes | None = None) -> PolicySubject:
    """What the command policy looks at: of secret variables their names."""
    return PolicySubject(
        command=values["command"],
        shell=values["shell"],
        env=values["env"],
        secrets=values[FIELD],
        working_dir=values["working_dir"],
        server_id=values["server_id"],
        task_id=task_id,
        stdin=stdin,
    )


def require_secrets(conn: Connection, server_id: int, found: Sources) -> None:
    """Every registered secret that is named is there, for the runs of this server."""
    wanted = {source: name for name, source in found.items() if source is not None}
    missing = wanted.keys() - secrets.list_names_in_scope(conn, server_id, list(wanted)) if wanted else set()
    for source in sorted(missing):
        shown = validation.format_name(source)
        raise NotFound(
            f"There is no secret {shown} for runs on this server: ask an admin.",
            f"此服务器上没有可用的机密 {shown}，请联系管理员。",
            field=(FIELD, wanted[source]),
        )


def check_secret_value(path: str | Sequence[str], value: Secret) -> Secret:
    """Long and varied enough that hiding it in output does not hide everything."""
    text = validation.check_encodable(path, value.reveal())
    if len(text.strip()) < SHORTEST or len(set(text)) < LEAST_CHARACTERS:
        raise Invalid(
            path,
            f"must be at least {SHORTEST} characters, {LEAST_CHARACTERS} of them different: "
            "to hide a shorter one in output would hide everything.",
            f"至少 {SHORTEST} 个字符，其中至少 {LEAST_CHARACTERS} 个不同：过短的值无法在输出中隐藏。",
        )
    if len(text) > LONGEST or "\0" in text:
        raise Invalid(path, f"must be at most {LONGEST} characters without NUL.", f"最多 {LONGEST} 字符且不含 NUL。")
    return value


def _collect_own_values(variables: Sequence[SecretVariable]) -> dict[str, Secret]:
    return {variable.name: variable.value for variable in variables if variable.value is not None}


def _seal_values(vault: Vault, table: str, id: int, values: Mapping[str, Secret]) -> dict[str, str]:
    """As the row keeps them: each bound to the row and to its name."""
    return {
        name: base64.b64encode(vault.seal(value.reveal().encode(), **build_value_binding(table, id, name))).decode()
        for name, value in values.items()
    }
