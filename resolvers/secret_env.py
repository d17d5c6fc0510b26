"""Secret variables of a command: check and seal them, and keep or replace them when a task is changed.

In a change, a name alone keeps the task's value; a value or a registered secret's name replaces it; variables that are
not named are removed.
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
"""Maps a variable to the name of a registered secret; None if the variable has its own value."""


@dataclass(frozen=True, slots=True)
class RowDraft:
    """A row to insert, with the secret values and the standard input to seal once the row has an id."""

    values: dict[str, Any]
    vault: Vault
    own: Mapping[str, Secret] = field(default_factory=dict)
    stdin: bytes | None = field(default=None, repr=False)

    def seal_values(self, table: str, id: int) -> dict[str, str]:
        return seal_values(self.vault, table, id, self.own)


def check_sources(variables: Sequence[SecretVariable], env: Mapping[str, str]) -> Sources:
    """Check the variables and return the source of each value. `env` holds the command's other variables."""
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
    """Check the variables of a new row. Return their sources and the values to seal."""
    found = check_sources(variables, env)
    for variable in variables:
        if variable.value is None and variable.secret is None:
            raise Invalid((FIELD, variable.name), "needs a value or a registered secret.", "须给出值或机密名称。")
    return found, _collect_own_values(variables)


def build_change(
    task: Task, variables: Sequence[SecretVariable], env: Mapping[str, str], vault: Vault
) -> dict[str, Any]:
    """Return the task's columns with these variables in place of the old ones."""
    found, blobs = check_sources(variables, env), dict[str, str]()
    for variable in variables:
        if variable.value is not None or variable.secret is not None:
            continue
        if variable.name not in task.secret_env:
            raise Invalid((FIELD, variable.name), "has no value yet: give one.", "尚无值，请提供。")
        found[variable.name] = task.secret_env[variable.name]
        blobs |= {name: blob for name, blob in task.sealed_env.items() if name == variable.name}
    return {FIELD: found, "sealed_env": blobs | seal_values(vault, "tasks", task.id, _collect_own_values(variables))}


def build_subject(
    values: Mapping[str, Any],
    task_id: int | None = None,
    stdin: bytes | None = None,
    parameters: Mapping[str, str | None] | None = None,
) -> PolicySubject:
    """Return what the command policy checks; of secret variables it gets only the names."""
    return PolicySubject(
        command=values["command"],
        shell=values["shell"],
        env=values["env"],
        secrets=values[FIELD],
        parameters={} if parameters is None else parameters,
        working_dir=values["working_dir"],
        server_id=values["server_id"],
        task_id=task_id,
        stdin=stdin,
    )


def require_secrets(conn: Connection, server_id: int | None, sources: Sources) -> None:
    """Raise NotFound unless every named registered secret exists for runs on this server; without one, on any."""
    variables = {source: name for name, source in sources.items() if source is not None}
    in_scope = secrets.list_names_in_scope(conn, server_id, list(variables)) if variables else set()
    for source in sorted(variables.keys() - in_scope):
        shown = validation.format_name(source)
        raise NotFound(
            f"There is no secret {shown} for runs on this server: ask an admin.",
            f"此服务器上没有可用的机密 {shown}，请联系管理员。",
            field=(FIELD, variables[source]),
        )


def check_secret_value(path: str | Sequence[str], value: Secret) -> Secret:
    """Return the value if it is long and varied enough: masking a short one would mask unrelated output."""
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


def seal_values(vault: Vault, table: str, id: int, values: Mapping[str, Secret]) -> dict[str, str]:
    """Return the values as stored: each one sealed, and bound to the row and to its name."""
    return {
        name: base64.b64encode(vault.seal(value.reveal().encode(), **build_value_binding(table, id, name))).decode()
        for name, value in values.items()
    }
