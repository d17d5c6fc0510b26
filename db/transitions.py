"""Changes of an execution's state. Each is one UPDATE that names the expected state; its row count says if it happened.

PENDING -> RUNNING -> SUCCESS | FAILED | TIMEOUT | CANCELLED; PENDING may also go to CANCELLED or FAILED.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Literal, cast

from sqlalchemy import Connection, Update, and_, bindparam, exists, not_, or_, select, true, update

from db import output, rows, stdin
from db.models import Task, TaskExecution
from db.output import OutputEnd
from db.values import Reason, State, Trigger

executions = rows.get_table(TaskExecution)
tasks = rows.get_table(Task)

CancelResult = Literal["cancelled", "requested", "final"]
CLAIMED = (
    executions.c.id == bindparam("claimed_id"),
    executions.c.fence == bindparam("claimed_fence"),
    executions.c.state == State.RUNNING,
)
STORED = (
    executions.c.stdout_bytes == bindparam("stored_stdout"),
    executions.c.stderr_bytes == bindparam("stored_stderr"),
)
# A disabled task may still be run by hand.
STARTABLE = exists().where(
    tasks.c.id == executions.c.task_id,
    tasks.c.deleted_at.is_(None),
    or_(tasks.c.enabled, executions.c.trigger.not_in((Trigger.SCHEDULE, Trigger.RETRY))),
)
CANCEL_REQUESTS = select(executions.c.id).where(
    executions.c.state == State.RUNNING,
    executions.c.runner_id == bindparam("runner"),
    executions.c.cancel_at.is_not(None),
)


def update_claimed(conn: Connection, id: int, fence: int, values: Mapping[str, Any]) -> bool:
    """Write columns of a running execution. Return False if another runner has taken it over, or it has ended."""
    given = {"claimed_id": id, "claimed_fence": fence} | rows.name_values(values)
    return conn.execute(_build_update(tuple(values)), given).rowcount == 1


def update_startable(conn: Connection, id: int, fence: int, values: Mapping[str, Any]) -> bool:
    """Write columns of a running execution of a task, like `update_claimed`, if its task still lets it start."""
    given = {"claimed_id": id, "claimed_fence": fence} | rows.name_values(values)
    return conn.execute(_build_startable_update(tuple(values)), given).rowcount == 1


def finish(
    conn: Connection, id: int, fence: int, values: Mapping[str, Any], last: OutputEnd | None = None
) -> TaskExecution | None:
    """Set a running execution to the final state in `values`, and store the last of its output with it.

    Return its row, or None if the fence is outdated or it has ended: then nothing was written.
    """
    given = {"claimed_id": id, "claimed_fence": fence} | rows.name_values(values)
    if last is not None and last.chunks:
        return _finish_with_output(conn, given, values, last)
    return cast("TaskExecution | None", conn.execute(_build_end(tuple(values)), given).first())


def _finish_with_output(
    conn: Connection, given: dict[str, Any], values: Mapping[str, Any], last: OutputEnd
) -> TaskExecution | None:
    """Finish in one UPDATE if the chunks continue what is stored. Else some are stored, or the run is not ours."""
    grown = last.build_totals()
    names = (*values, *grown)
    given = given | rows.name_values(grown) | last.build_starts()
    row = cast("TaskExecution | None", conn.execute(_build_end(names, continues=True), given).first())
    if row is not None:
        output.insert_chunks(conn, last.build_rows())
        return row
    if output.append(conn, last.chunks):
        return None
    return finish(conn, given["claimed_id"], given["claimed_fence"], values)


@cache
def _build_update(names: Sequence[str]) -> Update:
    """Build the UPDATE of these columns and keep it: building takes several times as long as running it."""
    return rows.build_change(executions, names, *CLAIMED)


@cache
def _build_startable_update(names: Sequence[str]) -> Update:
    return rows.build_change(executions, names, *CLAIMED, STARTABLE)


@cache
def _build_end(names: Sequence[str], *, continues: bool = False) -> Any:
    """Build the UPDATE that ends an execution; with `continues`, only where so much output is stored."""
    where = (*CLAIMED, *STORED) if continues else CLAIMED
    return rows.build_change(executions, names, *where).returning(*executions.c)


def request_cancel(conn: Connection, id: int, at: datetime) -> CancelResult:
    """Cancel a pending execution at once, or record the request to stop a running one."""
    values = {
        "state": State.CANCELLED,
        "reason": Reason.CANCELLED,
        "message": "cancelled before it started",
        "cancel_at": at,
        "end_time": at,
        "duration_ms": 0,
        "sealed_env": None,
    }
    if rows.change(conn, TaskExecution, values, executions.c.id == id, executions.c.state == State.PENDING):
        stdin.remove(conn, [id])
        return "cancelled"
    running = and_(executions.c.id == id, executions.c.state == State.RUNNING)
    rows.change(conn, TaskExecution, {"cancel_at": at}, running, executions.c.cancel_at.is_(None))
    return "requested" if conn.scalar(select(executions.c.id).where(running)) is not None else "final"


def cancel_pending_of_task(conn: Connection, task_id: int, at: datetime, message: str) -> list[int]:
    """Cancel the task's pending executions. Return their ids."""
    values = {
        "state": State.CANCELLED,
        "reason": Reason.CANCELLED,
        "message": message,
        "cancel_at": at,
        "end_time": at,
        "duration_ms": 0,
        "sealed_env": None,
    }
    waiting = (executions.c.task_id == task_id, executions.c.state == State.PENDING)
    ended = list(conn.scalars(update(executions).where(*waiting).values(**values).returning(executions.c.id)))
    stdin.remove(conn, ended)
    return ended


def list_cancel_requests(conn: Connection, runner_id: str) -> list[int]:
    """Return the ids of this runner's running executions whose cancellation was requested."""
    return list(conn.scalars(CANCEL_REQUESTS, {"runner": runner_id}))


def adopt(conn: Connection, *, runner_id: str) -> list[TaskExecution]:
    """Take over the running executions of other runners, with a new fence, so that their writes fail."""
    taken = (
        update(executions)
        .where(
            executions.c.state == State.RUNNING,
            or_(executions.c.runner_id.is_(None), not_(executions.c.runner_id == runner_id)),
        )
        .values(runner_id=runner_id, fence=executions.c.fence + 1)
        .returning(*executions.c)
    )
    return rows.load_all(conn, taken, TaskExecution)


def list_strays(conn: Connection, *, runner_id: str, driven: Collection[int], sole: bool = False) -> list[int]:
    """Return the ids of what `adopt_strays` would adopt."""
    owned = true() if sole else executions.c.runner_id == runner_id
    query = select(executions.c.id).where(executions.c.state == State.RUNNING, owned)
    return [id for id in conn.scalars(query) if id not in driven]


def adopt_strays(
    conn: Connection, *, runner_id: str, driven: Collection[int], sole: bool = False
) -> list[TaskExecution]:
    """Give this runner's running executions that it does not drive a new fence, and return them.

    Such a stray remains when the answer to a claim was lost. `sole`: there is no other runner, so running executions
    under another runner's name are strays too.
    """
    owned = true() if sole else executions.c.runner_id == runner_id
    taken = (
        update(executions)
        .where(executions.c.state == State.RUNNING, owned, executions.c.id.not_in(driven))
        .values(runner_id=runner_id, fence=executions.c.fence + 1)
        .returning(*executions.c)
    )
    return rows.load_all(conn, taken, TaskExecution)
