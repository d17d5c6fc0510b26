"""What executions wait for that were requested and have not begun, as far as the tables tell."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, TextClause, and_, bindparam, or_, select, text

from db import rows
from db.columns import UtcTime
from db.models import TaskExecution
from db.values import State
from db.visibility import VisibilityScope

executions = rows.get_table(TaskExecution)

MOST_AHEAD = 1000
"""How many executions ahead of one are counted."""

# SQLite is told the partial indexes: without statistics it would read the server's whole history.
COUNTS = """
SELECT run.id, run.state,
  (SELECT count(*) FROM (
    SELECT 1 FROM task_executions AS other {pending}
    WHERE other.state = 'PENDING' AND other.server_id = run.server_id AND other.id < run.id LIMIT :most_ahead
  ) AS found) AS ahead,
  (SELECT count(*) FROM task_executions AS other {busy}
    WHERE other.state = 'RUNNING' AND other.server_id = run.server_id) >= servers.max_parallel AS full,
  EXISTS (SELECT 1 FROM task_executions AS other {busy}
    WHERE other.state = 'RUNNING' AND other.server_id = run.server_id
    AND other.remote IS NULL AND other.start_time <= :silent_since) AS silent
FROM task_executions AS run JOIN servers ON servers.id = run.server_id WHERE run.id IN :ids
"""


def _build_counts(pending: str, busy: str) -> TextClause:
    given: list[BindParameter[Any]] = [bindparam("ids", expanding=True), bindparam("silent_since", type_=UtcTime)]
    return text(COUNTS.format(pending=pending, busy=busy)).bindparams(*given)


COUNT = {
    "sqlite": _build_counts("INDEXED BY ix_executions_pending", "INDEXED BY ix_executions_busy"),
    "postgresql": _build_counts("", ""),
}


@dataclass(frozen=True, slots=True)
class QueuedRun:
    """An execution that has not begun, and its server.

    `ahead` counts the pending executions of its server that were requested before it, up to MOST_AHEAD. The server
    `is_full` if as many of its executions are running as may, and `is_silent` if one waits for a connection to it.
    """

    id: int
    is_claimed: bool
    ahead: int
    is_full: bool
    is_silent: bool


def load(
    conn: Connection, ids: Collection[int], silent_since: datetime, visibility: VisibilityScope
) -> dict[int, QueuedRun]:
    """Return those of the executions that have not begun, by id.

    A server is silent if an execution was claimed for it before `silent_since` and has not begun.
    """
    claimed = (executions.c.remote.is_(None), executions.c.start_time <= silent_since)
    not_begun = or_(executions.c.state == State.PENDING, and_(executions.c.state == State.RUNNING, *claimed))
    seen = visibility.restrict(executions.c.server_id)
    among = list(conn.scalars(select(executions.c.id).where(executions.c.id.in_(ids), not_begun, *seen)))
    given = {"ids": among, "silent_since": silent_since, "most_ahead": MOST_AHEAD}
    return {
        row.id: QueuedRun(row.id, row.state == State.RUNNING, row.ahead, bool(row.full), bool(row.silent))
        for row in (conn.execute(COUNT[conn.dialect.name], given) if among else ())
    }
