"""Idempotent creation of tasks: a repeat under the same key finds the first task, if the contents are the same."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, cast

from sqlalchemy import Connection

from db import executions, tasks
from db import task_keys as table
from db.models import Task, TaskExecution
from db.schedule_mode import ScheduleMode
from db.values import ParameterType
from resolvers import validation
from resolvers.errors import Conflict, NotFound
from resolvers.inputs import NewTask, collect_values
from resolvers.rights import RoleRequirement

PLAIN = ("name", "command", "server_id", "cron_expr", "timezone", "enabled", "env", "working_dir", "run_mode")
BOUNDS = ("timeout_seconds", "output_limit")
# Left out where they are the default: the digests of keys that were used before there were these have none.
LATER = {"on_output_limit": None, "merge_streams": False, "schedule_mode": ScheduleMode.ACTIVE}

TaskAndRun = tuple[Task, TaskExecution | None]
"""A new task, and the execution that `@once` started, if any."""


@dataclass(frozen=True, slots=True)
class CreationKey:
    """A user's idempotency key and the digest of the request."""

    user_id: int
    text: str
    digest: str


def build_key(user_id: int, new: NewTask) -> CreationKey | None:
    text = validation.check_idempotency_key(new.idempotency_key)
    return None if text is None else CreationKey(user_id, text, _hash_contents(new))


def _hash_contents(new: NewTask) -> str:
    """Return a digest of the contents, without the values of secrets, which could be guessed from it."""
    contents: dict[str, Any] = {name: getattr(new, name) for name in (*PLAIN, *BOUNDS)}
    contents |= {name: value for name, usual in LATER.items() if (value := getattr(new, name)) != usual}
    contents |= {
        "terms": collect_values(new.terms),
        "secret_env": [(item.name, item.secret) for item in new.secret_env],
    }
    if new.parameters or new.parameter_values:
        secrets = {each.name for each in new.parameters if each.type == ParameterType.SECRET}
        contents["parameters"] = [asdict(each) for each in new.parameters]
        contents["parameter_values"] = [
            (item.name, None if item.name in secrets else item.value) for item in new.parameter_values
        ]
    return sha256(json.dumps(contents, sort_keys=True, default=str).encode()).hexdigest()


def find_task_by_key(conn: Connection, key: CreationKey, right: RoleRequirement) -> TaskAndRun | None:
    """Return the task that was created under the key, even if deleted since. Conflict if its contents differ.

    If the viewer has lost the required role on its server, the error is the same as for a task that does not exist.
    """
    found = table.by_key(conn, key.user_id, key.text)
    if found is None or found.task_id is None:
        return None
    if found.digest != key.digest:
        raise Conflict(
            "This idempotency key was used for a task with other contents: use a new key.",
            "此幂等键已用于内容不同的任务，请使用新的键。",
            field=("idempotency_key",),
        )
    (task,) = tasks.by_ids(conn, [found.task_id])
    right.enforce(conn, task.server_id, NotFound.for_object("task", task.id))
    run = None if found.execution_id is None else executions.by_id(conn, found.execution_id)
    return task, run


def make_once(
    conn: Connection, key: CreationKey, right: RoleRequirement, make: Callable[[Connection], TaskAndRun]
) -> TaskAndRun:
    """Call `make` and return its result, or return what another transaction created under the key."""
    if not table.claim(conn, key.user_id, key.text, key.digest):
        return cast("TaskAndRun", find_task_by_key(conn, key, right))  # a key and what it made are committed together
    task, run = make(conn)
    table.record_result(conn, key.user_id, key.text, task.id, None if run is None else run.id)
    return task, run
