"""Converts rows to the objects of the REST contract."""

from collections.abc import Collection
from datetime import UTC, datetime

from db.models import Server, Task, TaskExecution, User
from db.schedule_mode import ScheduleMode
from db.values import Reason, State
from sshcast.rest import objects

STATUS = {State.PENDING: 0, State.RUNNING: 0, State.SUCCESS: 1, State.FAILED: 2, State.TIMEOUT: 2, State.CANCELLED: 2}


def format_time(moment: datetime | None) -> str | None:
    """Return RFC 3339 in UTC with a Z."""
    return None if moment is None else _format_known_time(moment)


def _format_known_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def build_task(row: Task) -> objects.Task:
    """Return the task. A fleet task has the `server_id` 0 and its `selector`; in shadow, nothing is enabled."""
    in_shadow = row.schedule_mode == ScheduleMode.SHADOW
    found: objects.Task = {
        "id": row.id,
        "name": row.name,
        "command": row.command,
        "server_id": row.server_id or 0,
        "cron_expr": row.cron_expr,
        "status": int(row.enabled and not in_shadow),
        "last_run": format_time(row.last_run),
        "next_run": None if in_shadow else format_time(row.next_run),
        "created_by": row.created_by,
        "created_at": _format_known_time(row.created_at),
        "updated_at": _format_known_time(row.updated_at),
    }
    if row.selector is not None:
        found["selector"] = row.selector
    return found


def build_execution(row: TaskExecution) -> objects.Execution:
    """Return the execution. `parameters` is there if its task has any: null for a secret value."""
    found: objects.Execution = {
        "id": row.id,
        "execution_id": row.id,
        "task_id": row.task_id,
        "server_id": row.server_id,
        "command": row.command,
        "trigger": row.trigger,
        "status": STATUS[State(row.state)],
        "state": row.state,
        "reason": row.reason,
        "exit_code": row.exit_code,
        "exit_signal": row.exit_signal,
        "start_time": format_time(row.start_time),
        "end_time": format_time(row.end_time),
        "duration": _convert_duration(row),
        "truncated": row.truncated,
        "created_by": row.created_by,
        "created_at": _format_known_time(row.created_at),
    }
    if row.parameters:
        found["parameters"] = row.parameters
    return found


def build_server(row: Server, seen_jumps: Collection[int]) -> objects.Server:
    """Return the server, without its credential. `seen_jumps`: the jump servers that the viewer may see."""
    return {
        "id": row.id,
        "name": row.name,
        "host": row.host,
        "port": row.port,
        "username": row.username,
        "tags": row.tags,
        "max_parallel": row.max_parallel,
        "status": int(row.enabled),
        "jump_server_id": row.jump_server_id if row.jump_server_id in seen_jumps else None,
        "created_by": row.created_by,
        "created_at": _format_known_time(row.created_at),
        "updated_at": _format_known_time(row.updated_at),
    }


def build_user(row: User) -> objects.User:
    return {"id": row.id, "username": row.name, "role": row.role, "created_at": _format_known_time(row.created_at)}


def _convert_duration(row: TaskExecution) -> float | int | None:
    if row.duration_ms is None:
        return None
    whole, rest = divmod(row.duration_ms, 1000)
    return row.duration_ms / 1000 if rest else whole


def format_reason_line(row: TaskExecution, message: str | None, error: str) -> str:
    """Return a line to add to stderr (`error`) if the run ended for a reason that is not the command's own.

    `message` is what the viewer may read of the run's message.
    """
    if not State(row.state).is_final or row.reason in (None, Reason.EXIT_STATUS, Reason.SIGNAL):
        return ""
    start = "\n" if error and not error.endswith("\n") else ""
    return f"{start}[sshcast] {row.reason}: {message or row.reason}\n"


def build_log(row: TaskExecution, output: str, error: str, cursor: str) -> objects.Log:
    """Return the six fields of the original contract, then the later ones; `output_gap` if there is a gap."""
    found: objects.Log = {
        "output": output,
        "error": error,
        "status": STATUS[State(row.state)],
        "start_time": format_time(row.start_time),
        "end_time": format_time(row.end_time),
        "duration": _convert_duration(row),
        "execution_id": row.id,
        "state": row.state,
        "exit_code": row.exit_code,
        "truncated": row.truncated,
        "cursor": cursor,
    }
    if row.output_gap is not None:
        found["output_gap"] = row.output_gap
    return found
