"""Changes of an execution's state. Each is one UPDATE that names the expected state; its row count says if it happened.

PENDING -> RUNNING -> SUCCESS | FAILED | TIMEOUT | CANCELLED; PENDING may also go to CANCELLED or FAILED.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Literal, cast

from sqlalchemy import BigInteger, Connection, and_, bindparam, exists, not_, or_, select, true, update

from db import ended_runs, fleet_output, output, rows, stdin
from db.models import Task, TaskExecution
from db.output import OutputEnd
from db.prepared import Prepared
from db.values import State, Trigger

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
CANCEL_REQUESTS = Prepared(
    select(executions.c.id).where(
        executions.c.state == State.RUNNING,
        executions.c.runner_id == bindparam("runner"),
        executions.c.cancel_at.is_not(None),
    )
)


def update_claimed(conn: Connection, id: int, fence: int, values: Mapping[str, Any]) -> bool:
    """Write columns of a running execution. Return False if another runner has taken it over, or it has ended."""
    given = {"claimed_id": id, "claimed_fence": fence} | rows.name_values(values)
    return _build_update(tuple(values)).change(conn, given) == 1


def update_startable(conn: Connection, id: int, fence: int, values: Mapping[str, Any]) -> bool:
    """Write columns of a running execution of a task, like `update_claimed`, if its task still lets it start."""
    given = {"claimed_id": id, "claimed_fence": fence} | rows.name_values(values)
    return _build_startable_update(tuple(values)).change(conn, given) == 1


def finish(
    conn: Connection, id: int, fence: int, values: Mapping[str, Any], last: OutputEnd | None = None
) -> TaskExecution | None:
    """Set a running execution to the final state in `values`, and store the last of its output with it.

    Return its row, or None if the fence is outdated or it has ended: then nothing was written.
    """
    given = {"claimed_id": id, "claimed_fence": fence} | rows.name_values(values)
    if last is not None and last.chunks:
        return _finish_with_output(conn, given, values, last)
    return _prepare_end(tuple(values)).find_first(conn, given)


def _finish_with_output(
    conn: Connection, given: dict[str, Any], values: Mapping[str, Any], last: OutputEnd
) -> TaskExecution | None:
    """Finish in one UPDATE if the chunks continue what is stored. Else some are stored, or the run is not ours.

    On PostgreSQL the chunks are inserted by the same statement.
    """
    grown = last.build_totals()
    names = (*values, *grown)
    new_lines = last.count_lines()
    given = given | rows.name_values(grown) | last.build_starts() | {"new_lines": new_lines}
    new_rows = last.build_rows()
    if conn.dialect.name == "postgresql" and new_rows:
        end = _build_end_with_output(names, tuple(new_rows[0]))
        row = end.find_first(conn, given | output.build_arrays(new_rows))
    else:
        row = _prepare_end(names, continues=True).find_first(conn, given)
        if row is not None and new_rows:
            output.insert_chunks(conn, last.build_rows(row.output_lines - new_lines))
    if row is not None:
        fleet_output.add(conn, {row.id: row.fleet_run_id}, new_rows)
        return cast(TaskExecution, row)
    if output.append(conn, last.chunks):
        return None
    return finish(conn, given["claimed_id"], given["claimed_fence"], values)


@cache
def _build_update(names: Sequence[str]) -> Prepared:
    """Build the UPDATE of these columns and keep it: building takes several times as long as running it."""
    return Prepared(rows.build_change(executions, names, *CLAIMED))


@cache
def _build_startable_update(names: Sequence[str]) -> Prepared:
    return Prepared(rows.build_change(executions, names, *CLAIMED, STARTABLE))


@cache
def _prepare_end(names: Sequence[str], *, continues: bool = False) -> Prepared:
    return Prepared(_build_end(names, continues=continues))


def _build_end(names: Sequence[str], *, continues: bool = False) -> Any:
    """Build the UPDATE that ends an execution; with `continues`, only where so much output is stored, and more lines.

    Its parameter `new_lines` then counts the line feeds that are stored with it.
    """
    where = (*CLAIMED, *STORED) if continues else CLAIMED
    change = rows.build_change(executions, names, *where)
    if continues:
        lines = executions.c.output_lines + bindparam("new_lines", type_=BigInteger)
        change = change.values(output_lines=lines)
    return change.returning(*executions.c)


@cache
def _build_end_with_output(names: Sequence[str], columns: Sequence[str]) -> Prepared:
    """Build the statement that ends an execution where the chunks continue its output, and then inserts them."""
    ended = _build_end(names, continues=True).cte("ended")
    return Prepared(select(ended).add_cte(output.build_insert_of(ended, columns).cte("kept")))


def request_cancel(conn: Connection, id: int, at: datetime, by: int | None = None) -> CancelResult:
    """Cancel a pending execution at once, or record the request to stop a running one. `by`: the user who asks."""
    if ended_runs.cancel_pending(conn, at, "cancelled before it started", by, executions.c.id == id):
        stdin.remove(conn, [id])
        return "cancelled"
    running = and_(executions.c.id == id, executions.c.state == State.RUNNING)
    rows.change(conn, TaskExecution, {"cancel_at": at, "cancelled_by": by}, running, executions.c.cancel_at.is_(None))
    return "requested" if conn.scalar(select(executions.c.id).where(running)) is not None else "final"


def cancel_pending_of_task(
    conn: Connection, task_id: int, at: datetime, message: str, by: int | None = None
) -> list[int]:
    """Cancel the task's pending executions, at the wish of the user `by`. Return their ids."""
    ended = ended_runs.cancel_pending(conn, at, message, by, executions.c.task_id == task_id)
    stdin.remove(conn, ended)
    return ended


def list_cancel_requests(conn: Connection, runner_id: str) -> list[int]:
    """Return the ids of this runner's running executions whose cancellation was requested."""
    return [row.id for row in CANCEL_REQUESTS.find_all(conn, {"runner": runner_id})]


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
