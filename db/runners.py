"""Runner processes on one PostgreSQL: leases by the database's clock, and taking over from a dead runner.

On SQLite there is a single process, known to be alive by the lock of the data folder; nothing here is used.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, func, literal_column, not_, select, text, update
from sqlalchemy.dialects import postgresql

from db import rows
from db.models import TaskExecution
from db.runner_models import Runner
from db.values import State

executions = rows.get_table(TaskExecution)
runners = rows.get_table(Runner)

LEASE_SECONDS = 10
MISSED_SECONDS = 4
TAKE_OVER_LOCK = 0x55C4
SESSION_LOCKS = 0x55C3
NOW: ColumnElement[Any] = func.clock_timestamp()


def heartbeat(conn: Connection, id: str) -> bool:
    """Extend the lease to LEASE_SECONDS from now. Return False if there was none (ended, or the first)."""
    until = {"lease_until": NOW + _build_interval(LEASE_SECONDS)}
    if rows.change(conn, Runner, until, runners.c.id == id):
        return True
    conn.execute(postgresql.insert(runners).values(id=id, started_at=NOW, **until).on_conflict_do_nothing())
    return False


def release_lease(conn: Connection, id: str) -> None:
    """Delete the lease, so that any runner may take over the executions that still run."""
    conn.execute(delete(runners).where(runners.c.id == id))


def take_over(conn: Connection, id: str) -> list[TaskExecution]:
    """Delete dead runners and claim the running executions that have no runner, with a new fence.

    A transaction lock lets one runner do this at a time; returns no rows if another one holds it.
    """
    if not conn.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": TAKE_OVER_LOCK}):
        return []
    conn.execute(delete(runners).where(runners.c.id != id, _build_dead_condition()))
    nobodys = not_(exists().where(runners.c.id == executions.c.runner_id))
    taken = (
        update(executions)
        .where(executions.c.state == State.RUNNING, nobodys)
        .values(runner_id=id, fence=executions.c.fence + 1)
        .returning(*executions.c)
    )
    return rows.load_all(conn, taken, TaskExecution)


def list_execution_ids(conn: Connection, id: str) -> set[int]:
    """Return the ids of the runner's running executions."""
    return set(
        conn.scalars(select(executions.c.id).where(executions.c.state == State.RUNNING, _build_owner_condition(id)))
    )


def _build_owner_condition(id: str) -> ColumnElement[bool]:
    return executions.c.runner_id == id


def _build_dead_condition() -> ColumnElement[bool]:
    """Match a runner whose lease has ended, or that missed heartbeats and whose database session is gone.

    A missing session alone proves nothing: restarting the database ends every session.
    """
    missed = runners.c.lease_until < NOW + _build_interval(LEASE_SECONDS - MISSED_SECONDS)
    return (runners.c.lease_until < NOW) | (missed & not_(_build_session_condition()))


def _build_session_condition() -> ColumnElement[bool]:
    """Match a runner whose session lock is held by some database session, see `db.session_lock`."""
    condition: ColumnElement[bool] = literal_column(
        "EXISTS (SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objsubid = 2"
        f" AND l.classid = {SESSION_LOCKS} AND l.objid = hashtext(runners.id)::oid AND l.granted)"
    )
    return condition.is_(True)


def _build_interval(number: int) -> ColumnElement[Any]:
    return literal_column(f"interval '{number} seconds'")
