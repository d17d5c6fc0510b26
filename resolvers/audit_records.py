"""The columns of a row that the audit log records: enough to see what it was, and no secrets."""

from typing import Any

from db.models import Server, Task, TaskExecution, User
from db.policy_models import PolicyVersion
from db.secret_models import RegisteredSecret

SERVER = (
    "name",
    "host",
    "port",
    "username",
    "host_keys",
    "host_key_alias",
    "legacy_algorithms",
    "jump_server_id",
    "credential_kind",
    "credential",
    "tags",
    "max_parallel",
    "run_mode",
    "output_encoding",
    "blackouts",
    "enabled",
)
TASK = (
    "name",
    "command",
    "shell",
    "server_id",
    "selector",
    "fleet_terms",
    "cron_expr",
    "timezone",
    "enabled",
    "timeout_seconds",
    "output_limit",
    "on_output_limit",
    "env",
    "secret_env",
    "sealed_env",
    "working_dir",
    "run_mode",
    "merge_streams",
    "terms",
    "schedule_mode",
    "parameters",
    "parameter_values",
    "paused_at",
    "paused_until",
)
EXECUTION = (
    *("task_id", "server_id", "command", "env", "secret_env", "working_dir", "timeout_seconds", "output_limit"),
    *("on_output_limit", "merge_streams", "trigger", "stdin_bytes", "stdin_sha256", "parameters"),
)
USER = ("name", "role", "disabled")
POLICY = ("mode", "allow", "commands", "extra")
SECRET = ("name", "server_id")
SEALED = ("credential", "sealed_env")

Record = dict[str, Any]


def describe_server(row: Server) -> Record:
    return {name: getattr(row, name) for name in SERVER if name not in SEALED}


def describe_task(row: Task) -> Record:
    return {name: _redact_value(name, getattr(row, name)) for name in TASK if name not in SEALED}


def describe_execution(row: TaskExecution) -> Record:
    return {name: _redact_value(name, getattr(row, name)) for name in EXECUTION}


def describe_secret(row: RegisteredSecret) -> Record:
    return {name: getattr(row, name) for name in SECRET}


def describe_user(row: User) -> Record:
    return {name: getattr(row, name) for name in USER}


def describe_policy(row: PolicyVersion) -> Record:
    return {"version": row.id} | {name: getattr(row, name) for name in POLICY}


def diff_columns(before: Any, after: Any, names: tuple[str, ...]) -> tuple[Record, Record]:
    """Return the changed columns, as they were and as they are. Secrets are left out."""
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    old = {name: _redact_value(name, getattr(before, name)) for name in changed if name not in SEALED}
    new = {name: _redact_value(name, getattr(after, name)) for name in changed if name not in SEALED}
    if "credential" in changed:
        new["credential"] = "replaced"
    for values in {"env", "sealed_env"} & set(changed):
        now, then = getattr(after, values), getattr(before, values)
        new[f"{values}_changed"] = sorted(name for name, value in now.items() if then.get(name) != value)
    return old, new


def _redact_value(name: str, value: Any) -> Any:
    """Return only the names of environment variables, since their values may be secrets; other columns unchanged."""
    return sorted(value) if name == "env" else value
