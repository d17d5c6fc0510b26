"""Ends executions that no driver ends: what waited for a runner, or was lost. Each is told of once that is committed.

What a runner has claimed is ended by `db.transitions.finish`, and its driver tells of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, update

from db import rows
from db.after_commit import tell_listener
from db.models import TaskExecution
from db.values import Reason, State

executions = rows.get_table(TaskExecution)


@dataclass(frozen=True, slots=True)
class EndedRun:
    """An execution that was ended without a driver, and how."""

    id: int
    task_id: int | None
    server_id: int
    state: State
    reason: Reason


class EndListeners:
    """Who is told, on the event loop, of each such end once it is committed. They must return within microseconds."""

    def __init__(self, *listeners: Callable[[EndedRun], object]) -> None:
        self._listeners = list(listeners)

    def add(self, listener: Callable[[EndedRun], object]) -> None:
        self._listeners.append(listener)

    def tell(self, run: EndedRun) -> None:
        for listener in self._listeners:
            listener(run)


def end(conn: Connection, values: Mapping[str, Any], *which: ColumnElement[bool]) -> list[int]:
    """Set the executions that match `which`, which names the expected state, to the final state in `values`.

    Return their ids. The listeners are told of each once the transaction is committed.
    """
    names = (executions.c.id, executions.c.task_id, executions.c.server_id)
    found = conn.execute(update(executions).where(*which).values(**values).returning(*names)).all()
    state, reason = values["state"], values["reason"]
    tell_listener(conn, [EndedRun(row.id, row.task_id, row.server_id, state, reason) for row in found])
    return [row.id for row in found]


def cancel_pending(
    conn: Connection, at: datetime, message: str, by: int | None, *which: ColumnElement[bool]
) -> list[int]:
    """Cancel the matching executions that no runner has claimed, at the wish of the user `by`. Return their ids."""
    values = {
        "state": State.CANCELLED,
        "reason": Reason.CANCELLED,
        "message": message,
        "cancel_at": at,
        "cancelled_by": by,
        "end_time": at,
        "duration_ms": 0,
        "sealed_env": None,
    }
    return end(conn, values, executions.c.state == State.PENDING, *which)
