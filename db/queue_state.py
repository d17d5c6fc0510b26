"""How long the queue of executions is, for those who watch the service. One statement, by indexes of the state."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Integer, bindparam, func, literal_column, select, tuple_

from db import rows
from db.models import TaskExecution
from db.prepared import Prepared
from db.values import State

executions = rows.get_table(TaskExecution)
PLACE = (executions.c.state, executions.c.id)
WAITING = (
    select(executions.c.id)
    .where(executions.c.state == literal_column(f"'{State.PENDING}'"))  # a literal, so that a partial index is used
    .limit(bindparam("most", type_=Integer))
    .subquery()
)
# In the order of (state, id), for which the index is read at one place: see `db.executions.FIRST_WAITING`.
QUEUE = Prepared(
    select(
        executions.c.state,
        executions.c.created_at,
        select(func.count()).select_from(WAITING).scalar_subquery().label("pending"),
    )
    .where(tuple_(*PLACE) >= tuple_(literal_column(f"'{State.PENDING}'"), literal_column("0")))
    .order_by(*PLACE)
    .limit(literal_column("1"))
)


@dataclass(frozen=True, slots=True)
class QueueLength:
    """The number of pending executions, and when the first of them was requested; None if there is none."""

    pending: int
    oldest: datetime | None


def measure(conn: Connection, most: int) -> QueueLength:
    """Measure the queue, counting at most `most` executions."""
    first = QUEUE.find_first(conn, {"most": most})
    if first is None or first.state != State.PENDING:
        return QueueLength(0, None)
    return QueueLength(first.pending, first.created_at)
