"""The unit that changes a task's row, after what was due before the change has been decided."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from db import slots
from db import tasks as table
from db.models import Task
from db.values import AuditKind, ObjectKind
from resolvers import audit, audit_records, fleet_tasks, secret_env, task_changes
from resolvers.audit import Actor, AuditedChange
from resolvers.errors import NotFound
from resolvers.rights import RoleRequirement
from resolvers.servers import require_server
from runner.admission.decision import Decider
from runner.scheduling import firing, mode_change

# Columns that the command policy checks.
CHECKED = ("command", "shell", "env", "secret_env", "working_dir", "server_id", "parameters", "parameter_values")
# Columns that other columns of a change are computed from.
BASIS = (
    *CHECKED,
    *fleet_tasks.COLUMNS,
    "sealed_env",
    "cron_expr",
    "timezone",
    "enabled",
    "terms",
    *task_changes.LIMITS,
)


@dataclass(frozen=True, slots=True)
class TaskRevision:
    """New values of a task's columns, and by whom and by which rules they are written."""

    values: dict[str, Any]
    right: RoleRequirement
    judge: Decider
    actor: Actor


def change_row(conn: Connection, seen: Task, revision: TaskRevision) -> Task | None:
    """Change the task and return it; None if that has to be tried again, since it has changed after `seen` was read.

    Slots that are due under the old schedule are decided first. Moving to another server needs the role on both.
    """
    current, right = table.lock_by_id(conn, seen.id), revision.right
    if current is None:
        raise NotFound.for_object("task", seen.id)
    if any(getattr(current, name) != getattr(seen, name) for name in BASIS):
        return None
    right.enforce(conn, current.server_id, NotFound.for_object("task", seen.id))
    _require_places(conn, current, revision)
    values = _settle_due(conn, current, revision)
    if values is None:
        return None
    table.update(conn, seen.id, values)
    changed = table.by_id(conn, seen.id)
    old, new = audit_records.diff_columns(current, changed, audit_records.TASK)
    change = AuditedChange(AuditKind.TASK_UPDATED, ObjectKind.TASK, seen.id, old, new)
    audit.record(conn, revision.actor, change)
    return changed


def _require_places(conn: Connection, current: Task, revision: TaskRevision) -> None:
    """Check that the server and the registered secrets that the change names may be used."""
    values = revision.values
    server_id = values.get("server_id", current.server_id)
    if values.get("server_id") is not None:
        require_server(conn, values["server_id"], revision.right)
    if values.keys() & {"server_id", "secret_env"}:
        secret_env.require_secrets(conn, server_id, values.get("secret_env", current.secret_env))


def _settle_due(conn: Connection, current: Task, revision: TaskRevision) -> dict[str, Any] | None:
    """Decide the slots that are due under the row as it is, and return the values to write.

    Return None if there are more of them than one transaction decides: those decided so far stay.
    """
    values = revision.values
    if values.get("schedule_mode", current.schedule_mode) == current.schedule_mode:
        if "next_run" in values:
            firing.settle(conn, current.id, values["updated_at"], revision.judge)
        return values
    # The row is locked: each slot up to this moment is decided by the mode of before, each later one by the new mode.
    at = values["updated_at"]
    if not mode_change.settle_by_slot(conn, current.id, at, revision.judge):
        return None
    # While the lock was waited for, or where a clock is ahead, a scheduler may have decided later slots.
    since = max(at, slots.load_latest(conn, {current.id}).get(current.id, at))
    return values | {"schedule_mode_since": since}
