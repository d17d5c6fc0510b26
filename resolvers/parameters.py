"""Parameters of a task: what it declares, and the values that a run or its schedule gives.

The values reach the command as environment variables. A secret's value is sealed like that of a secret variable.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from db import tasks
from db.models import Task, TaskExecution
from db.values import ParameterType
from resolvers import pending, secret_env, validation
from resolvers.errors import Invalid
from resolvers.inputs import ParameterValue, RunTask
from resolvers.parameter_rules import check_value
from runner.secrets.secret import Secret
from runner.secrets.vault import Vault

RUN = "parameters"
SCHEDULE = "parameter_values"
NO_SCHEDULE = re.compile(r"\s*@manual\s*", re.IGNORECASE)
# A change of one of these columns changes what a schedule gives, or whether it may.
BASIS = {"parameters", SCHEDULE, "env", "secret_env", "cron_expr"}

Declaration = Mapping[str, Any]
"""A declared parameter as its task stores it: `resolvers.parameter_rules.check_declarations` returns it."""


@dataclass(frozen=True, slots=True)
class AppliedValues:
    """The values of a run by the parameters' names, with defaults: `values` in clear text, `secrets` to be sealed."""

    values: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def recorded(self) -> dict[str, str | None]:
        """What a row shows of them: None for a secret."""
        return {**self.values, **dict.fromkeys(self.secrets)}


def apply_values(
    declared: Sequence[Declaration],
    given: Sequence[ParameterValue],
    *,
    name: str = RUN,
    kept: Collection[str] = (),
    is_complete: bool = True,
) -> AppliedValues:
    """Check the values that are given and return those of all parameters.

    `name` is the field that gives them, `kept` are secrets that have a value already. Unless `is_complete`, a required
    parameter may be without a value. Raises Invalid with the path of the field: `parameters.0.value`.
    """
    known = {each["name"]: each for each in declared}
    found: dict[str, str] = {}
    for index, item in enumerate(given):
        path = (name, str(index))
        if item.name not in known:
            raise _build_unknown_error((*path, "name"), item.name, known)
        if item.name in found:
            raise Invalid((*path, "name"), f"{item.name} is given more than once.", f"{item.name} 重复出现。")
        check_value((*path, "value"), known[item.name], item.value)
        found[item.name] = item.value
    if is_complete:
        _require_values(name, declared, {*found, *kept})
    defaults = {each["name"]: each["default"] for each in declared if "default" in each}
    secrets = {each: Secret(found.pop(each)) for each in list(found) if _is_secret(known[each])}
    return AppliedValues(defaults | found, secrets)


def apply_to_run(task: Task, given: Sequence[ParameterValue]) -> AppliedValues:
    """Return the values of a run of this task. Invalid names what is wrong with those that are given."""
    applied = apply_values(task.parameters, given)
    _check_size(RUN, task.env, applied)
    return applied


def apply_to_schedule(values: Mapping[str, Any]) -> AppliedValues:
    """Return the values that the schedule of a new task, whose columns are `values`, gives."""
    _check_names(values["parameters"], values["env"], values["secret_env"])
    applied = apply_values(
        values["parameters"], values[SCHEDULE], name=SCHEDULE, is_complete=_has_schedule(values["cron_expr"])
    )
    _check_size(SCHEDULE, values["env"], applied)
    return applied


def _check_names(declared: Sequence[Declaration], env: Collection[str], secret_variables: Collection[str]) -> None:
    """Raise Invalid if a parameter has the name of one of the task's variables."""
    for index, each in enumerate(declared):
        if each["name"] in env or each["name"] in secret_variables:
            raise Invalid(
                (RUN, str(index), "name"),
                f"{each['name']} is also a variable of env or secretEnv: rename one of them.",
                f"{each['name']} 与 env 或 secretEnv 中的变量同名，请改名。",
            )


def build_run_columns(task: Task, applied: AppliedValues, vault: Vault) -> dict[str, Any]:
    """Return the columns in which a run of the task differs from one by its schedule; {} without parameters.

    The secret values are bound to the task and their names, as those of the task's secret variables are.
    """
    if not task.parameters:
        return {}
    own = {name: blob for name, blob in task.sealed_env.items() if name in task.secret_env}
    sealed = own | secret_env.seal_values(vault, "tasks", task.id, applied.secrets)
    return {"parameters": applied.recorded, "sealed_env": sealed or None}


def build_change(current: Task, values: Mapping[str, Any], vault: Vault) -> dict[str, Any]:
    """Return the task's columns that follow from a change of its parameters or of what its schedule gives.

    Values that are not given anew stay, as far as their parameters are still declared as they were.
    """
    declared = values.get("parameters", current.parameters)
    if not values.keys() & BASIS or not (declared or current.parameters or SCHEDULE in values):
        return {}
    cron_expr, env = values.get("cron_expr", current.cron_expr), values.get("env", current.env)
    variables = values.get("secret_env", current.secret_env)
    _check_names(declared, env, variables)
    is_complete = _has_schedule(cron_expr)
    if SCHEDULE in values:
        kept = list[str]()
        applied = apply_values(declared, values[SCHEDULE], name=SCHEDULE, is_complete=is_complete)
    else:
        kept = _list_kept_secrets(current, declared)
        applied = _apply_kept_values(declared, _list_kept_values(current, declared), kept, is_complete)
    _check_size(SCHEDULE, env, applied)
    own = {name: blob for name, blob in values.get("sealed_env", current.sealed_env).items() if name in variables}
    own |= {name: current.sealed_env[name] for name in kept}
    return {
        SCHEDULE: applied.recorded | dict.fromkeys(kept),
        "sealed_env": own | secret_env.seal_values(vault, "tasks", current.id, applied.secrets),
    }


def build_unknown(declared: Sequence[Declaration], values: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the values as the command policy judges a task that is saved: those that are not given are unknown."""
    return {each["name"]: None for each in declared} | dict(values)


def require_repeat(conn: Connection, row: TaskExecution, wanted: RunTask) -> TaskExecution:
    """Return the run that was created under the request's key. Conflict if it was given other values."""
    if row.parameters or wanted.parameters:
        (task,) = tasks.by_ids(conn, [wanted.task_id])
        if not _is_repeat(task, row, wanted.parameters):
            raise pending.build_other_run_error()
    return row


def _is_repeat(task: Task, row: TaskExecution, given: Sequence[ParameterValue]) -> bool:
    """Return whether a run of the task was given these values. A secret's value is not known any more: its name counts.

    What was not given has its default. If the task was changed since the run, that may have been any value.
    """
    recorded = dict(row.parameters)
    for item in given:
        if item.name not in recorded or recorded.pop(item.name) not in (None, item.value):
            return False
    defaults = {each["name"]: each["default"] for each in task.parameters if "default" in each}
    is_changed = task.updated_at > row.created_at and None not in recorded.values()
    return is_changed or recorded.items() <= defaults.items()


def _list_kept_values(current: Task, declared: Sequence[Declaration]) -> list[ParameterValue]:
    """Return the values that the schedule gives now. What is the default follows the default when that is changed."""
    clear = {each["name"] for each in declared if not _is_secret(each)}
    former = {each["name"]: each.get("default") for each in current.parameters}
    return [
        ParameterValue(name=name, value=value)
        for name, value in current.parameter_values.items()
        if name in clear and value is not None and value != former.get(name)
    ]


def _apply_kept_values(
    declared: Sequence[Declaration], given: Sequence[ParameterValue], kept: Collection[str], is_complete: bool
) -> AppliedValues:
    """Apply what the schedule gives already. Invalid if the new declarations do not allow it."""
    try:
        return apply_values(declared, given, name=SCHEDULE, kept=kept, is_complete=is_complete)
    except Invalid as error:
        if error.field == (SCHEDULE,):
            raise
        raise Invalid(SCHEDULE, f"must be given anew: {error.en}", f"须重新提供：{error.chinese}") from None


def _list_kept_secrets(current: Task, declared: Sequence[Declaration]) -> list[str]:
    secrets = {each["name"] for each in declared if _is_secret(each)}
    return [name for name, value in current.parameter_values.items() if value is None and name in secrets]


def _require_values(name: str, declared: Sequence[Declaration], found: Collection[str]) -> None:
    missing = [each["name"] for each in declared if each["required"] and each["name"] not in found]
    if missing:
        raise Invalid(
            name,
            f"must give a value for {', '.join(missing)}: the task requires it.",
            f"缺少任务必需的参数：{'、'.join(missing)}，请提供其值。",
        )


def _build_unknown_error(path: Sequence[str], name: str, known: Collection[str]) -> Invalid:
    shown = validation.format_name(name)
    if not known:
        return Invalid(
            path, f"{shown} is not a parameter: the task declares none.", f"{shown} 不是参数：任务未声明参数。"
        )
    return Invalid(
        path,
        f"{shown} is not a parameter of the task, which declares {', '.join(known)}.",
        f"{shown} 不是此任务的参数，任务声明的参数有：{'、'.join(known)}。",
    )


def _check_size(name: str, env: Mapping[str, str], applied: AppliedValues) -> None:
    texts = [*env.values(), *applied.values.values(), *(value.reveal() for value in applied.secrets.values())]
    most = validation.MAX_COMMAND_BYTES
    if applied.values.keys() | applied.secrets.keys() and sum(map(len, texts)) > most:
        raise Invalid(
            name,
            f"must be at most {most} characters in all, with the values of env: put long texts into a file.",
            f"与 env 的值合计最多 {most} 个字符：长文本请放入文件。",
        )


def _has_schedule(cron_expr: str) -> bool:
    return NO_SCHEDULE.fullmatch(cron_expr) is None


def _is_secret(declaration: Declaration) -> bool:
    return bool(declaration["type"] == ParameterType.SECRET)
